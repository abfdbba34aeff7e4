//! A component that passed its verdict: compiled, linked to its grants, and not running.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tollgate_policy::{Limits, Protected};
use wasmtime::component::{ComponentExportIndex, InstancePre};

use crate::call::context::CallContext;
use crate::call::exports::{
    ExportedFunctions, RunExport, find, find_command, find_run, functions, listed, missing,
};
use crate::call::handle::find_handler;
use crate::call::session::Session;
use crate::call::warm::Warm;
use crate::compile::CompiledComponent;
use crate::compile::cache::CodeOrigin;
use crate::engine::PooledEngine;
use crate::engine::admission::{Places, Slot};
use crate::error::{CallError, LoadError};
use crate::host::{Admitted, Host, Inner};
use crate::interface::OwnParameters;
use crate::isolate::Isolated;
use tollgate_capability::Granted;
#[cfg(feature = "wit")]
use tollgate_component::World;
use tollgate_component::split_version;
use tollgate_component::value::Function;
use tollgate_component::{Docs, Export, Inspection, ItemKind};
use tollgate_component::{Identity, ProviderInfo};
use tollgate_component::{Refusal, RefusalKind, Remedy};

/// A loaded component that passed its verdict. It holds no store and runs nothing; clones share the
/// compiled code.
///
/// ```
/// use tollgate::{Limits, Policy, Runtime, Source};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/counter.wasm"));
/// let source = Source::file(path, &Limits::default())?;
/// let provider = Runtime::new().load(&source, &Policy::default()).await?;
/// assert_eq!(&*provider.info().name, "counter");
///
/// // Other limits, without compiling again.
/// let small = provider.with_limits(Limits { fuel: 1_000, ..Limits::default() })?;
/// let report = small.session().wave("work(1000000)").await?;
/// assert_eq!(report.outcome.fault().map(|fault| fault.label()), Some("fuel"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Provider {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: Arc<Limits>,
    /// Instances made ahead of its calls.
    pub(super) warm: Option<Arc<Warm>>,
}

/// Compiled code of a component, which runs under any number of policies.
pub(crate) struct Code {
    pub(crate) runtime: Arc<Inner>,
    /// The identity by which another policy judges the component.
    pub(crate) identity: Identity,
    pub(crate) inspection: Inspection,
    pub(crate) compiled: CompiledComponent,
    /// The limits under which it was placed in its engine.
    pub(super) placed: Limits,
    /// The files that the policy of its load protects, such as those of the folder that serves it.
    pub(super) protected: Vec<Protected>,
    /// Described when they are first asked for: typed calls never do.
    functions: OnceLock<ExportedFunctions>,
}

impl Code {
    pub(crate) fn new(
        runtime: &Arc<Inner>,
        identity: Identity,
        inspection: Inspection,
        compiled: CompiledComponent,
        (placed, protected): (&Limits, &[Protected]),
    ) -> Arc<Code> {
        Arc::new(Code {
            runtime: Arc::clone(runtime),
            identity,
            inspection,
            compiled,
            placed: placed.clone(),
            protected: protected.to_vec(),
            functions: OnceLock::new(),
        })
    }
}

/// Code that is linked to the grants of a policy.
pub(crate) struct Shared {
    pub(crate) code: Arc<Code>,
    pub(crate) info: Arc<ProviderInfo>,
    pub(crate) pre: InstancePre<CallContext>,
    pub(crate) granted: Arc<Granted>,
    pub(crate) parameters: Arc<OwnParameters>,
    /// Its part of the slots of the runtime.
    pub(crate) places: Arc<Places>,
    run: Option<RunExport>,
    command: Option<ComponentExportIndex>,
    pub(super) handler: Option<ComponentExportIndex>,
    /// Limits that shape the engine and so cannot change after loading.
    pub(crate) fixed: Limits,
    /// The process that its sessions live in, if it is not this one.
    pub(crate) isolated: Option<Isolated>,
}

impl Shared {
    pub(crate) fn host(&self) -> &Host {
        &self.code.runtime.host
    }

    pub(crate) fn unit(&self) -> &PooledEngine {
        &self.code.compiled.unit
    }

