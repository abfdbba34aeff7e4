//! The parts that providers share, grants made by mistake, and the host when the engine has a hole:
//! A60-shares to A65-host-error; somebody's attention, and instances made ahead: A72-questions, A73-start-ahead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate::approve::Answer;
use tollgate::blocking;
use tollgate::policy::{Access, FileGrant};
use tollgate::value::Value;
use tollgate::{CallError, Compiler, Isolation, LoadError, Provider};

use crate::attack_case::{Case, Row, kind};
use crate::deadline::wait;
use crate::network::{everywhere, runtime};
use crate::server::port;
use support::approver::{Reaction, Scripted};
use support::clock::{CLOCK, clock};
use support::harness::{all_but, builder, load, policy, source};
use support::processes::{children, cpu_time, crash, until};
use support::rates::{CANARY, RATES, rates};

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "A60-shares",
        attack: "callers take all places",
        cases: || {
            let runtime = builder().concurrency(4).queue(4);
            let runtime = runtime.interface("acme:clock/sleep@0.1.0", clock);
            let runtime = runtime.unwrap().build();
            let load = || wait(runtime.load(&source("sleeper"), &policy(CLOCK))).unwrap();
            let (many, other) = (load(), load());
            vec![Case::new("busy, served", move |_| crowd(&many, &other))]
        },
    },
    Row {
        id: "A61-second-request",
        attack: "a request in a GET body",
        cases: || {
            let grants = format!(
                "grants.wasi = \"inert\"\ngrants.http = [{}]",
                everywhere().replace(" }", ", methods = [\"GET\"] }")
            );
            let provider = runtime().load(&source("http-client"), &policy(&grants));
            let provider = provider.unwrap();
            let url = format!("http://127.0.0.1:{}/", port());
            let args = ["http-client", "send", "GET", &*url, "38"];
            vec![Case::command("method", provider, &args)]
        },
    },
    Row {
        id: "A62-protected",
        attack: "a root over the policy",
        cases: || vec![undone(Access::Read), undone(Access::ReadWrite)],
    },
    Row {
        id: "A63-nan",
        attack: "NaNs of this machine",
        cases: || {
            let provider = load("nans", "");
            vec![Case::new("canonical", move |_| {
                let made = [0x7ff4_0000_0000_1234, 0xfff8_0000_0000_1234].map(|nan| {
                    let given = Value::U64(nan);
                    let report = provider.session().invoke("f64-made", &[given]).unwrap();
                    report.outcome.returned()
                });
                let canonical = Some(Some(Value::U64(0x7ff8_0000_0000_0000)));
                match made.iter().all(|made| *made == canonical) {
                    true => "canonical".to_owned(),
                    false => format!("{made:?}"),
                }
            })]
        },
    },
    Row {
        id: "A64-crash",
        attack: "the process crashes",
        cases: crashes,
    },
    Row {
        id: "A65-host-error",
        attack: "a host import fails",
        cases: || {
            let builder = builder().interface("acme:report/rates@1.0.0", rates);
            let runtime = builder.unwrap().build();
            let provider = wait(runtime.load(&source("asker"), &policy(RATES))).unwrap();
            vec![
                told(&provider, "ask(\"bare\")", "an id"),
                told(&provider, "ask(\"early-typed\")", "an id"),
                told(&provider, "ask(\"guest\")", "trap"),
                told(&provider, "ask-and-lie(\"EUR\")", "trap"),
            ]
        },
    },
    Row {
        id: "A72-questions",
        attack: "questions without end",
        cases: || {
            vec![
                asks("8 asked", || Reaction::Says(Answer::Once)),
                asks("1 asked", || Reaction::Sleeps),
            ]
        },
    },
    Row {
        id: "A73-start-ahead",
        attack: "start code, run ahead",
        cases: || {
            // Longer than the others are waited for.
            let long = "limits.fuel = 1_000_000_000_000\nlimits.deadline = \"60s\"";
            let (hostile, good) = (load("start-loop", long), load("counter", ""));
            vec![Case::new("others made", move |_| {
                beside_start_code(&hostile, &good)
            })]
        },
    },
];

