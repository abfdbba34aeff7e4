//! The runtime: from bytes and a policy to a [`Provider`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tollgate_policy::{Grants, Policy, Streams};
use wasmtime::component::{InstancePre, Linker};

use crate::admission::Admission;
use crate::cache::Cache;
use crate::code::{Code, Foundry};
use crate::compile::Compiler;
use crate::egress::{Egress, Resolver};
use crate::engine::Engines;
use crate::error::{HostError, LoadError, Refusal, RefusalKind};
use crate::imports::files::Roots;
use crate::imports::wasi::Setup;
use crate::imports::{AddToLinker, link};
use crate::inspect::Inspection;
use crate::profile::Profile;
use crate::provider::Provider;
use crate::reach::Reach;
use crate::secrets::Secrets;
use crate::source::Source;
use crate::state::HostState;
use crate::stores::Stores;
use crate::verdict::{Verdict, judge};

/// Makes a [`Runtime`].
#[derive(Default)]
pub struct Builder {
    concurrency: Option<u32>,
    queue: Option<u32>,
    interfaces: BTreeMap<String, AddToLinker>,
    resolver: Option<Arc<dyn Resolver>>,
    certificates: Vec<Vec<u8>>,
    inherit_stdio: bool,
    compiler: Compiler,
    profile: Profile,
    cache: Option<Cache>,
}

impl Builder {
    /// Who compiles components; this process unless the embedder says otherwise. Who loads components of
    /// strangers wants a [`Compiler::Worker`].
    #[must_use]
    pub fn compiler(mut self, compiler: Compiler) -> Builder {
        self.compiler = compiler;
        self
    }

    /// What guests' work is measured in: fuel and time, unless the embedder says time alone.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Builder {
        self.profile = profile;
        self
    }

    /// Keeps what was compiled, for the next time and for other processes; nothing is kept unless the embedder
    /// says so. All that is refused before compiling is refused as well when the cache has it compiled.
    #[must_use]
    pub fn cache(mut self, cache: Cache) -> Builder {
        self.cache = Some(cache);
        self
    }

    /// Looks up the names of hosts; the system does unless the embedder says otherwise, 32 of them at a time.
    /// Whatever it answers, each address is decided on before it is dialled.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolver + 'static) -> Builder {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Trusts one more certificate authority, in DER, beside those of the platform.
    #[must_use]
    pub fn root_certificate(mut self, der: impl Into<Vec<u8>>) -> Builder {
        self.certificates.push(der.into());
        self
    }

    /// How many guests may live at the same time: 64 unless the embedder says otherwise, and no more than
    /// the kernel has memory maps for (`vm.max_map_count`; 10,239 at Linux's default), if there is no other runtime in
    /// the process. With more than half of that there is one pool and nothing outside of it: components that do not
    /// fit into it, and a second size of `stack`, are [`LoadError::OutsideThePool`]. A guest lives as long as its
    /// session; one of several memories counts as several.
    #[must_use]
    pub fn concurrency(mut self, guests: u32) -> Builder {
        self.concurrency = Some(guests);
        self
    }

    /// How many calls may wait for a guest to go, each until its own deadline; 16 for each guest that may
    /// live unless the embedder says otherwise. What comes when they are all taken is
    /// [`CallError::Busy`](crate::CallError::Busy).
    #[must_use]
    pub fn queue(mut self, calls: u32) -> Builder {
        self.queue = Some(calls);
        self
    }

    /// Offers an interface of the embedder's own, by its full name (`acme:clock/sleep@0.1.0`), to the
    /// components whose policy lists it under `grants.interfaces`. `add` is what `bindgen!` generated,
    /// with `imports: { default: async | trappable }`. Its functions call
    /// [`HostState::charge`](crate::HostState::charge) first, so that they count and cost.
    #[must_use]
    pub fn interface(
        mut self,
        name: &str,
        add: impl Fn(&mut Linker<HostState>) -> wasmtime::Result<()> + Send + Sync + 'static,
    ) -> Builder {
        self.interfaces.insert(name.to_owned(), Arc::new(add));
        self
    }

    /// Lets policies have `stdio = "inherit"`: WASI guests then write to the standard output and error of
    /// this process, as it comes, up to the limit `stdio`. For programs whose output is the guest's; a
    /// policy that asks for it elsewhere is refused.
    #[must_use]
    pub fn allow_inherited_stdio(mut self) -> Builder {
        self.inherit_stdio = true;
        self
    }

    /// The runtime.
    pub fn build(self) -> Runtime {
        let admission = Admission::new(self.concurrency, self.queue);
        Runtime {
            shared: Arc::new(Shared {
                foundry: Foundry {
                    engines: Engines::new(
                        self.profile,
                        admission.concurrency(),
                        admission.shares(),
                    ),
                    compiler: self.compiler,
                    cache: self.cache,
                },
                admission,
                egress: Arc::new(Egress::new(self.resolver, self.certificates)),
                stores: Stores::default(),
                names: self.interfaces.keys().cloned().collect(),
                interfaces: self.interfaces,
                inherit_stdio: self.inherit_stdio,
            }),
        }
    }
}