    /// Takes the slots of one session, or waits for them until `deadline`.
    pub(crate) async fn slot(&self, deadline: Instant) -> Result<Slot, CallError> {
        let Host {
            admission, warmer, ..
        } = self.host();
        let slots_needed = self.code.compiled.slots_needed;
        // Instances that wait for a call give way to one that is there: first those that take its own part of the slots.
        let places = &self.places;
        while !admission.has_free_of(places, slots_needed) && warmer.give_back(Some(places)) {}
        while !admission.has_free(slots_needed) && warmer.give_back(None) {}
        admission.enter(&self.places, slots_needed, deadline).await
    }

    /// Takes the slots of an instance that is made ahead, if enough are free beside.
    pub(super) fn slot_ahead(&self) -> Option<Slot> {
        let admission = &self.host().admission;
        admission.enter_ahead(&self.places, self.code.compiled.slots_needed)
    }
}

impl Provider {
    /// Links code that was judged to its grants, and to nothing else, with a part of the slots of the runtime.
    pub(crate) fn link(
        code: Arc<Code>,
        info: ProviderInfo,
        admitted: Admitted,
        limits: &Limits,
    ) -> Result<Provider, LoadError> {
        let places = Arc::new(code.runtime.host.admission.places());
        Provider::link_at(places, code, info, admitted, limits)
    }

    pub(super) fn link_at(
        places: Arc<Places>,
        code: Arc<Code>,
        info: ProviderInfo,
        admitted: Admitted,
        limits: &Limits,
    ) -> Result<Provider, LoadError> {
        let Admitted {
            granted,
            parameters,
            isolated,
        } = admitted;
        let compiled = &code.compiled;
        let verdict = code.runtime.judge(&code.inspection, &granted.grants);
        let pre = code
            .runtime
            .host
            .link(compiled, &granted.grants, &verdict.stubs())?;
        Ok(Provider {
            limits: Arc::new(limits.clone()),
            warm: None,
            shared: Arc::new(Shared {
                info: Arc::new(info),
                run: find_run(&compiled.unit, &pre),
                command: find_command(&compiled.component, &code.inspection.exports),
                handler: find_handler(&compiled.unit, &pre, &code.inspection.exports),
                granted: Arc::new(granted),
                parameters,
                places,
                fixed: limits.clone(),
                isolated,
                pre,
                code,
            }),
        })
    }

    /// Its name, digest, size and world.
    pub fn info(&self) -> &Arc<ProviderInfo> {
        &self.shared.info
    }

    /// The origin of its code.
    pub fn code_origin(&self) -> CodeOrigin {
        self.shared.code.compiled.origin.code
    }

    /// Why the cache does not have its code, if it was compiled and there is a cache: it is larger than all of
    /// the cache, the disk is full …
    pub fn cache_error(&self) -> Option<&str> {
        self.shared.code.compiled.origin.cache_error.as_deref()
    }

    /// The limits its sessions get.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its exports, in the component's order.
    pub fn exports(&self) -> &[Export] {
        &self.shared.code.inspection.exports
    }

    /// The functions that it exports by themselves and in interfaces, with their types: those that [`Session::invoke`] can
    /// call, in the component's order. Names are text of the component: escape them before showing them. Descriptions of
    /// one function take at most 1 MiB, and those of a component 8 MiB; a type beyond is [`Type::Opaque`], and functions
    /// beyond are left out.
    ///
    /// [`Type::Opaque`]: tollgate_component::value::Type::Opaque
    pub fn functions(&self) -> impl ExactSizeIterator<Item = &Function> + Clone {
        let functions = self.exported_functions().list.iter();
        functions.map(|it| &it.function)
    }

    /// The one function that `name` means in a call: `resolve`, or with its interface
    /// `tollgate:releases/resolve@0.1.0.resolve`, whose version may be left out.
    ///
    /// # Errors
    ///
    /// No function has that name, or more than one has.
    pub fn function(&self, name: &str) -> Result<&Function, Refusal> {
        find(self.exported_functions(), name).map(|found| &found.function)
    }

    /// The documentation that the component carries: the doc comments of its exports, in its author's words.
    pub fn docs(&self) -> &Docs {
        &self.shared.code.inspection.docs
    }

    #[cfg(feature = "watch")]
    pub(crate) fn grants(&self) -> &tollgate_policy::Grants {
        &self.shared.granted.grants
    }

    #[cfg(feature = "watch")]
    pub(crate) fn imports(&self) -> &[tollgate_component::Import] {
        &self.shared.code.inspection.imports
    }

