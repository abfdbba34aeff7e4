//! Vetting of components and loading of their code into an engine: from the cache, or from a worker or the compiler and
//! then into the cache.

pub(crate) mod cache;
pub(crate) mod compiler;
pub(crate) mod places;
pub(crate) mod protocol;
mod queued;
mod typed;
pub(crate) mod worker;
pub(crate) mod worker_main;

use std::sync::Arc;

use tollgate_policy::Limits;
use wasmtime::component::Component;

use crate::compile::cache::{Cache, CacheRejection, CodeOrigin, EntryId, Kept};
use crate::compile::compiler::Compiler;
use crate::compile::places::{Places, Turn};
use crate::compile::protocol::{Findings, Task};
use crate::compile::worker::Worker;
use crate::engine::{Engines, PooledEngine};
use crate::error::{HostError, LoadError};
use tollgate_component::escape;
use tollgate_component::{Inspection, Source};

/// Vets and compiles components, and keeps the findings and the code.
pub(crate) struct CodeLoader {
    pub(crate) engines: Engines,
    pub(crate) compiler: Compiler,
    /// The places of workers.
    pub(crate) places: Arc<Places>,
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

/// A component that was vetted, and waits to be judged.
pub(crate) struct Pending<'a> {
    /// The contents of the component.
    pub(crate) inspection: Inspection,
    stage: Stage<'a>,
    origin: CodeOrigin,
}

/// The source of the code of a pending component.
enum Stage<'a> {
    /// The cache had it.
    Cached(Vec<u8>),
    /// A worker vetted the component and waits to compile it.
    Vetted(Worker<'a>),
    /// It is yet to be compiled, by the compiler that there is.
    Later,
}

impl CodeLoader {
    /// Finds the contents of a component that was authenticated, from the cache or from its bytes. The code comes after
    /// the judgement, by [`CodeLoader::load`].
    pub(crate) fn vet<'a>(
        &self,
        source: &Source,
        limits: &'a Limits,
        turn: &Turn<'a>,
    ) -> Result<Pending<'a>, LoadError> {
        let mut origin = CodeOrigin::Compiled;
        match self.kept(source, limits) {
            Ok(Some(Kept { inspection, code })) => {
                inspection.is_within(limits)?;
                return Ok(Pending {
                    inspection,
                    stage: Stage::Cached(code),
                    origin: CodeOrigin::Cached,
                });
            }
            Ok(None) => {}
            Err(why) => {
                Cache::report_rejected(source.name(), source.digest(), why);
                origin = CodeOrigin::Recompiled(why);
            }
        }
        // A component that was inspected before is judged before a process is started for it.
        let (inspection, stage) = match (source.inspected(), &self.compiler) {
            (None, Compiler::InProcess) | (Some(_), _) => (
                source.inspect_by(limits, compiler::objections_here)?,
                Stage::Later,
            ),
            (None, Compiler::Worker { .. }) => {
                let (findings, worker) = self.ask(source, Task::Load, limits, turn)?;
                (findings.inspection, Stage::Vetted(worker))
            }
        };
        Ok(Pending {
            inspection,
            stage,
            origin,
        })
    }

    /// The findings of a worker on a component, and the worker.
    pub(crate) fn ask<'a>(
        &self,
        source: &Source,
        task: Task,
        limits: &'a Limits,
        turn: &Turn<'a>,
    ) -> Result<(Findings, Worker<'a>), LoadError> {
        let Compiler::Worker { program } = &self.compiler else {
            return Err(HostError::new("there is no worker").into());
        };
        let place = turn.take(&self.places, source.name());
        let place = place.ok_or_else(compiler::given_up)?;
        let metering = self.engines.metering;
        let with = (limits, turn.cancelled);
        let mut worker = Worker::start(program, metering, task, source, with, place)?;
        Ok((worker.findings(source)?, worker))
    }

    /// The findings and the code of a component in the cache.
    fn kept(&self, source: &Source, limits: &Limits) -> Result<Option<Kept>, CacheRejection> {
        let (Some(cache), Some(label)) = (&self.cache, self.label(source, limits)) else {
            return Ok(None);
        };
        let kept = cache.read(&label)?;
        match &kept {
            Some(kept) if !source.keep_inspection(&kept.inspection) => {
                Err(CacheRejection::Inspection)
            }
            _ => Ok(kept),
        }
    }

    /// The id of a component's entry in the cache. An engine that cannot be made is reported after the judgement.
    fn label(&self, source: &Source, limits: &Limits) -> Option<EntryId> {
        self.cache.as_ref()?;
        let unit = self.engines.pooled(limits.stack).ok()?;
        Cache::label(source.digest(), &unit.engine)
    }

    /// Loads the code of a component that was vetted and judged.
    pub(crate) fn load<'a>(
        &self,
        source: &Source,
        pending: Pending<'a>,
        limits: &'a Limits,
        turn: &Turn<'a>,
    ) -> Result<CompiledComponent, LoadError> {
        let unit = self.engines.pooled(limits.stack)?;
        let Pending {
            inspection,
            mut stage,
            mut origin,
        } = pending;
        if let Stage::Cached(code) = stage {
            if let Ok(code) = self.place(&unit, &code, limits)? {
                return Ok(code.from(origin));
            }
            let why = CacheRejection::Code;
            Cache::report_rejected(source.name(), source.digest(), why);
            origin = CodeOrigin::Recompiled(why);
            stage = Stage::Later;
        }
        let made = match (stage, &self.compiler) {
            (Stage::Vetted(worker), _) => worker.code()?,
            (_, Compiler::InProcess) => compiler::in_process(&unit.engine, source.as_bytes())?,
            (_, Compiler::Worker { .. }) => {
                let (_, worker) = self.ask(source, Task::Load, limits, turn)?;
                worker.code()?
            }
        };
        let code = self.place(&unit, &made, limits)?;
        let mut code = code.map_err(HostError::engine)?.from(origin);
        if let (Some(cache), Some(label)) = (&self.cache, self.label(source, limits))
            && let Err(why) = cache.write(&label, source.name(), &inspection, &made)
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
        profiled: bool,
    ) -> Result<CompiledComponent, LoadError> {
        let unit = self.engines.own(unit, limits.stack, profiled)?;
        let code = component.serialize().map_err(HostError::engine)?;
        let placed = self.place(&unit, &code, limits)?;
        Ok(placed.map_err(HostError::engine)?)
    }

    /// Loads compiled code into the pool, or into an engine that allocates on demand if the component does not fit the
    /// pool.
    pub(crate) fn place(
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
