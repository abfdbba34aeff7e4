//! Every trap by its own name: A29-traps and A30-reentry.

use support::harness::{ALL, attack, attack_by};

/// A29-traps.
#[test]
fn every_trap_has_its_name() {
    for (call, name) in [
        ("unreachable()", "unreachable"),
        ("divide()", "integer-divide-by-zero"),
        ("overflow()", "integer-overflow"),
        ("convert()", "invalid-conversion-to-integer"),
        ("memory()", "memory-out-of-bounds"),
        ("fill()", "memory-out-of-bounds"),
        ("table()", "table-out-of-bounds"),
        ("null()", "indirect-call-to-null"),
        ("signature()", "indirect-call-type-mismatch"),
    ] {
        let fault = attack_by("traps", call, "").faults("trap");
        assert_eq!(fault.trap.as_deref(), Some(name), "{call}");
    }
}

#[test]
fn what_rust_makes_of_them_traps_too() {
    for name in [
        "unreachable",
        "divide",
        "overflow",
        "out-of-bounds",
        "panic",
        "panic-said",
    ] {
        attack(name, ALL).faults("trap");
    }
}

/// A30-reentry.
#[test]
fn a_component_cannot_be_entered_while_it_is_inside() {
    let fault = attack_by("re-entry", "attack()", "").faults("trap");
    assert_eq!(
        fault.trap.as_deref(),
        Some("cannot-enter-component"),
        "{fault}"
    );
}
