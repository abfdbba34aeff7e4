//! `[grants.wasi]`: each thing behind WASI, named or not there; and calls that can be repeated.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tollgate::report::ExitCode;
use tollgate::{LoadError, Outcome, Report};

use support::cli::{program, words};
use support::harness::{blocking, guest_file, load, policy, source};
use support::wasi_command::{INERT, run, stderr, stdout};

fn ran(policy: &str, args: &[&str]) -> Report<(), ExitCode> {
    let report = run(&blocking(), policy, args, "");
    assert_eq!(
        report.outcome,
        Outcome::Returned(()),
        "{args:?}: {}",
        stderr(&report)
    );
    report
}

fn said(policy: &str, args: &[&str]) -> String {
    stdout(&ran(policy, args)).trim().to_owned()
}

#[test]
fn arguments_and_variables_are_those_the_policy_names() {
    let policy =
        "[grants.wasi]\nargs = ['from', 'policy']\nenv = { NAME = 'value', HOME = '/none' }";
    let report = ran(policy, &["and", "caller"]);
    assert_eq!(stdout(&report).trim(), "from policy and caller");
    let seen = stderr(&report);
    assert_eq!(seen.matches("env ").count(), 2, "{seen}");
    assert!(
        seen.contains("env NAME=value\n") && seen.contains("env HOME=/none\n"),
        "{seen}"
    );
}

/// A command without a name has an empty one, and its arguments stay where they are.
#[test]
fn arguments_come_behind_the_name_even_where_there_is_none() {
    let policy = support::harness::policy("grants.wasi = { args = ['first', 'second'] }");
    let provider =
        support::harness::blocking().load(&support::harness::source("hello-command"), &policy);
    let report = provider
        .unwrap()
        .session()
        .command(tollgate::embed::CommandInput::default());
    assert_eq!(stdout(&report.unwrap()).trim(), "first second");
}

/// With a clock that runs, a file tells when it was written.
#[test]
fn times_of_files_are_shown_with_the_real_clock() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("a"), "a").unwrap();
    let policy = |clocks: &str| {
        format!(
            "grants.wasi = {{ clocks = {clocks}, preopens = ['data'] }}\n\
             grants.files = [{{ root = 'data', path = '{}', access = 'read' }}]",
            folder.path().display()
        )
    };
    let stat = |clocks: &str| said(&policy(clocks), &["files", "stat", "data/a"]);
    assert!(!stat("'real'").ends_with(" 0"));
    assert!(stat("{ fixed = '2026-01-01T00:00:00Z' }").ends_with(" 0"));
}

/// A43-secrets: of the host's environment, only the named variables.
#[test]
fn variables_of_the_host_are_given_by_name_only() {
    // Cargo sets it for every test.
    let path = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let policy = "grants.wasi = { env-from-host = ['CARGO_MANIFEST_DIR', 'TOLLGATE_NOT_SET'] }";
    let seen = stderr(&ran(policy, &[]));
    assert_eq!(seen.matches("env ").count(), 1, "{seen}");
    assert!(
        seen.contains(&format!("env CARGO_MANIFEST_DIR={path}\n")),
        "{seen}"
    );
}

/// Inert is not a little of everything: no time, no folder, no name.
#[test]
fn nothing_of_the_host_is_behind_inert() {
    for policy in [INERT, "[grants.wasi]"] {
        assert_eq!(
            said(policy, &["clock"]),
            "0",
            "the wall clock stands at 1970"
        );
        let seen = run(&blocking(), policy, &[], "");
        let seen = stdout(&seen) + &stderr(&seen);
        assert!(!seen.contains("env "), "{seen}");
        for (name, value) in std::env::vars().filter(|(_, value)| value.len() > 3) {
            assert!(!seen.contains(&value), "{name} leaked: {seen}");
        }
        for path in [
            ".",
            "/",
            "/proc/self/environ",
            "/proc/self/cmdline",
            "/etc/localtime",
        ] {
            let report = run(&blocking(), policy, &["list", path], "");
            assert_eq!(report.outcome, Outcome::Failed(ExitCode(1)), "{path}");
            let report = run(&blocking(), policy, &["read", path], "");
            assert_eq!(report.outcome, Outcome::Failed(ExitCode(1)), "{path}");
        }
    }
    // A provider that is no command is given nothing either.
    let mut session = load("wasi-provider", INERT).session();
    assert_eq!(session.run(b"8").unwrap().outcome.label(), "returned");
}

