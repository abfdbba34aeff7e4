//! Profiles: the same every time, of all fuel and of no more, true to the guest, and of a bounded size.

use tollgate::load::Unsupported;
use tollgate::profile::{Frame, Node};
use tollgate::report::Usage;
use tollgate::{LoadError, Metering, Profile, Runtime, Source, blocking};

use support::harness::{ALL, load, policy, source, wait};
use support::skip::fuel_is_counted;

/// A guest whose fuel is known: `work` uses three quarters in one function, `ask` pauses for a host call before a sample
/// is due, `paths` has a stack of its own for each number, and a name is hostile.
pub(crate) const GUEST: &str = r#"(component
    (import "tollgate:provider/config@0.1.0" (instance $config
        (export "get" (func (param "key" string) (result (option string))))))
    (core module $memory
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
    (core instance $mem (instantiate $memory))
    (core func $get (canon lower (func $config "get")
        (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
    (core module $m
        (import "host" "get" (func $get (param i32 i32 i32)))
        (func $turn (@name "turn <b>&amp;\1b[2J") (param i32)
            (loop $l
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if $l (local.get 0))))
        (func $hot (param i32) (call $turn (i32.mul (local.get 0) (i32.const 3))))
        (func $cold (param i32) (call $turn (local.get 0)))
        (func (export "work") (param i32)
            (loop $l
                (call $hot (i32.const 40))
                (call $cold (i32.const 40))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if $l (local.get 0))))
        (func $talk (call $get (i32.const 0) (i32.const 0) (i32.const 16)))
        (func (export "ask") (param i32)
            (loop $l
                (call $hot (i32.const 40))
                (call $talk)
                (drop (memory.grow $own (i32.const 0)))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if $l (local.get 0))))
        (memory $own 0)
        (func $fork (param i32)
            (if (local.get 0)
                (then
                    (call $fork (i32.sub (local.get 0) (i32.const 1)))
                    (call $other (i32.sub (local.get 0) (i32.const 1))))
                (else (call $turn (i32.const 500)))))
        (func $other (param i32) (call $fork (local.get 0)))
        (func (export "paths") (param i32) (call $fork (local.get 0)))
        (func $descend (param i32) (call $descend (i32.add (local.get 0) (i32.const 1)))
            (call $turn (i32.const 1)))
        (func (export "descend") (call $descend (i32.const 0)))
        (func (export "spin") (loop $l (br $l))))
    (core instance $i (instantiate $m (with "host" (instance (export "get" (func $get))))))
    (func (export "work") (param "turns" u32) (canon lift (core func $i "work")))
    (func (export "ask") (param "turns" u32) (canon lift (core func $i "ask")))
    (func (export "paths") (param "depth" u32) (canon lift (core func $i "paths")))
    (func (export "descend") (canon lift (core func $i "descend")))
    (func (export "spin") (canon lift (core func $i "spin"))))"#;

fn guest(limits: &str) -> blocking::Provider {
    let source = Source::bytes("profiled", wat::parse_str(GUEST).unwrap());
    let policy = policy(&format!("grants.config = {{}}\n{limits}"));
    support::harness::blocking().load(&source, &policy).unwrap()
}

/// The numbers of a call that are not times.
fn costs(usage: &Usage) -> [u64; 5] {
    [
        usage.fuel,
        usage.host_calls,
        usage.host_bytes,
        usage.memory_peak,
        usage.host_memory_peak,
    ]
}

/// The profile of a call, and the usage of it and of the same call without a profile.
fn profiled(provider: &blocking::Provider, call: &str) -> (Profile, Usage, Usage) {
    let profile = Profile::of(provider.as_async()).unwrap();
    let mut sessions = [
        blocking::Session::from(profile.session()),
        provider.session(),
    ];
    // A call of the world's `run` has no parentheses.
    let mut used = sessions.iter_mut().map(|session| match call.contains('(') {
        true => session.wave(call).unwrap().usage,
        false => session.run(call.as_bytes()).unwrap().usage,
    });
    (profile.clone(), used.next().unwrap(), used.next().unwrap())
}

/// The fuel of each frame itself.
fn own(profile: &Profile, frame: impl Fn(&Frame) -> bool) -> u64 {
    let nodes = profile.nodes();
    let own = nodes.iter().filter(|node| frame(&node.frame));
    own.map(|node| node.fuel).sum()
}

fn is_named(frame: &Frame, name: &str) -> bool {
    matches!(frame, Frame::Guest(found) if **found == *name)
}

/// The frames of a node, from the outermost on.
fn stack(nodes: &[Node], mut at: usize) -> Vec<String> {
    let mut stack = vec![nodes[at].frame.to_string()];
    while let Some(caller) = nodes[at].caller {
        at = caller;
        stack.push(nodes[at].frame.to_string());
    }
    stack.reverse();
    stack
}

