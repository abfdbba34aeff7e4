//! `tollgate policy`: policies checked alone.

use std::path::Path;

use tempfile::TempDir;

use support::cli::{code, command, run, stderr, stdout};

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn one_bad_policy_hides_no_other() {
    let folder = TempDir::new().unwrap();
    let good = write(folder.path(), "good.toml", "grants.log = true");
    let bad = write(folder.path(), "bad.toml", "[limits]\nfuel = 0");
    let worse = write(folder.path(), "worse.toml", "[limits");
    let said = run(&["policy", "check", &bad, &good, &worse]);
    assert_eq!(code(&said), 2);
    assert_eq!(stdout(&said), format!("{good}: ok\n"));
    assert!(stderr(&said).contains("bad.toml:2:8: limits.fuel: 0 is less"));
    assert!(stderr(&said).contains("worse.toml:1:8: limits: unclosed table"));
    let said = run(&["policy", "check", &good]);
    assert_eq!((code(&said), stderr(&said).as_str()), (0, ""));
    let said = run(&["policy", "check", "--quiet", &good]);
    assert_eq!(
        (code(&said), stdout(&said), stderr(&said)),
        (0, "".into(), "".into())
    );
    assert_eq!(code(&run(&["policy", "check"])), 2);
}

#[test]
fn a_preflight_finds_all_that_is_not_there_and_makes_nothing() {
    let folder = TempDir::new().unwrap();
    let text = "
        grants.store = { path = 'state.redb', namespace = 'ledger' }
        grants.wasi = { env-from-host = ['TOLLGATE_NOT_SET', 'TOLLGATE_SET'] }
        [[grants.files]]
        root = 'a'
        path = 'no-folder'
        access = 'read'
        [[grants.http]]
        url = 'https://a.example/'
        credential = { header = 'x-key', from-env = 'TOLLGATE_NO_TOKEN' }
        [[grants.http]]
        url = 'https://b.example/'
        credential = { header = 'x-key', from-file = 'no-token' }
    ";
    let policy = write(folder.path(), "policy.toml", text);
    let said = run(&["policy", "check", &policy]);
    assert_eq!((code(&said), stdout(&said).as_str()), (2, ""));
    for part in ["no-folder", "TOLLGATE_NO_TOKEN", "no-token"] {
        let line = |line: &&str| line.starts_with("error: ") && line.contains(part);
        assert_eq!(
            stderr(&said).lines().filter(line).count(),
            1,
            "{}",
            stderr(&said)
        );
    }
    assert!(!stderr(&said).contains("state.redb"), "it may be made");
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);

    std::fs::create_dir(folder.path().join("no-folder")).unwrap();
    std::fs::write(folder.path().join("no-token"), "s3cret").unwrap();
    let mut again = command(&["policy", "check", &policy]);
    again
        .env("TOLLGATE_NO_TOKEN", "s3cret")
        .env("TOLLGATE_SET", "x");
    let said = again.output().unwrap();
    assert_eq!(code(&said), 0, "{}", stderr(&said));
    let notes: Vec<_> = stderr(&said).lines().map(str::to_owned).collect();
    assert!(
        matches!(&notes[..], [note] if note.contains("`TOLLGATE_NOT_SET` is not set")),
        "{notes:?}"
    );
    assert!(!stderr(&said).contains("s3cret"));
}

#[test]
fn pins_beside_a_policy_are_checked_with_it() {
    let folder = TempDir::new().unwrap();
    let policy = write(folder.path(), "policy.toml", "");
    write(
        folder.path(),
        "tollgate.lock",
        "version = 1\n[components]\n'a.wasm' = 'sha256:0'",
    );
    let said = run(&["policy", "check", &policy]);
    assert_eq!(code(&said), 2);
    assert!(
        stderr(&said).contains("tollgate.lock:3:12: "),
        "{}",
        stderr(&said)
    );
}

#[test]
fn a_program_reads_the_check_as_json() {
    let folder = TempDir::new().unwrap();
    let good = write(
        folder.path(),
        "good.toml",
        "grants.wasi = { env-from-host = ['TOLLGATE_NOT_SET'] }",
    );
    let bad = write(folder.path(), "bad.toml", "[limits]\nfuel = 0");
    let said = run(&["policy", "check", "--json", &good, &bad]);
    assert_eq!((code(&said), stderr(&said).as_str()), (2, ""));
    let value: serde_json::Value = serde_json::from_str(&stdout(&said)).unwrap();
    assert_eq!(value[0]["file"], good.as_str());
    assert_eq!(value[0]["ok"], true);
    assert_eq!(value[0]["preflight"]["missing"], serde_json::json!([]));
    assert_eq!(value[0]["preflight"]["unset"][0], "TOLLGATE_NOT_SET");
    assert_eq!((&value[1]["ok"], value[2].is_null()), (&false.into(), true));
}
