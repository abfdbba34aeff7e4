//! Messages of the command line about mistakes: each has the cure, and shows nothing that is secret.

use tempfile::TempDir;

use support::cli::{code, guest, run, stderr, stdout};

fn at(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn file_names_drive_no_terminal() {
    let folder = TempDir::new().unwrap();
    let hostile = at(&folder, "\u{1b}[31mred");
    let file = format!("files=data:{hostile}");
    let store = format!("store=ledger:{hostile}/below/it");
    let (echo, cache) = (guest("echo"), at(&folder, "cache"));
    for arguments in [
        ["check", &hostile].as_slice(),
        &["run", &hostile],
        &["inspect", &hostile],
        &["call", &hostile, "f()"],
        &["compile", &hostile, "--cache", &cache],
        &["verify", &hostile, "--pub", &hostile],
        &["run", &echo, "--grant", &file],
        &["run", &echo, "--grant", &store],
        &["cache", "list", "--cache", &hostile],
    ] {
        let said = run(arguments);
        assert_ne!(code(&said), 0, "{arguments:?}");
        assert!(!stderr(&said).contains('\u{1b}'), "{arguments:?}");
        assert!(
            stderr(&said).contains("\\u{1b}[31mred"),
            "{}",
            stderr(&said)
        );
    }
}

/// Scripts read it from there, so no other option adds text to it.
#[test]
fn a_report_on_stderr_is_alone_there() {
    let hostile = guest("hostile");
    let grants = [
        "log",
        "hash",
        "store",
        "config=region:eu",
        "http=https://example.com/**",
    ];
    let mut arguments = vec![
        "run",
        &hostile,
        "-vv",
        "--report",
        "-",
        "--input",
        "/dev/null",
    ];
    arguments.extend(grants.iter().flat_map(|grant| ["--grant", grant]));
    let folder = TempDir::new().unwrap();
    let files = format!("files=data:{}", folder.path().display());
    arguments.extend(["--grant", &files]);
    let said = stderr(&run(&arguments));
    let report: serde_json::Value =
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(report["provider"]["name"], "hostile");
}

#[test]
fn a_cache_that_is_not_there_is_not_made_by_looking_at_it() {
    let folder = TempDir::new().unwrap();
    let nowhere = at(&folder, "a/b");
    for what in ["list", "clear"] {
        let said = run(&["cache", what, "--cache", &nowhere]);
        assert_eq!(code(&said), 2);
        assert!(stderr(&said).contains("there is no "), "{}", stderr(&said));
        assert!(!folder.path().join("a").exists());
    }
}

#[test]
fn a_secret_key_that_is_taken_for_a_public_one_is_not_shown() {
    let folder = TempDir::new().unwrap();
    let name = at(&folder, "acme");
    assert_eq!(code(&run(&["keygen", "--out", &name, "--no-password"])), 0);
    let secret = at(&folder, "acme.key");
    let text = std::fs::read_to_string(&secret).unwrap();
    let line = text.lines().nth(1).unwrap();
    let echo = guest("echo");
    for option in ["--pub", "--trust-key"] {
        let command = if option == "--pub" { "verify" } else { "check" };
        let said = run(&[command, &echo, option, &secret]);
        assert_eq!(code(&said), 2);
        let words = stderr(&said);
        assert!(
            words.contains("this is a secret key; give the .pub file"),
            "{words}"
        );
        assert!(!words.contains(&line[..20]), "{words}");
    }
}

#[test]
fn a_command_that_writes_to_our_output_has_none_to_be_kept() {
    let folder = TempDir::new().unwrap();
    let policy = at(&folder, "policy.toml");
    std::fs::write(&policy, "grants.wasi = { stdio = \"inherit\" }").unwrap();
    let output = at(&folder, "out.txt");
    let command = guest("hello-command");
    let said = run(&[
        "run", &command, "--policy", &policy, "--output", &output, "--", "one",
    ]);
    assert_eq!(code(&said), 2, "{}", stderr(&said));
    assert!(
        stderr(&said).contains("write \"captured\""),
        "{}",
        stderr(&said)
    );
    assert!(stdout(&said).is_empty() && !folder.path().join("out.txt").exists());
}

#[test]
fn colours_of_mistakes_are_as_asked_for() {
    for (arguments, colour) in [
        (["--color=always", "bogus"].as_slice(), true),
        (&["--color", "always", "run", "--bogus"], true),
        (&["bogus", "--color", "never"], false),
        (&["bogus"], false),
    ] {
        let said = run(arguments);
        assert_eq!(code(&said), 2);
        assert_eq!(stderr(&said).contains('\u{1b}'), colour, "{arguments:?}");
    }
}
