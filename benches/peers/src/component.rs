//! wasmtime itself, the version and the features that Tollgate has: the cost of a call when nothing is enforced, and of
//! each thing that an embedder can switch on by itself.

use std::path::Path;

use anyhow::{Result, anyhow};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentType, Instance, InstancePre, Lift, Linker, TypedFunc};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    StoreLimits, StoreLimitsBuilder,
};

/// Fuel enough for everything that is measured.
const FUEL: u64 = 1 << 50;

/// As Tollgate has it.
const YIELD_INTERVAL: u64 = 100_000;

/// The source of the memory of instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool, tuned as Tollgate's: the choice of an embedder who has tested it.
    #[default]
    Tuned,
    /// From a pool as it comes.
    Pool,
    /// From the kernel, each time.
    OnDemand,
}

/// The protections that are switched on. The default has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// The source of instances.
    pub allocation: Allocation,
    /// Calls on a stack of their own.
    pub on_fiber: bool,
    /// A budget, with a yield every 100,000 when calls are on a fiber.
    pub fuel: bool,
    /// Each NaN that the guest computes is the canonical one.
    pub canonical_nans: bool,
    /// Interruption by a counter that a clock would move.
    pub epoch: bool,
    /// A limit on memory, tables and instances.
    pub limiter: bool,
    /// A function of the host's on each step between guest and host.
    pub hook: bool,
    /// Guests that may live at once; 64 when 0.
    pub slots: u32,
}

/// The data of a wasmtime store.
struct State(StoreLimits);

/// The error of the provider world.
#[derive(ComponentType, Lift)]
#[component(variant)]
enum Refused {
    #[component(name = "invalid-input")]
    InvalidInput(String),
    #[component(name = "not-found")]
    NotFound(String),
    #[component(name = "access-denied")]
    AccessDenied(String),
    #[component(name = "quota-exceeded")]
    QuotaExceeded(String),
    #[component(name = "unavailable")]
    Unavailable(String),
    #[component(name = "other")]
    Other(String),
}

type Params<'a> = (&'a [u8],);
type Results = (Result<Vec<u8>, Refused>,);

/// A component that is compiled and linked: where fresh calls start from.
pub struct Component {
    engine: Engine,
    pre: InstancePre<State>,
    export: wasmtime::component::ComponentExportIndex,
    setup: Setup,
}

impl Component {
    /// Compiles a component of the provider world that imports no functions.
    pub fn load(file: &Path, setup: Setup) -> Result<Component> {
        let engine = engine(setup).map_err(plain)?;
        Component::with(engine, &std::fs::read(file)?, setup).map_err(plain)
    }

    fn with(engine: Engine, bytes: &[u8], setup: Setup) -> wasmtime::Result<Component> {
        let component = wasmtime::component::Component::new(&engine, bytes)?;
        let export = component.get_export_index(None, "run");
        let export = export.ok_or_else(|| wasmtime::Error::msg("no `run`"))?;
        let ComponentItem::ComponentFunc(run) = component
            .component_type()
            .get_export(&engine, "run")
            .map(|it| it.ty)
            .ok_or_else(|| wasmtime::Error::msg("no `run`"))?
        else {
            return Err(wasmtime::Error::msg("`run` is no function"));
        };
        let mut linker = Linker::new(&engine);
        // A world's types come as an instance that holds nothing else.
        linker.instance("tollgate:provider/types@0.1.0")?;
        let pre = linker.instantiate_pre(&component)?;
        // Once, as Tollgate does: not for each instance.
        run.typecheck::<Params<'_>, Results>(&pre.instance_type())?;
        Ok(Component {
            engine,
            pre,
            export,
            setup,
        })
    }

    fn store(&self) -> wasmtime::Result<Store<State>> {
        let limits = if self.setup.limiter {
            StoreLimitsBuilder::new().memory_size(128 << 20).build()
        } else {
            StoreLimits::default()
        };
        let mut store = Store::try_new(&self.engine, State(limits))?;
        if self.setup.limiter {
            store.limiter(|state| &mut state.0);
        }
        if self.setup.hook {
            store.call_hook(|_, _| Ok(()));
        }
        if self.setup.epoch {
            store.set_epoch_deadline(1 << 40);
        }
        if self.setup.fuel {
            store.set_fuel(FUEL)?;
            if self.setup.on_fiber {
                store.fuel_async_yield_interval(Some(YIELD_INTERVAL))?;
            }
        }
        Ok(store)
    }

    /// A fresh instance for one call, and its end.
    pub fn call(&self, input: &[u8]) -> Result<Vec<u8>> {
        self.call_now(input).map_err(plain)
    }

