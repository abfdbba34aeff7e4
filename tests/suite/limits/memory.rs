//! Memories and tables, all of a component together: A25-memory-growth.

use tollgate::Outcome;
use tollgate::report::FaultKind;

use support::harness::{ALL, attack, attack_by, returned, run, wave};

/// Growing is answered with -1, and the guest continues.
#[test]
fn growth_ends_at_the_limit() {
    let report = run(
        "hostile",
        &format!("{ALL}\nlimits.memory = \"4MiB\""),
        "grow",
    );
    let got: u64 = returned(&report).trim().parse().unwrap();
    assert!(
        got > 0 && got < 64,
        "{got} pages, beside those it started with"
    );
    assert_eq!(report.usage.memory_peak, 4 << 20);
}

#[test]
fn a_trap_after_a_denied_growth_is_a_memory_fault() {
    let policy = format!("{ALL}\nlimits.memory = \"4MiB\"");
    let fault = attack("grow-then-trap", &policy).faults("memory");
    assert_eq!(fault.kind, FaultKind::Memory(4 << 20));
    assert_eq!(fault.trap.as_deref(), Some("unreachable"));
    // Refused memory and told so, a guest may still finish its work.
    assert_eq!(
        run("hostile", &policy, "grow-then-host").outcome.label(),
        "returned"
    );
}

/// The engine's own limiter is per memory; ours is not.
#[test]
fn memories_count_together() {
    let report = wave("two-memories", "limits.memory = \"1MiB\"", "grow()");
    assert_eq!(report.outcome.returned().as_deref(), Some("16"));
    assert_eq!(report.usage.memory_peak, 1 << 20);
}

/// Each memory and table has its own maximum, at which the engine refuses growth that the limit has allowed.
#[test]
fn growth_that_the_engine_refuses_is_not_counted() {
    let limits = "limits.memory = \"1MiB\"\nlimits.table-elements = 16";
    let memory = wave("overgrown", limits, "memory()");
    assert_eq!(memory.outcome, Outcome::Returned("1".to_owned()));
    assert_eq!(memory.usage.memory_peak, 2 << 16);
    let table = wave("overgrown", limits, "table()");
    assert_eq!(table.outcome, Outcome::Returned("1".to_owned()));
    assert_eq!(table.usage.table_peak, 2);
}

#[test]
fn memories_that_start_too_large_together_are_a_memory_fault() {
    // Twice 1,200 pages are 150 MiB; one alone fits the default of 128.
    attack_by("big-memory", "attack()", "").faults("memory");
    let report = wave("big-memory", "limits.memory = \"160MiB\"", "attack()");
    assert_eq!(report.outcome, Outcome::Returned(String::new()));
    assert_eq!(report.usage.memory_peak, 2400 << 16);
}

#[test]
fn tables_count_together() {
    let report = wave("table-grow", "limits.table-elements = 100_000", "grow()");
    let elements: u64 = report.outcome.clone().returned().unwrap().parse().unwrap();
    assert!(elements <= 100_000 && elements > 90_000, "{elements}");
    assert_eq!(report.usage.table_peak, elements);
}

#[test]
fn table_floods_and_large_tables_are_table_faults() {
    let fault = attack_by("table-grow", "grow-then-trap()", "").faults("table");
    assert_eq!(fault.kind, FaultKind::Table(1_048_576));
    attack_by("big-table", "attack()", "").faults("table");
    // With the limit raised past the pool's tables, the same component runs without the pool.
    let report = wave("big-table", "limits.table-elements = 3_000_000", "attack()");
    assert_eq!(report.outcome, Outcome::Returned(String::new()));
    assert_eq!(report.usage.table_peak, 2_000_000);
}
