//! Waiting, in the host and for it: A21-sleep and A49-many-calls to A51-host-panic.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tollgate::{CallError, Provider};

use crate::attack_case::{Case, Row};
use support::clock::{CLOCK, SLEEPING, clock};
use support::harness::{load, policy, source};

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "A21-sleep",
        attack: "sleep past the deadline",
        cases: || {
            let policy = format!("{CLOCK}\nlimits.deadline = \"40ms\"");
            ["once(8000)", "again(15)", "block-again(30)"]
                .into_iter()
                .map(|call| Case::wave("deadline", "sleeper", &policy, call))
                .collect()
        },
    },
    Row {
        id: "A49-many-calls",
        attack: "10,000 calls at once",
        cases: || vec![Case::new("busy", |_| many_at_once())],
    },
    Row {
        id: "A50-cancellation",
        attack: "cancelled in a host call",
        cases: || {
            let provider = load("sleeper", CLOCK).as_async().clone();
            vec![Case::new("cancelled", move |_| wait(cancelled(&provider)))]
        },
    },
    Row {
        id: "A51-host-panic",
        attack: "a host import panics",
        cases: || vec![Case::wave("host-error", "sleeper", CLOCK, "panic()")],
    },
];

pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    tokio.unwrap().block_on(work)
}

/// As many calls as a provider has places and room to wait are served, the others turned away.
fn many_at_once() -> String {
    static PROVIDER: OnceLock<Provider> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| {
        let builder = support::harness::builder().concurrency(64).queue(1_000);
        let runtime = builder
            .interface("acme:clock/sleep@0.1.0", clock)
            .unwrap()
            .build();
        wait(runtime.load(&source("sleeper"), &policy(CLOCK))).unwrap()
    });
    wait(async {
        let call = |provider: Provider| async move { provider.session().wave("once(5)").await };
        let calls: Vec<_> = (0..10_000)
            .map(|_| tokio::spawn(call(provider.clone())))
            .collect();
        let (mut served, mut busy) = (0, 0);
        for call in calls {
            match call.await.unwrap() {
                Ok(report) if report.outcome.fault().is_none() => served += 1,
                Err(CallError::Busy) => busy += 1,
                other => return format!("{other:?}"),
            }
        }
        match (served, busy) {
            // Three quarters of the places and of the queue are one provider's.
            (798, 9_202) => "busy".to_owned(),
            other => format!("served, busy: {other:?}"),
        }
    })
}

/// Dropped while it sleeps in the host, a call takes the sleep and its store along.
async fn cancelled(provider: &Provider) -> String {
    let mut session = provider.session();
    let call = session.wave("once(60000)");
    if tokio::time::timeout(Duration::from_millis(10), call)
        .await
        .is_ok()
    {
        return "did not wait".to_owned();
    }
    // Nothing is awaited in between: it is gone already.
    match (SLEEPING.load(Ordering::SeqCst), session.is_alive()) {
        (0, false) => "cancelled".to_owned(),
        other => format!("sleeping, alive: {other:?}"),
    }
}
