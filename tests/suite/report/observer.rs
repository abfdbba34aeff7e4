//! The observer of a runtime: told of each load, call and decision, for each behaviour of a guest and each end of a
//! call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate::observe::{CallEnd, CallEnded, CallStarted, Decision, Loaded, Observer};
use tollgate::{CallError, Runtime, blocking};

use support::clock::{CLOCK, clock};
use support::harness::{ALL, builder, policy, source, wait};

/// Writes a line for each thing that it is told, of calls that are made one after the other.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>, AtomicU64);

impl Lines {
    fn begin(&self, call: u64) {
        assert_ne!(
            self.1.swap(call, Ordering::Relaxed),
            call,
            "each call has a number of its own"
        );
    }

    /// Ends and decisions have the number of the call that started last.
    fn is_of(&self, call: u64) {
        assert_eq!(self.1.load(Ordering::Relaxed), call);
    }

    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Observer for Lines {
    fn loaded(&self, load: &Loaded<'_>) {
        let name = load.component.name();
        self.add(match load.result {
            Ok(provider) => format!("loaded {name} {}", provider.info().digest),
            Err(error) => format!("not loaded {name} {error}"),
        });
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        self.begin(call.call);
        self.add(format!("started {}", call.provider.name));
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.is_of(call.call);
        let more = match call.end {
            CallEnd::Returned(usage) | CallEnd::Failed(usage) => {
                format!("{:?} bytes", usage.output_bytes)
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
        self.is_of(decision.call);
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
        .unwrap()
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
    let ping = session.run(b"ping").unwrap().usage.output_bytes;
    session.run(b"read-file data README.txt").unwrap();
    let failed = session.run(b"x").unwrap().usage.output_bytes;
    session.run(b"path-escape ../secret").unwrap();
    session.run(b"spin").unwrap();
    assert!(matches!(session.run(b"ping"), Err(CallError::Ended)));
    let told = lines.take();
    let bytes = |line: &str| {
        line.split_once(" Some(")
            .map_or(line.to_owned(), |(label, _)| label.to_owned())
    };
    let shape: Vec<String> = told.iter().map(|line| bytes(line)).collect();
    let ended = CallError::Ended.to_string();
    assert_eq!(
        shape,
        [
            "started hostile",
            "returned hostile",
            "started hostile",
            "hostile files data/README.txt allowed",
            "returned hostile",
            "started hostile",
            "failed hostile",
            "started hostile",
            "hostile files data/../secret outside-root",
            "returned hostile",
            "started hostile",
            "faulted hostile deadline",
            "started hostile",
            &format!("error hostile {ended}"),
        ]
    );
    assert_eq!(told[1], format!("returned hostile {ping:?} bytes"));
    assert_eq!(told[6], format!("failed hostile {failed:?} bytes"));
    assert!(ping.is_some() && failed.is_some());
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

/// Panics in each of its functions, and counts.
#[derive(Default)]
struct Clumsy(AtomicU64);

impl Clumsy {
    fn stumble(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("an observer stumbles");
    }
}

impl Observer for Clumsy {
    fn loaded(&self, _: &Loaded<'_>) {
        self.stumble();
    }

    fn call_started(&self, _: &CallStarted<'_>) {
        self.stumble();
    }

    fn call_ended(&self, _: &CallEnded<'_>) {
        self.stumble();
    }

    fn decided(&self, _: &Decision<'_>) {
        self.stumble();
    }
}

#[test]
fn an_observer_that_panics_changes_nothing() {
    let clumsy = Arc::new(Clumsy::default());
    let runtime = blocking::Runtime::from(builder().observer(Arc::clone(&clumsy)).build());
    let hostile = runtime.load(&source("hostile"), &policy(ALL)).unwrap();
    let mut session = hostile.session();
    let report = session.run(b"path-escape ../secret").unwrap();
    assert_eq!(report.denials.len(), 1);
    let report = session.run(b"path-escape ../secret").unwrap();
    assert_eq!(report.denials.len(), 1);
    // A load, and two calls with a start, a decision and an end each.
    assert_eq!(clumsy.0.load(Ordering::Relaxed), 7);
}
