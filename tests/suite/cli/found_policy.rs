//! `tollgate.toml`, found from the working directory upwards: never beside a component, and never one that others wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use support::cli::{code, command, guest, stderr, stdout};

fn run_in(folder: &Path, args: &[&str]) -> Output {
    command(args).current_dir(folder).output().unwrap()
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder with a policy that grants `hash`, and a folder far below it.
fn project() -> (TempDir, std::path::PathBuf) {
    let project = TempDir::new().unwrap();
    let below = project.path().join("a/b");
    fs::create_dir_all(&below).unwrap();
    fs::write(project.path().join("tollgate.toml"), "grants.hash = true").unwrap();
    mode(&project.path().join("tollgate.toml"), 0o644);
    (project, below)
}

#[test]
fn the_policy_above_the_working_directory_is_used_and_told() {
    let (project, below) = project();
    let echo = guest("echo");
    let path = project.path().canonicalize().unwrap().join("tollgate.toml");
    let told = format!(
        "note: using policy {}; --no-policy uses none\n",
        path.display()
    );
    let granted = "note: granted, and not asked for: grants.hash\n";
    for folder in [project.path(), &below] {
        let said = run_in(folder, &["check", &echo]);
        assert_eq!(
            (code(&said), stderr(&said)),
            (0, format!("{told}{granted}"))
        );
    }
    for (args, expected) in [
        (["check", &echo, "--quiet"].as_slice(), ""),
        (&["check", &echo, "--no-policy"], ""),
        (&["check", &echo, "--policy", "/dev/null"], ""),
    ] {
        let said = run_in(&below, args);
        assert_eq!(
            (code(&said), stderr(&said).as_str()),
            (0, expected),
            "{args:?}"
        );
    }
    for args in [
        ["list", "."].as_slice(),
        &["run", &echo, "--no-cache"],
        &["inspect", &echo],
    ] {
        let said = run_in(&below, args);
        assert_eq!(code(&said), 0, "{args:?}: {}", stderr(&said));
        assert_eq!(stderr(&said).matches("using policy").count(), 1, "{args:?}");
    }
    let said = run_in(
        &below,
        &["check", &echo, "--no-policy", "--policy", "x.toml"],
    );
    assert!(code(&said) == 2 && stderr(&said).contains("cannot be used with"));
}

#[test]
fn quiet_uses_it_all_the_same() {
    let (project, below) = project();
    fs::write(project.path().join("tollgate.toml"), "limits.fuel = 0").unwrap();
    let said = run_in(&below, &["check", &guest("echo"), "-q"]);
    assert_eq!(code(&said), 2);
    assert!(
        stderr(&said).contains("tollgate.toml:1:15: limits.fuel: "),
        "{}",
        stderr(&said)
    );
}

#[test]
fn a_policy_beside_an_untrusted_component_grants_it_nothing() {
    let folder = TempDir::new().unwrap();
    let (download, work) = (folder.path().join("download"), folder.path().join("work"));
    fs::create_dir(&download).unwrap();
    fs::create_dir(&work).unwrap();
    let hasher = guest("hostile");
    let component = download.join("component.wasm");
    fs::copy(hasher, &component).unwrap();
    let all = "
        [grants]
        log = true
        hash = true
        store = true
        config = {}
        [[grants.http]]
        url = 'https://a.example/'
        [[grants.files]]
        root = 'data'
        path = '/tmp'
        access = 'read'
    ";
    fs::write(download.join("tollgate.toml"), all).unwrap();
    mode(&download.join("tollgate.toml"), 0o644);
    let component = component.to_str().unwrap();
    // Beside the component's folder, and above it.
    for from in [&work, folder.path()] {
        let said = run_in(from, &["check", component]);
        assert_eq!(code(&said), 3, "{}", stderr(&said));
        assert!(!stderr(&said).contains("using policy"));
    }
    let said = run_in(&download, &["check", component]);
    assert_eq!(code(&said), 0, "{}", stderr(&said));
    assert!(stderr(&said).contains("using policy"));
}

#[test]
fn a_policy_that_others_may_write_is_an_error_and_not_passed_over() {
    let (project, below) = project();
    let echo = guest("echo");
    let policy = project.path().join("tollgate.toml");
    mode(&policy, 0o666);
    let said = run_in(&below, &["run", &echo]);
    assert_eq!(code(&said), 2);
    let words = stderr(&said);
    assert!(
        words.contains("others may write") && words.contains("--no-policy"),
        "{words}"
    );
    let said = run_in(&below, &["run", &echo, "--no-policy", "--no-cache"]);
    assert_eq!(code(&said), 0, "{}", stderr(&said));
    mode(&policy, 0o644);
    mode(project.path(), 0o777);
    assert_eq!(code(&run_in(&below, &["run", &echo])), 2);
}

#[test]
fn pins_and_reports_go_with_a_found_policy() {
    let (project, below) = project();
    let echo = guest("echo");
    let said = run_in(&below, &["check", &echo, "--locked"]);
    assert_eq!(code(&said), 3, "{}", stderr(&said));
    let said = run_in(&below, &["check", &echo, "--lock"]);
    assert_eq!(code(&said), 0, "{}", stderr(&said));
    assert!(project.path().join("tollgate.lock").exists());
    // A report on stderr is alone there.
    let said = run_in(&below, &["check", &echo, "--report", "-"]);
    let report: serde_json::Value = serde_json::from_str(&stderr(&said)).unwrap();
    assert_eq!(report["unused"][0], "grants.hash");
    assert!(stdout(&said).contains("granted"));
}

#[test]
fn a_variable_that_is_empty_is_not_set() {
    let (project, below) = project();
    let echo = guest("echo");
    for variable in ["TOLLGATE_POLICY", "TOLLGATE_CACHE_DIR", "TOLLGATE_COLOR"] {
        let mut command = command(&["check", &echo]);
        let said = command
            .current_dir(&below)
            .env(variable, "")
            .output()
            .unwrap();
        assert_eq!(code(&said), 0, "{variable}: {}", stderr(&said));
        let note = "granted, and not asked for: grants.hash";
        assert!(
            stderr(&said).contains(note),
            "{variable}: {}",
            stderr(&said)
        );
    }
    let mut command = command(&["cache", "list"]);
    let said = command
        .current_dir(project.path())
        .env("TOLLGATE_CACHE_DIR", "")
        .output()
        .unwrap();
    assert!(stderr(&said).contains("no home folder is set"), "{said:?}");
    // An option that is given as such is a mistake.
    assert_eq!(
        code(&run_in(project.path(), &["check", &echo, "--policy="])),
        2
    );
}
