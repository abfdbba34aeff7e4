//! Policies that undo themselves: no root of a command covers a file on which the command relies.

use support::signer::Author;
use support::workdir::Workdir;

/// A folder with `echo.wasm`, the folders `etc`, `keys` and `out`, a policy in the first and a key in the second.
fn workdir() -> Workdir {
    let workdir = Workdir::new();
    for folder in ["etc", "keys", "out", "etc/below"] {
        std::fs::create_dir(workdir.at(folder)).unwrap();
    }
    workdir.write("etc/policy.toml", "");
    let key = Author::new(1).key();
    workdir.write("keys/acme.pub", format!("untrusted comment: acme\n{key}\n"));
    workdir
}

fn is_refused(workdir: &Workdir, line: &str, what: &str) {
    let said = workdir.ends(line, 2);
    let expected = format!("grants.files: the root `data` covers {what}, ");
    assert!(said.contains(&expected), "{line}: {said}");
}

#[test]
fn a_root_that_may_be_written_covers_no_file_of_the_command() {
    let workdir = workdir();
    let line = "run echo.wasm --grant files=data:out:rw --output out/result";
    is_refused(&workdir, line, "the output");
    for (line, what) in [
        ("echo.wasm --grant files=data:.:rw", "the component"),
        (
            "echo.wasm --grant files=data:./:rw --report out/r.json",
            "the component",
        ),
        (
            "echo.wasm --grant files=data:out:rw --report out/r.json",
            "the report",
        ),
        (
            "echo.wasm --grant files=data:keys:rw --trust-key keys/acme.pub",
            "the file of a trusted key",
        ),
        (
            "echo.wasm --grant files=data:etc:rw --policy etc/policy.toml",
            "the policy file",
        ),
        (
            "echo.wasm --grant files=data:etc/tollgate.lock:rw --policy etc/policy.toml",
            "the lock file",
        ),
    ] {
        is_refused(&workdir, &format!("run {line}"), what);
        is_refused(&workdir, &format!("check {line}"), what);
    }
    assert!(!workdir.at("out/r.json").exists());
    for line in [
        "run echo.wasm --no-cache --grant files=data:.",
        "run echo.wasm --no-cache --grant files=data:etc --policy etc/policy.toml --lock",
        "run echo.wasm --grant files=data:etc/below:rw --policy etc/policy.toml",
        "run echo.wasm --grant files=data:out:rw --policy etc/policy.toml --report r.json",
    ] {
        workdir.ends(line, 0);
    }
}

/// The key of the cache is in its folder, and seals the code that is run.
#[test]
fn no_root_covers_the_cache() {
    let workdir = workdir();
    for grant in ["files=data:.", "files=data:cache", "files=data:cache:rw"] {
        let line = format!("run echo.wasm --cache cache --grant {grant}");
        is_refused(&workdir, &line, "the cache of compiled code");
    }
    workdir.ends("run echo.wasm --cache cache --grant files=data:out:rw", 0);
}

#[test]
fn a_policy_that_lets_itself_be_written_is_refused_with_the_line() {
    let workdir = workdir();
    let root = "[[grants.files]]\nroot = \"data\"\npath = \".\"\naccess = \"read-write\"\n";
    workdir.write("etc/policy.toml", root);
    let said = workdir.ends("run echo.wasm --policy etc/policy.toml", 2);
    assert!(
        said.contains("etc/policy.toml:3:8: grants.files[0].path: the root `data` covers"),
        "{said}"
    );
    workdir.write("etc/policy.toml", root.replace("\".\"", "\"below\""));
    workdir.ends("run echo.wasm --policy etc/policy.toml", 0);
}

#[test]
#[cfg(unix)]
fn links_hide_no_file_of_the_command() {
    let workdir = workdir();
    for (target, link) in [
        ("etc", "to-etc"),
        ("..", "out/up"),
        ("../etc/policy.toml", "out/policy.toml"),
    ] {
        std::os::unix::fs::symlink(target, workdir.at(link)).unwrap();
    }
    for (line, what) in [
        (
            "--policy etc/policy.toml --grant files=data:to-etc:rw",
            "the policy file",
        ),
        (
            "--policy to-etc/policy.toml --grant files=data:etc:rw",
            "the policy file",
        ),
        (
            "--policy out/policy.toml --grant files=data:etc:rw",
            "the policy file",
        ),
        ("--grant files=data:out/up:rw", "the component"),
    ] {
        is_refused(&workdir, &format!("run echo.wasm {line}"), what);
    }
}

#[test]
fn the_flags_of_a_command_do_not_undo_its_policy() {
    let workdir = workdir();
    workdir.write(
        "etc/policy.toml",
        "grants.store = { path = \"below/state.redb\", namespace = \"ledger\" }",
    );
    let line = "run echo.wasm --policy etc/policy.toml --grant files=data:etc/below";
    is_refused(&workdir, line, "the store file");
    assert!(!workdir.at("etc/below/state.redb").exists());
}
