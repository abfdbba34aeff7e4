//! Fuel, deadline, stack, host calls: A19-endless-loop, A20-bulk-memory, A28-recursion, A31-log-flood and
//! A54-hash-flood. Each limit small, and the guest endless.

use tollgate::report::FaultKind;

use support::harness::{ALL, attack, attack_by, load, returned, run, wave};
use support::skip::fuel_is_counted;

fn limited(limits: &str) -> String {
    format!("{ALL}\n{limits}")
}

/// A19-endless-loop.
#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let fault = attack("spin", &limited("limits.fuel = 1_000_000")).faults("fuel");
    if fuel_is_counted() {
        assert_eq!(fault.kind, FaultKind::Fuel(1_000_000));
    }
}

/// A19-endless-loop, with fuel to spare.
#[test]
fn an_endless_loop_meets_its_deadline() {
    let limits = limited("limits.fuel = 20_000_000_000\nlimits.deadline = \"50ms\"");
    attack("spin", &limits).faults("deadline");
    // The fuel alone would last for several seconds.
    let report = run("hostile", &limits, "spin");
    assert!(
        report.usage.elapsed < std::time::Duration::from_secs(1),
        "{:?}",
        report.usage
    );
}

/// A19-endless-loop: the engine copies strings between the components of a composition. One of them is not interrupted; the
/// deadline is looked at between two.
#[test]
fn strings_between_components_meet_the_deadline() {
    let provider = load(
        "transcode",
        "limits.fuel = 20_000_000_000\nlimits.deadline = \"50ms\"",
    );
    for call in [
        "pass(0, 1, 2, 120000, 4000000000)",
        "pass(1, 0, 1, 120000, 4000000000)",
        "pass(0, 2, 1, 120000, 4000000000)",
    ] {
        let report = provider.session().wave(call).unwrap();
        let fault = report.outcome.fault().map(|fault| fault.label());
        assert_eq!(fault, Some("deadline"), "{call}");
        let elapsed = report.usage.elapsed;
        assert!(
            elapsed < std::time::Duration::from_secs(3),
            "{call}: {elapsed:?}"
        );
    }
}

/// A20-bulk-memory: bulk instructions pay by the byte, and stop.
#[test]
fn endless_fills_and_copies_are_stopped() {
    for attack_name in ["fill", "copy"] {
        attack(attack_name, &limited("limits.fuel = 100_000_000")).faults("fuel");
        let limits = limited("limits.fuel = 20_000_000_000\nlimits.deadline = \"50ms\"");
        attack(attack_name, &limits).faults("deadline");
    }
}

/// A28-recursion.
#[test]
fn deep_recursion_exhausts_the_stack() {
    let fault = attack("recurse", ALL).faults("stack");
    assert_eq!(fault.kind, FaultKind::Stack(512 << 10));
    let fault = attack("recurse", &limited("limits.stack = \"64KiB\"")).faults("stack");
    assert_eq!(fault.kind, FaultKind::Stack(64 << 10));
}

/// A smaller stack is really smaller: the same fuel buys fewer frames.
#[test]
fn the_stack_limit_is_the_stack() {
    if !fuel_is_counted() {
        return;
    }
    let used = |limits: &str| run("hostile", &limited(limits), "recurse").usage.fuel;
    let small = used("limits.stack = \"64KiB\"");
    let large = used("limits.stack = \"1MiB\"");
    assert!(large > small * 8, "{small} and {large}");
}

#[test]
fn host_calls_are_counted() {
    let fault = attack("host-call-flood", &limited("limits.host-calls = 50")).faults("host-calls");
    assert_eq!(fault.kind, FaultKind::HostCalls(50));
    // The one too many is counted, and not done.
    let report = run(
        "hostile",
        &limited("limits.host-calls = 50"),
        "log-flood-tiny",
    );
    assert_eq!((report.usage.host_calls, report.logs.len()), (51, 50));
}

/// Host work is paid for in fuel: by the call ...
#[test]
fn host_calls_cost_fuel() {
    if !fuel_is_counted() {
        return;
    }
    let limits = limited("limits.fuel = 1_000_000\nlimits.host-calls = 4_000_000_000");
    let report = run("hostile", &limits, "host-call-flood");
    assert_eq!(report.outcome.fault().unwrap().label(), "fuel");
    assert!(
        report.usage.host_calls < 2_100,
        "{}",
        report.usage.host_calls
    );
    // A guest that does next to nothing itself: it spends its fuel on the host's price.
    let policy = "grants.config = {}\nlimits.fuel = 1_000_000\nlimits.host-calls = 4_000_000_000";
    let report = wave("start-host-call", policy, "attack()");
    assert_eq!(report.outcome.fault().unwrap().label(), "fuel");
    assert!(
        report.usage.host_calls < 2_100,
        "{}",
        report.usage.host_calls
    );
}

/// ... and by the byte (A54-hash-flood).
#[test]
fn hashing_costs_fuel_by_the_byte() {
    if !fuel_is_counted() {
        return;
    }
    // 16 MiB at 5 fuel a byte: the budget is gone before the second buffer.
    let limits = limited(
        "limits.fuel = 200_000_000\nlimits.host-data = \"32MiB\"\nlimits.host-memory = \"32MiB\"\nlimits.host-calls = 1_000_000",
    );
    attack("hash-flood", &limits).faults("fuel");
    let report = run("hostile", &limits, "hash-flood");
    assert!(report.usage.host_calls <= 3, "{}", report.usage.host_calls);
}