#[test]
fn a_profile_has_all_fuel_and_a_profiled_call_uses_no_more() {
    if !fuel_is_counted() {
        return;
    }
    let small = |limits: &str| format!("{ALL}\n{limits}");
    let hostile = |limits: &str| load("hostile", &small(limits));
    let cases = [
        (guest(""), "work(1)"),
        (guest(""), "work(20000)"),
        (guest(""), "ask(300)"),
        (guest(""), "paths(12)"),
        (guest(""), "descend()"),
        (guest("limits.fuel = 3_000_000"), "work(20000)"),
        (guest("limits.fuel = 3_000_001"), "spin()"),
        (guest("limits.fuel = 600_000"), "ask(3000)"),
        (guest("limits.host-calls = 40"), "ask(300)"),
        (load("counter", ""), "work(3000000)"),
        (load("counter", "limits.fuel = 1"), "work(3000000)"),
        (load("transcode", ""), "pass(1, 0, 1, 1200, 300)"),
        (hostile("limits.fuel = 2_000_000"), "spin"),
        (hostile("limits.host-calls = 300"), "host-call-flood"),
        (hostile("limits.fuel = 20_000_000"), "hash-flood"),
        (hostile(""), "recurse"),
        (hostile(""), "touch 40"),
        (load("echo", ""), "hello"),
    ];
    for (provider, call) in cases {
        let (profile, with, without) = profiled(&provider, call);
        assert_eq!(costs(&with), costs(&without), "{call}");
        assert_eq!(profile.fuel(), without.fuel, "{call}");
        let rest = own(&profile, |frame| *frame == Frame::Rest);
        assert!(rest < 100_000, "{call}: {rest}");
    }
}

#[test]
fn two_profiles_of_a_call_are_the_same() {
    if !fuel_is_counted() {
        return;
    }
    for call in ["work(5000)", "ask(300)", "paths(10)"] {
        let nodes = || profiled(&guest(""), call).0.nodes();
        assert_eq!(nodes(), nodes());
    }
}

#[test]
fn the_fuel_is_at_the_function_that_used_it() {
    if !fuel_is_counted() {
        return;
    }
    let (profile, used, _) = profiled(&guest(""), "work(20000)");
    let nodes = profile.nodes();
    let of = |caller: &str| -> u64 {
        let below = (0..nodes.len()).filter(|at| stack(&nodes, *at).iter().any(|f| f == caller));
        below.map(|at| nodes[at].fuel).sum()
    };
    let (hot, cold) = (of("hot"), of("cold"));
    // Three quarters and a quarter of the turns, with a few units for each call.
    assert!(hot * 100 / used.fuel > 70, "{hot} of {}", used.fuel);
    assert!((20..30).contains(&(cold * 100 / used.fuel)), "{cold}");
    let turns = own(&profile, |frame| is_named(frame, "turn <b>&amp;\x1b[2J"));
    assert!(turns * 100 / used.fuel > 85, "{turns}");
}

/// Each host call fills the fuel of the store anew. Samples must not be put off by it, nor taken at host calls only.
#[test]
fn a_host_call_is_a_frame_with_its_price_and_hides_no_work() {
    if !fuel_is_counted() {
        return;
    }
    let (profile, used, _) = profiled(&guest(""), "ask(300)");
    let nodes = profile.nodes();
    let is_call = |node: &&Node| node.frame == Frame::Host("tollgate:provider/config@0.1.0");
    let calls: Vec<&Node> = nodes.iter().filter(is_call).collect();
    assert_eq!((calls.len(), used.host_calls), (1, 300));
    // Each has the same price, to the unit.
    let price = calls[0].fuel / 300;
    assert!(
        price >= 500 && calls[0].fuel == price * 300,
        "{}",
        calls[0].fuel
    );
    let caller = calls[0].caller.unwrap();
    assert_eq!(stack(&nodes, caller)[1..], ["talk"]);
    // 120 turns of 4 units or more for each host call.
    let turns = own(&profile, |frame| is_named(frame, "turn <b>&amp;\x1b[2J"));
    assert!(turns > 300 * 120 * 4 * 9 / 10, "{turns}");
}

/// The host holds a bounded number of frames, whatever the guest calls.
#[test]
fn a_profile_has_a_bounded_size() {
    if !fuel_is_counted() {
        return;
    }
    let (profile, used, _) = profiled(&guest(""), "paths(14)");
    let nodes = profile.nodes();
    assert!((8_192..8_300).contains(&nodes.len()), "{}", nodes.len());
    assert!(profile.merged() > 0 && profile.merged() < used.fuel);
    let (profile, ..) = profiled(&guest(""), "descend()");
    let nodes = profile.nodes();
    let deepest = (0..nodes.len()).map(|at| stack(&nodes, at).len()).max();
    assert_eq!(deepest, Some(128));
    assert!(nodes.iter().any(|node| node.frame == Frame::Outer));
}

/// The deadline is looked at while samples are taken.
#[test]
fn a_profiled_call_meets_its_deadline() {
    if !fuel_is_counted() {
        return;
    }
    let provider = guest("limits.fuel = 20_000_000_000\nlimits.deadline = \"50ms\"");
    let profile = Profile::of(provider.as_async()).unwrap();
    let mut session = blocking::Session::from(profile.session());
    let report = session.wave("spin()").unwrap();
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    assert!(report.usage.elapsed < std::time::Duration::from_secs(1));
    assert_eq!(profile.fuel(), report.usage.fuel);
}

/// The trace of a fault is as long as that of any call.
#[test]
fn a_fault_has_the_trace_of_every_call() {
    let provider = load("hostile", ALL);
    let Ok(profile) = Profile::of(provider.as_async()) else {
        return;
    };
    let fault = |mut session: blocking::Session| {
        let outcome = session.run(b"recurse").unwrap().outcome;
        outcome.fault().unwrap().backtrace.clone()
    };
    let expected = fault(provider.session());
    assert_eq!(fault(blocking::Session::from(profile.session())), expected);
}

#[test]
fn without_fuel_there_is_no_profile() {
    let runtime = Runtime::builder().metering(Metering::DeadlineOnly).build();
    let provider = wait(runtime.load(&source("counter"), &policy(""))).unwrap();
    let refused = Profile::of(&provider).err();
    assert!(matches!(
        refused,
        Some(LoadError::Unsupported(Unsupported::Profile))
    ));
}
