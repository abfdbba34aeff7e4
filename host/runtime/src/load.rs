//! Loading, as one pipeline: check the policy, authenticate, vet, judge, check the support of this program, open the
//! grants, compile, link. [`Provider::with_policy`] is the part of it that is left for a component that is loaded. The
//! types here give the reason of a refusal and the remedy.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tollgate_capability::Granted;
#[cfg(feature = "watch")]
use tollgate_component::{ImportVerdict, Judgement};
use tollgate_component::{Inspection, Source, Verdict, Vetted, escape, judge};
use tollgate_policy::{Grants, Policy, Streams};
use wasmtime::component::{InstancePre, Linker};

pub use crate::error::Unsupported;
pub use tollgate_capability::http::connect::Resolver;
pub use tollgate_capability::{GrantError, GuestError, HostFailure};
pub use tollgate_component::{Refusal, RefusalKind, Remedy, SourceError};

use crate::call::context::CallContext;
use crate::call::provider::{Code, Provider};
use crate::compile::CompiledComponent;
use crate::compile::places::Turn;
use crate::error::{HostError, LoadError};
use crate::host::{Admitted, Host, Inner};
use crate::interface::stub::link_stubs;
use crate::interface::{link, read_parameters};
use crate::isolate::Isolated;
use crate::runtime::Runtime;

impl Runtime {
    /// Reads, judges, compiles and links a component. None of its code runs.
    ///
    /// With [`Compiler::Worker`](crate::Compiler::Worker) a process of its own vets and compiles it, under
    /// `compile-time` and `compile-memory`. Both are for the work on this component: the time in which a load waits for
    /// other loads ([`Builder::workers`](crate::Builder::workers)) and in which this process judges is not counted. A
    /// component in the cache needs no such process. A drop of the future ends the load in every wait.
    ///
    /// # Errors
    ///
    /// [`LoadError::Refused`] tells the mistake in the component, or all of its denied imports at once;
    /// the other cases are the policy's files and the host's own failures.
    pub async fn load(&self, source: &Source, policy: &Policy) -> Result<Provider, LoadError> {
        let start = Instant::now();
        // Compiling takes milliseconds to seconds of processor time: not on the async threads.
        self.apart(source, policy, move |runtime, source, policy, turn| {
            runtime.load_in_turn(source, policy, turn, start)
        })
        .await
    }

    /// The pipeline, told to the observer, on a thread that may wait. `cancelled` ends the compile worker when the caller has
    /// given up.
    pub(crate) fn load_now(
        &self,
        source: &Source,
        policy: &Policy,
        cancelled: &AtomicBool,
    ) -> Result<Provider, LoadError> {
        self.load_in_turn(source, policy, &Turn::here(cancelled), Instant::now())
    }

    fn load_in_turn(
        &self,
        source: &Source,
        policy: &Policy,
        turn: &Turn<'_>,
        start: Instant,
    ) -> Result<Provider, LoadError> {
        let observer = &self.inner.host.observer;
        observer.load(
            start,
            || source.named(),
            || self.load_unobserved(source, policy, turn),
            // One that begins anew has not ended.
            || !turn.lacked_a_place(),
        )
    }

