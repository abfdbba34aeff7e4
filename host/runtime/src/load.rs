//! Loading, as one pipeline: authenticate, vet, judge, check what this program supports, open the grants, compile, link. The types
//! here say why a component or a policy is refused, and what helps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tollgate_capability::Granted;
use tollgate_component::{Source, Vetted, escape, judge};
use tollgate_policy::{Grants, Policy, Streams};
use wasmtime::component::{InstancePre, Linker};

pub use crate::error::Unsupported;
pub use tollgate_capability::http::connect::Resolver;
pub use tollgate_capability::{GrantError, HostFailure};
pub use tollgate_component::{Refusal, RefusalKind, Remedy, SourceError};

use crate::call::context::CallContext;
use crate::call::provider::Provider;
use crate::compile::CompiledComponent;
use crate::error::{HostError, LoadError};
use crate::interface::link;
use crate::isolate::Isolated;
use crate::runtime::{Host, Inner, Runtime};

impl Runtime {
    /// Reads, judges, compiles and links a component. None of its code runs.
    ///
    /// With [`Compiler::Worker`](crate::Compiler::Worker) a process of its own vets and compiles it, under
    /// `compile-time` and `compile-memory`. Both are for the work on this component: the time in which a load waits for
    /// other loads ([`Builder::workers`](crate::Builder::workers)) and in which this process judges is not counted. A
    /// component in the cache needs no such process. Drop the future to give the load up, whatever it waits for.
    ///
    /// # Errors
    ///
    /// [`LoadError::Refused`] says what is wrong with the component, all of its denied imports at once;
    /// the other cases are the policy's files and the host's own failures.
    pub async fn load(&self, source: &Source, policy: &Policy) -> Result<Provider, LoadError> {
        let (runtime, source, policy) = (self.clone(), source.clone(), policy.clone());
        let cancelled = Cancelled::default();
        let flag = Arc::clone(&cancelled.0);
        // Compiling takes milliseconds to seconds of processor time: not on the async threads.
        tokio::task::spawn_blocking(move || runtime.load_now(&source, &policy, &flag))
            .await
            .map_err(HostError::new)?
    }

    /// The pipeline, told to the observer. `cancelled` ends the compile worker when the caller has given up.
    pub(crate) fn load_now(
        &self,
        source: &Source,
        policy: &Policy,
        cancelled: &AtomicBool,
    ) -> Result<Provider, LoadError> {
        let observer = &self.inner.host.observer;
        observer.load(source, || self.load_unobserved(source, policy, cancelled))
    }

    fn load_unobserved(
        &self,
        source: &Source,
        policy: &Policy,
        cancelled: &AtomicBool,
    ) -> Result<Provider, LoadError> {
        policy.check()?;
        // 1. Size, signature, pin: nothing is parsed.
        let signer = source.authenticate(policy)?;
        // 2. What the bytes say, as the cache knows it, or a worker, or this process.
        let host = &self.inner.host;
        let pending = host.code_loader.vet(source, &policy.limits, cancelled)?;
        let vetted = Vetted::new(pending.inspection.clone(), signer);
        // 3. Judge every import. What the policy has against the component comes before what this program cannot do:
        // a grant that was taken back is one whatever else the policy asks for.
        let verdict = self.judge(&vetted.inspection, &policy.grants);
        if let Some(refusal) = verdict.refusal() {
            return Err(refusal.into());
        }
        // 4. Check what this program supports.
        self.inner.supports(policy)?;
        let program = host.isolating.program(&host.code_loader.compiler, policy)?;
        // 5. Open what the policy grants, apart from the embedder's own files.
        let mut opened = policy.clone();
        opened.protected.extend_from_slice(&self.inner.protected);
        let granted = Granted::open(&opened, source.name(), &self.inner.granted)?;
        // 6. Compile, or take the code from the cache.
        let loader = &host.code_loader;
        let code = loader.load(source, pending, &policy.limits, cancelled)?;
        // 7. Link what is granted, and nothing else.
        let pre = host.link(&code, &granted.grants)?;
        let places = Arc::new(host.admission.places());
        let certificates = || Arc::clone(&host.isolating.certificates);
        Ok(Provider::new(
            (Arc::clone(host), places),
            vetted.info(source),
            vetted.inspection,
            code,
            pre,
            granted,
            &policy.limits,
            program.and_then(|program| Isolated::new(program, certificates())),
        ))
    }
}

impl Runtime {
    /// Whether `policy` lets through a component that was loaded under another one: size, signature and imports. Nothing
    /// of it is parsed or compiled again, so the answer waits for nothing that the author of a component controls. The
    /// pin is not checked.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub(crate) fn still_allows(
        &self,
        policy: &Policy,
        source: &Source,
        provider: &Provider,
    ) -> Result<(), Refusal> {
        source.recheck(policy)?;
        let verdict = judge(provider.imports(), &policy.grants, &self.inner.names);
        verdict.refusal().map_or(Ok(()), Err)
    }
}

impl Inner {
    /// Refuses a policy that asks for what this program cannot keep.
    fn supports(&self, policy: &Policy) -> Result<(), Unsupported> {
        let stdio = policy.grants.wasi.as_ref().map(|wasi| wasi.stdio);
        let code_loader = &self.host.code_loader;
        if stdio == Some(Streams::Inherit) && !self.inherit_stdio {
            return Err(Unsupported::InheritedStdio);
        }
        code_loader.compiler.supports(&policy.limits)?;
        if !code_loader.engines.metering.supports(&policy.limits) {
            return Err(Unsupported::Fuel);
        }
        Ok(())
    }
}

impl Host {
    /// Links code to what `grants` allows, and to nothing else.
    pub(crate) fn link(
        &self,
        code: &CompiledComponent,
        grants: &Grants,
    ) -> Result<InstancePre<CallContext>, LoadError> {
        let mut linker = Linker::new(&code.unit.engine);
        link(&mut linker, grants, &self.interfaces).map_err(HostError::engine)?;
        linker.instantiate_pre(&code.component).map_err(|error| {
            // Names matched and types did not: the interface is another one of the same name.
            let text = format!("an import has another type than this host's: {error:#}");
            Refusal::new(RefusalKind::Imports, escape::line(&text)).into()
        })
    }
}

/// Tells a load and its worker that the caller has given up.
#[derive(Default)]
pub(crate) struct Cancelled(pub(crate) Arc<AtomicBool>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
