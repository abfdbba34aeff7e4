//! Instances made ahead of the calls that take them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tollgate::blocking::{self, Provider};
use tollgate::observe::{Decision, Observer};
use tollgate::{Runtime, Source};

use support::harness::{builder, counts_fuel, policy, source};

/// Waits until as many instances are ready.
fn wait_for(provider: &Provider, count: usize) {
    let end = Instant::now() + Duration::from_secs(20);
    while provider.warm_count() != count {
        assert!(Instant::now() < end, "{} are ready", provider.warm_count());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether one is made ahead, in a time in which it is if it ever will be.
pub(super) fn is_ready(provider: &Provider) -> bool {
    let end = Instant::now() + Duration::from_millis(500);
    while provider.warm_count() == 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    provider.warm_count() > 0
}

fn load(runtime: &Runtime, guest: &str, text: &str) -> Provider {
    let runtime = blocking::Runtime::from(runtime.clone());
    runtime.load(&source(guest), &policy(text)).unwrap()
}

fn next(provider: &Provider) -> String {
    let report = provider.session().wave("next()").unwrap();
    report.outcome.returned().unwrap()
}

/// Each call takes one, and finds nothing that another call has left.
#[test]
fn a_call_takes_an_instance_that_no_other_had() {
    let provider = load(&builder().build(), "counter", "").warm(2);
    for _ in 0..20 {
        wait_for(&provider, 2);
        let mut session = provider.session();
        let taken =
            |session: &mut blocking::Session| session.wave("next()").unwrap().outcome.returned();
        assert_eq!(taken(&mut session).as_deref(), Some("1"));
        // The session keeps it.
        assert_eq!(taken(&mut session).as_deref(), Some("2"));
    }
    // More than there are make their own.
    let mut sessions: Vec<_> = (0..10).map(|_| provider.session()).collect();
    for session in &mut sessions {
        assert_eq!(
            session
                .wave("next()")
                .unwrap()
                .outcome
                .returned()
                .as_deref(),
            Some("1")
        );
    }
}

/// The budget of the call that takes it pays for it.
#[test]
fn an_instance_costs_the_call_that_takes_it_what_it_cost() {
    let counts = "(component
        (core module $m
            (memory 1)
            (func $start (local $i i32)
                (drop (memory.grow (i32.const 1)))
                (loop $l (br_if $l (i32.lt_u
                    (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                    (i32.const 10_000)))))
            (start $start)
            (func (export \"f\")))
        (core instance $i (instantiate $m))
        (func (export \"f\") (canon lift (core func $i \"f\"))))";
    let counts = Source::bytes("counts", wat::parse_str(counts).unwrap());
    let runtime = blocking::Runtime::from(builder().build());
    let cold = runtime.load(&counts, &policy("")).unwrap();
    let warm = cold.warm(1);
    wait_for(&warm, 1);
    let [cold, warm] = [cold, warm].map(|provider| provider.session().wave("f()").unwrap().usage);
    assert!(cold.fuel > 10_000 || !counts_fuel());
    assert_eq!(warm.fuel, cold.fuel);
    assert_eq!(warm.memory_peak, cold.memory_peak);
    assert_eq!(warm.host_memory_peak, cold.host_memory_peak);
}

#[derive(Default)]
struct Decided(Mutex<Vec<String>>);

impl Observer for Decided {
    fn decided(&self, decision: &Decision<'_>) {
        self.0.lock().unwrap().push(decision.target.to_owned());
    }
}

/// A guest acts in calls only.
#[test]
fn start_code_that_calls_the_host_is_not_run_ahead() {
    let decided = Arc::new(Decided::default());
    let runtime = builder().observer(Arc::clone(&decided)).build();
    let text = "grants.config = {}\nlimits.host-calls = 100";
    let provider = load(&runtime, "start-host-call", text).warm(1);
    assert!(!is_ready(&provider));
    assert_eq!(*decided.0.lock().unwrap(), [""; 0]);
    let report = provider.session().wave("attack()").unwrap();
    assert_eq!(report.outcome.fault().unwrap().label(), "host-calls");
    assert_eq!(decided.0.lock().unwrap().len(), 100);
}

/// Slots are for calls first.
#[test]
fn an_instance_that_waits_gives_its_slot_to_a_call() {
    let runtime = builder().concurrency(4).queue(0).build();
    let warm = load(&runtime, "counter", "").warm(1);
    wait_for(&warm, 1);
    let [other, third] = ["echo", "counter"].map(|guest| load(&runtime, guest, ""));
    let mut held: Vec<_> = (0..3).map(|_| other.session()).collect();
    for session in &mut held {
        session.run(b"").unwrap();
    }
    assert_eq!(warm.warm_count(), 1);
    assert_eq!(next(&third), "1");
    assert_eq!(warm.warm_count(), 0);
    drop(held);
}

/// However many providers have them made.
#[test]
fn instances_that_wait_leave_half_of_the_slots() {
    let runtime = builder().concurrency(8).build();
    let providers: Vec<_> = (0..4)
        .map(|_| load(&runtime, "counter", "").warm(100))
        .collect();
    let count = || providers.iter().map(Provider::warm_count).sum::<usize>();
    let end = Instant::now() + Duration::from_secs(20);
    while count() < 4 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(count(), 4);
    assert!(providers.iter().all(|provider| provider.warm_count() <= 2));
}

/// They have the limits and the grants of the provider that they were made for.
#[test]
fn another_provider_has_none() {
    let provider = load(&builder().build(), "counter", "").warm(1);
    wait_for(&provider, 1);
    let limits = provider.as_async().limits().clone();
    for other in [
        provider.with_limits(limits).unwrap(),
        provider.with_policy(&policy("")).unwrap(),
        provider.on_own_engine().unwrap(),
        provider.warm(0),
    ] {
        assert!(!is_ready(&other));
        assert_eq!(next(&other), "1");
    }
    assert_eq!(provider.warm_count(), 1);
}

/// The same call with and without an instance made ahead. `host-memory` counts the arguments as held while start code ran, and a
/// denial of growth in it explains a later trap.
#[test]
fn a_call_ends_the_same_way_with_an_instance_made_ahead() {
    let refused = "(component
        (core module $m
            (memory 1)
            (func $start (drop (memory.grow (i32.const 100))))
            (start $start)
            (func (export \"f\") unreachable))
        (core instance $i (instantiate $m))
        (func (export \"f\") (canon lift (core func $i \"f\"))))";
    let refused = Source::bytes("refused", wat::parse_str(refused).unwrap());
    let runtime = blocking::Runtime::from(builder().build());
    let small = policy("limits.memory = \"64KiB\"");
    let tight = policy("limits.host-memory = \"1MiB\"\nlimits.host-data = \"1MiB\"");
    let input = vec![b'a'; 1 << 20];
    type Call<'a> = &'a dyn Fn(&mut blocking::Session) -> Json;
    let calls: [(_, _, Call<'_>, _); 2] = [
        (
            &refused,
            &small,
            &|session| session.wave("f()").unwrap().to_json(),
            "memory",
        ),
        (
            &source("echo"),
            &tight,
            &|session| session.run(&input).unwrap().to_json(),
            "host-memory",
        ),
    ];
    for (source, policy, call, kind) in calls {
        let cold = runtime.load(source, policy).unwrap();
        let warm = cold.warm(1);
        wait_for(&warm, 1);
        let [cold, warm] = [cold, warm].map(|provider| {
            let mut json = call(&mut provider.session());
            let usage = json["usage"].as_object_mut().unwrap();
            usage.retain(|name, _| !name.ends_with("_us"));
            json
        });
        assert_eq!(cold["fault"]["kind"], kind, "{cold}");
        assert_eq!(warm, cold);
    }
}

/// Threads of this process that make instances ahead.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.trim() == "tollgate-warm").count()
}

fn wait_for_threads(count: usize) {
    let end = Instant::now() + Duration::from_secs(20);
    while threads() != count {
        assert!(Instant::now() < end, "{} threads", threads());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// With nothing to look at, it sleeps until there is a call, and wakes when there is none to come.
#[test]
fn the_thread_ends_with_its_runtime() {
    // Those of tests before this one end by themselves.
    wait_for_threads(0);
    let provider = load(&builder().build(), "start-host-call", "grants.config = {}").warm(1);
    wait_for_threads(1);
    // Three faults, and a while without a call.
    assert!(!is_ready(&provider));
    drop(provider);
    wait_for_threads(0);
}

/// The slots of a provider are for its calls first.
#[test]
fn an_instance_that_waits_gives_its_part_to_a_call_of_its_provider() {
    let runtime = builder().concurrency(4).queue(0).build();
    let cold = load(&runtime, "counter", "");
    let warm = cold.warm(1);
    wait_for(&warm, 1);
    // The part is three of four, and each clone has the same.
    let limits = cold.as_async().limits().clone();
    let other = cold.with_limits(limits).unwrap();
    let mut sessions: Vec<_> = (0..3).map(|_| other.session()).collect();
    for session in &mut sessions {
        assert!(session.wave("next()").unwrap().outcome.returned().is_some());
    }
    assert_eq!(warm.warm_count(), 0);
}