    fn load_unobserved(
        &self,
        source: &Source,
        policy: &Policy,
        turn: &Turn<'_>,
    ) -> Result<Provider, LoadError> {
        // 1. The policy itself, which may have been built in code.
        policy.check()?;
        // 2. Size, signature, pin: nothing is parsed.
        let signer = source.authenticate(policy)?;
        // 3. The findings on the bytes, from the cache, a worker, or this process.
        let loader = &self.inner.host.code_loader;
        let pending = loader.vet(source, &policy.limits, turn)?;
        let vetted = Vetted::new(pending.inspection.clone(), signer);
        // 4. to 6. Judge, check the support of this program, open the grants.
        let name = source.name();
        let admitted = self
            .inner
            .admit(name, &vetted.inspection, policy, || Ok(()))?;
        // 7. Compile, or take the code from the cache.
        let code = loader.load(source, pending, &policy.limits, turn)?;
        // 8. Link the grants, and nothing else.
        let (info, identity) = (vetted.info(source), source.identity().clone());
        let code = Code::new(
            &self.inner,
            identity,
            vetted.inspection,
            code,
            (&policy.limits, &policy.protected),
        );
        Provider::link(code, info, admitted, &policy.limits)
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
    #[cfg(feature = "watch")]
    pub(crate) fn still_allows(
        &self,
        policy: &Policy,
        source: &Source,
        provider: &Provider,
    ) -> Result<(), Refusal> {
        source.recheck(policy)?;
        let judged = |grants| judge(provider.imports(), grants, &self.inner.names);
        let (now, before) = (judged(&policy.grants), judged(provider.grants()));
        // A stub stands where nothing was linked: one in place of a grant needs a component that is linked anew.
        let was_granted = |at: &ImportVerdict| at.judgement == Judgement::Granted;
        let mut both = now.imports.iter().zip(&before.imports);
        let verdict = match both
            .any(|(now, before)| now.judgement == Judgement::Stubbed && was_granted(before))
        {
            true => judged(&Grants {
                stub: BTreeSet::new(),
                ..policy.grants.clone()
            }),
            false => now,
        };
        verdict.refusal().map_or(Ok(()), Err)
    }
}

impl Inner {
    /// Judges a component that was authenticated and vetted, and opens its grants. `fits` says whether the
    /// limits are those that the component can have.
    pub(crate) fn admit(
        &self,
        name: &str,
        inspection: &Inspection,
        policy: &Policy,
        fits: impl FnOnce() -> Result<(), LoadError>,
    ) -> Result<Admitted, LoadError> {
        let host = &self.host;
        // 4. Judge every import. The objections of the policy come before those of this program: a grant that was taken
        // back is reported as such, also if the policy asks for something that this program cannot do.
        if let Some(refusal) = self.judge(inspection, &policy.grants).refusal() {
            return Err(refusal.into());
        }
        // 5. Check the support of this program.
        fits()?;
        self.supports(policy)?;
        let parameters = Arc::new(read_parameters(&policy.grants, &host.interfaces)?);
        let program = host.isolating.program(&host.code_loader.compiler, policy)?;
        // 6. Open the grants of the policy, apart from the embedder's own files.
        let mut opened = policy.clone();
        opened.protected.extend_from_slice(&self.protected);
        let granted = Granted::open(&opened, name, &self.granted)?;
        let certificates = || Arc::clone(&host.isolating.certificates);
        let isolated = program.and_then(|program| Isolated::new(program, certificates()));
        Ok(Admitted {
            granted,
            parameters,
            isolated,
        })
    }

    /// Judges every import of an inspected component.
    pub(crate) fn judge(&self, inspection: &Inspection, grants: &Grants) -> Verdict {
        judge(&inspection.imports, grants, &self.names).with_objections(&inspection.objections)
    }

    /// Refuses a policy that asks for something that this program cannot do.
    pub(crate) fn supports(&self, policy: &Policy) -> Result<(), Unsupported> {
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
    /// Links code to the interfaces that `grants` allows and to the stubs of these names, and to nothing else.
    pub(crate) fn link(
        &self,
        code: &CompiledComponent,
        grants: &Grants,
        stubs: &BTreeSet<&str>,
    ) -> Result<InstancePre<CallContext>, LoadError> {
        let mut linker = Linker::new(&code.unit.engine);
        link(&mut linker, grants, &self.interfaces).map_err(HostError::engine)?;
        link_stubs(&mut linker, &code.component, stubs).map_err(HostError::engine)?;
        linker.instantiate_pre(&code.component).map_err(|error| {
            // The names match and the types do not: the interface is another one of the same name.
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
