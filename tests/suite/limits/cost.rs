//! The countable costs of a call, which are the same on every machine: allocations and fuel. Time
//! is measured by `just bench`.
//!
//! The bounds are the present costs. A change that raises one gives its reason; a change that lowers the cost lowers
//! the bound.

use tollgate::Source;

use support::counting::allocations;
use support::harness::{alone, blocking, counts_fuel, load, policy, returned, root, wait};
use support::skip::fuel_is_counted;

/// Allocations of a fresh call of `echo`, from its session's beginning to its end, the engine's included. Three of them are
/// state that a store shares with its streams and jobs: the sum of its host memory, its open files, the mark of its
/// end.
const FRESH_ALLOCATIONS: u64 = 35;

/// The same of a call in a session that has been called before.
const REUSED_ALLOCATIONS: u64 = 3;

/// Fuel of each kernel of `guests/bench/compute`: the engine's prices, times the instructions of the compiled guest.
const KERNELS: [(&str, u64); 5] = [
    ("sha256", 87_137_239),
    ("sieve", 139_776_820),
    ("fib", 19_069_424),
    ("matrix", 122_183_086),
    ("sort", 44_349_130),
];

#[test]
fn a_call_allocates_no_more_than_it_did() {
    let _alone = alone();
    let provider = load("echo", "");
    let provider = provider.as_async();

    let fresh = settled(|| {
        let report = wait(provider.session().run(b"sixteen letters!")).unwrap();
        assert_eq!(returned(&report), "sixteen letters!");
    });
    let mut session = provider.session();
    let reused = settled(|| drop(wait(session.run(b"sixteen letters!")).unwrap()));

    println!("{fresh} allocations of a fresh call, {reused} of one in a session");
    // A store without fuel has a function of the engine that is called at each tick.
    let most = FRESH_ALLOCATIONS + u64::from(!counts_fuel());
    assert!(fresh <= most, "{fresh} in a fresh call");
    assert!(reused <= REUSED_ALLOCATIONS, "{reused} in a session");
}

/// Allocations of `work` once all that is made once is made.
fn settled(mut work: impl FnMut()) -> u64 {
    for _ in 0..3 {
        work();
    }
    let counts = (0..5).map(|_| allocations(&mut work));
    counts.min().unwrap()
}

#[test]
fn kernels_cost_the_fuel_that_they_did() {
    if !fuel_is_counted() {
        return;
    }
    let limits = tollgate::Limits::default();
    let file = root().join("target/guests-bench/compute.wasm");
    assert!(
        file.is_file(),
        "run `./justw guests` first: {} is not there",
        file.display()
    );
    let source = Source::file(&file, &limits).unwrap();
    let provider = blocking().load(&source, &policy("")).unwrap();
    let fuel = KERNELS.map(|(kernel, _)| {
        let report = provider.session().run(kernel.as_bytes()).unwrap();
        assert_eq!(report.outcome.label(), "returned", "{kernel}");
        (kernel, report.usage.fuel)
    });
    println!("{fuel:?}");
    for ((kernel, expected), (_, fuel)) in KERNELS.into_iter().zip(fuel) {
        // Two in a hundred for another patch of the guests' compiler or crates.
        assert!(fuel <= expected + expected / 50, "{kernel} {fuel}");
    }
}
