//! The observer of a runtime: told of each load, call and decision, whatever the guest does and however a call ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate::observe::{CallEnd, CallEnded, Decision, Loaded, Observer};
use tollgate::report::ProviderInfo;
use tollgate::{CallError, Runtime, blocking};

use support::clock::{CLOCK, clock};
use support::harness::{ALL, builder, policy, source, wait};

/// Writes a line for each thing that it is told.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Lines {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Observer for Lines {
    fn loaded(&self, load: &Loaded<'_>) {
        let name = load.source.name();
        self.add(match load.result {
            Ok(provider) => format!("loaded {name} {}", provider.info().digest),
            Err(error) => format!("not loaded {name} {error}"),
        });
    }

    fn call_started(&self, provider: &Arc<ProviderInfo>) {
        self.add(format!("started {}", provider.name));
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let more = match call.end {
            CallEnd::Returned(usage) | CallEnd::Failed(usage) => {
                format!("{} bytes", usage.host_bytes)
            }
            CallEnd::Faulted(_, fault) => fault.label().to_owned(),
            CallEnd::Error(error) => error.to_string(),
            _ => "-".to_owned(),
        };
        self.add(format!(
            "{} {} {more}",
            call.end.label(),
            call.provider.name
        ));
    }

    fn decided(&self, decision: &Decision<'_>) {
        let Decision {
            provider,
            capability,
            target,
            denied,
            ..
        } = decision;
        let denied = denied.map_or("allowed", |reason| reason.label());
        self.add(format!("{provider} {capability} {target} {denied}"));
    }
}

fn observed() -> (Arc<Lines>, Runtime) {
    let lines = Arc::new(Lines::default());
    let runtime = builder()
        .interface("acme:clock/sleep@0.1.0", clock)
        .observer(Arc::clone(&lines))
        .build();
    (lines, runtime)
}

#[test]
fn a_load_is_told_whether_or_not_it_succeeds() {
    let (lines, runtime) = observed();
    let runtime = blocking::Runtime::from(runtime);
    let echo = source("echo");
    runtime.load(&echo, &policy("")).unwrap();
    assert_eq!(lines.take(), [format!("loaded echo {}", echo.digest())]);
    assert!(runtime.load(&source("checksums"), &policy("")).is_err());
    let told = lines.take();
    assert!(
        told.len() == 1 && told[0].starts_with("not loaded checksums 3 imports not granted"),
        "{told:?}"
    );
}

#[test]
fn a_call_is_told_at_its_start_and_its_end_whatever_that_is() {
    let (lines, runtime) = observed();
    let runtime = blocking::Runtime::from(runtime);
    let hostile = runtime
        .load(
            &source("hostile"),
            &policy(&format!("{ALL}\nlimits.deadline = '50ms'")),
        )
        .unwrap();
    lines.take();
    let mut session = hostile.session();
    session.run(b"ping").unwrap();
    session.run(b"read-file data README.txt").unwrap();
    session.run(b"path-escape ../secret").unwrap();
    session.run(b"spin").unwrap();
    assert!(matches!(session.run(b"ping"), Err(CallError::Ended)));
    let told = lines.take();
    let starts = told
        .iter()
        .filter(|line| *line == "started hostile")
        .count();
    assert_eq!(starts, 5, "{told:?}");
    let ends: Vec<&str> = told
        .iter()
        .filter_map(|line| line.split_once(" hostile ").map(|(label, _)| label))
        .collect();
    assert_eq!(
        ends,
        ["returned", "returned", "returned", "faulted", "error"],
        "{told:?}"
    );
    let decisions: Vec<&String> = told
        .iter()
        .filter(|line| line.starts_with("hostile files"))
        .collect();
    assert_eq!(
        decisions,
        [
            "hostile files data/README.txt allowed",
            "hostile files data/../secret outside-root"
        ]
    );
}

#[test]
fn a_call_that_is_dropped_is_told_as_that() {
    let (lines, runtime) = observed();
    let policy = policy(&format!("{CLOCK}\nlimits.deadline = '10s'"));
    wait(async {
        let sleeper = runtime.load(&source("sleeper"), &policy).await.unwrap();
        lines.take();
        let mut session = sleeper.session();
        let call = session.wave("once(8000)");
        assert!(
            tokio::time::timeout(Duration::from_millis(20), call)
                .await
                .is_err()
        );
    });
    assert_eq!(lines.take(), ["started sleeper", "dropped sleeper -"]);
}

/// Panics in whatever it is told.
struct Clumsy;

impl Observer for Clumsy {
    fn loaded(&self, _: &Loaded<'_>) {
        panic!("loaded");
    }

    fn call_started(&self, _: &Arc<ProviderInfo>) {
        panic!("started");
    }

    fn call_ended(&self, _: &CallEnded<'_>) {
        panic!("ended");
    }

    fn decided(&self, _: &Decision<'_>) {
        panic!("decided");
    }
}

#[test]
fn an_observer_that_panics_changes_nothing() {
    let runtime = blocking::Runtime::from(builder().observer(Clumsy).build());
    let hostile = runtime.load(&source("hostile"), &policy(ALL)).unwrap();
    let mut session = hostile.session();
    let report = session.run(b"path-escape ../secret").unwrap();
    assert_eq!(report.denials.len(), 1);
    let report = session.run(b"path-escape ../secret").unwrap();
    assert_eq!(report.denials.len(), 1);
}
