//! The guest `hello-command` under a WASI grant, and its output.

use tollgate::embed::{CommandInput, Stdin};
use tollgate::report::ExitCode;
use tollgate::{CallError, Report, blocking};

use crate::harness::{policy, source};
use crate::processes::until;

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

/// Holds a runtime with one slot to this: the thread that reads standard input for a command keeps the slot of its call until
/// the reader returns, also after the call has ended.
pub fn assert_reader_keeps_slot(builder: tollgate::Builder, deadline: &str) {
    let (input, open) = std::io::pipe().unwrap();
    let runtime = blocking::Runtime::from(builder.concurrency(1).build());
    let text = format!("{INERT}\nlimits.deadline = \"{deadline}\"");
    let provider = runtime
        .load(&source("hello-command"), &policy(&text))
        .unwrap();
    let command = |stdin: Stdin| {
        let args = vec!["hello-command".to_owned(), "lines".to_owned()];
        provider.session().command(CommandInput { args, stdin })
    };
    let report = command(Stdin::reader(input)).unwrap();
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    assert!(matches!(command("".into()), Err(CallError::Busy)));
    drop(open);
    until("free", || command("".into()).is_ok());
}