#[test]
fn clocks_are_real_or_stand() {
    let now = || {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
    };
    let before = now();
    let shown: u64 = said("grants.wasi = { clocks = 'real' }", &["clock"])
        .parse()
        .unwrap();
    let between = before.as_millis()..=now().as_millis();
    assert!(between.contains(&shown.into()), "{shown} in {between:?}");
    let fixed = "grants.wasi = { clocks = { fixed = '2026-01-01T00:00:00Z' } }";
    assert_eq!(said(fixed, &["clock"]), "1767225600000");
    assert_eq!(said(fixed, &["clock"]), "1767225600000");
    // A guest that looks at the clock until it moves succeeds, after the same number of looks every time.
    let looks = said(fixed, &["watch", "50"]);
    assert!(
        (10..=60).contains(&looks.parse::<u32>().unwrap()),
        "{looks}"
    );
    assert_eq!(said(fixed, &["watch", "50"]), looks);
    // Sleeping takes no time, and the guest finds that it has.
    let start = Instant::now();
    let slept: u64 = said(fixed, &["nap", "3600000"]).parse().unwrap();
    assert!((3_600_000..3_600_100).contains(&slept), "{slept}");
    assert!(start.elapsed() < Duration::from_secs(5));
    // On a real clock it takes as long as it says, up to the deadline.
    let real = "limits.deadline = '100ms'\ngrants.wasi = { clocks = 'real' }";
    let report = run(&blocking(), real, &["sleep", "60000"], "");
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    assert_eq!(report.to_json()["timed_out"], true);
    assert!(start.elapsed() < Duration::from_secs(8));
    // A guest that naps without end on a standing clock is bounded as any other.
    let report = run(&blocking(), fixed, &["watch", "86400000"], "");
    assert_eq!(report.outcome.fault().unwrap().label(), "host-calls");
    assert!(report.to_json().get("timed_out").is_none());
}

#[test]
fn random_numbers_are_real_or_of_a_seed() {
    let random = |text: &str| said(&format!("grants.wasi = {{ random = {text} }}"), &["random"]);
    assert_ne!(random("'real'"), random("'real'"));
    assert_eq!(random("{ seed = 42 }"), random("{ seed = 42 }"));
    assert_ne!(random("{ seed = 42 }"), random("{ seed = 43 }"));
    assert_ne!(said(INERT, &["random"]), said(INERT, &["random"]));
}

/// Same input, same policy: same output, same fuel, at any time of day.
#[test]
fn a_call_can_be_repeated_to_the_last_unit_of_fuel() {
    let folder = tempfile::TempDir::new().unwrap();
    for name in ["c", "a", "b"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    let policy = format!(
        "grants.wasi = {{ clocks = {{ fixed = '2026-01-01T00:00:00Z' }}, random = {{ seed = 42 }}, \
         preopens = ['data'] }}\n\
         grants.files = [{{ root = 'data', path = '{}', access = 'read-write' }}]",
        folder.path().display()
    );
    for args in [
        &["clock"][..],
        &["random"],
        &["watch", "20"],
        &["nap", "20"],
        &["list", "data"],
        &["read", "data/a"],
        &["write", "data/d", "text"],
        &["files", "stat", "data/d"],
        &["one", "two"],
    ] {
        let once = |pause: u64| {
            let report = ran(&policy, args);
            std::thread::sleep(Duration::from_millis(pause));
            let usage = (
                report.usage.fuel,
                report.usage.host_calls,
                report.usage.memory_peak,
            );
            (stdout(&report), stderr(&report), usage)
        };
        let first = once(30);
        assert_eq!(once(0), first, "{args:?}");
        assert_eq!(once(0), first, "{args:?}");
    }
    // Even a file that was written just now does not tell when.
    assert!(said(&policy, &["files", "stat", "data/d"]).ends_with(" 0"));
}

#[test]
fn the_hosts_output_is_for_programs_that_give_it_away() {
    let inherit = "grants.wasi = { stdio = 'inherit' }";
    match blocking().load(&source("hello-command"), &policy(inherit)) {
        Err(error @ LoadError::Unsupported(tollgate::load::Unsupported::InheritedStdio)) => {
            assert!(error.to_string().contains("grants.wasi.stdio"), "{error}");
        }
        other => panic!("{:?}", other.err()),
    }
}

fn inherit(limits: &str, args: &[&str]) -> (tempfile::TempDir, Command) {
    inherit_by("hello-command", limits, args)
}

fn inherit_by(guest: &str, limits: &str, args: &[&str]) -> (tempfile::TempDir, Command) {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("policy.toml");
    std::fs::write(
        &file,
        format!("{limits}\ngrants.wasi = {{ stdio = 'inherit' }}"),
    )
    .unwrap();
    let mut command = program();
    command
        .args(["run", guest_file(guest).to_str().unwrap(), "--policy"])
        .arg(&file)
        .arg("--")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    (folder, command)
}

#[test]
fn inherited_output_is_passed_on_up_to_the_limit() {
    let (_folder, mut command) = inherit(
        "limits.stdio = '10KiB'\nlimits.host-calls = 100_000",
        &["flood"],
    );
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert_eq!(output.stdout.len(), 10 << 10);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("--stdio"), "{words}");
    let (_folder, mut command) = inherit("", &["one", "two"]);
    let output = command.output().unwrap();
    assert_eq!(output.stdout, b"one two\n");
}

