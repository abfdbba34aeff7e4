//! The engine policy: which proposals a guest may use, how memory is pooled, how work is metered.
//!
//! Everything that is an engine setting is decided here and nowhere else, so that an engine update is
//! audited by reading this file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_policy::Limits;
use wasmtime::component::Component;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmFeatures,
};

use crate::error::HostError;
use crate::profile::Profile;
use crate::ticker::{Ticker, Ticking};

/// Fuel after which a guest gives its thread back and the clock is looked at.
///
/// In the metered profile one instrument carries the budget and the deadline: fuel counts, and every so many units of it the
/// guest yields. 100,000 is about 0.1 ms of guest code; measured, it costs 2 % and overshoots a deadline
/// by about 1 ms (PERF.md), where a second instrument (epochs) would cost 40 %.
pub(crate) const YIELD_INTERVAL: u64 = 100_000;

/// Stack for host functions, on top of what the guest may use: they run on the guest's fiber.
/// 1 MiB is twice what the deepest of ours (a WASI file operation) needs; it is reserved, not touched.
const HOST_STACK: usize = 1 << 20;

/// What stays resident of a memory slot between two calls, so that the next call does not fault its
/// pages in again. Pays only where the kernel can tell which pages were touched (`PAGEMAP_SCAN`).
const MEMORY_KEEP_RESIDENT: usize = 2 << 20;

/// The same for tables.
const TABLE_KEEP_RESIDENT: usize = 64 << 10;

/// Memories and tables that one pool slot stands for. A wit-bindgen component has one memory and two
/// tables; what needs more takes several slots. Core instances are only counted by the pool, never
/// reserved, so they need no share.
const SLOT_MEMORIES: u32 = 1;
const SLOT_TABLES: u32 = 4;

/// Elements that a pooled table can hold: the default of the `table-elements` limit. A policy that allows
/// more is served without the pool.
const POOL_TABLE_ELEMENTS: usize = tollgate_policy::limits::TABLE_ELEMENTS as usize;

/// The proposals an untrusted guest may use: what the guests' toolchains emit today (Rust, C, Go,
/// componentize-py, componentize-js), and nothing else. Validation and compilation both go by this list.
///
/// Each proposal that is not on it is code of the engine that a guest cannot reach; most of the engine's
/// recent advisories were in these (ATTACKS.md). Left out on purpose:
///
/// - gc, function-references, exceptions: a moving heap inside the host process, and all that is typed by it
/// - memory64: cannot be bounded by guard pages, so every access is checked by code that others never run
/// - threads: a call never spans threads, and shared memory would escape the memory limit
/// - relaxed-simd: results may differ from machine to machine
/// - tail-call: chains of calls without a frame
/// - stack-switching: stacks of the guest's own making, outside the stack limit
/// - component-model async, and its threads, futures and streams: WASI 0.2 and our worlds do without, and
///   the machinery doubles the price of a call (PERF.md)
/// - custom-page-sizes, wide-arithmetic and what is newer: nobody asked
///
/// On although little used: multi-memory and multi-value. With either off, the compiler panics on a
/// 626-byte composed component (ATTACKS.md). The `instances` limit caps the number of memories.
pub(crate) const PROPOSALS: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// One engine with what goes with it. Engines differ only in the stack they allow a guest, which wasmtime
/// fixes per engine, and in whether instances come from a pool.
pub(crate) struct EngineUnit {
    pub(crate) engine: Engine,
    /// Slots of its pool; none for the engine without one.
    slots: Option<u32>,
    pub(crate) profile: Profile,
    /// The clock of an engine without fuel.
    ticker: Option<Ticker>,
}

impl EngineUnit {
    fn new(
        profile: Profile,
        stack: u64,
        concurrency: Option<u32>,
    ) -> Result<EngineUnit, HostError> {
        let mut config = settings(profile);
        let stack = usize::try_from(stack).map_err(HostError::new)?;
        config.max_wasm_stack(stack);
        config.async_stack_size(stack.saturating_add(HOST_STACK));
        if let Some(concurrency) = concurrency {
            config.allocation_strategy(pool(concurrency));
        }
        let engine = Engine::new(&config).map_err(HostError::engine)?;
        let ticker = match profile {
            Profile::Metered => None,
            Profile::DeadlineOnly => Some(Ticker::start(engine.clone()).map_err(HostError::new)?),
        };
        Ok(EngineUnit {
            engine,
            slots: concurrency,
            profile,
            ticker,
        })
    }

    /// What a call holds while it is under way.
    pub(crate) fn tick(&self) -> Option<Ticking> {
        self.ticker.as_ref().map(Ticker::tick)
    }

