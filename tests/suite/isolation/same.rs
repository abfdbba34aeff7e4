//! Every way to call a session, through a process and without one: the same outputs, faults, denials, logs and usage.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;
use support::file_roots::folders;
use support::harness::{self, counts_fuel, policy, source, wait};
use tollgate::blocking::{Provider, Session};
use tollgate::embed::CommandInput;
use tollgate::observe::{CallEnded, CallStarted, Decision, Observer};
use tollgate::report::ErrorReport;
use tollgate::value::Value;
use tollgate::{CallError, Limits, Report};

use super::{isolating, load};

/// The outcome of a call, without its times.
pub(super) fn told<T: std::fmt::Debug, E: ErrorReport + std::fmt::Debug>(
    result: Result<Report<T, E>, CallError>,
) -> (String, Json) {
    match result {
        Ok(report) => {
            let mut json = report.to_json();
            let usage = json["usage"].as_object_mut().unwrap();
            usage.remove("elapsed_us");
            usage.remove("host_us");
            let stdio = report.stdio.as_ref().map(|it| (&it.stdout, &it.stderr));
            (format!("{:?} {stdio:?}", report.outcome), json)
        }
        Err(error) => (format!("{error:?}: {error}"), Json::Null),
    }
}

/// Asserts that a session in a process has the same results as one here.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(
    guest: &str,
    policy_text: &str,
    calls: impl Fn(&mut Session) -> T,
) -> T {
    let there = load(guest, policy_text);
    let here = harness::load(guest, policy_text);
    let calls = |provider: &Provider| calls(&mut provider.session());
    let (there, here) = (calls(&there), calls(&here));
    assert_eq!(there, here, "{guest} under {policy_text}");
    here
}

