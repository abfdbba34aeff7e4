//! A component that passed its verdict: compiled, linked to what is granted, and nothing running.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tollgate_policy::Limits;
use wasmtime::component::{ComponentExportIndex, InstancePre};

use crate::call::context::CallContext;
use crate::call::exports::{ExportedFunctions, RunExport, find_command, find_run, functions};
use crate::call::session::Session;
use crate::compile::cache::CodeOrigin;
use crate::compile::{CompiledComponent, Origin};
use crate::engine::PooledEngine;
use crate::engine::admission::{Places, Slot};
use crate::error::{CallError, LoadError, Unsupported};
use crate::interface::provider_0_2::bindings::provider::types::Error;
use crate::isolate::Isolated;
use crate::runtime::Host;
use tollgate_capability::Granted;
use tollgate_component::ProviderInfo;
use tollgate_component::split_version;
use tollgate_component::value::Function;
use tollgate_component::{Export, Import, Inspection, ItemKind};
use tollgate_component::{Refusal, RefusalKind};

/// What `run` takes and gives, in the provider world.
pub(crate) type RunParams<'a> = (&'a [u8],);
pub(crate) type RunResult = (Result<Vec<u8>, Error>,);

/// What `run` of `wasi:cli/run` takes and gives.
pub(crate) type CommandResult = (Result<(), ()>,);

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
}

pub(crate) struct Shared {
    pub(crate) host: Arc<Host>,
    pub(crate) info: Arc<ProviderInfo>,
    pub(crate) unit: Arc<PooledEngine>,
    pub(crate) pre: InstancePre<CallContext>,
    pub(crate) granted: Arc<Granted>,
    /// Slots that an instance takes.
    pub(crate) slots_needed: u32,
    /// Its part of the slots of the runtime.
    pub(crate) places: Arc<Places>,
    origin: Origin,
    pub(crate) inspection: Inspection,
    /// Described when they are first asked for: typed calls never do.
    functions: OnceLock<ExportedFunctions>,
    run: Option<RunExport>,
    command: Option<ComponentExportIndex>,
    /// Limits that shape the engine and so cannot change after loading.
    pub(crate) fixed: Limits,
    /// The process that its sessions live in, if it is not this one.
    pub(crate) isolated: Option<Isolated>,
}

impl Shared {
    /// Takes the slots of one session, or waits for them until `deadline`.
    pub(crate) async fn slot(&self, deadline: Instant) -> Result<Slot, CallError> {
        let admission = &self.host.admission;
        admission
            .enter(&self.places, self.slots_needed, deadline)
            .await
    }
}

