//! The report's numbers are true: checked against the engine, and against the numbers that guests see.

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

use tollgate::{Policy, Source};

use support::harness::{ALL, blocking, guest_file, load, returned, run, wave};
use support::skip::fuel_is_counted;

/// The fuel that a bare engine counts for an export without host calls.
fn fuel_of_the_engine(component: &[u8], export: &str, argument: u32) -> u64 {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config).unwrap();
    let component = Component::from_binary(&engine, component).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_fuel(1_000_000_000).unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let function = instance
        .get_typed_func::<(u32,), ()>(&mut store, export)
        .unwrap();
    function.call(&mut store, (argument,)).unwrap();
    1_000_000_000 - store.get_fuel().unwrap()
}

#[test]
fn fuel_is_the_engines_count() {
    if !fuel_is_counted() {
        return;
    }
    let counter = std::fs::read(guest_file("counter")).unwrap();
    for turns in [1, 1_000, 1_000_000] {
        let report = wave("counter", "", &format!("work({turns})"));
        let engine = fuel_of_the_engine(&counter, "work", turns);
        let helpers = report.usage.fuel - engine;
        assert!(are_yields(helpers, engine), "{turns} turns: {helpers}");
        assert!(engine > u64::from(turns));
    }
}

/// Whether `fuel` above the engine's own count is the price of yielding: 400 after each 100,000.
fn are_yields(fuel: u64, engine: u64) -> bool {
    fuel.is_multiple_of(400) && fuel <= engine / 100_000 * 400
}

/// Growing a memory takes the engine's own helper, across which compiled code keeps the fuel in a register: a host that
/// set the fuel there would add to it, or lose some. The calls in between have the register written back.
#[test]
fn fuel_is_the_engines_count_across_its_own_helpers() {
    if !fuel_is_counted() {
        return;
    }
    let text = r#"(component
        (core module $m
            (memory 1)
            (table 1 funcref)
            (func $nop)
            (func (export "work") (param i32)
                (loop $l
                    (call $nop)
                    (drop (memory.grow (i32.const 0)))
                    (drop (table.grow (ref.null func) (i32.const 0)))
                    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
                    (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                    (br_if $l (local.get 0)))))
        (core instance $i (instantiate $m))
        (func (export "work") (param "turns" u32) (canon lift (core func $i "work"))))"#;
    let component = wat::parse_str(text).unwrap();
    let source = Source::bytes("helpers", component.clone());
    let provider = blocking().load(&source, &Policy::default()).unwrap();
    for turns in [1, 3, 1_000, 100_000] {
        let report = provider.session().wave(&format!("work({turns})")).unwrap();
        let engine = fuel_of_the_engine(&component, "work", turns);
        // Two helpers a turn at 400 each, beside the engine's own count.
        let other = report.usage.fuel - engine - u64::from(turns) * 800;
        assert!(are_yields(other, engine), "{turns} turns: {other}");
    }
}

/// The same input and the same policy use the same fuel, with and without interruptions of the thread.
#[test]
fn fuel_is_the_same_every_time() {
    if !fuel_is_counted() {
        return;
    }
    let policy = format!("{ALL}\nlimits.host-calls = 300");
    let used = || run("hostile", &policy, "host-call-flood").usage.fuel;
    let first = used();
    for _ in 0..5 {
        assert_eq!(used(), first);
    }
}

/// A budget of exactly the fuel that a call needs is enough, and nothing is used beyond a budget. (The engine looks
/// at the budget where code loops or is called, so the last straight piece of a call may come for free.)
#[test]
fn the_budget_is_kept() {
    if !fuel_is_counted() {
        return;
    }
    let needed = wave("counter", "", "work(1000)").usage.fuel;
    let enough = wave("counter", &format!("limits.fuel = {needed}"), "work(1000)");
    assert_eq!(enough.usage.fuel, needed);
    assert!(enough.outcome.fault().is_none());
    let short = wave(
        "counter",
        &format!("limits.fuel = {}", needed - 10),
        "work(1000)",
    );
    assert_eq!(short.outcome.fault().unwrap().label(), "fuel");
    assert_eq!(short.usage.fuel, needed - 10);
}

