//! From a component's bytes to code in an engine: out of the cache, or out of the compiler and into the cache.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tollgate_policy::Limits;
use wasmtime::component::Component;

use crate::cache::{Cache, Compiled, Distrust};
use crate::compile::Compiler;
use crate::engine::{EngineUnit, Engines};
use crate::error::{HostError, LoadError};
use crate::escape;
use crate::source::Source;

/// Who makes code, and where it is kept.
pub(crate) struct Foundry {
    pub(crate) engines: Engines,
    pub(crate) compiler: Compiler,
    pub(crate) cache: Option<Cache>,
}

/// Code in the engine that takes it.
pub(crate) struct Code {
    pub(crate) unit: Arc<EngineUnit>,
    pub(crate) component: Component,
    /// Places that an instance takes.
    pub(crate) weight: u32,
    pub(crate) origin: Origin,
}

/// Where code came from, and why the cache does not have it now if it was to have it.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) compiled: Compiled,
    pub(crate) not_kept: Option<Arc<str>>,
}

impl Foundry {
    /// The code of a component that was inspected and judged, `digest` being that of its bytes.
    pub(crate) fn make(
        &self,
        source: &Source,
        digest: &str,
        limits: &Limits,
        cancelled: &AtomicBool,
    ) -> Result<Code, LoadError> {
        let unit = self.engines.pooled(limits.stack)?;
        let cache = self.cache.as_ref();
        let entry = cache.and_then(|cache| Some((cache, Cache::label(digest, &unit.engine)?)));
        let mut compiled = Compiled::Fresh;
        if let Some((cache, label)) = &entry {
            let why = match cache.read(label) {
                Ok(None) => None,
                Ok(Some(kept)) => match self.place(&unit, &kept, limits)? {
                    Ok(code) => return Ok(code.from(Compiled::Cached)),
                    Err(_) => Some(Distrust::Code),
                },
                Err(why) => Some(why),
            };
            if let Some(why) = why {
                Cache::distrusted(source.name(), digest, why);
                compiled = Compiled::Recompiled(why);
            }
        }
        let bytes = source.as_bytes();
        let made =
            self.compiler
                .compile(self.engines.profile, &unit.engine, bytes, limits, cancelled)?;
        let code = self.place(&unit, &made, limits)?;
        let mut code = code.map_err(HostError::engine)?.from(compiled);
        if let Some((cache, label)) = &entry
            && let Err(why) = cache.write(label, &made)
        {
            let name = escape::line(source.name());
            tracing::warn!(component = %name, why, "compiled code is not kept in the cache");
            code.origin.not_kept = Some(why.into());
        }
        Ok(code)
    }

    /// The same code in an engine like `unit` that nobody else has.
    pub(crate) fn apart(
        &self,
        unit: &EngineUnit,
        component: &Component,
        limits: &Limits,
    ) -> Result<Code, LoadError> {
        let unit = self.engines.own(unit, limits.stack)?;
        let code = component.serialize().map_err(HostError::engine)?;
        let placed = self.place(&unit, &code, limits)?;
        Ok(placed.map_err(HostError::engine)?)
    }

    /// One compiled form, in the pool or, when the component does not fit into it, with on-demand allocation.
    fn place(
        &self,
        pooled: &Arc<EngineUnit>,
        code: &[u8],
        limits: &Limits,
    ) -> Result<wasmtime::Result<Code>, LoadError> {
        // The engine refuses what no slot of its pool could ever hold.
        if let Ok(component) = pooled.take(code)
            && let Some(weight) = pooled.weight(&component, limits)
        {
            return Ok(Ok(Code::new(Arc::clone(pooled), component, weight)));
        }
        let unit = self.engines.on_demand(limits.stack)?;
        Ok(unit.take(code).map(|component| {
            let weight = unit.weight(&component, limits).unwrap_or(u32::MAX);
            Code::new(unit, component, weight)
        }))
    }
}

impl Code {
    fn new(unit: Arc<EngineUnit>, component: Component, weight: u32) -> Code {
        Code {
            unit,
            component,
            weight,
            origin: Origin {
                compiled: Compiled::Fresh,
                not_kept: None,
            },
        }
    }

    fn from(mut self, compiled: Compiled) -> Code {
        self.origin.compiled = compiled;
        self
    }
}
