//! One world under one policy: guests are loaded and called here.

use std::sync::Arc;
use std::time::Instant;

use tollgate::component::Judgement;
use tollgate::policy::Streams;
use tollgate::wasmtime;
use tollgate::wasmtime::component::Val;
use tollgate::{Guest as Called, Limits, LoadError, Policy, Provider, Runtime, Session, Source};
use wit_parser::{Handle, Type, TypeDefKind, TypeId};

use crate::came::{Came, guarded, told};
use crate::error::Error;
use crate::guest::{At, Body, Guest, Times};
use crate::module::{Made, Maker};
use crate::random::Random;
use crate::values;
use crate::want::Want;
use crate::world::World;

/// Changes a session before its first call.
pub(crate) type Prepare = Arc<dyn Fn(Session) -> Session + Send + Sync>;

/// Limits that a policy leaves at their defaults are these, so that a whole run takes seconds.
pub(crate) fn short(limits: &Limits) -> Limits {
    let (default, mut short) = (Limits::default(), limits.clone());
    let replace = |key: &str, value: &str, short: &mut Limits| {
        if limits.get(key) == default.get(key) {
            // Each is in its range: a test looks at it.
            let _ = short.set(key, value);
        }
    };
    for (key, value) in SHORT {
        replace(key, value, &mut short);
    }
    // Guests are compiled where the program compiles, which may have no limits of its own.
    short.compile_time = default.compile_time;
    short.compile_memory = default.compile_memory;
    short
}

/// The limits of a run, where the policy has the defaults.
pub(crate) const SHORT: &[(&str, &str)] = &[
    ("fuel", "20_000_000"),
    ("deadline", "1s"),
    ("memory", "16MiB"),
    ("table-elements", "20_000"),
    ("instances", "32"),
    ("host-data", "1MiB"),
    ("host-memory", "4MiB"),
    ("output", "1MiB"),
    ("handles", "128"),
];

/// Whether an import is there for the guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    Yes,
    /// As a stub, which ends the call.
    Stub,
    No,
}

pub(crate) struct Stage {
    pub(crate) runtime: Runtime,
    pub(crate) policy: Policy,
    pub(crate) world: World,
    pub(crate) granted: Vec<Granted>,
    /// The same, as whether an import may be called to make a resource.
    callable: Vec<bool>,
    pub(crate) prepare: Prepare,
    pub(crate) seed: u64,
    pub(crate) good: Option<Provider>,
}

impl Stage {
    pub(crate) fn new(
        runtime: Runtime,
        policy: &Policy,
        world: World,
        prepare: Prepare,
        seed: u64,
    ) -> Stage {
        let mut policy = policy.clone();
        policy.limits = short(&policy.limits);
        // The guests are made here and signed by nobody, and their output is for nobody.
        policy.trust = Default::default();
        if let Some(wasi) = &mut policy.grants.wasi {
            wasi.stdio = Streams::Captured;
        }
        Stage {
            runtime,
            policy,
            world,
            granted: Vec::new(),
            callable: Vec::new(),
            prepare,
            seed,
            good: None,
        }
    }

    /// Judges the imports and makes the well-behaved component.
    pub(crate) async fn prepare(&mut self) -> Result<(), Error> {
        let wrong = self.world.exports.iter().find_map(|function| {
            let why = function.unsupported?;
            Some((function.name.clone(), why.to_owned()))
        });
        if let Some((function, why)) = wrong {
            return Err(Error::Unsupported { function, why });
        }
        self.granted = (0..self.world.imports.len())
            .map(|import| self.judge(import))
            .collect::<Result<_, _>>()?;
        self.callable = self.granted.iter().map(|it| *it == Granted::Yes).collect();
        let good = self.make(Guest::GOOD, "good", "-")?;
        let Some(good) = good else {
            return Err(Error::Make("nothing came of a good component".to_owned()));
        };
        let mut loaded = self.load("good", &good).await;
        if let Err(LoadError::Unsupported(tollgate::load::Unsupported::Fuel)) = &loaded {
            // A runtime that counts no fuel refuses a policy that limits it.
            self.policy.limits.fuel = Limits::default().fuel;
            loaded = self.load("good", &good).await;
        }
        let loaded = loaded.map_err(|error| Error::Good(error.to_string()))?;
        self.good = Some(loaded);
        for number in self.good_calls() {
            let came = self.good_call(number).await;
            if !came.is_done() {
                let text = format!("{}: {} {}", self.name(number), came.label, came.detail);
                return Err(Error::Good(text.trim_end().to_owned()));
            }
        }
        Ok(())
    }

