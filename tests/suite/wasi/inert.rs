//! Standard WASI under `wasi = "inert"`: linked, and with nothing behind it.

use tollgate::embed::CommandInput;
use tollgate::report::ExitCode;
use tollgate::{Outcome, Report, blocking};

use support::harness::{load, out_of_fuel, refused, source};
use support::wasi_command::{INERT, run, stderr, stdout};

fn command(policy_text: &str, args: &[&str], stdin: &str) -> Report<(), ExitCode> {
    run(&support::harness::blocking(), policy_text, args, stdin)
}

#[test]
fn a_wasi_guest_is_refused_without_the_grant_and_runs_with_it() {
    let refusal = refused(&source("wasi-provider"), "");
    assert!(refusal.imports.len() > 3);
    assert!(
        refusal.to_string().contains("wasi = \"inert\""),
        "{refusal}"
    );
    let mut session = load("wasi-provider", INERT).session();
    assert_eq!(session.run(b"8").unwrap().outcome.label(), "returned");
}

#[test]
fn a_command_gets_its_arguments_and_input_and_its_output_is_kept() {
    let report = command(INERT, &["one", "two"], "from stdin");
    assert_eq!(report.outcome, Outcome::Returned(()), "{}", stderr(&report));
    let out = stdout(&report);
    assert!(
        out.contains("one two") && out.contains("from stdin"),
        "{out}"
    );
    assert!(report.usage.host_calls > 0);
}

#[test]
fn nothing_of_the_hosts_environment_is_there() {
    let report = command(INERT, &[], "");
    let seen = stderr(&report) + &stdout(&report);
    for (name, value) in std::env::vars() {
        if value.len() > 3 {
            assert!(!seen.contains(&value), "{name} leaked: {seen}");
        }
    }
    let here = std::env::current_dir().unwrap();
    assert!(!seen.contains(here.to_str().unwrap()), "{seen}");
    let report = command(INERT, &["read", "/etc/passwd"], "");
    assert!(!(stdout(&report) + &stderr(&report)).contains("root:"));
}

/// Sleep counts as time, with a real clock.
#[test]
fn sleeping_meets_the_deadline() {
    let policy = "limits.deadline = \"50ms\"\ngrants.wasi = { clocks = \"real\" }";
    let report = command(policy, &["sleep", "60000"], "");
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
}

/// WASI 0.2 says no more of an exit code than whether it is 0.
#[test]
fn an_exit_code_is_the_commands_own_error() {
    let report = command(INERT, &["exit", "7"], "");
    assert_eq!(report.outcome, Outcome::Failed(ExitCode(1)));
    let error = &report.to_json()["error"];
    assert_eq!(
        (&error["kind"], &error["message"]),
        (&"exit".into(), &"exit code 1".into())
    );
    assert_eq!(
        command(INERT, &["exit", "0"], "").outcome,
        Outcome::Returned(())
    );
}

#[test]
fn the_limits_hold_for_wasi_guests() {
    for (limits, args, kind) in [
        ("limits.fuel = 10_000_000", &["spin"][..], out_of_fuel()),
        (
            "limits.deadline = \"50ms\"\nlimits.fuel = 1_000_000_000_000",
            &["spin"],
            "deadline",
        ),
        ("limits.host-calls = 20", &["flood"], "host-calls"),
        ("limits.handles = 1", &["one"], "handles"),
    ] {
        let report = command(&format!("{INERT}\n{limits}"), args, "");
        let fault = report.outcome.fault().unwrap_or_else(|| panic!("{args:?}"));
        assert_eq!(fault.label(), kind, "{args:?}: {fault}");
    }
}

/// The sockets are the engine's own, which no door of ours stands before.
#[test]
fn calls_of_sockets_are_counted() {
    for function in ["sockets.create", "sockets.network"] {
        let input = CommandInput {
            args: ["prices", function, "1000", "0"].map(str::to_owned).into(),
            ..CommandInput::default()
        };
        let text = format!("{INERT}\nlimits.host-calls = 100");
        let report = load("prices", &text).session().command(input).unwrap();
        let fault = report.outcome.fault().map(tollgate::Fault::label);
        assert_eq!(fault, Some("host-calls"), "{function}");
    }
}

#[test]
fn arguments_outlast_a_start_function_that_uses_wasi() {
    for (args, label) in [(["name", "one"].as_slice(), "returned"), (&[], "failed")] {
        let input = CommandInput {
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            ..CommandInput::default()
        };
        let report = load("early-arguments", INERT).session().command(input);
        assert_eq!(report.unwrap().outcome.label(), label, "{args:?}");
    }
}

#[test]
fn only_a_command_is_a_command() {
    assert!(load("hello-command", INERT).as_async().is_command());
    let provider: blocking::Provider = load("echo", "");
    assert!(!provider.as_async().is_command());
    assert!(provider.session().command(CommandInput::default()).is_err());
}