/// Engines and what they share. It holds no grants: those come with each component's policy. Clones are
/// the same runtime.
///
/// ```
/// use tollgate::{LoadError, Policy, Runtime, Source};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/checksums.wasm"));
/// let runtime = Runtime::new();
/// let source = Source::file(path, &Policy::default().limits)?;
/// // Nothing is granted, so what the component imports is refused, all of it at once.
/// match runtime.load(&source, &Policy::default()).await {
///     Err(LoadError::Refused(refusal)) => assert_eq!(refusal.imports.len(), 3),
///     _ => panic!("it asks for log, hash and files"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

struct Shared {
    admission: Admission,
    foundry: Foundry,
    egress: Arc<Egress>,
    stores: Stores,
    interfaces: BTreeMap<String, AddToLinker>,
    names: BTreeSet<String>,
    inherit_stdio: bool,
}

impl Default for Runtime {
    fn default() -> Runtime {
        Runtime::new()
    }
}

impl Runtime {
    /// A runtime with the defaults.
    pub fn new() -> Runtime {
        Runtime::builder().build()
    }

    /// A runtime to be configured.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// How many guests may live at the same time: what was asked for, or what the kernel allows.
    pub fn concurrency(&self) -> u32 {
        self.shared.admission.concurrency()
    }

    /// Judges every import of an inspected component. Nothing is compiled.
    pub fn judge(&self, inspection: &Inspection, grants: &Grants) -> Verdict {
        judge(&inspection.imports, grants, &self.shared.names)
    }

    /// Reads, judges, compiles and links a component. None of its code runs.
    ///
    /// # Errors
    ///
    /// [`LoadError::Refused`] says what is wrong with the component, all of its denied imports at once;
    /// the other cases are the policy's files and the host's own failures.
    pub async fn load(&self, source: &Source, policy: &Policy) -> Result<Provider, LoadError> {
        let (runtime, source, policy) = (self.clone(), source.clone(), policy.clone());
        let cancelled = Cancelled::default();
        let told = Arc::clone(&cancelled.0);
        // Compiling takes milliseconds to seconds of processor time: not on the async threads.
        tokio::task::spawn_blocking(move || runtime.load_now(&source, &policy, &told))
            .await
            .map_err(HostError::new)?
    }

    pub(crate) fn load_now(
        &self,
        source: &Source,
        policy: &Policy,
        cancelled: &AtomicBool,
    ) -> Result<Provider, LoadError> {
        policy.check()?;
        // What the policy has against the component is found before what this program cannot do: a key that was taken
        // back is one whatever else the policy asks for.
        let vetted = source.vet(policy)?;
        let verdict = self.judge(&vetted.inspection, &policy.grants);
        if let Some(refusal) = verdict.refusal() {
            return Err(refusal.into());
        }
        let stdio = policy.grants.wasi.as_ref().map(|wasi| wasi.stdio);
        if stdio == Some(Streams::Inherit) && !self.shared.inherit_stdio {
            return Err(LoadError::InheritedStdio);
        }
        if !self.shared.foundry.compiler.keeps(&policy.limits) {
            return Err(LoadError::CompilesInProcess);
        }
        if !self.shared.foundry.engines.profile.keeps(&policy.limits) {
            return Err(LoadError::FuelNotCounted);
        }
        let store = policy.grants.store.as_ref();
        let store = store.map(|grant| self.shared.stores.open(grant, source.name()));
        let wasi = policy.grants.wasi.as_ref();
        let reach = Reach {
            grants: policy.grants.clone(),
            roots: Roots::open(&policy.grants)?,
            egress: Arc::clone(&self.shared.egress),
            secrets: Arc::new(Secrets::read(&policy.grants)?),
            wasi: wasi.map(Setup::read).unwrap_or_default(),
            store: store.transpose()?,
        };
        let code = self.shared.foundry.make(
            source,
            &vetted.inspection.digest,
            &policy.limits,
            cancelled,
        )?;
        Provider::new(
            self.clone(),
            vetted.info(&source.shared_name()),
            vetted.inspection.exports,
            code,
            reach,
            &policy.limits,
        )
    }

    /// Links code to what `grants` allows, and to nothing else.
    pub(crate) fn link(
        &self,
        code: &Code,
        grants: &Grants,
    ) -> Result<InstancePre<HostState>, LoadError> {
        let mut linker = Linker::new(&code.unit.engine);
        link(&mut linker, grants, &self.shared.interfaces).map_err(HostError::engine)?;
        linker.instantiate_pre(&code.component).map_err(|error| {
            // Names matched and types did not: the interface is another one of the same name.
            let text = format!("an import has another type than this host's: {error:#}");
            Refusal::new(RefusalKind::Imports, crate::escape::line(&text)).into()
        })
    }

    pub(crate) fn foundry(&self) -> &Foundry {
        &self.shared.foundry
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.shared.admission
    }
}

/// Tells the one who compiles that nobody waits any more.
#[derive(Default)]
struct Cancelled(Arc<AtomicBool>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
