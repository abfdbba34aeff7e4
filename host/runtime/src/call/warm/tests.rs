//! The thread, the instances that it makes, and calls that need their slots.

use tollgate_component::Source;
use tollgate_policy::Policy;

use super::*;
use crate::blocking;

fn load(wat: &str) -> Provider {
    load_by(&blocking::Runtime::new(), wat)
}

fn load_by(runtime: &blocking::Runtime, wat: &str) -> Provider {
    load_under(runtime, "limits.fuel = 1_000_000", wat)
}

fn load_under(runtime: &blocking::Runtime, policy: &str, wat: &str) -> Provider {
    let policy = Policy::parse(policy, std::path::Path::new(".")).unwrap();
    let source = Source::bytes("guest", wat::parse_str(wat).unwrap());
    let provider = runtime.load(&source, &policy).unwrap();
    provider.as_async().clone()
}

/// Waits for something that the thread does, which is not that it drops what is idle.
fn until(is_done: impl Fn() -> bool) {
    let end = Instant::now() + IDLE / 2;
    while !is_done() {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Start code without an end would take a processor for ever.
#[test]
fn faults_end_it() {
    let start = "(func $start (loop $l (br $l))) (start $start)";
    let provider = load(&format!(
        "(component (core module $m {start}) (core instance (instantiate $m)))"
    ));
    let provider = provider.warm(1);
    let warm = provider.warm.as_ref().unwrap();
    until(|| warm.failures.load(Ordering::Relaxed) == FAILURES);
    std::thread::sleep(ACTIVE);
    assert_eq!(warm.failures.load(Ordering::Relaxed), FAILURES);
}

/// It ends, and would keep instances of other providers waiting.
#[test]
fn slow_start_code_is_left_to_the_call() {
    let start = "(func $start (local $i i32) (loop $l
        (br_if $l (i32.ne (i32.const 300_000_000)
            (local.tee $i (i32.add (local.get $i) (i32.const 1)))))))
        (start $start)";
    let wat = format!("(component (core module $m {start}) (core instance (instantiate $m)))");
    let policy = "limits.fuel = 100_000_000_000";
    let provider = load_under(&blocking::Runtime::new(), policy, &wat).warm(1);
    let warm = provider.warm.as_ref().unwrap();
    until(|| {
        assert_eq!(provider.warm_count(), 0);
        warm.activate();
        warm.failures.load(Ordering::Relaxed) == FAILURES
    });
}

#[test]
fn none_are_kept_without_calls() {
    let provider = load("(component)").warm(1);
    let warm = provider.warm.as_ref().unwrap();
    until(|| provider.warm_count() == 1);
    let long_ago = Instant::now().checked_sub(IDLE).unwrap();
    *lock(&warm.seen) = (0, long_ago);
    warm.activate();
    until(|| provider.warm_count() == 0);
    // A call brings them back.
    drop(warm.take());
    until(|| provider.warm_count() == 1);
}
/// One that is ready when a call already waits, since it was on its way when the call looked for it.
#[test]
fn one_that_comes_late_gives_way_to_a_call() {
    let runtime = crate::Runtime::builder().concurrency(4).build();
    let runtime = blocking::Runtime::from(runtime);
    let exports =
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
        (func (export \"f\") (canon lift (core func $i \"f\"))))";
    let provider = load_by(&runtime, exports).warm(1);
    let other = blocking::Provider::from(load_by(&runtime, exports));
    until(|| provider.warm_count() == 1);
    let warm = provider.warm.as_ref().unwrap();
    let live = warm.take().unwrap();
    let mut held: Vec<_> = (0..3).map(|_| other.session()).collect();
    for session in &mut held {
        session.wave("f()").unwrap();
    }
    let third = blocking::Provider::from(load_by(&runtime, exports));
    let waits = std::thread::spawn(move || third.session().wave("f()").is_ok());
    until(|| provider.shared.host().admission.is_waited_for());
    lock(&warm.ready).push(live);
    warm.activate();
    until(|| provider.warm_count() == 0);
    drop(held);
    assert!(waits.join().unwrap());
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the embedder's own mistake");
    }
}

#[test]
fn data_that_panics_when_it_is_dropped_ends_nothing() {
    let provider = load(
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
        (func (export \"f\") (canon lift (core func $i \"f\"))))",
    );
    let provider = blocking::Provider::from(provider.warm(1));
    for _ in 0..2 {
        until(|| provider.warm_count() == 1);
        let mut session = provider.session().with_data(Bomb);
        session.wave("f()").unwrap();
        drop(session);
        std::thread::sleep(Duration::from_millis(25));
    }
}
