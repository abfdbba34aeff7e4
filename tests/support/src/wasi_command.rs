//! The guest `hello-command` under a WASI grant, and what it printed.

use tollgate::embed::CommandInput;
use tollgate::report::ExitCode;
use tollgate::{Report, blocking};

use crate::harness::{policy, source};

/// WASI is linked, with nothing behind it.
pub const INERT: &str = "grants.wasi = \"inert\"";

/// Runs the command in a session of its own.
pub fn run(
    runtime: &blocking::Runtime,
    policy_text: &str,
    args: &[&str],
    stdin: &str,
) -> Report<(), ExitCode> {
    let args = std::iter::once("hello-command")
        .chain(args.iter().copied())
        .map(str::to_owned)
        .collect();
    let input = CommandInput {
        args,
        stdin: stdin.into(),
    };
    runtime
        .load(&source("hello-command"), &policy(policy_text))
        .unwrap()
        .session()
        .command(input)
        .unwrap()
}

/// What it wrote to its standard output.
pub fn stdout(report: &Report<(), ExitCode>) -> String {
    String::from_utf8_lossy(&report.stdio.as_ref().unwrap().stdout).into_owned()
}

/// What it wrote to its standard error.
pub fn stderr(report: &Report<(), ExitCode>) -> String {
    String::from_utf8_lossy(&report.stdio.as_ref().unwrap().stderr).into_owned()
}
