//! A provider once more, without compiling it again: under other limits, under another policy, on an engine of its own.

use std::sync::Arc;
use std::time::Instant;

use tollgate_capability::Granted;
use tollgate_component::ProviderInfo;
use tollgate_policy::{Limits, Policy};

use crate::call::provider::{Code, Provider, Shared};
use crate::error::{LoadError, Unsupported};
use crate::host::Admitted;
use crate::isolate::Isolated;

impl Provider {
    /// The same provider under other limits, without compiling it again.
    ///
    /// # Errors
    ///
    /// `stack` shapes the engine and stays as it was when the provider was loaded; so does a
    /// `table-elements` above the pool's. Load the component anew to change them.
    pub fn with_limits(&self, limits: Limits) -> Result<Provider, LoadError> {
        limits.check()?;
        self.allows_limits(&limits)?;
        Ok(Provider {
            shared: Arc::clone(&self.shared),
            limits: Arc::new(limits),
            warm: None,
        })
    }

    /// Whether sessions of this code may have these limits.
    fn allows_limits(&self, limits: &Limits) -> Result<(), LoadError> {
        if !self.shared.unit().metering.supports(limits) {
            return Err(Unsupported::Fuel.into());
        }
        let (fixed, now) = (&self.shared.code.placed, &self.limits);
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
        match changes.into_iter().find(|(_, changes)| *changes) {
            Some((key, _)) => Err(Unsupported::FixedAtLoad { key }.into()),
            None => Ok(()),
        }
    }

    /// The same component under another policy, as if it were loaded anew, without reading or compiling it: one component
    /// for many tenants. It is judged, its signature and its pin are checked and the grants of the policy are opened;
    /// it shares the code with this provider, and nothing else: it has a part of the runtime's slots of its own, and
    /// with [`Isolation::Process`](crate::Isolation::Process) a process of its own. It takes a fraction of a
    /// millisecond, and as long as opening its folders and stores.
    ///
    /// Make one for each tenant and keep it: each has a share of the runtime of its own, so the share would not bound a
    /// tenant with a new one for each call. A provider of a served folder keeps the protection of its folder, and lives
    /// on when the folder withdraws it.
    ///
    /// Stores in memory are of the component's name, so tenants with `grants.store = true` share one: give each a
    /// `namespace`. A store with a `path` has one by its policy.
    ///
    /// ```
    /// use tollgate::{Policy, Source, blocking::Runtime};
    /// # use std::path::Path;
    /// # let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/echo.wasm"));
    /// let source = Source::file(path, &Policy::default().limits)?;
    /// let echo = Runtime::new().load(&source, &Policy::default())?;
    ///
    /// let small = Policy::parse("limits.output = \"2B\"", Path::new("."))?;
    /// let report = echo.with_policy(&small)?.session().run(b"hello")?;
    /// assert_eq!(report.outcome.fault().map(|fault| fault.label()), Some("output"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Runtime::load`](crate::Runtime::load), and those of [`with_limits`](Self::with_limits).
    pub fn with_policy(&self, policy: &Policy) -> Result<Provider, LoadError> {
        let code = &self.shared.code;
        let observer = &code.runtime.host.observer;
        observer.load(
            Instant::now(),
            || &code.identity,
            || {
                policy.check()?;
                let signer = code.identity.authenticate(policy)?;
                let name = &self.shared.info.name;
                let mut protecting = policy.clone();
                protecting.protected.extend_from_slice(&code.protected);
                let admitted = code
                    .runtime
                    .admit(name, &code.inspection, &protecting, || {
                        self.allows_limits(&policy.limits)
                    })?;
                let info = ProviderInfo {
                    signer,
                    ..ProviderInfo::clone(&self.shared.info)
                };
                Provider::link(Arc::clone(code), info, admitted, &policy.limits)
            },
            || true,
        )
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
        self.on_engine(false)
    }

    /// The same, on an engine for profiles if it is to be `profiled`.
    pub(crate) fn on_engine(&self, profiled: bool) -> Result<Provider, LoadError> {
        let Shared {
            info,
            granted,
            parameters,
            places,
            fixed,
            isolated,
            ..
        } = &*self.shared;
        // Copies, not references to the same, so that no two threads move one counter.
        let Code {
            runtime,
            identity,
            inspection,
            compiled,
            placed,
            protected,
            ..
        } = &*self.shared.code;
        let loader = &runtime.host.code_loader;
        let mut own = loader.on_own_engine(&compiled.unit, &compiled.component, fixed, profiled)?;
        own.origin = compiled.origin.clone();
        let info = ProviderInfo {
            name: Arc::from(&*info.name),
            ..ProviderInfo::clone(info)
        };
        let code = Code::new(
            runtime,
            identity.clone(),
            inspection.clone(),
            own,
            (placed, protected),
        );
        let admitted = Admitted {
            granted: Granted::clone(granted),
            parameters: Arc::clone(parameters),
            isolated: isolated.as_ref().and_then(Isolated::another),
        };
        let own = Provider::link_at(Arc::clone(places), code, info, admitted, fixed)?;
        Ok(Provider {
            limits: Arc::new(Limits::clone(&self.limits)),
            ..own
        })
    }
}
