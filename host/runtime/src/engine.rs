//! The engine policy: which proposals a guest may use, how memory is pooled, how work is metered.
//!
//! Everything that is an engine setting is decided here and nowhere else, so that an engine update is
//! audited by reading this file.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tollgate_policy::Limits;
use wasmtime::component::Component;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmFeatures,
};

use crate::error::{HostError, LoadError};
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

/// One engine with what goes with it. The engines of a runtime differ in the stack they allow a guest, which wasmtime
/// fixes per engine, and in whether instances come from a pool; otherwise only in who has them.
pub(crate) struct EngineUnit {
    pub(crate) engine: Engine,
    /// Its pool; none for the engine without one.
    pool: Option<Pool>,
    pub(crate) profile: Profile,
    /// The clock of an engine without fuel.
    ticker: Option<Ticker>,
}

impl EngineUnit {
    fn new(profile: Profile, stack: u64, pool: Option<Pool>) -> Result<EngineUnit, HostError> {
        let mut config = settings(profile);
        let stack = usize::try_from(stack).map_err(HostError::new)?;
        config.max_wasm_stack(stack);
        config.async_stack_size(stack.saturating_add(HOST_STACK));
        if let Some(pool) = &pool {
            config.allocation_strategy(pool.strategy());
        }
        let engine = Engine::new(&config).map_err(HostError::engine)?;
        let ticker = match profile {
            Profile::Metered => None,
            Profile::DeadlineOnly => Some(Ticker::start(engine.clone()).map_err(HostError::new)?),
        };
        Ok(EngineUnit {
            engine,
            pool,
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
        let Some(Pool { slots, .. }) = self.pool else {
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

/// Slots for instances, counted among the pools of a runtime while it lives: a slot that was used once keeps its
/// memory maps, whether there is a guest in it or not.
struct Pool {
    slots: u32,
    pools: Arc<AtomicU32>,
}

impl Pool {
    /// One more, if there are fewer than `most`.
    fn take(pools: &Arc<AtomicU32>, most: u32, slots: u32) -> Option<Pool> {
        let more = |now: u32| (now < most).then_some(now.saturating_add(1));
        pools
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        let pools = Arc::clone(pools);
        Some(Pool { slots, pools })
    }

    fn strategy(&self) -> InstanceAllocationStrategy {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(self.slots)
            .total_core_instances(u32::MAX)
            .total_memories(self.slots.saturating_mul(SLOT_MEMORIES))
            .total_tables(self.slots.saturating_mul(SLOT_TABLES))
            .total_stacks(self.slots)
            // One module may have as many as the pool gives to one component; see `weight`.
            .max_memories_per_module(self.slots.saturating_mul(SLOT_MEMORIES))
            .max_tables_per_module(self.slots.saturating_mul(SLOT_TABLES))
            .table_elements(POOL_TABLE_ELEMENTS)
            .max_memory_size(4 << 30);
        if PoolingAllocationConfig::is_pagemap_scan_available() {
            pool.pagemap_scan(Enabled::Yes)
                .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT)
                .table_keep_resident(TABLE_KEEP_RESIDENT);
        }
        InstanceAllocationStrategy::Pooling(pool)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.pools.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The engines of a runtime, made when first needed and gone with the last provider that has them, but for the one
/// that was asked for last.
pub(crate) struct Engines {
    pub(crate) profile: Profile,
    /// Slots of a pool.
    slots: u32,
    /// Pools that there are, and that there may be.
    pools: Arc<AtomicU32>,
    most_pools: u32,
    /// Whether the kernel has memory maps for as many guests outside of the pools.
    outside: bool,
    units: Mutex<Units>,
}

#[derive(Default)]
struct Units {
    /// By stack, and whether instances come from a pool.
    alive: BTreeMap<(u64, bool), Weak<EngineUnit>>,
    /// Who loads one component after the other needs the same engine each time.
    last: Option<Arc<EngineUnit>>,
}

impl Engines {
    /// `shares` is for how many times `slots` guests the kernel has memory maps: one of them is for guests that are in
    /// no pool, if there is more than one.
    pub(crate) fn new(profile: Profile, slots: u32, shares: u32) -> Engines {
        Engines {
            profile,
            slots,
            pools: Arc::default(),
            most_pools: shares.saturating_sub(1).max(1),
            outside: shares > 1,
            units: Mutex::default(),
        }
    }

    /// The engine for guests with `stack` bytes of stack, pooled where the machine allows it.
    pub(crate) fn pooled(&self, stack: u64) -> Result<Arc<EngineUnit>, LoadError> {
        self.unit(stack, true)
    }

    /// The engine for components that the pool cannot hold.
    pub(crate) fn on_demand(&self, stack: u64) -> Result<Arc<EngineUnit>, LoadError> {
        self.unit(stack, false)
    }

    /// Another engine like `unit`, which nobody else has.
    pub(crate) fn own(&self, unit: &EngineUnit, stack: u64) -> Result<Arc<EngineUnit>, LoadError> {
        self.make(stack, unit.pool.is_some()).map(Arc::new)
    }

    fn make(&self, stack: u64, pooled: bool) -> Result<EngineUnit, LoadError> {
        let without = || EngineUnit::new(self.profile, stack, None).map_err(LoadError::from);
        let take = || Pool::take(&self.pools, self.most_pools, self.slots);
        let Some(pool) = pooled.then(take).flatten() else {
            if !self.outside {
                return Err(LoadError::OutsideThePool { guests: self.slots });
            }
            return without();
        };
        EngineUnit::new(self.profile, stack, Some(pool)).or_else(|error| {
            // A limit on address space (`ulimit -v`, some containers) leaves no room for a pool.
            tracing::info!(%error, "no instance pool on this machine; allocating on demand");
            without()
        })
    }

    fn unit(&self, stack: u64, pooled: bool) -> Result<Arc<EngineUnit>, LoadError> {
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        let found = units.alive.get(&(stack, pooled)).and_then(Weak::upgrade);
        let unit = match found {
            Some(unit) => unit,
            None => {
                units.alive.retain(|_, unit| unit.strong_count() > 0);
                let unit = Arc::new(self.make(stack, pooled)?);
                let weak = Arc::downgrade(&unit);
                units.alive.insert((stack, pooled), weak);
                unit
            }
        };
        units.last = Some(Arc::clone(&unit));
        Ok(unit)
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
