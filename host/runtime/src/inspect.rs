//! Inspection of components that are not loaded: their imports and exports, and their interfaces as WIT.

use std::sync::Arc;

use tollgate_component::{Source, Vetted};
use tollgate_policy::Policy;

use crate::compile::compiler::{Compiler, objections_here};
use crate::compile::places::{Places, Turn};
use crate::compile::protocol::Task;
use crate::error::{HostError, LoadError};
use crate::load::Cancelled;
use crate::runtime::Runtime;

impl Runtime {
    /// Checks a component's size, signature and pin, and then inspects its imports and exports. Nothing of it is
    /// compiled or run, and its imports are not judged: [`Runtime::judge`] does that.
    ///
    /// With [`Compiler::Worker`] a process of its own inspects it, under the policy's `compile-time` and
    /// `compile-memory`; it ends when the future is dropped. With [`Compiler::InProcess`] this process does, without
    /// limits. The findings are kept in `source` and its clones.
    ///
    /// # Errors
    ///
    /// [`LoadError::Refused`] tells the mistake in the component; the other cases are the policy's and the host's own
    /// failures.
    pub async fn inspect(&self, source: &Source, policy: &Policy) -> Result<Vetted, LoadError> {
        self.apart(source, policy, Runtime::inspect_in_turn).await
    }

    /// Checks and inspects a component like [`Runtime::inspect`], and writes its interfaces as WIT, 16 MiB at most. Names in
    /// it are text of the component: escape it before you show it.
    ///
    /// # Errors
    ///
    /// The same as those of [`Runtime::inspect`], and a refusal if it imports or exports an item that WIT cannot
    /// express.
    #[cfg(feature = "wit")]
    pub async fn wit(&self, source: &Source, policy: &Policy) -> Result<String, LoadError> {
        self.apart(source, policy, Runtime::wit_in_turn).await
    }

    /// Runs `work` on a thread that may block, and cancels it when the caller gives up. Work that needs a worker while none has
    /// a place for it ends, and begins anew with a place. So it holds no thread while it waits: those threads do the
    /// work of guests, too.
    pub(crate) async fn apart<T: Send + 'static>(
        &self,
        source: &Source,
        policy: &Policy,
        work: impl Fn(&Runtime, &Source, &Policy, &Turn<'_>) -> Result<T, LoadError>
        + Clone
        + Send
        + 'static,
    ) -> Result<T, LoadError> {
        let cancelled = Cancelled::default();
        let mut place = None;
        loop {
            let (runtime, source, policy) = (self.clone(), source.clone(), policy.clone());
            let (flag, work) = (Arc::clone(&cancelled.0), work.clone());
            let name = source.name().to_owned();
            let done = tokio::task::spawn_blocking(move || {
                let turn = Turn::with(&flag, place);
                let done = work(&runtime, &source, &policy, &turn);
                (!turn.lacked_a_place()).then_some(done)
            });
            if let Some(done) = done.await.map_err(HostError::new)? {
                return done;
            }
            let places = &self.inner.host.code_loader.places;
            place = Some(Places::take(places, &name).await);
        }
    }

    pub(crate) fn inspect_in_turn(
        &self,
        source: &Source,
        policy: &Policy,
        turn: &Turn<'_>,
    ) -> Result<Vetted, LoadError> {
        policy.check()?;
        let signer = source.authenticate(policy)?;
        let loader = &self.inner.host.code_loader;
        loader.compiler.supports(&policy.limits)?;
        let inspection = match (source.inspected(), &loader.compiler) {
            (None, Compiler::Worker { .. }) => {
                let (found, _) = loader.ask(source, Task::Inspect, &policy.limits, turn)?;
                found.inspection
            }
            (None, Compiler::InProcess) | (Some(_), _) => {
                source.inspect_by(&policy.limits, objections_here)?
            }
        };
        Ok(Vetted::new(inspection, signer))
    }

    #[cfg(feature = "wit")]
    pub(crate) fn wit_in_turn(
        &self,
        source: &Source,
        policy: &Policy,
        turn: &Turn<'_>,
    ) -> Result<String, LoadError> {
        policy.check()?;
        source.authenticate(policy)?;
        let loader = &self.inner.host.code_loader;
        loader.compiler.supports(&policy.limits)?;
        if let Compiler::InProcess = loader.compiler {
            return Ok(source.wit_within(&policy.limits)?);
        }
        let (found, _) = loader.ask(source, Task::Wit, &policy.limits, turn)?;
        let missing = || HostError::new("a worker was asked for WIT and wrote none").into();
        found.wit.ok_or_else(missing)
    }
}
