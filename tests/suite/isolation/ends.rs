//! The end of a process: by a crash, by the end of its provider, by a call that was given up.

use std::time::{Duration, Instant};

use support::cli::tollgate;
use support::harness::{alone, policy, source, wait};
use support::invariant;
use support::processes::{children, cpu_time, crash, is_gone, send, until};
use tollgate::blocking::{Provider, Runtime};
use tollgate::{CallError, Outcome};

use super::{isolating, load, runtime};

fn processes() -> Vec<u32> {
    children(std::process::id())
}

/// The only child of this test.
fn process() -> u32 {
    let children = processes();
    assert_eq!(children.len(), 1, "{children:?}");
    children[0]
}

#[test]
fn a_process_starts_with_the_first_call_and_ends_with_its_provider() {
    let _alone = alone();
    let provider = load("counter", "");
    let mut session = provider.session();
    assert!(processes().is_empty());
    session.wave("next()").unwrap();
    let first = process();
    provider.session().wave("next()").unwrap();
    assert_eq!(process(), first, "sessions share it");
    drop(provider);
    session.wave("next()").unwrap();
    assert_eq!(process(), first, "a session keeps it");
    drop(session);
    until("ended", || processes().is_empty());
}

/// A thread that called first may end: the kernel ends a process with the thread that started it.
#[test]
fn a_process_outlives_the_thread_that_called_first() {
    let _alone = alone();
    let provider = load("counter", "");
    let first = provider.clone();
    std::thread::spawn(move || first.session().wave("next()").unwrap())
        .join()
        .unwrap();
    let process = process();
    std::thread::sleep(Duration::from_millis(50));
    provider.session().wave("next()").unwrap();
    assert!(!is_gone(process));
}

#[test]
fn a_crash_ends_its_sessions_and_nothing_else() {
    let _alone = alone();
    let (provider, other) = (load("counter", ""), load("echo", ""));
    let mut idle = provider.session();
    idle.wave("next()").unwrap();
    let crashed = process();
    other.session().run(b"").unwrap();
    let calls = std::thread::spawn({
        let provider = provider.clone();
        move || provider.session().wave("work(4000000000)").unwrap()
    });
    until("busy", || cpu_time(crashed) > Duration::from_millis(50));
    crash(crashed);
    let report = calls.join().unwrap();
    let fault = report.outcome.fault().unwrap().clone();
    assert_eq!(fault.label(), "crash");
    assert!(fault.to_string().contains("signal 11"), "{fault}");
    assert_eq!(report.to_json()["fault"]["signal"], 11);
    // The report is read back as it was written.
    let text = report.to_json().to_string();
    let read: tollgate::Report<(), tollgate::report::ReportedError> =
        serde_json::from_str(&text).unwrap();
    assert_eq!(read.outcome.fault(), Some(&fault));
    // A session that was idle is told at its next call, and is over.
    let report = idle.wave("next()").unwrap();
    assert_eq!(report.outcome.fault().unwrap().label(), "crash");
    assert!(matches!(idle.wave("next()"), Err(CallError::Ended)));
    // Other providers continue, and the next session has another process.
    assert_eq!(
        other.session().run(b"on").unwrap().outcome.returned(),
        Some(b"on".to_vec())
    );
    let next = provider.session().wave("next()").unwrap();
    assert_eq!(next.outcome, Outcome::Returned("1".to_owned()));
    assert!(processes().iter().all(|process| *process != crashed));
}

/// A call that is dropped is ended there, and its slot is free.
#[test]
fn a_dropped_call_ends_the_work_of_its_guest() {
    let _alone = alone();
    let runtime: Runtime = isolating(tollgate()).concurrency(1).build().into();
    let limits = "limits.fuel = 1_000_000_000_000\nlimits.deadline = \"60s\"";
    let provider = runtime.load(&source("counter"), &policy(limits)).unwrap();
    let provider = provider.as_async();
    wait(async {
        provider.session().wave("next()").await.unwrap();
        let process = process();
        let mut session = provider.session();
        let call = session.wave("work(4000000000)");
        let waited = tokio::time::timeout(Duration::from_millis(200), call).await;
        assert!(waited.is_err());
        assert!(!session.is_alive());
        assert!(matches!(
            session.wave("next()").await,
            Err(CallError::Ended)
        ));
        // There is one slot: it is given back.
        provider.session().wave("next()").await.unwrap();
        let before = cpu_time(process);
        std::thread::sleep(Duration::from_millis(300));
        let worked = cpu_time(process) - before;
        assert!(worked < Duration::from_millis(100), "{worked:?}");
    });
}

/// A call that is dropped while its process still starts.
#[test]
fn a_call_may_be_dropped_before_its_process_is_there() {
    let _alone = alone();
    let provider = load("counter", "");
    let provider = provider.as_async();
    wait(async {
        let mut session = provider.session();
        let call = session.wave("next()");
        let waited = tokio::time::timeout(Duration::from_micros(1), call).await;
        assert!(waited.is_err());
        let report = provider.session().wave("next()").await.unwrap();
        assert_eq!(report.outcome, Outcome::Returned("1".to_owned()));
    });
}

/// A process that does not answer is killed a second after the deadline, and the fault is the deadline's.
#[test]
fn a_process_that_stands_still_is_killed_after_the_deadline() {
    let _alone = alone();
    let provider = load("counter", "limits.deadline = \"300ms\"");
    provider.session().wave("next()").unwrap();
    let stopped = process();
    // The first session has ended there: one that does not is another reason to kill the process.
    std::thread::sleep(Duration::from_millis(200));
    send("STOP", stopped);
    let start = Instant::now();
    let report = provider.session().wave("next()").unwrap();
    let took = start.elapsed();
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    assert!(
        took > Duration::from_secs(1) && took < Duration::from_secs(8),
        "{took:?}"
    );
    until("killed", || is_gone(stopped));
    assert!(provider.session().wave("next()").is_ok());
}

/// A session whose call was dropped is ended within a second, or the process is: a place is not lost.
#[test]
fn a_process_that_does_not_end_a_session_is_killed() {
    let _alone = alone();
    let runtime: Runtime = isolating(tollgate()).concurrency(1).build().into();
    let provider = runtime.load(&source("counter"), &policy("")).unwrap();
    let mut session = provider.session();
    session.wave("next()").unwrap();
    let stopped = process();
    send("STOP", stopped);
    drop(session);
    let report = provider.session().wave("next()").unwrap();
    assert_eq!(report.outcome, Outcome::Returned("1".to_owned()));
    until("killed", || is_gone(stopped));
}

/// However often a process crashes, nothing of it is left.
#[test]
fn a_crash_leaves_nothing_behind() {
    let _alone = alone();
    let runtime = runtime();
    let counter = source("counter");
    invariant::holds(|| {
        let provider: Provider = runtime.load(&counter, &policy("")).unwrap();
        let mut session = provider.session();
        session.wave("next()").unwrap();
        crash(process());
        let report = session.wave("next()").unwrap();
        assert_eq!(report.outcome.fault().unwrap().label(), "crash");
        drop((session, provider));
        until("ended", || processes().is_empty());
    });
}