    /// Whether an import is granted, by a component that has it alone.
    fn judge(&self, import: usize) -> Result<Granted, Error> {
        if self
            .world
            .imports
            .get(import)
            .is_none_or(|it| it.unsupported.is_some())
        {
            return Ok(Granted::No);
        }
        let guest = Guest {
            body: Body::Call {
                import,
                arguments: Want::Zero,
                times: Times::Count(1),
            },
            ..Guest::GOOD
        };
        let Some(made) = self.make(guest, "judge", "-")? else {
            return Ok(Granted::No);
        };
        let source = Source::bytes("judged", made.bytes);
        let inspection = source
            .inspect()
            .map_err(|error| Error::Make(error.to_string()))?;
        let verdict = self.runtime.judge(&inspection, &self.policy.grants);
        let is_stub =
            |import: &tollgate::component::ImportVerdict| import.judgement == Judgement::Stubbed;
        Ok(
            match (verdict.allows(), verdict.imports.iter().any(is_stub)) {
                (true, false) => Granted::Yes,
                (true, true) => Granted::Stub,
                (false, _) => Granted::No,
            },
        )
    }

    /// Makes a component; none if the world has no place for what is to be hostile.
    pub(crate) fn make(
        &self,
        guest: Guest,
        attack: &str,
        target: &str,
    ) -> Result<Option<Made>, Error> {
        let random = Random::of(self.seed, attack, target);
        Maker::new(&self.world, guest, &self.callable, random).component()
    }

    pub(crate) async fn load(&self, name: &str, made: &Made) -> Result<Provider, LoadError> {
        let source = Source::bytes(name, made.bytes.clone());
        self.runtime.load(&source, &self.policy).await
    }

    pub(crate) fn name(&self, export: Option<usize>) -> &str {
        let function = export.and_then(|export| self.world.exports.get(export));
        function.map_or("-", |function| &function.name)
    }

    /// The exports whose result is well when it is all zeros, and that can be called; the start alone if there are none.
    fn good_calls(&self) -> Vec<Option<usize>> {
        let all = 0..self.world.exports.len();
        let good: Vec<Option<usize>> = all
            .filter(|export| self.can_call(*export) && self.gives_zeros(*export))
            .map(Some)
            .collect();
        match good.is_empty() {
            true => vec![None],
            false => good,
        }
    }

    /// The export that the host calls when the place of an attack is an import.
    pub(crate) fn driver(&self) -> At {
        let good = self.good_calls().into_iter().next().flatten();
        good.map_or(At::Start, At::Export)
    }

    fn gives_zeros(&self, export: usize) -> bool {
        let Some(function) = self.world.exports.get(export) else {
            return false;
        };
        let mut resources = Vec::new();
        if let Some(result) = &function.wit.result {
            self.world.resources(result, &mut resources);
        }
        resources
            .iter()
            .all(|resource| self.world.exporter(*resource).is_some())
    }

    /// Whether the host can call an export: its handles are of resources that another export makes.
    pub(crate) fn can_call(&self, export: usize) -> bool {
        let Some(function) = self.world.exports.get(export) else {
            return false;
        };
        function.wit.params.iter().all(|param| {
            let mut all = Vec::new();
            self.world.resources(&param.ty, &mut all);
            match self.handle(&param.ty) {
                Some(resource) => self.constructor(resource).is_some(),
                None => all.is_empty(),
            }
        })
    }

