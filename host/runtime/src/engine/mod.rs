//! The engine's configuration: the proposals that a guest may use, the pooling of memory, the metering of work.
//!
//! Every engine setting is in this file, so that an engine update is audited by reading it.

pub(crate) mod admission;
pub(crate) mod metering;
pub(crate) mod ticker;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tollgate_policy::Limits;
use wasmtime::component::Component;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmFeatures,
};

use crate::engine::metering::Metering;
use crate::engine::ticker::{Ticker, Ticking};
use crate::error::{HostError, LoadError, Unsupported};
use tollgate_component::PROPOSALS;

/// Fuel after which a guest yields its thread and the deadline is checked.
///
/// With `Metering::Fuel` the budget and the deadline use one mechanism: guest code counts fuel and yields after every
/// 100,000 units. That is about 0.1 ms of guest code; measured, it costs 2 % and overshoots a deadline by about 1 ms
/// (docs/performance.md#measured). A second mechanism (epochs) would cost 40 %.
pub(crate) const YIELD_INTERVAL: u64 = 100_000;

/// Functions in the trace of a trap.
pub(crate) const FRAMES: usize = 16;

/// Functions of a stack that a profile's engine tells: the innermost ones. With all of them a stack may be deeper, and the
/// outermost stands for the rest.
pub(crate) const PROFILED_FRAMES: usize = 128;

/// Stack for host functions, in addition to the guest's, since they run on the guest's fiber. 1 MiB is twice the stack
/// that the deepest host function (a WASI file operation) needs; it is reserved, not touched.
const HOST_STACK: usize = 1 << 20;

/// Bytes of a memory slot that stay resident between two calls, so that the next call does not fault its pages in
/// again. It helps only where the kernel can report which pages were touched (`PAGEMAP_SCAN`).
const MEMORY_KEEP_RESIDENT: usize = 2 << 20;

/// Bytes of a table that stay resident.
const TABLE_KEEP_RESIDENT: usize = 64 << 10;

/// Memories and tables of one pool slot. A wit-bindgen component has one memory and two tables; a component that needs
/// more takes several slots. The pool only counts core instances and reserves nothing for them, so they need no share.
const SLOT_MEMORIES: u32 = 1;
const SLOT_TABLES: u32 = 4;

/// Elements that a pooled table can hold: the default of the `table-elements` limit. A policy that allows more is
/// served without the pool.
const POOL_TABLE_ELEMENTS: usize = tollgate_policy::limits::TABLE_ELEMENTS as usize;

/// An engine with its pool and its clock. The engines of a runtime differ in the guest's stack, which wasmtime fixes
/// per engine, and in whether instances come from a pool. Apart from that they differ only in the providers that use
/// them.
pub(crate) struct PooledEngine {
    pub(crate) engine: Engine,
    /// The pool; `None` for an engine that allocates on demand.
    pool: Option<Pool>,
    pub(crate) metering: Metering,
    /// The clock of an engine without fuel.
    ticker: Option<Ticker>,
}

impl PooledEngine {
    fn new(
        metering: Metering,
        stack: u64,
        frames: usize,
        pool: Option<Pool>,
    ) -> Result<PooledEngine, HostError> {
        let mut config = settings(metering);
        config.wasm_backtrace_max_frames(NonZeroUsize::new(frames));
        let stack = usize::try_from(stack).map_err(HostError::new)?;
        config.max_wasm_stack(stack);
        config.async_stack_size(stack.saturating_add(HOST_STACK));
        if let Some(pool) = &pool {
            config.allocation_strategy(pool.strategy());
        }
        let engine = Engine::new(&config).map_err(HostError::engine)?;
        let ticker = match metering {
            Metering::Fuel => None,
            Metering::DeadlineOnly => Some(Ticker::start(engine.clone()).map_err(HostError::new)?),
        };
        Ok(PooledEngine {
            engine,
            pool,
            metering,
            ticker,
        })
    }

    /// The guard that a call holds while it is under way; `None` with fuel.
    pub(crate) fn tick(&self) -> Option<Ticking> {
        self.ticker.as_ref().map(Ticker::tick)
    }

    /// Loads code that [`Compiler::compile`](crate::compile::compiler::Compiler::compile) made of a component.
    #[expect(
        unsafe_code,
        reason = "the only way to code that another engine compiled"
    )]
    pub(crate) fn deserialize(&self, code: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: the code comes from the same version of the compiler, through memory and pipes that only this process
        // and its worker can access, or from a file whose seal `cache/entry.rs` has verified; in the process of a provider,
        // from the host that has it so, through their socket. The engine compares versions and settings.
        unsafe { Component::deserialize(&self.engine, code) }
    }

    /// The number of slots that an instance of `component` takes, or `None` if the pool cannot hold it.
    pub(crate) fn slots_needed(&self, component: &Component, limits: &Limits) -> Option<u32> {
        let needs = component.resources_required();
        let Some(Pool { slots, .. }) = self.pool else {
            // Memories take memory maps of the kernel. A component that does not declare its needs counts as using as
            // many as the limits allow.
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
        // One call may take a quarter of the pool at most. Otherwise a single guest could starve all others.
        (weight <= (slots / 4).max(1)).then_some(weight)
    }
}