    pub(crate) fn exported_functions(&self) -> &ExportedFunctions {
        let Code {
            functions: described,
            compiled,
            ..
        } = &*self.shared.code;
        described.get_or_init(|| functions(&compiled.unit.engine, &compiled.component))
    }

    /// Checks that it has the exports of components of `world`, before the first call of it: an embedder's world, whose
    /// bindings check the types of interfaces only when they are made for an instance.
    ///
    /// ```
    /// use tollgate::component::World;
    /// use tollgate::{Policy, Source, blocking::Runtime};
    /// # use std::path::Path;
    /// # let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/echo.wasm"));
    /// let wit = "package acme:report; world plugin { export render: func(title: string) -> string; }";
    /// let plugin = World::parse(&[wit], "acme:report/plugin")?;
    /// let source = Source::file(path, &Policy::default().limits)?;
    /// let echo = Runtime::new().load(&source, &Policy::default())?;
    /// let refusal = echo.expects(&plugin).unwrap_err();
    /// assert!(refusal.message.contains("render is missing: `render: func(title: string) -> string`"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RefusalKind::MissingExport`] lists the functions that are missing or have another type, beside the type that
    /// is found.
    #[cfg(feature = "wit")]
    pub fn expects(&self, world: &World) -> Result<(), Refusal> {
        world.compare(self.functions())
    }

    /// An interface that a component may export or not, such as one of the `tollgate:releases` hooks: the value that
    /// `bindgen!` generated to call it, or `None` when the component does not have it. `indices` is the `new` of
    /// the interface's `GuestIndices`; its result is good for the sessions of this provider, of its clones and of
    /// [`with_limits`](Self::with_limits), and for no others, such as those of [`on_own_engine`](Self::on_own_engine).
    ///
    /// ```ignore
    /// let name = "tollgate:releases/resolve@0.1.0";
    /// if let Some(resolve) = provider.optional_interface(name, world::resolve::GuestIndices::new)? {
    ///     let report = provider.session().call(async |guest: &mut Guest<'_>| {
    ///         let resolve = resolve.load(&mut *guest.store, guest.instance)?;
    ///         resolve.call_resolve(&mut *guest.store, "^1", "linux/x86_64").await
    ///     });
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The component exports the interface in a version that `indices` does not know
    /// ([`RefusalKind::WorldVersion`], both are named), or without a function of it
    /// ([`RefusalKind::MissingExport`]). A function of other types is found when it is called, and faults.
    pub fn optional_interface<T>(
        &self,
        interface: &str,
        indices: impl FnOnce(&InstancePre<CallContext>) -> wasmtime::Result<T>,
    ) -> Result<Option<T>, Refusal> {
        let (base, wanted) = split_version(interface);
        let mut same = self.shared.code.inspection.exports.iter().filter(|export| {
            export.kind == ItemKind::Instance && split_version(&export.name).0 == base
        });
        let Some(export) = same.next() else {
            return Ok(None);
        };
        indices(&self.shared.pre).map(Some).map_err(|error| {
            let theirs = tollgate_component::escape::line(&export.name);
            if split_version(&export.name).1 == wanted {
                let text = format!("all of {interface}: {error:#}");
                missing(&tollgate_component::escape::line(&text))
            } else {
                let text =
                    format!("the component exports {theirs}, and its caller has {interface}");
                Refusal::new(RefusalKind::WorldVersion, text)
            }
        })
    }

    /// Whether it is a WASI command, to be called with [`Session::command`].
    pub fn is_command(&self) -> bool {
        self.shared.command.is_some()
    }

    /// A session: one store, made when it is first called. Costs nothing until then.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    pub(crate) fn run_export(&self) -> Result<RunExport, Refusal> {
        self.shared.run.ok_or_else(|| {
            let functions = self.exported_functions();
            missing(&format!(
                "`run: func(input: list<u8>) -> result<list<u8>, error>` of `tollgate:provider`; {}",
                listed(functions)
            ))
            .with_remedy(Remedy::CallAnExport)
        })
    }

    pub(crate) fn command_export(&self) -> Result<&ComponentExportIndex, Refusal> {
        self.shared
            .command
            .as_ref()
            .ok_or_else(|| missing("`wasi:cli/run`"))
    }
}
