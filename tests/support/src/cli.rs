//! Runs the command line, as a user would.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use crate::harness::{guest_file, root};

/// The binary, built once from the current sources.
pub fn tollgate() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        build(&["--bin", "tollgate"]);
        built("tollgate")
    })
}

/// Builds a target of the workspace, with the features that the tests have: a package alone has others, for which the
/// engine is built once more.
pub fn build(target: &[&str]) {
    let mut cargo = Command::new(env!("CARGO"));
    // Cargo describes the package of a test to it. A build script that looks at such a variable, as that of ring does,
    // would run anew, and TLS and all above it be built: here, and once more by the next command of a shell.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text == "OUT_DIR"
            || text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
        {
            cargo.env_remove(&name);
        }
    }
    let built = cargo
        .args(["build", "--quiet", "--workspace"])
        .args(target)
        .current_dir(root())
        .status()
        .unwrap();
    assert!(built.success());
}

/// A file below `target/debug`.
pub fn built(path: &str) -> PathBuf {
    // The tests are in target/debug/deps.
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join(path)
}

/// The binary, without a home and therefore without a cache, whose contents would differ from run to run, and without the
/// variables that stand for options.
pub fn program() -> Command {
    let mut program = Command::new(tollgate());
    for variable in [
        "HOME",
        "XDG_CACHE_HOME",
        "TOLLGATE_POLICY",
        "TOLLGATE_CACHE_DIR",
        "TOLLGATE_COLOR",
    ] {
        program.env_remove(variable);
    }
    program
}

/// The program with these arguments, started in the repository, without input.
pub fn command(args: &[&str]) -> Command {
    let mut command = program();
    command
        .args(args)
        .current_dir(root())
        .stdin(Stdio::null())
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR");
    command
}

/// Runs the program to its end, without input.
pub fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// Runs the program to its end with this input.
pub fn run_with_input(args: &[&str], input: &[u8]) -> Output {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// The path of a built guest, as an argument.
pub fn guest(name: &str) -> String {
    guest_file(name).to_str().unwrap().to_owned()
}

/// The exit status.
pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// The standard output of a program.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The standard error of a program.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The standard error of a program that has ended.
pub fn words(program: &mut Child) -> String {
    let mut words = String::new();
    let mut stderr = program.stderr.take().unwrap();
    stderr.read_to_string(&mut words).unwrap();
    words
}
