//! Waiting in a host function: a deadline reaches into it, a dropped call leaves nothing, a panic is the
//! host's own. A21-sleep, A50-cancellation and A51-host-panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tollgate::report::HostErrorReport;
use tollgate::{CallContext, CallError, Session, blocking};
use wasmtime::component::Linker;

use support::clock::{CLOCK, SLEEPING};
use support::harness::{ALL, alone, attack_by, in_time, load, policy, source, wait};
use support::invariant;

/// A21-sleep: one long sleep, and many short ones.
#[test]
fn a_deadline_reaches_into_host_calls() {
    let policy = format!("{CLOCK}\nlimits.deadline = \"40ms\"");
    for call in ["once(8000)", "again(15)"] {
        let start = Instant::now();
        attack_by("sleeper", call, &policy).faults("deadline");
        // Four attacks of 40 ms; the bound is loose, the machine is shared.
        assert!(start.elapsed() < Duration::from_secs(5), "{call}");
        assert_eq!(SLEEPING.load(Ordering::SeqCst), 0);
    }
}

/// A21-sleep: host functions that block their thread, as the embedder's may, end the call on their return;
/// the guest does not live to make the next.
#[test]
fn a_host_function_that_blocks_ends_a_late_call() {
    let policy = format!("{CLOCK}\nlimits.deadline = \"20ms\"\nlimits.host-calls = 50");
    attack_by("sleeper", "block-again(30)", &policy).faults("deadline");
    let report = load("sleeper", &policy)
        .session()
        .wave("block-again(30)")
        .unwrap();
    assert_eq!(report.usage.host_calls, 1);
}

/// A20-bulk-memory: one bulk instruction cannot be interrupted, but the call fails after it.
#[test]
fn a_late_result_is_no_result() {
    let report = load("sleeper", &format!("{CLOCK}\nlimits.deadline = \"1ms\""))
        .session()
        .wave("fill()")
        .unwrap();
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
}

/// A guest that lives on host calls, and so never uses up a yield interval, still lets others run.
#[test]
fn a_guest_that_lives_on_host_calls_shares_its_thread() {
    let _alone = alone();
    let limits = "limits.host-calls = 4_000_000_000\nlimits.fuel = 1_000_000_000_000\nlimits.deadline = \"400ms\"";
    let provider = load("hostile", &format!("{ALL}\n{limits}"))
        .as_async()
        .clone();
    wait(async {
        let ticks = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&ticks);
        let clock = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        let report = provider.session().run(b"host-call-flood").await.unwrap();
        clock.abort();
        assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
        // 80 would be ideal; without yielding there are none.
        assert!(ticks.load(Ordering::SeqCst) >= 10, "{ticks:?}");
    });
}

/// A50-cancellation.
#[test]
fn a_dropped_call_takes_its_host_work_and_its_store_along() {
    let _alone = alone();
    let provider = load("sleeper", CLOCK).as_async().clone();
    let drop_it = async || {
        let data = Arc::new(());
        let mut session: Session = provider.session().with_data(Arc::clone(&data));
        {
            let call = session.wave("once(60000)");
            tokio::pin!(call);
            tokio::select! {
                _ = &mut call => panic!("it was to sleep for a minute"),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
            assert_eq!(SLEEPING.load(Ordering::SeqCst), 1);
            assert_eq!(Arc::strong_count(&data), 2, "the store holds the data");
        }
        assert_eq!(SLEEPING.load(Ordering::SeqCst), 0, "the host work is gone");
        assert_eq!(Arc::strong_count(&data), 1, "the store is gone");
        assert!(!session.is_alive());
        let again = session.wave("once(1)").await;
        assert!(matches!(again, Err(CallError::Ended)));
    };
    invariant::holds(|| wait(drop_it()));
}

/// A51-host-panic.
#[test]
fn a_panic_in_a_host_function_is_a_host_error() {
    let _alone = alone();
    let provider = load("sleeper", CLOCK);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut session = provider.session();
    let other = provider.session().wave("panic()").unwrap_err();
    let error = session.wave("panic()").unwrap_err();
    std::panic::set_hook(quiet);
    match &error {
        CallError::Host(host) => {
            assert!(
                !error.to_string().contains("hunter2"),
                "the caller learns an id"
            );
            assert!(host.detail().contains("hunter2"), "the operator learns all");
            let message = error.to_string();
            let begin = format!("the host failed (error {}); ", host.id());
            assert!(message.starts_with(&begin), "{message}");
            let report = HostErrorReport::new(provider.as_async().info(), host);
            let report = serde_json::to_value(report).unwrap();
            assert_eq!(report["outcome"], "host-error");
            assert_eq!(report["provider"]["name"], "sleeper");
            let shown = serde_json::json!({ "id": host.id(), "message": message });
            assert_eq!(report["host_error"], shown);
        }
        other => panic!("{other:?}"),
    }
    assert_ne!(error.to_string(), other.to_string(), "each has its number");
    assert!(
        matches!(session.wave("once(1)"), Err(CallError::Ended)),
        "never used again"
    );
    let report = provider.session().wave("once(1)").unwrap();
    assert!(report.outcome.fault().is_none(), "the next call succeeds");
}

#[test]
fn an_interface_of_the_embedders_needs_its_grant_too() {
    let refusal = support::harness::refused(&support::harness::source("sleeper"), "");
    assert_eq!(refusal.imports[0].judgement.label(), "denied");
    assert!(refusal.to_string().contains("interfaces"), "{refusal}");
}

#[test]
fn calls_of_the_embedders_interface_count_and_cost() {
    let policy = format!("{CLOCK}\nlimits.host-calls = 5");
    attack_by("sleeper", "again(0)", &policy).faults("host-calls");
}

/// The runtime of a thread is for tasks that end with their session, and not for tasks that outlast it.
#[test]
fn a_task_that_outlasts_its_session_holds_nobody_up() {
    let lasting = |linker: &mut Linker<CallContext>| {
        let mut interface = linker.instance("acme:clock/sleep@0.1.0")?;
        interface.func_wrap("sleep", |_, (_,): (u32,)| {
            tokio::spawn(std::future::pending::<()>());
            Ok(())
        })?;
        interface.func_wrap("block", |_, (_,): (u32,)| Ok(()))?;
        interface.func_wrap("panic", |_, (): ()| Ok(()))
    };
    let builder = support::harness::builder()
        .interface("acme:clock/sleep@0.1.0", lasting)
        .unwrap();
    let runtime = blocking::Runtime::from(builder.build());
    let tasks = in_time(move || {
        let provider = runtime.load(&source("sleeper"), &policy(CLOCK)).unwrap();
        let mut session = provider.session();
        session.wave("once(1)").unwrap();
        drop(session);
        blocking::alive_tasks()
    });
    assert_eq!(tasks, 1);
}