#[test]
fn peak_memory_is_what_the_guest_has() {
    for pages in [0, 1, 100] {
        let report = wave("counter", "", &format!("grow({pages})"));
        let told: u64 = report.outcome.clone().returned().unwrap().parse().unwrap();
        assert_eq!(told, pages + 2);
        assert_eq!(report.usage.memory_peak, told << 16);
    }
    let report = run("hostile", ALL, "touch 40");
    let told: u64 = returned(&report)
        .split(|c: char| !c.is_ascii_digit())
        .find(|word| !word.is_empty())
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(report.usage.memory_peak, told << 16);
}

#[test]
fn host_calls_and_bytes_are_counted() {
    let report = run("hostile", ALL, "config-get region");
    assert_eq!(report.usage.host_calls, 1);
    assert_eq!(
        report.usage.host_bytes,
        "region".len() as u64 + "eu".len() as u64
    );
    let report = run("hostile", ALL, "big-arg 5000 hash");
    assert_eq!(report.usage.host_bytes, 5000);
}

#[test]
fn the_report_is_the_contract() {
    if !fuel_is_counted() {
        return;
    }
    let report = run("hostile", ALL, "path-escape ../secret").to_json();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        keys(&report),
        ["provider", "outcome", "usage", "limits", "denials", "logs"]
    );
    assert_eq!(
        keys(&report["provider"]),
        ["name", "digest", "size", "world", "signature"]
    );
    assert_eq!(
        keys(&report["usage"]),
        [
            "fuel",
            "memory_peak",
            "table_peak",
            "host_memory_peak",
            "elapsed_us",
            "host_us",
            "host_calls",
            "host_bytes",
            "syncs",
            "log_bytes",
            "output_bytes"
        ]
    );
    assert_eq!(
        report["provider"]["world"],
        "tollgate:provider/provider@0.1.0"
    );
    assert_eq!(report["limits"]["fuel"], 1_000_000_000u64);
    assert_eq!(report["limits"]["memory"], 134_217_728u64);
    assert_eq!(report["limits"]["deadline_us"], 10_000_000u64);
    assert_eq!(report["denials"][0]["capability"], "files");
    assert_eq!(report["denials"][0]["reason"], "outside-root");

    let fault = run("hostile", &format!("{ALL}\nlimits.fuel = 1000000"), "spin").to_json();
    assert_eq!(fault["outcome"], "faulted");
    assert_eq!(fault["fault"]["kind"], "fuel");
    assert_eq!(fault["fault"]["limit"], 1_000_000);

    let failed = run("echo", "", "fail:no").to_json();
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["error"]["kind"], "invalid-input");
    assert_eq!(failed["error"]["message"], "no");
}

/// The numbers of a second call of a session are its own, not the sum.
#[test]
fn each_call_of_a_session_has_its_own_numbers() {
    if !fuel_is_counted() {
        return;
    }
    let mut session = load("counter", "").session();
    let first = session.wave("work(5000)").unwrap().usage.fuel;
    let second = session.wave("work(5000)").unwrap().usage.fuel;
    assert!(first.abs_diff(second) < 100, "{first} {second}");
}

/// The cost of a bulk instruction follows the bytes that it moves: no loop of them is cheap.
#[test]
fn bulk_instructions_cost_fuel_by_the_byte() {
    if !fuel_is_counted() {
        return;
    }
    let policy = "grants.interfaces = [\"acme:clock/sleep@0.1.0\"]";
    let fuel = wave("sleeper", policy, "fill()").usage.fuel;
    assert!((124_518_400..125_100_000).contains(&fuel), "{fuel}");
}