    /// The resource, if a type is a handle.
    fn handle(&self, ty: &Type) -> Option<TypeId> {
        let Type::Id(id) = self.world.plain(ty) else {
            return None;
        };
        match self.world.kind(id)? {
            TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of)) => {
                Some(self.world.resource(*of))
            }
            _ => None,
        }
    }

    /// The export that makes a resource and takes none.
    fn constructor(&self, resource: TypeId) -> Option<usize> {
        self.world.exporter(resource)?;
        self.world.exports.iter().position(|function| {
            let mut needs = Vec::new();
            for param in &function.wit.params {
                self.world.resources(&param.ty, &mut needs);
            }
            let result = function.wit.result.as_ref();
            needs.is_empty() && result.and_then(|ty| self.handle(ty)) == Some(resource)
        })
    }

    /// Calls the export at a place, in a session of its own.
    pub(crate) async fn call(&self, provider: &Provider, at: At) -> Came {
        let mut session = (self.prepare)(provider.session());
        let start = Instant::now();
        let called = self.call_in(&mut session, at);
        let mut came = guarded(called).await;
        came.elapsed = start.elapsed();
        came.alive = session.is_alive();
        came
    }

    async fn call_in(&self, session: &mut Session, at: At) -> Came {
        let function = match at {
            At::Export(export) => self.world.exports.get(export),
            At::Start => None,
        };
        let Some(function) = function else {
            let nothing = async |_: &mut Called<'_>| Ok(Ok::<(), ()>(()));
            return told(session.call(nothing).await);
        };
        let mut handles = Vec::new();
        for ty in function
            .wit
            .params
            .iter()
            .map(|it| &it.ty)
            .chain(&function.wit.result)
        {
            self.world.resources(ty, &mut handles);
        }
        if !handles.is_empty() {
            let At::Export(export) = at else {
                return Came::new("host-error", "no export");
            };
            let work = async |guest: &mut Called<'_>| {
                self.typed(guest, export).await?;
                Ok(Ok::<(), ()>(()))
            };
            return told(session.call(work).await);
        }
        let described = session.provider().function(&function.name).cloned();
        match described {
            Ok(described) => {
                let params = described.params.iter();
                let arguments: Vec<_> = params.map(|it| values::value(&it.ty)).collect();
                told(session.invoke(&function.name, &arguments).await)
            }
            Err(refusal) => Came::new("missing-export", refusal.to_string()),
        }
    }

    /// Calls an export that takes or gives handles.
    async fn typed(&self, guest: &mut Called<'_>, export: usize) -> wasmtime::Result<Vec<Val>> {
        let missing = || wasmtime::Error::msg("the export is gone");
        let function = self.world.exports.get(export).ok_or_else(missing)?;
        let store = &mut *guest.store;
        let interface = match &function.interface {
            Some(name) => Some(
                guest
                    .instance
                    .get_export_index(&mut *store, None, name)
                    .ok_or_else(missing)?,
            ),
            None => None,
        };
        let name = &function.wit.name;
        let index = guest
            .instance
            .get_export_index(&mut *store, interface.as_ref(), name);
        let index = index.ok_or_else(missing)?;
        let func = guest
            .instance
            .get_func(&mut *store, index)
            .ok_or_else(missing)?;
        let ty = func.ty(&*store);
        let mut arguments = Vec::new();
        for (param, (_, ty)) in function.wit.params.iter().zip(ty.params()) {
            let made = match self.handle(&param.ty).and_then(|it| self.constructor(it)) {
                Some(constructor) => Box::pin(self.typed(guest, constructor)).await?.pop(),
                None => values::val(&ty),
            };
            arguments.push(made.ok_or_else(missing)?);
        }
        let mut results = vec![Val::Bool(false); ty.results().len()];
        func.call_async(&mut *guest.store, &arguments, &mut results)
            .await?;
        Ok(results)
    }

    /// Calls the well-behaved component.
    pub(crate) async fn good_call(&self, export: Option<usize>) -> Came {
        let Some(good) = &self.good else {
            return Came::new("host-error", "there is no good component");
        };
        self.call(good, export.map_or(At::Start, At::Export)).await
    }

    /// Whether as many well-behaved guests live at once as the runtime has places for one component.
    pub(crate) async fn places(&self) -> Came {
        let Some(good) = &self.good else {
            return Came::new("host-error", "there is no good component");
        };
        let places = (self.runtime.concurrency() / 2).clamp(1, 16);
        let mut sessions = Vec::new();
        let mut last = Came::new("returned", "");
        for _ in 0..places {
            let mut session = (self.prepare)(good.session());
            last = self.call_in(&mut session, self.driver()).await;
            if !last.is_done() {
                return last;
            }
            sessions.push(session);
        }
        last
    }
}
