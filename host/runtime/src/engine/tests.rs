//! The number of engines and pools, and the capacity of a pool.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use super::*;

const STACK: u64 = tollgate_policy::limits::STACK;

fn pools(engines: &Engines) -> u32 {
    engines.pools.load(Ordering::Relaxed)
}

/// A slot that was used once holds its memory maps until its pool is dropped.
#[test]
fn there_are_no_more_pools_than_there_are_maps_for() {
    let engines = Engines::new(Metering::Fuel, 1, 3);
    let shared = engines.pooled(STACK).unwrap();
    let own = engines.own(&shared, STACK, false).unwrap();
    let third = engines.own(&shared, STACK, false).unwrap();
    let other_stack = engines.pooled(STACK * 2).unwrap();
    let pooled = [&shared, &own, &third, &other_stack].map(|unit| unit.pool.is_some());
    assert_eq!(pooled, [true, true, false, false]);
    assert!(engines.own(&third, STACK, false).unwrap().pool.is_none());
    drop(own);
    assert!(engines.own(&shared, STACK, false).unwrap().pool.is_some());
    assert!(engines.on_demand(STACK).unwrap().pool.is_none());
}

/// A runtime whose one pool may take all memory maps has none left for guests outside of it.
#[test]
fn guests_outside_of_the_pools_have_maps_of_their_own_or_are_refused() {
    let engines = Engines::new(Metering::Fuel, 1, 1);
    let only = engines.pooled(STACK).unwrap();
    assert!(only.pool.is_some());
    for refused in [
        engines.on_demand(STACK),
        engines.pooled(STACK * 2),
        engines.own(&only, STACK, false),
    ] {
        let error = refused.err().map(|error| error.to_string()).unwrap();
        assert!(error.contains("`Builder::concurrency`"), "{error}");
    }
    let two = Engines::new(Metering::Fuel, 1, 2);
    let pooled = two.pooled(STACK).unwrap();
    assert!(pooled.pool.is_some());
    assert!(two.pooled(STACK * 2).unwrap().pool.is_none());
}

/// The pool would need 240 TiB of address space, and a process has 128.
#[test]
fn a_pool_that_there_is_no_room_for_is_done_without() {
    let engines = Engines::new(Metering::Fuel, 60_000, 9);
    assert!(engines.pooled(STACK).unwrap().pool.is_none());
    assert_eq!(pools(&engines), 0);
}

#[test]
fn an_engine_goes_with_the_last_who_has_it() {
    let engines = Engines::new(Metering::Fuel, 1, 100);
    let held: Vec<_> = (1..4).map(|n| engines.pooled(STACK * n).unwrap()).collect();
    assert_eq!(pools(&engines), 3);
    assert!(Arc::ptr_eq(&held[0], &engines.pooled(STACK).unwrap()));
    drop(held);
    assert_eq!(pools(&engines), 1);
    engines.on_demand(STACK).unwrap();
    assert_eq!(pools(&engines), 0);
    // Dropped engines are removed from the table.
    assert!(engines.units.lock().unwrap().alive.len() <= 2);
}

/// The weight of a component with these memories and tables, in a pool of 8 or without one.
fn weight(pool: Option<u32>, memories: usize, tables: usize, elements: u64) -> Option<u32> {
    let text = format!(
        "(component (core module $m {} {}) (core instance (instantiate $m)))",
        "(memory 0)".repeat(memories),
        "(table 0 funcref)".repeat(tables)
    );
    let pool = pool.map(|slots| Pool::take(&Arc::default(), 1, slots).unwrap());
    let unit = PooledEngine::new(Metering::Fuel, STACK, FRAMES, pool).unwrap();
    let component = Component::new(&unit.engine, wat::parse_str(text).unwrap()).unwrap();
    let limits = Limits {
        table_elements: elements,
        ..Limits::default()
    };
    unit.slots_needed(&component, &limits)
}

#[test]
fn a_quarter_of_the_pool_is_the_most_that_one_guest_gets() {
    let pool = |memories, tables| weight(Some(8), memories, tables, 0);
    assert_eq!(pool(0, 0), Some(1));
    assert_eq!((pool(1, 4), pool(2, 5)), (Some(1), Some(2)));
    assert_eq!((pool(3, 0), pool(0, 9)), (None, None));
    assert_eq!(weight(None, 3, 9, u64::MAX), Some(3));
}

#[test]
fn tables_larger_than_those_of_the_pool_are_made_without_it() {
    let most = POOL_TABLE_ELEMENTS as u64;
    assert_eq!(weight(Some(8), 1, 1, most), Some(1));
    assert_eq!(weight(Some(8), 1, 1, most + 1), None);
}
