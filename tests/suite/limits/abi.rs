//! Guests that attack where values cross the border: A13-start-loop to A18-post-return.

use support::harness::attack_by;

const CONFIG: &str = "grants.config = {}\nlimits.fuel = 2_000_000";

/// A13-start-loop.
#[test]
fn a_start_function_that_loops_runs_out_of_fuel() {
    attack_by("start-loop", "attack()", CONFIG).faults("fuel");
}

/// A14-start-host-call.
#[test]
fn host_calls_of_a_start_function_count() {
    attack_by(
        "start-host-call",
        "attack()",
        "grants.config = {}\nlimits.host-calls = 100",
    )
    .faults("host-calls");
    attack_by("start-host-call", "attack()", CONFIG).faults("fuel");
}

/// A15-realloc-loop.
#[test]
fn an_allocator_that_loops_runs_out_of_fuel() {
    attack_by("realloc", "loops([1, 2])", CONFIG).faults("fuel");
}

/// A16-realloc-bounds.
#[test]
fn an_allocator_that_answers_nonsense_traps() {
    for call in ["outside([1, 2])", "misaligned([1, 2])"] {
        let fault = attack_by("realloc", call, CONFIG).faults("trap");
        assert_eq!(fault.trap.as_deref(), Some("canonical-abi"), "{fault}");
    }
}

/// A17-realloc-calls-host.
#[test]
fn an_allocator_and_a_post_return_may_not_call_out() {
    for (guest, call) in [
        ("realloc", "calls-host([1])"),
        ("post-return", "calls-host()"),
    ] {
        let fault = attack_by(guest, call, CONFIG).faults("trap");
        assert_eq!(
            fault.trap.as_deref(),
            Some("cannot-leave-component"),
            "{fault}"
        );
    }
}

/// A18-post-return.
#[test]
fn a_post_return_that_loops_or_traps_spoils_the_result() {
    attack_by("post-return", "loops()", CONFIG).faults("fuel");
    attack_by("post-return", "traps()", CONFIG).faults("trap");
}