impl Provider {
    /// Of code that was judged, linked to what is granted, with its part of the slots of the runtime.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of what loading made"
    )]
    pub(crate) fn new(
        (host, places): (Arc<Host>, Arc<Places>),
        info: ProviderInfo,
        inspection: Inspection,
        code: CompiledComponent,
        pre: InstancePre<CallContext>,
        granted: Granted,
        limits: &Limits,
        isolated: Option<Isolated>,
    ) -> Provider {
        Provider {
            limits: Arc::new(limits.clone()),
            shared: Arc::new(Shared {
                host,
                info: Arc::new(info),
                run: find_run(&code.unit, &pre),
                command: find_command(&code.component, &inspection.exports),
                unit: code.unit,
                origin: code.origin,
                granted: Arc::new(granted),
                slots_needed: code.slots_needed,
                places,
                inspection,
                functions: OnceLock::new(),
                fixed: limits.clone(),
                isolated,
                pre,
            }),
        }
    }

    /// Its name, digest, size and world.
    pub fn info(&self) -> &Arc<ProviderInfo> {
        &self.shared.info
    }

    /// Where its code came from.
    pub fn code_origin(&self) -> CodeOrigin {
        self.shared.origin.code
    }

    /// Why the cache does not have its code, if it was compiled and there is a cache: it is larger than all of
    /// the cache, the disk is full …
    pub fn cache_error(&self) -> Option<&str> {
        self.shared.origin.cache_error.as_deref()
    }

    /// The limits its sessions get.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What it exports, in the component's order.
    pub fn exports(&self) -> &[Export] {
        &self.shared.inspection.exports
    }

    /// The functions that it exports by themselves and in interfaces, with their types: those that [`Session::invoke`] can
    /// call, in the component's order. Names are text of the component: escape them before showing them. Descriptions of
    /// one function take at most 1 MiB, and those of a component 8 MiB; a type beyond is [`Type::Opaque`], and functions
    /// beyond are left out.
    ///
    /// [`Type::Opaque`]: tollgate_component::value::Type::Opaque
    pub fn functions(&self) -> impl ExactSizeIterator<Item = &Function> {
        let functions = self.exported_functions().list.iter();
        functions.map(|it| &it.function)
    }

    pub(crate) fn imports(&self) -> &[Import] {
        &self.shared.inspection.imports
    }

    pub(crate) fn exported_functions(&self) -> &ExportedFunctions {
        let Shared {
            functions: described,
            unit,
            pre,
            ..
        } = &*self.shared;
        described.get_or_init(|| functions(&unit.engine, pre.component()))
    }

    /// An interface that a component may export or not, such as one of the `tollgate:releases` hooks: what
    /// `bindgen!` generated to call it, or `None` when the component does not have it. `indices` is the `new` of
    /// the interface's `GuestIndices`; what it makes is good for the sessions of this provider, of its clones and of
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
        let mut same = self.shared.inspection.exports.iter().filter(|export| {
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

    /// The same provider under other limits, without compiling it again.
    ///
    /// # Errors
    ///
    /// `stack` shapes the engine and stays what it was when the provider was loaded; so does a
    /// `table-elements` above the pool's. Load the component anew to change them.
    pub fn with_limits(&self, limits: Limits) -> Result<Provider, LoadError> {
        limits.check()?;
        if !self.shared.unit.metering.supports(&limits) {
            return Err(Unsupported::Fuel.into());
        }
        let (fixed, now) = (&self.shared.fixed, &self.limits);
        let changes = [
            ("stack", limits.stack != fixed.stack),
            (
                "table-elements",
                limits.table_elements > fixed.table_elements,
            ),
            ("compile-time", limits.compile_time != now.compile_time),
            ("complexity", limits.complexity != now.complexity),
            (
                "compile-memory",
                limits.compile_memory != now.compile_memory,
            ),
        ];
        if let Some((key, _)) = changes.into_iter().find(|(_, changes)| *changes) {
            return Err(Unsupported::FixedAtLoad { key }.into());
        }
        Ok(Provider {
            shared: Arc::clone(&self.shared),
            limits: Arc::new(limits),
        })
    }

    /// The same provider on an engine of its own, with a pool of its own: for a thread that makes small calls while
    /// other threads do the same. Threads that share an engine take turns at its pool, and two of them together do
    /// less of the smallest calls than one alone (docs/performance.md); with calls of 50 µs and more there is nothing
    /// to gain.
    ///
    /// Limits, grants, stores and the number of guests that may live are the runtime's and this provider's, not
    /// anew for each engine. It holds the code once more, and the engine is freed with the last clone of it and its
    /// sessions. There are as many pools as the kernel has memory maps for (158 of 64 guests each at Linux's
    /// defaults); engines beyond have none and are slower, as are those of components that no pool can hold.
    ///
    /// ```no_run
    /// # use tollgate::blocking::Provider;
    /// # fn serve(_: Provider) {}
    /// # fn threads(provider: &Provider) -> Result<(), tollgate::LoadError> {
    /// for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
    ///     let provider = provider.on_own_engine()?;
    ///     std::thread::spawn(move || serve(provider));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The host's own: no memory or address space for another engine; [`Unsupported::Pool`] where one pool
    /// takes all there is.
    pub fn on_own_engine(&self) -> Result<Provider, LoadError> {
        let Shared {
            host,
            info,
            unit,
            pre,
            granted,
            origin,
            places,
            inspection,
            fixed,
            isolated,
            ..
        } = &*self.shared;
        let component = pre.component();
        let mut code = host.code_loader.on_own_engine(unit, component, fixed)?;
        code.origin = origin.clone();
        let pre = host.link(&code, &granted.grants)?;
        // Copies, not references to the same: a counter that two threads move is what this is to avoid.
        let info = ProviderInfo {
            name: Arc::from(&*info.name),
            ..ProviderInfo::clone(info)
        };
        let (inspection, granted) = (inspection.clone(), Granted::clone(granted));
        let isolated = isolated.as_ref().and_then(Isolated::another);
        let own = Provider::new(
            (Arc::clone(host), Arc::clone(places)),
            info,
            inspection,
            code,
            pre,
            granted,
            fixed,
            isolated,
        );
        Ok(Provider {
            limits: Arc::new(Limits::clone(&self.limits)),
            ..own
        })
    }

    /// A session: one store, made when it is first called. Costs nothing until then.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    pub(crate) fn run_export(&self) -> Result<RunExport, Refusal> {
        self.shared.run.ok_or_else(|| {
            missing(
                "`run: func(input: list<u8>) -> result<list<u8>, error>` of `tollgate:provider`",
            )
        })
    }

    pub(crate) fn command_export(&self) -> Result<&ComponentExportIndex, Refusal> {
        self.shared
            .command
            .as_ref()
            .ok_or_else(|| missing("`wasi:cli/run`"))
    }
}

pub(crate) fn missing(what: &str) -> Refusal {
    Refusal::new(
        RefusalKind::MissingExport,
        format!("the component does not export {what}"),
    )
}