/// The settings that compiled code depends on: the same for every engine of a metering, so code of one runs on any
/// other.
fn settings(metering: Metering) -> Config {
    let mut config = Config::new();
    config.wasm_features(WasmFeatures::all().difference(PROPOSALS), false);
    config.wasm_features(PROPOSALS, true);
    config.concurrency_support(false);
    // Only one of the two is used: together they cost more than both apart.
    config.consume_fuel(metering.counts_fuel());
    config.epoch_interruption(!metering.counts_fuel());
    // The bits of a NaN are the machine's choice, and would tell a guest which machine it is. Repeatable calls pay for the
    // comparison after each operation (docs/performance.md#measured); a profile that is not repeatable does not.
    config.cranelift_nan_canonicalization(metering.counts_fuel());
    config
}

/// An engine that only compiles.
pub(crate) fn compiling(metering: Metering) -> wasmtime::Result<Engine> {
    Engine::new(&settings(metering))
}

/// An engine that compares types. It has no machine code to make, so it starts no threads for it.
pub(crate) fn comparing() -> wasmtime::Result<Engine> {
    let mut config = settings(Metering::Fuel);
    config.parallel_compilation(false);
    Engine::new(&config)
}

/// Slots for instances. A pool is counted among those of its runtime while it lives: a slot that was used once keeps
/// its memory maps, with or without a guest.
struct Pool {
    slots: u32,
    pools: Arc<AtomicU32>,
}

impl Pool {
    /// Takes one more pool, if there are fewer than `most`.
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
            // One module may have as many memories as the pool gives to one component; see `slots_needed`.
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

/// The engines of a runtime. An engine is made when first needed and dropped with the last provider that uses it; the
/// one requested last is kept.
pub(crate) struct Engines {
    pub(crate) metering: Metering,
    /// The slots of a pool.
    slots: u32,
    /// The number of pools, and its bound below.
    pools: Arc<AtomicU32>,
    most_pools: u32,
    /// Whether the kernel has memory maps for as many guests outside the pools.
    outside: bool,
    units: Mutex<PooledEngines>,
}

/// The properties in which the engines of a runtime differ. A new kind of engine needs a field here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct EngineKey {
    /// Bytes of stack for guest code, which wasmtime fixes per engine.
    stack: u64,
    /// Whether instances come from a pool.
    pooled: bool,
    /// Whether its stacks are those of a profile, which are deeper than the trace of a trap.
    profiled: bool,
}

impl EngineKey {
    /// Functions of a stack that the engine tells: for a trap, as many as are enough to find the place.
    fn frames(self) -> usize {
        if self.profiled {
            PROFILED_FRAMES
        } else {
            FRAMES
        }
    }
}

#[derive(Default)]
struct PooledEngines {
    alive: BTreeMap<EngineKey, Weak<PooledEngine>>,
    /// Kept, since components that are loaded one after the other need the same engine.
    last: Option<Arc<PooledEngine>>,
}

impl Engines {
    /// `pool_count` is how many times `slots` guests the kernel has memory maps for. If it is more than one, one share
    /// is for guests in no pool.
    pub(crate) fn new(metering: Metering, slots: u32, pool_count: u32) -> Engines {
        Engines {
            metering,
            slots,
            pools: Arc::default(),
            most_pools: pool_count.saturating_sub(1).max(1),
            outside: pool_count > 1,
            units: Mutex::default(),
        }
    }

    /// The engine for guests with `stack` bytes of stack, pooled if the machine allows it.
    pub(crate) fn pooled(&self, stack: u64) -> Result<Arc<PooledEngine>, LoadError> {
        self.unit(EngineKey {
            stack,
            pooled: true,
            profiled: false,
        })
    }

    /// The engine for components that the pool cannot hold.
    pub(crate) fn on_demand(&self, stack: u64) -> Result<Arc<PooledEngine>, LoadError> {
        self.unit(EngineKey {
            stack,
            pooled: false,
            profiled: false,
        })
    }

    /// Another engine like `unit`, for one provider alone, or for the profiles of one.
    pub(crate) fn own(
        &self,
        unit: &PooledEngine,
        stack: u64,
        profiled: bool,
    ) -> Result<Arc<PooledEngine>, LoadError> {
        self.make(EngineKey {
            stack,
            pooled: unit.pool.is_some(),
            profiled,
        })
        .map(Arc::new)
    }

    fn make(&self, key: EngineKey) -> Result<PooledEngine, LoadError> {
        let EngineKey { stack, pooled, .. } = key;
        let engine = |pool| PooledEngine::new(self.metering, stack, key.frames(), pool);
        let without = || engine(None).map_err(LoadError::from);
        let take = || Pool::take(&self.pools, self.most_pools, self.slots);
        let Some(pool) = pooled.then(take).flatten() else {
            if !self.outside {
                return Err(Unsupported::Pool { guests: self.slots }.into());
            }
            return without();
        };
        engine(Some(pool)).or_else(|error| {
            // A limit on address space (`ulimit -v`, some containers) leaves no room for a pool.
            tracing::info!(%error, "no instance pool on this machine; allocating on demand");
            without()
        })
    }

    fn unit(&self, key: EngineKey) -> Result<Arc<PooledEngine>, LoadError> {
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        let found = units.alive.get(&key).and_then(Weak::upgrade);
        let unit = match found {
            Some(unit) => unit,
            None => {
                units.alive.retain(|_, unit| unit.strong_count() > 0);
                let unit = Arc::new(self.make(key)?);
                let weak = Arc::downgrade(&unit);
                units.alive.insert(key, weak);
                unit
            }
        };
        units.last = Some(Arc::clone(&unit));
        Ok(unit)
    }
}

#[cfg(test)]
mod tests;
