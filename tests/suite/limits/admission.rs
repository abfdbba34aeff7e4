//! A49-many-calls: more calls than there is room for wait or are turned away, and nothing else breaks.

use std::time::Duration;

use tollgate::{CallError, Outcome, Provider, Runtime, Source};

use support::harness::{alone, policy, source, wait};
use support::invariant;

const SLEEPER: &str = "grants.interfaces = [\"acme:clock/sleep@0.1.0\"]";

fn runtime(guests: u32, waiting: u32) -> Runtime {
    support::harness::builder()
        .concurrency(guests)
        .queue(waiting)
        .interface("acme:clock/sleep@0.1.0", support::clock::clock)
        .unwrap()
        .build()
}

async fn sleeper(runtime: &Runtime, more: &str) -> Provider {
    let policy = policy(&format!("{SLEEPER}\n{more}"));
    runtime.load(&source("sleeper"), &policy).await.unwrap()
}

/// Calls the guest, which sleeps in the host for so long.
async fn sleep(provider: Provider, millis: u32) -> Result<bool, CallError> {
    let call = format!("once({millis})");
    let report = provider.session().wave(&call).await?;
    Ok(matches!(report.outcome, Outcome::Returned(_)))
}

async fn all(provider: &Provider, calls: usize, millis: u32) -> (usize, usize) {
    let calls: Vec<_> = (0..calls)
        .map(|_| tokio::spawn(sleep(provider.clone(), millis)))
        .collect();
    let (mut done, mut busy) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(true) => done += 1,
            Err(CallError::Busy) => busy += 1,
            other => panic!("{other:?}"),
        }
    }
    (done, busy)
}

#[test]
fn calls_over_the_queue_are_turned_away_and_the_rest_served() {
    wait(async {
        let provider = sleeper(&runtime(2, 3), "").await;
        assert_eq!(all(&provider, 10, 20).await, (5, 5));
        // Afterwards there is room again.
        assert_eq!(all(&provider, 5, 1).await, (5, 0));
    });
}

#[test]
fn ten_thousand_calls_at_once_break_nothing() {
    let _alone = alone();
    let provider = wait(sleeper(&runtime(64, 1_000), ""));
    // A provider has three quarters of 64 slots and of 1,000 places in the queue. No call ends before the last has come.
    invariant::holds(|| assert_eq!(wait(all(&provider, 10_000, 20)), (798, 9_202)));
}

/// The deadline is from the call to its result, in the queue as anywhere.
#[test]
fn a_call_waits_no_longer_than_its_deadline() {
    wait(async {
        let runtime = runtime(1, 10);
        let patient = sleeper(&runtime, "").await;
        let hasty = sleeper(&runtime, "limits.deadline = \"20ms\"").await;
        let long = tokio::spawn(sleep(patient.clone(), 300));
        tokio::task::yield_now().await;
        assert!(matches!(sleep(hasty, 1).await, Err(CallError::Busy)));
        assert!(long.await.unwrap().unwrap());
    });
}

#[test]
fn who_gives_up_waiting_leaves_its_place() {
    wait(async {
        let provider = sleeper(&runtime(1, 1), "").await;
        let long = tokio::spawn(sleep(provider.clone(), 200));
        tokio::task::yield_now().await;
        let mut session = provider.session();
        for _ in 0..5 {
            let call = session.wave("once(1)");
            let gave_up = tokio::time::timeout(Duration::from_millis(5), call).await;
            assert!(gave_up.is_err());
        }
        assert!(long.await.unwrap().unwrap());
        // It was never begun, so it can still be called.
        assert!(session.wave("once(1)").await.is_ok());
    });
}

/// Guests that the pool cannot hold are counted like the others.
#[test]
fn guests_outside_of_the_pool_are_counted() {
    wait(async {
        let outside = "limits.table-elements = 2_000_000";
        let provider = sleeper(&runtime(2, 0), outside).await;
        assert_eq!(all(&provider, 10, 20).await, (2, 8));
    });
}

#[test]
fn a_runtime_has_no_more_places_than_the_kernel_has_maps() {
    let maps = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let maps: u32 = maps.trim().parse().unwrap();
    assert_eq!(runtime(5, 0).concurrency(), 5);
    assert!(runtime(u32::MAX, 0).concurrency() < maps / 6);
}

/// A guest of many memories takes a quarter of the places: it runs beside others, and they beside it.
#[test]
fn a_heavy_guest_is_let_in_beside_others() {
    let heavy = format!(
        "(component (core module $m (memory 1)) {} (core module $main (func (export \"attack\")))
            (core instance $main (instantiate $main))
            (func (export \"attack\") (canon lift (core func $main \"attack\"))))",
        "(core instance (instantiate $m))".repeat(200)
    );
    let heavy = Source::bytes("heavy", wat::parse_str(heavy).unwrap());
    wait(async {
        let runtime = runtime(8, 0);
        let light = sleeper(&runtime, "").await;
        let heavy = runtime.load(&heavy, &policy("")).await.unwrap();
        let sleeping = tokio::spawn(sleep(light.clone(), 200));
        tokio::task::yield_now().await;
        let report = heavy.session().wave("attack()").await.unwrap();
        assert_eq!(report.outcome.label(), "returned");
        assert!(sleep(light, 1).await.unwrap());
        assert!(sleeping.await.unwrap().unwrap());
    });
}