    /// Code that [`Compiler::compile`](crate::compile::Compiler::compile) made of a component.
    #[expect(
        unsafe_code,
        reason = "the only way to code that another engine compiled"
    )]
    pub(crate) fn take(&self, code: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: it comes from the same version of the compiler, by way of memory and pipes that are this
        // process's and its worker's alone, or by way of a file whose seal `cache/entry.rs` has found to be
        // ours; the engine compares versions and settings.
        unsafe { Component::deserialize(&self.engine, code) }
    }

    /// How many places an instance of `component` takes, or `None` when the pool cannot hold it.
    pub(crate) fn weight(&self, component: &Component, limits: &Limits) -> Option<u32> {
        let needs = component.resources_required();
        let Some(slots) = self.slots else {
            // Memories are what takes maps of the kernel; a component that does not say has as many as the
            // limits allow.
            return Some(needs.map_or(limits.instances, |needs| needs.num_memories));
        };
        if limits.table_elements > POOL_TABLE_ELEMENTS as u64 {
            return None;
        }
        let needs = needs?;
        let weight = needs
            .num_memories
            .div_ceil(SLOT_MEMORIES)
            .max(needs.num_tables.div_ceil(SLOT_TABLES))
            .max(1);
        // One call may take a quarter of the pool at most, or a single guest starves all others.
        (weight <= (slots / 4).max(1)).then_some(weight)
    }
}

/// What compiled code depends on: the same for every engine of a profile, so that code of one runs on any other.
fn settings(profile: Profile) -> Config {
    let mut config = Config::new();
    config.wasm_features(WasmFeatures::all().difference(PROPOSALS), false);
    config.wasm_features(PROPOSALS, true);
    config.concurrency_support(false);
    // One instrument or the other: together they cost more than both.
    config.consume_fuel(profile.counts_fuel());
    config.epoch_interruption(!profile.counts_fuel());
    // Traps name the functions they passed through; 16 are enough to find the place.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16));
    config
}

/// An engine that compiles and runs nothing.
pub(crate) fn compiling(profile: Profile) -> wasmtime::Result<Engine> {
    Engine::new(&settings(profile))
}

fn pool(concurrency: u32) -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(concurrency)
        .total_core_instances(u32::MAX)
        .total_memories(concurrency.saturating_mul(SLOT_MEMORIES))
        .total_tables(concurrency.saturating_mul(SLOT_TABLES))
        .total_stacks(concurrency)
        // One module may have as many as the pool gives to one component; see `weight`.
        .max_memories_per_module(concurrency.saturating_mul(SLOT_MEMORIES))
        .max_tables_per_module(concurrency.saturating_mul(SLOT_TABLES))
        .table_elements(POOL_TABLE_ELEMENTS)
        .max_memory_size(4 << 30);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT)
            .table_keep_resident(TABLE_KEEP_RESIDENT);
    }
    InstanceAllocationStrategy::Pooling(pool)
}

/// The engines of a process, made when first needed.
pub(crate) struct Engines {
    pub(crate) profile: Profile,
    concurrency: u32,
    units: Mutex<BTreeMap<(u64, bool), Arc<EngineUnit>>>,
}

impl Engines {
    pub(crate) fn new(profile: Profile, concurrency: u32) -> Engines {
        Engines {
            profile,
            concurrency,
            units: Mutex::default(),
        }
    }

    /// The engine for guests with `stack` bytes of stack, pooled where the machine allows it.
    pub(crate) fn pooled(&self, stack: u64) -> Result<Arc<EngineUnit>, HostError> {
        self.unit(stack, true, || {
            EngineUnit::new(self.profile, stack, Some(self.concurrency)).or_else(|error| {
                // A limit on address space (`ulimit -v`, some containers) leaves no room for a pool.
                tracing::info!(%error, "no instance pool on this machine; allocating on demand");
                EngineUnit::new(self.profile, stack, None)
            })
        })
    }

    /// The engine for components that the pool cannot hold.
    pub(crate) fn on_demand(&self, stack: u64) -> Result<Arc<EngineUnit>, HostError> {
        self.unit(stack, false, || EngineUnit::new(self.profile, stack, None))
    }

    fn unit(
        &self,
        stack: u64,
        pooled: bool,
        make: impl FnOnce() -> Result<EngineUnit, HostError>,
    ) -> Result<Arc<EngineUnit>, HostError> {
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unit) = units.get(&(stack, pooled)) {
            return Ok(Arc::clone(unit));
        }
        let unit = Arc::new(make()?);
        units.insert((stack, pooled), Arc::clone(&unit));
        Ok(unit)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The weight of a component of so many memories and tables, in a pool of 8 or without one.
    fn weight(pool: Option<u32>, memories: usize, tables: usize, elements: u64) -> Option<u32> {
        let text = format!(
            "(component (core module $m {} {}) (core instance (instantiate $m)))",
            "(memory 0)".repeat(memories),
            "(table 0 funcref)".repeat(tables)
        );
        let unit = EngineUnit::new(Profile::Metered, 512 << 10, pool).unwrap();
        let component = Component::new(&unit.engine, wat::parse_str(text).unwrap()).unwrap();
        let limits = Limits {
            table_elements: elements,
            ..Limits::default()
        };
        unit.weight(&component, &limits)
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
}