pub(super) fn waves<'a>(calls: &'a [&'a str]) -> impl Fn(&mut Session) -> Vec<(String, Json)> + 'a {
    |session| {
        let calls = calls.iter().map(|call| told(session.wave(call)));
        calls.collect()
    }
}

/// `host-data`: the host refuses arguments before they are sent to the process.
#[test]
fn arguments_are_bounded() {
    let told = same("echo", "limits.host-data = \"1KiB\"", |session| {
        let long = [b'x'; 1_025];
        vec![
            told(session.run(&long)),
            told(session.invoke("run", &[Value::from(&long[..])])),
            told(session.wave(&format!("run(\"{}\")", "x".repeat(1_025)))),
            told(session.run(b"hello")),
        ]
    });
    assert!(
        told[..3]
            .iter()
            .all(|(text, _)| text.contains("limits.host-data")),
        "{told:?}"
    );
    assert!(told[3].0.starts_with("Returned"), "{told:?}");
}

#[test]
fn a_session_keeps_its_guest_from_call_to_call() {
    let calls = [
        "next()",
        "next()",
        "grow(3)",
        "work(1000)",
        "grow(\"x\")",
        "none()",
        "trap()",
        "next()",
    ];
    let said = same("counter", "", waves(&calls));
    assert!(said[1].0.contains("Returned(\"2\")"), "{}", said[1].0);
    assert!(said[6].0.contains("Faulted"), "{}", said[6].0);
    assert!(said[7].0.starts_with("Ended"), "{}", said[7].0);
}

#[test]
fn bytes_go_in_and_out() {
    for input in ["hello", "", "fail:why"] {
        same("echo", "", |session| told(session.run(input.as_bytes())));
    }
    // Larger than a socket holds at once.
    let large = vec![b'x'; 3 << 20];
    same("echo", "", |session| told(session.run(&large)));
    // A component that has no such export is told so, and starts nothing.
    same("counter", "", |session| told(session.run(b"")));
}

#[test]
fn values_go_in_and_out() {
    let bytes = |text: &str| Value::from(text.as_bytes());
    same("echo", "", |session| {
        told(session.invoke("run", &[bytes("hello")]))
    });
    let ledger = "grants = { log = true, config = {} }";
    same("ledger-csv", ledger, |session| {
        told(session.invoke("parse", &[bytes("no csv")]))
    });
    same("counter", "", |session| {
        [
            told(session.invoke("work", &[Value::from(9_u32)])),
            told(session.invoke("work", &[Value::from(9_u64)])),
            told(session.invoke("grow", &[Value::from(1_u32)])),
        ]
    });
}

/// A fault of each kind that a guest of `wat/` can cause.
#[test]
fn faults_are_the_same() {
    const HTTP: &str = "grants.http = [{ url = \"https://example.com/**\" }]";
    const CONFIG: &str = "grants.config = {}\nlimits.fuel = 2_000_000";
    let traps = [
        "unreachable",
        "divide",
        "overflow",
        "convert",
        "memory",
        "fill",
        "table",
        "null",
        "signature",
    ];
    for trap in traps {
        let call = format!("{trap}()");
        let said = same("traps", "", waves(&[&call]));
        assert!(said[0].1["fault"]["trap"].is_string(), "{:?}", said[0]);
    }
    let cases = [
        ("start-loop", "attack()", CONFIG, "fuel"),
        (
            "start-host-call",
            "attack()",
            "grants.config = {}\nlimits.host-calls = 50",
            "host-calls",
        ),
        (
            "lift-results",
            "amplify()",
            "limits.output = \"4MiB\"",
            "output",
        ),
        (
            "lift-results",
            "amplify()",
            "limits.host-data = \"1MiB\"",
            "host-data",
        ),
        ("lift-results", "claim()", "", "trap"),
        ("lift-arguments", "amplify()", HTTP, "host-data"),
        ("big-memory", "attack()", "", "memory"),
        ("table-grow", "grow-then-trap()", "", "table"),
        ("handles", "flood()", "", "handles"),
        ("re-entry", "attack()", "", "trap"),
        ("post-return", "traps()", CONFIG, "trap"),
    ];
    for (guest, call, policy, kind) in cases {
        if kind == "fuel" && !counts_fuel() {
            continue;
        }
        let said = same(guest, policy, waves(&[call, call]));
        assert_eq!(said[0].1["fault"]["kind"], kind, "{:?}", said[0]);
    }
}

/// The deadline ends a call there, in the same time, and is told as the limit that it is.
#[test]
fn the_deadline_is_the_same() {
    let limits = "limits.deadline = \"300ms\"\nlimits.fuel = 1_000_000_000_000";
    let there = load("counter", limits);
    // The process takes its time to start, which counts.
    let _ = there.session().wave("next()").unwrap();
    let report = there.session().wave("work(4000000000)").unwrap();
    let fault = report.outcome.fault().unwrap();
    assert_eq!(fault.label(), "deadline");
    assert_eq!(fault.limit(), Some(300_000));
    let elapsed = report.usage.elapsed;
    assert!(
        elapsed >= Duration::from_millis(300) && elapsed < Duration::from_millis(1_200),
        "{elapsed:?}"
    );
}

pub(super) fn command(args: &str, stdin: &str) -> CommandInput {
    CommandInput {
        args: args.split(' ').map(str::to_owned).collect(),
        stdin: stdin.into(),
    }
}

#[test]
fn commands_are_the_same() {
    let folder = folders();
    let path = folder.path().display();
    let policy_text = format!(
        "[grants.wasi]\nargs = ['granted']\nenv = {{ NAME = 'value' }}\nenv-from-host = ['PATH']\n\
         clocks = {{ fixed = '2026-01-01T00:00:00Z' }}\nrandom = {{ seed = 7 }}\npreopens = ['data', 'out']\n\
         [[grants.files]]\nroot = 'data'\npath = '{path}/data'\naccess = 'read'\n\
         [[grants.files]]\nroot = 'out'\npath = '{path}/out'\naccess = 'read-write'\n"
    );
    let (there, here) = (
        load("hello-command", &policy_text),
        harness::load("hello-command", &policy_text),
    );
    for args in [
        "hello-command",
        "hello-command exit 3",
        "hello-command panic",
        "hello-command read data/a.txt",
        "hello-command write data/new text",
        "hello-command write out/new text",
        "hello-command files remove out/new",
        "hello-command list data",
        "hello-command read data/../../secret",
    ] {
        let both = [&there, &here].map(|provider| {
            let session = provider.session();
            told(session.command(command(args, "from standard input")))
        });
        assert_eq!(both[0], both[1], "{args}");
    }
}

/// Numbers each line by the call that it is of.
#[derive(Default)]
struct Lines(Mutex<Vec<(u64, String)>>);

impl Observer for Lines {
    fn call_started(&self, call: &CallStarted<'_>) {
        let line = format!("started {}", call.provider.name);
        self.0.lock().unwrap().push((call.call, line));
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let line = format!("ended {}", call.end.label());
        self.0.lock().unwrap().push((call.call, line));
    }

    fn decided(&self, decision: &Decision<'_>) {
        let Decision {
            provider,
            capability,
            target,
            denied,
            ..
        } = decision;
        let line = format!("{provider} {capability} {target} {denied:?}");
        self.0.lock().unwrap().push((decision.call, line));
    }
}

#[test]
fn the_observer_is_told_the_same() {
    let policy_text = "
        grants.log = true
        grants.hash = true
        grants.files = [{ root = 'data', path = 'samples/files', access = 'read' }]";
    let observed = |builder: tollgate::Builder| {
        let lines = Arc::new(Lines::default());
        let runtime = builder.observer(Arc::clone(&lines)).build();
        let runtime = tollgate::blocking::Runtime::from(runtime);
        let provider = runtime.load(&source("checksums"), &policy(policy_text));
        let provider = provider.unwrap();
        let _ = provider.session().run(b"data").unwrap();
        let _ = provider.session().run(b"other").unwrap();
        let lines = std::mem::take(&mut *lines.0.lock().unwrap());
        let first = lines[0].0;
        let numbered = lines.into_iter().map(|(call, line)| (call - first, line));
        numbered.collect::<Vec<_>>()
    };
    let there = observed(isolating(support::cli::tollgate()));
    let here = observed(harness::builder().concurrency(4));
    assert!(here.iter().any(|(_, line)| line.contains("files data/")));
    assert_eq!(there, here);
}

/// Limits of a clone are those of its sessions, and the process is the same.
#[test]
fn a_clone_has_limits_of_its_own() {
    let provider = load("counter", "");
    let few = Limits {
        deadline: Duration::from_secs(5),
        memory: 2 << 16,
        ..Limits::default()
    };
    let small = provider.as_async().with_limits(few).unwrap();
    let mut session = Provider::from(small).session();
    let report = session.wave("grow(3)").unwrap();
    assert_eq!(report.limits.memory, 2 << 16);
    assert_eq!(report.usage.memory_peak, 2 << 16);
    let report = provider.session().wave("grow(3)").unwrap();
    assert_eq!(report.usage.memory_peak, 5 << 16);
}

/// Sessions of one provider run at the same time in one process, on the async runtime of the caller.
#[test]
fn sessions_share_a_process() {
    let provider = load("echo", "");
    let provider = provider.as_async();
    wait(async {
        let calls = (0..8).map(|number: u8| {
            let provider = provider.clone();
            tokio::spawn(async move {
                let mut session = provider.session();
                for turn in 0..20 {
                    let report = session.run(&[number, turn]).await.unwrap();
                    assert_eq!(report.outcome.returned(), Some(vec![number, turn]));
                }
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
    });
}
