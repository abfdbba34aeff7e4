//! The options of a runtime.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tollgate_capability::Descriptors;
use tollgate_capability::Share;
use tollgate_capability::http::connect::{Egress, Resolver};
use tollgate_capability::store::StoreRegistry;
use tollgate_capability::{OnDecision, OnRequest};
use tollgate_policy::{Access, Grants, Parameters, Protected, ValueError};
use wasmtime::component::Linker;

use crate::call::context::CallContext;
use crate::compile::CodeLoader;
use crate::compile::cache::Cache;
use crate::compile::compiler::Compiler;
use crate::compile::places::Places;
use crate::engine::Engines;
use crate::engine::admission::Admission;
use crate::engine::metering::Metering;
use crate::host::{Host, Inner};
use crate::interface::Own;
use crate::isolate::{Isolating, Isolation};
use crate::observe::{Observed, Observer};
use crate::runtime::Runtime;

/// Configures and makes a [`Runtime`].
#[derive(Default)]
pub struct Builder {
    concurrency: Option<u32>,
    queue: Option<u32>,
    share: Share,
    interfaces: BTreeMap<String, Own>,
    resolver: Option<Arc<dyn Resolver>>,
    certificates: Vec<Vec<u8>>,
    inherit_stdio: bool,
    compiler: Compiler,
    workers: Option<u32>,
    metering: Metering,
    cache: Option<Cache>,
    observer: Observed,
    protected: Vec<Protected>,
    isolation: Isolation,
}

impl Builder {
    /// Sets where components are vetted and compiled; in this process by default. Use [`Compiler::Worker`] for untrusted
    /// components.
    #[must_use]
    pub fn compiler(mut self, compiler: Compiler) -> Builder {
        self.compiler = compiler;
        self
    }

