//! Keys and signatures are exchanged with the program `minisign`: with the installed one, if there is one, and
//! everywhere with its earlier output in `tests/minisign`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tollgate::Source;
use tollgate::policy::SignatureError;

use support::cli::stderr;
use support::harness::{policy, root};
use support::skip::skip;
use support::workdir::Workdir;

/// Signatures of the program minisign are verified. Those of its older kind, and those that name no file, are refused.
#[test]
fn signatures_of_minisign_are_verified() {
    let folder = root().join("tests/minisign");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let trusting = |name: &str| {
        let key = tollgate::policy::PublicKey::parse_file(&text(name)).unwrap();
        policy(&format!("trust.keys = [\"{key}\"]"))
    };
    let empty = |policy: &tollgate::Policy| {
        Source::file(Path::new(&folder.join("empty.wasm")), &policy.limits).unwrap()
    };
    let author = trusting("author.pub");
    let vetted = empty(&author).vet(&author).unwrap();
    let comment = vetted.signer.unwrap().comment;
    assert!(comment.contains("\tfile:empty.wasm\thashed"), "{comment}");
    let protected = trusting("protected.pub");
    let source = empty(&protected).signed(&text("protected.minisig"));
    assert!(source.vet(&protected).is_ok());
    for (signature, expected) in [
        ("legacy.minisig", SignatureError::Legacy),
        ("nameless.minisig", SignatureError::Renamed),
        ("protected.minisig", SignatureError::UnknownKey),
    ] {
        let refusal = empty(&author)
            .signed(&text(signature))
            .vet(&author)
            .unwrap_err();
        assert_eq!(refusal.signature, Some(expected), "{refusal}");
    }
}

fn minisign(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("minisign");
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

/// Files go both ways between this program and `minisign`, if that is installed. Otherwise its earlier output in
/// `tests/minisign` is read, as everywhere.
#[test]
fn keys_and_signatures_are_minisigns() {
    let workdir = Workdir::new();
    let fixtures = root().join("tests/minisign");
    for name in [
        "empty.wasm",
        "author.key",
        "author.pub",
        "protected.key",
        "protected.pub",
    ] {
        std::fs::copy(fixtures.join(name), workdir.at(name)).unwrap();
    }
    workdir.write("password", "toll gate\n");
    workdir.ok("sign empty.wasm --key author.key");
    workdir.ok("verify empty.wasm --pub author.pub");
    workdir.ok("sign empty.wasm --key protected.key --password-file password");
    workdir.ok("verify empty.wasm --pub protected.pub");

    if Command::new("minisign").arg("-v").output().is_err() {
        return skip("the program minisign is not installed; only what it made earlier is read");
    }
    let ours = |args: &[&str]| {
        let output = minisign(workdir.0.path(), args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    };
    ours(&["-V", "-m", "empty.wasm", "-p", "protected.pub"]);
    workdir.ok("keygen --out acme --no-password");
    workdir.ok("sign echo.wasm --key acme.key");
    ours(&["-V", "-m", "echo.wasm", "-p", "acme.pub"]);
    ours(&["-S", "-m", "echo.wasm", "-s", "acme.key"]);
    workdir.ok("verify echo.wasm --pub acme.pub");
    workdir.ok("run echo.wasm --trust-key acme.pub");
    ours(&["-G", "-W", "-p", "theirs.pub", "-s", "theirs.key"]);
    workdir.ok("sign echo.wasm --key theirs.key");
    ours(&["-V", "-m", "echo.wasm", "-p", "theirs.pub"]);
    ours(&["-S", "-l", "-m", "echo.wasm", "-s", "theirs.key"]);
    let said = workdir.ends("run echo.wasm --trust-key theirs.pub", 3);
    assert!(said.contains("minisign's old kind"), "{said}");
}
