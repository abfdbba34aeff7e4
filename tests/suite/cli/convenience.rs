//! Conveniences of the command line: variables and letters for options, two lengths of help, completions, manual
//! pages, and the version.

use std::process::Output;

use tempfile::TempDir;

use support::cli::{code, command, guest, run, stderr, stdout};
use support::harness::root;

fn run_with(variable: &str, value: &str, args: &[&str]) -> Output {
    command(args).env(variable, value).output().unwrap()
}

#[test]
fn a_variable_names_the_policy_and_the_command_line_has_the_last_word() {
    let folder = TempDir::new().unwrap();
    let (bad, good) = (
        folder.path().join("bad.toml"),
        folder.path().join("good.toml"),
    );
    std::fs::write(&bad, "[limits]\nfuel = 0").unwrap();
    std::fs::write(&good, "").unwrap();
    let (bad, good, echo) = (bad.to_str().unwrap(), good.to_str().unwrap(), guest("echo"));
    let said = run_with("TOLLGATE_POLICY", bad, &["check", &echo]);
    assert_eq!(code(&said), 2);
    assert!(
        stderr(&said).contains("bad.toml:2:8: limits.fuel"),
        "{}",
        stderr(&said)
    );
    for args in [["--policy", good].as_slice(), &["--no-policy"]] {
        let args = [&["check", &echo], args].concat();
        let said = run_with("TOLLGATE_POLICY", bad, &args);
        assert_eq!(code(&said), 0, "{args:?}: {}", stderr(&said));
    }
}

#[test]
fn a_variable_names_the_cache() {
    let folder = TempDir::new().unwrap();
    let cache = folder.path().join("cache");
    let (at, echo) = (cache.to_str().unwrap(), guest("echo"));
    let said = run_with("TOLLGATE_CACHE_DIR", at, &["run", &echo, "--no-cache"]);
    assert_eq!(
        (code(&said), cache.exists()),
        (0, false),
        "{}",
        stderr(&said)
    );
    let said = run_with("TOLLGATE_CACHE_DIR", at, &["compile", &echo]);
    assert_eq!(
        (code(&said), cache.exists()),
        (0, true),
        "{}",
        stderr(&said)
    );
    let said = run(&["compile", &echo, "--cache", at, "--no-cache"]);
    assert_eq!(code(&said), 2);
    assert!(
        stderr(&said).contains("'--cache' cannot be used with '--no-cache'"),
        "{}",
        stderr(&said)
    );
}

#[test]
fn a_variable_chooses_colours() {
    for (value, args, colour) in [
        ("always", ["bogus"].as_slice(), true),
        ("always", &["check", "no/such.wasm"], true),
        ("always", &["bogus", "--color", "never"], false),
        ("always", &["check", "no/such.wasm", "--color=auto"], false),
        ("never", &["bogus", "--color=always"], true),
        ("auto", &["bogus"], false),
    ] {
        let said = run_with("TOLLGATE_COLOR", value, args);
        assert_eq!(code(&said), 2);
        assert_eq!(stderr(&said).contains('\u{1b}'), colour, "{value} {args:?}");
    }
    let said = run_with("TOLLGATE_COLOR", "pink", &["check", "x.wasm"]);
    assert!(
        code(&said) == 2 && stderr(&said).contains("pink"),
        "{}",
        stderr(&said)
    );
}

#[test]
fn common_options_have_letters() {
    let folder = TempDir::new().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    let policy = folder.path().join("policy.toml");
    std::fs::write(&input, "text").unwrap();
    std::fs::write(&policy, "grants.hash = true").unwrap();
    let (policy, echo) = (policy.to_str().unwrap(), guest("echo"));
    let files = [
        "-i",
        input.to_str().unwrap(),
        "-o",
        output.to_str().unwrap(),
    ];
    let said = run(&[["run", &echo, "-p", policy, "-g", "log"].as_slice(), &files].concat());
    assert_eq!(code(&said), 0, "{}", stderr(&said));
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "text");
    let said = run(&["check", &echo, "-p", policy, "-g", "config=a:b"]);
    assert!(
        stderr(&said).contains("not asked for: grants.hash, grants.config"),
        "{}",
        stderr(&said)
    );
}

#[test]
fn short_help_is_short_and_long_help_is_whole() {
    let (short, long) = (
        stdout(&run(&["run", "-h"])),
        stdout(&run(&["run", "--help"])),
    );
    for option in [
        "--policy",
        "--grant",
        "--input",
        "TOLLGATE_POLICY",
        "TOLLGATE_COLOR",
    ] {
        assert!(short.contains(option) && long.contains(option), "{option}");
    }
    for option in ["--fuel", "--max-output", "--trust-key", "--lock"] {
        assert!(!short.contains(option) && long.contains(option), "{option}");
    }
    for heading in [
        "Policy:",
        "Trust:",
        "Limits of each call:",
        "Cache:",
        "Display:",
    ] {
        assert!(long.contains(heading), "{heading}");
    }
    assert!(short.lines().count() * 2 < long.lines().count());
}

#[test]
fn shells_complete_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = run(&["completions", shell]);
        assert_eq!(code(&said), 0);
        for word in ["inspect", "completions", "emit-policy", "schema"] {
            assert!(stdout(&said).contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(code(&run(&["completions", "cmd"])), 2);
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = TempDir::new().unwrap();
    let at = folder.path().to_str().unwrap();
    assert_eq!(code(&run(&["man", at])), 0);
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("tollgate.1").contains("Runs WebAssembly components"));
    assert!(page("tollgate-run.1").contains("fuel"));
    assert!(page("tollgate-policy-check.1").contains("FILE"));
    let said = run(&["man", "no/such/folder"]);
    assert!(
        code(&said) == 2 && stderr(&said).contains("no/such/folder: "),
        "{}",
        stderr(&said)
    );
}

#[test]
fn the_version_names_the_commit_if_there_is_one() {
    let version = stdout(&run(&["--version"]));
    let git = std::process::Command::new("git")
        .args(["-C", root().to_str().unwrap(), "rev-parse", "HEAD"])
        .output();
    let commit = git
        .map(|git| String::from_utf8(git.stdout).unwrap())
        .unwrap_or_default();
    match version.trim_end().split_once(", commit ") {
        None => assert!(
            commit.is_empty() || !root().join(".git").exists(),
            "{version}"
        ),
        Some((before, shown)) => {
            assert!(before.contains("(wasmtime "), "{version}");
            let shown = shown.strip_suffix(')').unwrap();
            assert!(
                commit.starts_with(shown) && shown.len() == 12,
                "{version}{commit}"
            );
        }
    }
}