/// A guest's text moves nothing on the terminal of the operator; a pipe gets it unchanged.
#[test]
fn inherited_output_is_escaped_on_a_terminal() {
    let hostile = "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\rhidden";
    let (_folder, mut command) = inherit("", &[hostile, "two"]);
    let output = command.output().unwrap();
    assert_eq!(output.stdout, format!("{hostile} two\n").as_bytes());

    // `script` gives the program a terminal.
    if Command::new("script").arg("--version").output().is_err() {
        support::skip::skip("`script` of util-linux is not there, which makes a terminal");
        return;
    }
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_str().unwrap()));
    let line = quoted.collect::<Vec<_>>().join(" ");
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let output = script.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    let shown = "\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{9b}31m\\rhidden two";
    assert!(told.contains(shown), "{told:?}");
    assert!(
        !told.contains("\u{1b}]0;") && !told.contains("\rhidden"),
        "{told:?}"
    );
}

/// The pipe has no reader, and one thread waits for it, for any number of handles that the guest has written to.
#[test]
fn a_full_pipe_holds_up_one_thread() {
    let limits = "limits.deadline = '2s'\nlimits.stdio = '4MiB'\nlimits.host-calls = 100_000";
    let (_folder, mut command) = inherit_by("http-client", limits, &["flood", "outputs"]);
    let mut host = command.spawn().unwrap();
    let (start, mut most) = (Instant::now(), 0);
    let status = loop {
        if let Some(status) = host.try_wait().unwrap() {
            break status;
        }
        assert!(start.elapsed() < Duration::from_secs(30));
        let threads = std::fs::read_dir(format!("/proc/{}/task", host.id()));
        most = most.max(threads.map_or(0, Iterator::count));
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(4), "{}", words(&mut host));
    assert!((2..60).contains(&most), "{most} threads");
    // A reader gets all of it.
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout.len(), 600 * 4096);
}

/// Output that waits for a reader is bounded, since a guest has to ask for room first.
#[test]
fn who_does_not_ask_whether_there_is_room_ends() {
    let (_folder, mut command) = inherit_by("http-client", "", &["flood", "unasked"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("`check-write`"), "{words}");
    assert!(output.stdout.is_empty());
}

/// The pipe has no reader: the guest waits, and its deadline does not.
#[test]
fn a_full_pipe_holds_up_the_guest_and_not_the_deadline() {
    let (_folder, mut command) = inherit(
        "limits.deadline = '300ms'\nlimits.stdio = '4MiB'\nlimits.host-calls = 100_000",
        &["flood"],
    );
    let start = Instant::now();
    let mut host = command.spawn().unwrap();
    let status = loop {
        if let Some(status) = host.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > Duration::from_secs(20) {
            host.kill().unwrap();
            panic!("the host waits for a reader");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(4));
    let words = words(&mut host);
    assert!(words.contains("deadline"), "{words}");
}
