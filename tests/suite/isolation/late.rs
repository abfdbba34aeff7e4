//! Late messages of a process about a session that has ended: noted while they can be honest, and bounded.

use std::sync::{Arc, Mutex};
use support::audit_log::heard;
use support::harness::{alone, policy, source};
use support::processes::{children, until};
use tempfile::TempDir;

use tollgate::CallError;
use tollgate::blocking::{Provider, Runtime};
use tollgate::observe::{Decision, Observer};

use super::isolating;
use super::liars::{liar, loaded};

/// Makes calls, each in a session of its own, which the process turns away and ends.
fn call(provider: &Provider, times: usize) {
    for _ in 0..times {
        let result = provider.session().run(b"input");
        assert!(matches!(result, Err(CallError::Busy)), "{result:?}");
    }
}

/// A job may continue after its session. Its decisions are noted as without a process, for the sessions that ended
/// last. A decision of an earlier session is dropped, and the process continues.
#[test]
fn a_late_decision_is_noted_and_no_lie() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let targets = Targets::default();
    let builder = isolating(liar(&folder, "late")).observer(targets.clone());
    let runtime: Runtime = builder.build().into();
    let provider = runtime.load(&source("echo"), &policy("")).unwrap();
    call(&provider, 1);
    let process = children(std::process::id());
    // The first session is decided on after each end: 64 times while it is remembered, and ten times after.
    call(&provider, 74);
    assert_eq!(children(std::process::id()), process);
    drop(provider);
    until("ended", || children(std::process::id()).is_empty());
    let late = || {
        let targets = targets.0.lock().unwrap();
        targets.iter().filter(|it| *it == "data/late").count()
    };
    // Messages of the process may still be on their way.
    until("noted", || late() >= 64);
    assert_eq!(late(), 64);
}

/// The targets of all decisions.
#[derive(Clone, Default)]
struct Targets(Arc<Mutex<Vec<String>>>);

impl Observer for Targets {
    fn decided(&self, decision: &Decision<'_>) {
        self.0.lock().unwrap().push(decision.target.to_owned());
    }
}

/// Whether it is remembered or not: of a session come no more decisions than its calls can make.
#[test]
fn late_decisions_are_no_more_than_a_call_can_make() {
    let _alone = alone();
    for (kind, calls) in [("late-for-ever", 1), ("late-for-ever-after", 71)] {
        let folder = TempDir::new().unwrap();
        let listener = heard(|| {
            let provider = loaded(&folder, kind, "limits.host-calls = 10");
            call(&provider, calls);
            until("killed", || children(std::process::id()).is_empty());
            call(&provider, 1);
            drop(provider);
            until("ended", || children(std::process::id()).is_empty());
        });
        let events = listener.take();
        let lost: Vec<_> = events
            .iter()
            .filter_map(|it| it.fields.get("how"))
            .collect();
        let why = "it tells of more decisions than a call can make";
        assert!(
            lost.first().is_some_and(|how| *how == why),
            "{kind}: {lost:?}"
        );
    }
}
