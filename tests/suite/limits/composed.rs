//! Strings between the components of a composition cost fuel: A59-host-work.

use tollgate::blocking::Provider;

use support::harness::{attack_by, load};
use support::skip::fuel_is_counted;

/// `tollgate_component::ROOM_PRICE`.
const ROOM_PRICE: u64 = 5;

/// Fuel of one call of `transcode` that passes or takes a piece.
fn fuel(provider: &Provider, call: &str) -> u64 {
    let once = |times: u64| {
        let report = provider
            .session()
            .wave(&format!("{call}, {times})"))
            .unwrap();
        assert!(report.outcome.fault().is_none(), "{call}: {report:?}");
        report.usage.fuel
    };
    (once(11) - once(1)) / 10
}

/// In whatever encoding a part has it, and however many times the engine asks for room.
#[test]
fn strings_between_components_cost_fuel_by_the_byte() {
    if !fuel_is_counted() {
        return;
    }
    let provider = load("transcode", "");
    let (small, large) = (1_200, 61_200);
    let bytes = large - small;
    // From UTF-8, UTF-16, Latin-1 and UTF-16 that may be Latin-1, each to UTF-8, UTF-16 and Latin-1 or UTF-16.
    for (from, kinds) in [(0, 0..4), (1, 0..4), (2, 0..6)] {
        for kind in kinds {
            for to in 0..3 {
                let of =
                    |bytes: u64| fuel(&provider, &format!("pass({from}, {to}, {kind}, {bytes}"));
                let all = of(large) - of(small);
                // At least a byte for each unit of the encoding that it comes in.
                let least = if from == 0 || from == 2 && kind < 2 {
                    bytes
                } else {
                    bytes / 2
                };
                assert!(all >= least * ROOM_PRICE, "{from} to {to}, {kind}: {all}");
            }
        }
    }
}

/// To the unit, where the engine asks once: paid by pieces of 64 bytes.
#[test]
fn a_byte_between_components_costs_five() {
    if !fuel_is_counted() {
        return;
    }
    let provider = load("transcode", "");
    let steps = |call: &str, large: u64, small: u64| {
        let of = |bytes: u64| fuel(&provider, &format!("{call}{bytes}"));
        (of(large) - of(small)) / ((large - small) / 64)
    };
    // A piece of 64 bytes, and the loop around it.
    let piece = 64 * ROOM_PRICE..64 * ROOM_PRICE + 16;
    // An argument in UTF-8, and a result.
    let passed = steps("pass(0, 0, 0, ", 12_288, 768);
    let returned = steps("take(", 12_288, 768);
    assert!(piece.contains(&passed), "{passed}");
    assert!(piece.contains(&returned), "{returned}");
}

/// A few strings use up a budget that is enough to write them down.
#[test]
fn strings_between_components_run_out_of_fuel() {
    if !fuel_is_counted() {
        return;
    }
    for call in ["pass(0, 0, 0, 120000", "pass(1, 0, 1, 120000", "take(60000"] {
        let call = format!("{call}, 100)");
        attack_by("transcode", &call, "limits.fuel = 10_000_000").faults("fuel");
    }
}
