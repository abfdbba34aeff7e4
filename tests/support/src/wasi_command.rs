//! The guest `hello-command` under a WASI grant, and its output.

use tollgate::embed::CommandInput;
use tollgate::report::ExitCode;
use tollgate::{Report, blocking};

use crate::harness::{policy, source};

/// The grant that links WASI without resources behind it.
pub const INERT: &str = "grants.wasi = \"inert\"";

/// Runs the command in a new session.
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

/// The standard output of the command.
pub fn stdout(report: &Report<(), ExitCode>) -> String {
    String::from_utf8_lossy(&report.stdio.as_ref().unwrap().stdout).into_owned()
}

/// The standard error of the command.
pub fn stderr(report: &Report<(), ExitCode>) -> String {
    String::from_utf8_lossy(&report.stdio.as_ref().unwrap().stderr).into_owned()
}