    fn call_now(&self, input: &[u8]) -> wasmtime::Result<Vec<u8>> {
        let mut store = self.store()?;
        let instance = self.pre.instantiate(&mut store)?;
        let run = self.run(&mut store, &instance)?;
        answer(run.call(&mut store, (input,))?.0)
    }

    #[allow(
        unsafe_code,
        reason = "the type is checked when the component is loaded"
    )]
    fn run<'i>(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<TypedFunc<Params<'i>, Results>> {
        let function = instance.get_func(&mut *store, self.export);
        let function = function.ok_or_else(|| wasmtime::Error::msg("no `run`"))?;
        Ok(unsafe { TypedFunc::new_unchecked(function) })
    }

    /// The same on a fiber.
    pub async fn call_async(&self, input: &[u8]) -> Result<Vec<u8>> {
        self.call_on_fiber(input).await.map_err(plain)
    }

    async fn call_on_fiber(&self, input: &[u8]) -> wasmtime::Result<Vec<u8>> {
        let mut store = self.store()?;
        let instance = self.pre.instantiate_async(&mut store).await?;
        let run = self.run(&mut store, &instance)?;
        answer(run.call_async(&mut store, (input,)).await?.0)
    }

    /// An instance for many calls.
    pub fn reused(&self) -> Result<Reused> {
        let make = || {
            let mut store = self.store()?;
            let instance = self.pre.instantiate(&mut store)?;
            let run = instance.get_typed_func(&mut store, self.export)?;
            Ok(Reused { store, run })
        };
        make().map_err(plain)
    }

    /// The same, made on a fiber.
    pub async fn reused_async(&self) -> Result<Reused> {
        let make = async || {
            let mut store = self.store()?;
            let instance = self.pre.instantiate_async(&mut store).await?;
            let run = instance.get_typed_func(&mut store, self.export)?;
            Ok(Reused { store, run })
        };
        make().await.map_err(plain)
    }
}

/// An instance that is called again and again.
pub struct Reused {
    store: Store<State>,
    run: TypedFunc<Params<'static>, Results>,
}

impl Reused {
    /// One call. The input is static because the function's type is looked up once for all calls.
    pub fn call(&mut self, input: &'static [u8]) -> Result<Vec<u8>> {
        let result = self.run.call(&mut self.store, (input,));
        result.and_then(|(result,)| answer(result)).map_err(plain)
    }

    /// One call on a fiber.
    pub async fn call_async(&mut self, input: &'static [u8]) -> Result<Vec<u8>> {
        let result = self.run.call_async(&mut self.store, (input,)).await;
        result.and_then(|(result,)| answer(result)).map_err(plain)
    }
}

/// The component compiled and called once, as in a host that keeps nothing.
pub fn compile_and_call(engine: &Fresh, bytes: &[u8], input: &[u8]) -> Result<Vec<u8>> {
    let component = Component::with(engine.0.clone(), bytes, Setup::default());
    component.map_err(plain)?.call(input)
}

/// An engine with nothing compiled.
pub struct Fresh(Engine);

impl Fresh {
    /// In the best configuration.
    pub fn new() -> Result<Fresh> {
        Ok(Fresh(engine(Setup::default()).map_err(plain)?))
    }
}

fn answer(result: Result<Vec<u8>, Refused>) -> wasmtime::Result<Vec<u8>> {
    result.map_err(|refused| {
        let (Refused::InvalidInput(text)
        | Refused::NotFound(text)
        | Refused::AccessDenied(text)
        | Refused::QuotaExceeded(text)
        | Refused::Unavailable(text)
        | Refused::Other(text)) = refused;
        wasmtime::Error::msg(text)
    })
}

/// The engine's errors are its own type.
fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:?}")
}

fn engine(setup: Setup) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    // Tollgate builds it without the machinery for component-model async, which doubles the price of a call.
    config.concurrency_support(false);
    config.consume_fuel(setup.fuel);
    config.cranelift_nan_canonicalization(setup.canonical_nans);
    config.epoch_interruption(setup.epoch);
    let slots = if setup.slots == 0 { 64 } else { setup.slots };
    let mut pool = PoolingAllocationConfig::new();
    match setup.allocation {
        Allocation::OnDemand => return Engine::new(&config),
        Allocation::Pool => {}
        Allocation::Tuned => {
            pool.total_component_instances(slots)
                .total_memories(slots)
                .total_tables(slots.saturating_mul(4))
                .total_stacks(slots)
                .table_elements(1 << 20)
                .max_tables_per_module(4);
            if PoolingAllocationConfig::is_pagemap_scan_available() {
                pool.pagemap_scan(Enabled::Yes)
                    .linear_memory_keep_resident(2 << 20)
                    .table_keep_resident(64 << 10);
            }
        }
    }
    pool.total_core_instances(u32::MAX);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}
