//! Loading of code into an engine: from the cache, or from the compiler and then into the cache.

pub(crate) mod cache;
pub(crate) mod compiler;
pub(crate) mod worker_main;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tollgate_policy::Limits;
use wasmtime::component::Component;

use crate::compile::cache::{Cache, CacheRejection, CodeOrigin};
use crate::compile::compiler::Compiler;
use crate::engine::{Engines, PooledEngine};
use crate::error::{HostError, LoadError};
use tollgate_component::Source;
use tollgate_component::escape;

/// Compiles components and keeps their code.
pub(crate) struct CodeLoader {
    pub(crate) engines: Engines,
    pub(crate) compiler: Compiler,
    pub(crate) cache: Option<Cache>,
}

/// A component's code in the engine that runs it.
pub(crate) struct CompiledComponent {
    pub(crate) unit: Arc<PooledEngine>,
    pub(crate) component: Component,
    /// The slots that an instance takes.
    pub(crate) slots_needed: u32,
    pub(crate) origin: Origin,
}

/// The origin of the code, and the reason why the cache does not have it now although there is a cache.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) code: CodeOrigin,
    pub(crate) cache_error: Option<Arc<str>>,
}

impl CodeLoader {
    /// Loads the code of a component that was vetted and judged.
    pub(crate) fn load(
        &self,
        source: &Source,
        limits: &Limits,
        cancelled: &AtomicBool,
    ) -> Result<CompiledComponent, LoadError> {
        let digest = source.digest();
        let unit = self.engines.pooled(limits.stack)?;
        let cache = self.cache.as_ref();
        let entry = cache.and_then(|cache| Some((cache, Cache::label(digest, &unit.engine)?)));
        let mut origin = CodeOrigin::Compiled;
        if let Some((cache, label)) = &entry {
            let why = match cache.read(label) {
                Ok(None) => None,
                Ok(Some(kept)) => match self.place(&unit, &kept, limits)? {
                    Ok(code) => return Ok(code.from(CodeOrigin::Cached)),
                    Err(_) => Some(CacheRejection::Code),
                },
                Err(why) => Some(why),
            };
            if let Some(why) = why {
                Cache::report_rejected(source.name(), digest, why);
                origin = CodeOrigin::Recompiled(why);
            }
        }
        let bytes = source.as_bytes();
        let made = self.compiler.compile(
            self.engines.metering,
            &unit.engine,
            bytes,
            limits,
            cancelled,
        )?;
        let code = self.place(&unit, &made, limits)?;
        let mut code = code.map_err(HostError::engine)?.from(origin);
        if let Some((cache, label)) = &entry
            && let Err(why) = cache.write(label, &made)
        {
            let name = escape::line(source.name());
            tracing::warn!(component = %name, why, "compiled code is not kept in the cache");
            code.origin.cache_error = Some(why.into());
        }
        Ok(code)
    }

    /// Loads the same code into an engine like `unit` that runs nothing else.
    pub(crate) fn on_own_engine(
        &self,
        unit: &PooledEngine,
        component: &Component,
        limits: &Limits,
    ) -> Result<CompiledComponent, LoadError> {
        let unit = self.engines.own(unit, limits.stack)?;
        let code = component.serialize().map_err(HostError::engine)?;
        let placed = self.place(&unit, &code, limits)?;
        Ok(placed.map_err(HostError::engine)?)
    }

    /// Loads compiled code into the pool, or into an engine that allocates on demand if the component does not fit the
    /// pool.
    fn place(
        &self,
        pooled: &Arc<PooledEngine>,
        code: &[u8],
        limits: &Limits,
    ) -> Result<wasmtime::Result<CompiledComponent>, LoadError> {
        // The pooled engine rejects a component that no slot of its pool can hold.
        if let Ok(component) = pooled.deserialize(code)
            && let Some(slots_needed) = pooled.slots_needed(&component, limits)
        {
            return Ok(Ok(CompiledComponent::new(
                Arc::clone(pooled),
                component,
                slots_needed,
            )));
        }
        let unit = self.engines.on_demand(limits.stack)?;
        Ok(unit.deserialize(code).map(|component| {
            let slots_needed = unit.slots_needed(&component, limits).unwrap_or(u32::MAX);
            CompiledComponent::new(unit, component, slots_needed)
        }))
    }
}

impl CompiledComponent {
    fn new(unit: Arc<PooledEngine>, component: Component, slots_needed: u32) -> CompiledComponent {
        CompiledComponent {
            unit,
            component,
            slots_needed,
            origin: Origin {
                code: CodeOrigin::Compiled,
                cache_error: None,
            },
        }
    }

    fn from(mut self, origin: CodeOrigin) -> CompiledComponent {
        self.origin.code = origin;
        self
    }
}