/// More calls of one provider than there are places, and one of another provider beside them.
fn crowd(many: &Provider, other: &Provider) -> String {
    wait(async {
        let call = |provider: Provider| async move { provider.session().wave("once(20)").await };
        let calls = (0..20).map(|_| tokio::spawn(call(many.clone())));
        let calls: Vec<_> = calls.collect();
        tokio::task::yield_now().await;
        let beside = call(other.clone()).await;
        let mut last = Vec::new();
        for call in calls {
            last.push(call.await.unwrap());
        }
        let is_busy = last.iter().any(|call| matches!(call, Err(CallError::Busy)));
        let first = if is_busy { "busy" } else { "all served" };
        match beside {
            Ok(report) if report.outcome.fault().is_none() => format!("{first}, served"),
            other => format!("{first}, {}", kind(&other)),
        }
    })
}

/// The end of a call, as its caller sees it.
fn told(provider: &Provider, call: &'static str, expected: &'static str) -> Case {
    let provider = provider.clone();
    Case::new(expected, move |_| {
        let ended = wait(provider.session().wave(call));
        let told = match &ended {
            Ok(report) => report.to_json().to_string(),
            Err(error) => error.to_string(),
        };
        match ended {
            _ if told.contains(CANARY) => "the secret".to_owned(),
            Err(CallError::Host(_)) => "an id".to_owned(),
            other => kind(&other),
        }
    })
}

/// A guest whose requests all wait for somebody's answer.
fn asks(expect: &'static str, reaction: fn() -> Reaction) -> Case {
    let root = "{ root = 'data', path = 'samples/files', access = 'read', ask = true }";
    let text = format!(
        "{}limits.question-time = '100ms'\ngrants.files = [{root}]",
        all_but("files")
    );
    let provider = load("hostile", &text);
    Case::new(expect, move |_| {
        let approver = Scripted::new(reaction());
        let asked: Arc<Scripted> = Arc::clone(&approver);
        let report = provider
            .session()
            .with_approver(asked)
            .run(b"question-flood data 20");
        let denied = report.map_or(0, |report| report.denials.len());
        match (approver.asked().len(), approver.open()) {
            (asked, 0) if asked + denied >= 20 => format!("{asked} asked"),
            (asked, open) => format!("{asked} asked, {open} open, {denied} denied"),
        }
    })
}

/// Instances that are made ahead of a guest whose start code never ends, and beside it those of another one.
fn beside_start_code(hostile: &blocking::Provider, good: &blocking::Provider) -> String {
    let (hostile, good) = (hostile.warm(2), good.warm(2));
    let end = Instant::now() + Duration::from_secs(5);
    while good.warm_count() < 2 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    match (good.warm_count(), hostile.warm_count()) {
        (2, 0) => "others made".to_owned(),
        (good, hostile) => format!("{good} and {hostile} made"),
    }
}

/// A policy that grants the folder of a file that it may not.
fn undone(access: Access) -> Case {
    let folder = Arc::new(TempDir::new().unwrap());
    std::fs::write(folder.path().join("policy.toml"), "").unwrap();
    Case::new("refused", move |_| {
        let file = folder.path().join("policy.toml");
        let runtime = builder().protect(file).build();
        let mut policy = policy(&all_but("files"));
        let grant = FileGrant::new("out", folder.path(), access);
        policy.grants.files.push(grant);
        match wait(runtime.load(&source("hostile"), &policy)) {
            Err(LoadError::Grant(_) | LoadError::Policy(_)) => "refused".to_owned(),
            Err(other) => other.to_string(),
            Ok(_) => "loaded".to_owned(),
        }
    })
}

/// A call whose process ends as it would by a hole of the engine, while it computes.
fn crashes() -> Vec<Case> {
    let program = std::env::current_exe().unwrap();
    let runtime = builder()
        .compiler(Compiler::Worker { program })
        .isolation(Isolation::Process)
        .build();
    let provider = wait(runtime.load(&source("counter"), &policy(""))).unwrap();
    vec![Case::new("crash", move |_| {
        let before = children(std::process::id());
        let call = std::thread::spawn({
            let provider = provider.clone();
            move || wait(async { provider.session().wave("work(4000000000)").await })
        });
        let process = || {
            let now = children(std::process::id());
            now.into_iter().find(|child| !before.contains(child))
        };
        until("started", || process().is_some());
        let process = process().unwrap();
        until("busy", || cpu_time(process) > Duration::from_millis(50));
        crash(process);
        kind(&call.join().unwrap())
    })]
}
