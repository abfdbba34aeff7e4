//! Clients of others, from PyPI and npm: `just test-polyglot`.

use std::path::{Path, PathBuf};
use std::process::Command;

use support::cli::tollgate;
use support::harness::{guest_file, in_time, root};

use super::super::Served;

/// The packages, and the folder of a Node.js that is new enough.
fn installed() -> (PathBuf, PathBuf) {
    let done = Command::new(root().join("tests/clients/install.sh"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{told}");
    let node = String::from_utf8(done.stdout).unwrap();
    let node = node.lines().last().unwrap().to_owned();
    (root().join(".tools/clients"), PathBuf::from(node))
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for guest in ["counter", "echo"] {
        std::fs::copy(
            guest_file(guest),
            folder.path().join(format!("{guest}.wasm")),
        )
        .unwrap();
        std::fs::write(folder.path().join(format!("{guest}.toml")), "").unwrap();
    }
    folder
}

/// The result of a program that ends well, within the time of a test.
fn output(mut command: Command) -> String {
    let shown = format!("{command:?}");
    let done = in_time(move || command.output().unwrap());
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{shown}: {told}");
    String::from_utf8(done.stdout).unwrap()
}

fn node(folder: &Path, script: &Path, arguments: &[&str]) -> Command {
    let (packages, _) = installed();
    let mut command = Command::new(folder.join("node"));
    command
        .arg(script)
        .args(arguments)
        .current_dir(packages.join("javascript"));
    command
}

#[test]
fn polyglot_clients_of_mcp_speak_both_revisions() {
    let (packages, node_folder) = installed();
    let javascript = packages.join("javascript");
    // Node looks for packages from where the script is.
    std::fs::copy(
        root().join("tests/clients/client.mjs"),
        javascript.join("client.mjs"),
    )
    .unwrap();
    let providers = folder();
    let served = Served::of(&[("counter", ""), ("echo", "")]);
    let url = format!("http://{}/mcp", served.address);
    let program = tollgate().to_str().unwrap();
    let stdio = [
        program,
        "--quiet",
        "mcp",
        providers.path().to_str().unwrap(),
    ];
    for (mode, version) in [
        ("legacy", "2025-11-25"),
        ("auto", "2026-07-28"),
        ("2026-07-28", "2026-07-28"),
    ] {
        for server in [&stdio[..], &[&url]] {
            let arguments = [&[mode], server].concat();
            let mut python = Command::new("python3");
            python
                .arg(root().join("tests/clients/client.py"))
                .args(&arguments)
                .env("PYTHONPATH", packages.join("python"))
                .env("PYTHONDONTWRITEBYTECODE", "1");
            assert_eq!(output(python).trim(), version, "{arguments:?}");
            let script = javascript.join("client.mjs");
            let told = output(node(&node_folder, &script, &arguments));
            assert_eq!(told.trim(), version, "{arguments:?}");
        }
    }
}

#[test]
fn polyglot_the_inspector_of_mcp_lists_and_calls() {
    let (packages, node_folder) = installed();
    let launcher = packages.join(
        "javascript/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js",
    );
    let providers = folder();
    let served = Served::of(&[("counter", ""), ("echo", "")]);
    let url = format!("http://{}/mcp", served.address);
    let program = tollgate().to_str().unwrap();
    let stdio = [
        program,
        "--quiet",
        "mcp",
        providers.path().to_str().unwrap(),
    ];
    for server in [&stdio[..], &[&*url, "--transport", "http"]] {
        let list = [&["--cli"], server, &["--method", "tools/list"]].concat();
        let told = output(node(&node_folder, &launcher, &list));
        assert!(told.contains("\"counter.grow\""), "{told}");
        let call = [
            "--method",
            "tools/call",
            "--tool-name",
            "counter.grow",
            "--tool-arg",
            "pages=3",
        ];
        let call = [&["--cli"], server, &call].concat();
        let told = output(node(&node_folder, &launcher, &call));
        assert!(told.contains("\"result\": 5"), "{told}");
    }
}