    /// Sets where sessions live; in this process by default. [`Isolation::Process`] starts the program of
    /// [`Compiler::Worker`], and needs one.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Builder {
        self.isolation = isolation;
        self
    }

    /// Sets how many workers of [`Compiler::Worker`] run at the same time, at least one; as many as the machine has
    /// processors by default. Each may take `compile-memory` and, on several threads, all processors. Loads and
    /// inspections beyond them wait in turn, without a limit of their own: each one before them takes `compile-time` at
    /// most. To wait no longer, drop the future. The wait does not count against `compile-time`.
    #[must_use]
    pub fn workers(mut self, processes: u32) -> Builder {
        self.workers = Some(processes);
        self
    }

    /// Sets how guest code is metered: by fuel and time by default, or by time alone.
    #[must_use]
    pub fn metering(mut self, metering: Metering) -> Builder {
        self.metering = metering;
        self
    }

    /// Keeps the findings of vetting and compiled code in a cache, for the next load and for other processes; by
    /// default nothing is kept. Size, signature and pin are checked and imports are judged whether or not the cache has
    /// a component. Its folder is protected as by [`Builder::protect`]: it holds the key that seals machine code.
    #[must_use]
    pub fn cache(mut self, cache: Cache) -> Builder {
        let folder = Protected::new("the cache of this program", cache.path(), Access::Read);
        self.protected.push(folder);
        self.cache = Some(cache);
        self
    }

    /// Sets the resolver of host names; the system's by default, with 32 look-ups at a time. Each address it returns is
    /// decided on before it is dialled.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolver + 'static) -> Builder {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Trusts one more certificate authority, in DER, in addition to those of the platform.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn root_certificate(self, der: impl Into<Vec<u8>>) -> Builder {
        self.certificates(std::iter::once(der.into()))
    }

    /// Trusts these certificate authorities, as [`Builder::root_certificate`] does one.
    pub(crate) fn certificates(mut self, ders: impl Iterator<Item = Vec<u8>>) -> Builder {
        self.certificates.extend(ders);
        self
    }

    /// Sets how many guests may live at the same time: 64 by default, and no more than the kernel has memory maps for
    /// (`vm.max_map_count`; 10,239 at Linux's default), if there is no other runtime in the process. With more than
    /// half of that there is one pool and nothing outside of it: components that do not fit the pool, and a second size
    /// of `stack`, are refused ([`Unsupported::Pool`](crate::error::Unsupported::Pool)). A guest lives as long as its
    /// session; a guest with several memories counts as several.
    #[must_use]
    pub fn concurrency(mut self, guests: u32) -> Builder {
        self.concurrency = Some(guests);
        self
    }

    /// Sets how many calls may wait for a slot, each until its own deadline; 16 for each slot by default. A call beyond
    /// them is refused with [`CallError::Busy`](crate::error::CallError::Busy).
    #[must_use]
    pub fn queue(mut self, calls: u32) -> Builder {
        self.queue = Some(calls);
        self
    }

    /// Sets the part of the runtime that one provider may take, in percent, from 1 to 100: of the slots, of the queue, of the
    /// 64 threads for work that blocks, and of the 32 look-ups. 75 by default, so that the callers of one provider cannot
    /// keep out those of all others. A runtime of a single provider sets 100.
    #[must_use]
    pub fn share(mut self, percent: u32) -> Builder {
        self.share = Share::percent(percent);
        self
    }

    /// Offers an interface of the embedder, by its full name (`acme:clock/sleep@0.1.0`), to components whose policy
    /// lists it under `grants.interfaces`. `add` is the function that `bindgen!` generates with
    /// `imports: { default: async | trappable }`. Each host function calls
    /// [`CallContext::charge`](crate::CallContext::charge) first, which counts it and opens what it works on; its errors are the host's,
    /// unless they are [`GuestError`](crate::load::GuestError)s.
    ///
    /// # Errors
    ///
    /// If no policy can grant the name: it is not written as in WIT, or it is in `wasi` or `tollgate`, whose interfaces this
    /// library provides itself.
    ///
    /// ```
    /// assert!(tollgate::Runtime::builder().interface("wasi:cli/stdout@0.2.0", |_| Ok(())).is_err());
    /// ```
    pub fn interface(
        self,
        name: &str,
        add: impl Fn(&mut Linker<CallContext>) -> wasmtime::Result<()> + Send + Sync + 'static,
    ) -> Result<Builder, ValueError> {
        self.offer(name, Own::without(Arc::new(add)))
    }

    fn offer(mut self, name: &str, own: Own) -> Result<Builder, ValueError> {
        Grants::check_interface(name)?;
        self.interfaces.insert(name.to_owned(), own);
        Ok(self)
    }

    /// Offers an interface as [`interface`](Self::interface) does, whose grant has parameters: a table of the policy that
    /// is read into `P` when a component is loaded, and that host functions get with
    /// [`Charged::parameters`](crate::Charged::parameters). Parameters that do not fit `P` refuse the policy
    /// ([`LoadError::Policy`](crate::LoadError::Policy)).
    ///
    /// ```
    /// use serde::Deserialize;
    /// use tollgate::CallContext;
    /// use tollgate::wasmtime::{StoreContextMut, component::Linker};
    ///
    /// /// `grants.interfaces."acme:report/rates@1.0.0" = { currencies = ["EUR"] }`
    /// #[derive(Deserialize)]
    /// #[serde(deny_unknown_fields)]
    /// struct Rates {
    ///     currencies: Vec<String>,
    /// }
    ///
    /// const NAME: &str = "acme:report/rates@1.0.0";
    ///
    /// fn add(linker: &mut Linker<CallContext>) -> tollgate::wasmtime::Result<()> {
    ///     linker.instance(NAME)?.func_wrap(
    ///         "rate",
    ///         |mut store: StoreContextMut<'_, CallContext>, (of,): (String,)| {
    ///             let call = store.data_mut().charge(of.len() as u64)?;
    ///             let rates = call.parameters::<Rates>(NAME)?;
    ///             Ok((rates.currencies.contains(&of).then_some(1.17),))
    ///         },
    ///     )
    /// }
    ///
    /// let builder = tollgate::Runtime::builder().interface_with::<Rates>(NAME, add)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`interface`](Self::interface).
    pub fn interface_with<P: DeserializeOwned + Send + Sync + 'static>(
        self,
        name: &str,
        add: impl Fn(&mut Linker<CallContext>) -> wasmtime::Result<()> + Send + Sync + 'static,
    ) -> Result<Builder, ValueError> {
        let read = |given: &Parameters| -> Result<Arc<dyn Any + Send + Sync>, ValueError> {
            Ok(Arc::new(given.read::<P>()?))
        };
        let (add, read) = (Arc::new(add), Arc::new(read));
        self.offer(name, Own { add, read })
    }

    /// Allows policies with `stdio = "inherit"`: WASI guests then write directly to the standard output and error of
    /// this process, up to the limit `stdio`. It is for programs whose output is the guest's; other programs refuse
    /// such a policy.
    #[must_use]
    pub fn allow_inherited_stdio(mut self) -> Builder {
        self.inherit_stdio = true;
        self
    }

    /// Tells `observer` of loads, calls and decisions, for metrics, traces and audit; by default they are in reports and
    /// in the log only. A second observer takes the place of the first.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Builder {
        self.observer = Observed(Some(Arc::new(observer)));
        self
    }

    /// Protects a file or a folder of the embedding program, such as its configuration or its keys: a policy whose
    /// roots hold it or lie in it, with any access, is not loaded
    /// ([`GrantError::Covered`](crate::load::GrantError::Covered)), and a hard link in a root that leads to the file is
    /// denied as `protected`. [`protect_from_writing`](Self::protect_from_writing) allows roots that may read it.
    #[must_use]
    pub fn protect(self, path: impl Into<PathBuf>) -> Builder {
        self.protected(path.into(), Access::Read)
    }

    /// Protects a file or a folder of the embedding program from roots with the access `read-write`, as
    /// [`protect`](Self::protect) does from all.
    #[must_use]
    pub fn protect_from_writing(self, path: impl Into<PathBuf>) -> Builder {
        self.protected(path.into(), Access::ReadWrite)
    }

    fn protected(mut self, path: PathBuf, from: Access) -> Builder {
        let file = Protected::new("a file of this program", path, from);
        self.protected.push(file);
        self
    }

    /// Makes the runtime.
    pub fn build(self) -> Runtime {
        let admission = Admission::new(self.concurrency, self.queue, self.share);
        let engines = Engines::new(
            self.metering,
            admission.concurrency(),
            admission.pool_count(),
        );
        let observer = self.observer.clone();
        let on_decision = observer
            .0
            .is_some()
            .then(|| -> OnDecision { Arc::new(move |decision| observer.decided(decision)) });
        let observer = self.observer.clone();
        let on_request = observer
            .0
            .is_some()
            .then(|| -> OnRequest { Arc::new(move |request| observer.requested(request)) });
        let isolating = Isolating {
            isolation: self.isolation,
            has_resolver: self.resolver.is_some(),
            certificates: self.certificates.clone().into(),
        };
        Runtime::of(Inner {
            names: self.interfaces.keys().cloned().collect(),
            host: Arc::new(Host {
                admission,
                code_loader: CodeLoader {
                    engines,
                    compiler: self.compiler,
                    places: Arc::new(Places::new(self.workers)),
                    cache: self.cache,
                },
                isolating,
                interfaces: self.interfaces,
                observer: self.observer,
                warmer: Arc::default(),
            }),
            granted: tollgate_capability::Shared {
                egress: Arc::new(Egress::new(self.resolver, self.certificates)),
                stores: StoreRegistry::default(),
                on_decision,
                on_request,
                threads: Arc::default(),
                descriptors: Descriptors::default(),
                share: self.share,
            },
            inherit_stdio: self.inherit_stdio,
            protected: self.protected,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_no_policy_can_grant_is_not_offered() {
        let offered = |name: &str| Builder::default().interface(name, |_| Ok(()));
        for (name, why) in [
            ("wasi:cli/stdout@0.2.0", "wasi:cli has grants of its own"),
            ("wasi:made-up/x", "wasi:made-up has grants of its own"),
            (
                "tollgate:provider/log@0.1.0",
                "tollgate:provider has grants of its own",
            ),
            ("", "is not the name of an interface"),
            ("acme:clock", "is not the name of an interface"),
            ("Acme:clock/sleep", "is not the name of an interface"),
            ("acme:clock/sleep@1", "is not the name of an interface"),
        ] {
            let error = offered(name).err().map(|error| error.message);
            assert!(
                error.as_ref().is_some_and(|error| error.contains(why)),
                "{name}: {error:?}"
            );
        }
        assert!(offered("acme:clock/sleep@0.1.0").is_ok());
    }
}
