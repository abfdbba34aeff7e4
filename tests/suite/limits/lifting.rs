//! Values that the engine reads out of a guest: A22-lift-amplification to A24-bad-values. Each way in which reading can
//! fail has its kind; the engine tells several of them apart by text only, and `fault.rs` by other means.

use support::harness::{attack_by, wave};
use support::skip::fuel_is_counted;

const HTTP: &str = "grants.http = [{ url = \"https://example.com/**\" }]";

/// A22-lift-amplification: five million empty strings cost a guest nothing.
#[test]
fn amplified_arguments_are_too_much_data() {
    attack_by("lift-arguments", "amplify()", HTTP).faults("host-data");
}

/// A22-lift-amplification: a result that just fits is paid for by the byte.
#[test]
fn repeated_amplification_runs_out_of_fuel() {
    if !fuel_is_counted() {
        return;
    }
    let policy = format!("{HTTP}\nlimits.fuel = 100_000_000");
    attack_by("lift-arguments", "amplify-often()", &policy).faults("fuel");
    let report = wave("lift-arguments", &policy, "amplify-often()");
    assert!(report.usage.host_calls < 20, "{}", report.usage.host_calls);
}

/// A22-lift-amplification, in a result.
#[test]
fn amplified_results_are_too_much_output() {
    attack_by("lift-results", "amplify()", "limits.output = \"4MiB\"").faults("output");
    attack_by("lift-results", "amplify()", "limits.host-data = \"1MiB\"").faults("host-data");
}

/// A23-overlapping-lists.
#[test]
fn overlapping_lists_count_each_time() {
    attack_by("lift-results", "overlap()", "limits.output = \"4MiB\"").faults("output");
}

/// A23-overlapping-lists.
#[test]
fn a_list_that_claims_a_gibibyte_is_stopped() {
    attack_by("lift-results", "claim()", "").faults("trap");
    attack_by("lift-arguments", "claim()", HTTP).faults("trap");
    attack_by("lift-arguments", "long-string()", HTTP).faults("trap");
}

/// A24-bad-values.
#[test]
fn values_that_are_none_trap_with_the_reason() {
    for (call, reason) in [
        ("bad-utf8()", "utf-8"),
        ("bad-utf16()", "surrogate"),
        ("bad-char()", "char"),
        ("bad-enum()", "discriminant"),
        ("bad-option()", "discriminant"),
        ("bad-pointer()", "out of bounds"),
        ("misaligned()", "aligned"),
    ] {
        let fault = attack_by("lift-results", call, "").faults("trap");
        assert_eq!(fault.trap.as_deref(), Some("canonical-abi"), "{call}");
        assert!(fault.to_string().contains(reason), "{call}: {fault}");
    }
    for (call, reason) in [("bad-utf8()", "utf-8"), ("misaligned()", "aligned")] {
        let fault = attack_by("lift-arguments", call, HTTP).faults("trap");
        assert!(fault.to_string().contains(reason), "{call}: {fault}");
    }
}