/// The host calls the guest back for room for its result. The host call is counted and paid for all the same.
#[test]
fn host_calls_whose_results_need_room_are_counted_and_cost_fuel() {
    const GUEST: &str = "results-with-room";
    let policy = "grants.config = { region = \"eu\" }\ngrants.hash = true\ngrants.wasi = \"inert\"";
    // A function of WASI can be refused only when it is settled.
    let few = format!("{policy}\nlimits.host-calls = 50");
    attack_by(GUEST, "random()", &few).faults("host-calls");
    attack_by(GUEST, "configs(0)", &few).faults("host-calls");
    let report = wave(GUEST, policy, "configs(3)");
    assert_eq!(report.usage.host_calls, 3);
    assert!(!report.usage.host_time.is_zero());
    if !fuel_is_counted() {
        return;
    }
    let fuel = |call: &str| {
        let report = wave(GUEST, policy, call);
        assert!(report.outcome.returned().is_some(), "{call}");
        report.usage.fuel
    };
    let call = fuel("configs(1001)") - fuel("configs(1)");
    // 500 for each call, and 400 for the helper by which the engine enters it.
    assert!((900_000..1_100_000).contains(&call), "{call}");
    let hashed = fuel("digests(3)") - fuel("digests(1)");
    assert!((10 << 20..11 << 20).contains(&hashed), "{hashed}");
    let poor = format!("{policy}\nlimits.fuel = 1_000_000\nlimits.host-calls = 4_000_000_000");
    for call in ["random()", "configs(0)", "digests(0)"] {
        attack_by(GUEST, call, &poor).faults("fuel");
    }
    let report = wave(GUEST, &poor, "random()");
    assert!(report.usage.host_calls < 220, "{}", report.usage.host_calls);
}

/// To the unit: 1 for moving a byte and 4 for hashing it, however it gets there.
#[test]
fn a_byte_that_is_hashed_costs_five() {
    if !fuel_is_counted() {
        return;
    }
    let fuel = |call: &str| wave("hasher", "grants.hash = true", call).usage.fuel;
    for (small, large) in [
        ("digest(1000)", "digest(61000)"),
        ("update(1000)", "update(61000)"),
    ] {
        assert_eq!(fuel(large) - fuel(small), 60_000 * 5, "{large}");
    }
}

/// A hasher that is dropped makes room for another.
#[test]
fn hashers_are_handles() {
    let limits = "grants.hash = true\nlimits.handles = 10";
    let report = wave("hasher", limits, "churn(100)");
    assert_eq!(report.outcome.label(), "returned", "{:?}", report.outcome);
}

/// A31-log-flood.
#[test]
fn log_floods_are_cut_and_counted() {
    let small = limited("limits.log = \"1KiB\"");
    let report = run("hostile", &small, "log-flood-huge");
    assert!(report.usage.log_bytes <= 1024);
    assert!(report.logs_dropped > 0);
    assert_eq!(report.to_json()["logs_dropped"], report.logs_dropped);
    attack("log-flood-tiny", &small).faults("host-calls");
    if !fuel_is_counted() {
        return;
    }
    let limits = limited("limits.log = \"1KiB\"\nlimits.host-calls = 4_000_000_000");
    let report = run(
        "hostile",
        &format!("{limits}\nlimits.fuel = 10_000_000"),
        "log-flood-tiny",
    );
    assert_eq!(report.outcome.fault().unwrap().label(), "fuel");
    let kept = report.logs.len() as u64;
    assert_eq!(
        kept + report.logs_dropped + 1,
        report.usage.host_calls,
        "every line counts"
    );
    assert!(report.usage.log_bytes <= 1024);
}

#[test]
fn a_log_limit_of_nothing_keeps_nothing() {
    let report = run("hostile", &limited("limits.log = 0"), "log-escape");
    assert!(report.logs.is_empty() && report.logs_dropped > 0);
}

#[test]
fn output_is_bounded() {
    let fault = attack("big-output 2000000", &limited("limits.output = \"1MiB\"")).faults("output");
    assert_eq!(fault.kind, FaultKind::Output(1 << 20));
    let exact = run(
        "hostile",
        &limited("limits.output = 1000"),
        "big-output 1000",
    );
    assert_eq!(returned(&exact).len(), 1000);
    assert_eq!(exact.usage.output_bytes, Some(1000));
    attack("big-output 1001", &limited("limits.output = 1000")).faults("output");
}

#[test]
fn data_in_one_host_call_is_bounded() {
    let fault =
        attack("big-arg 2000000", &limited("limits.host-data = \"1MiB\"")).faults("host-data");
    assert_eq!(fault.kind, FaultKind::HostData(1 << 20));
    run(
        "hostile",
        &limited("limits.host-data = \"1MiB\""),
        "big-arg 1000000",
    );
    // A result is bounded by it as well, where it is the smaller of the two.
    attack(
        "big-output 2000000",
        &limited("limits.host-data = \"1MiB\""),
    )
    .faults("host-data");
}
