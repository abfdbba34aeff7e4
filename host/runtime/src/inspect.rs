//! Inspection of components that are not loaded: what they import and export, and their interfaces as WIT.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tollgate_component::{Source, Vetted};
use tollgate_policy::Policy;

use crate::compile::compiler::{Compiler, unsupported_here};
use crate::compile::protocol::Task;
use crate::error::{HostError, LoadError};
use crate::load::Cancelled;
use crate::runtime::Runtime;

impl Runtime {
    /// Checks a component's size, signature and pin, and then inspects it: what it imports and exports. Nothing of it is
    /// compiled or run, and its imports are not judged: [`Runtime::judge`] does that.
    ///
    /// With [`Compiler::Worker`] a process of its own inspects it, under the policy's `compile-time` and
    /// `compile-memory`; it ends when the future is dropped. With [`Compiler::InProcess`] this process does, without
    /// limits. What is found is kept in `source` and its clones.
    ///
    /// # Errors
    ///
    /// [`LoadError::Refused`] says what is wrong with the component; the other cases are the policy's and the host's own
    /// failures.
    pub async fn inspect(&self, source: &Source, policy: &Policy) -> Result<Vetted, LoadError> {
        self.apart(source, policy, Runtime::inspect_now).await
    }

    /// Checks and inspects a component like [`Runtime::inspect`], and writes its interfaces as WIT, 16 MiB at most. Names in
    /// it are text of the component: escape it before you show it.
    ///
    /// # Errors
    ///
    /// As there, and a refusal if it imports or exports an item that WIT cannot express.
    pub async fn wit(&self, source: &Source, policy: &Policy) -> Result<String, LoadError> {
        self.apart(source, policy, Runtime::wit_now).await
    }

    /// Runs `work` on a thread that may block, and cancels it when the caller gives up.
    async fn apart<T: Send + 'static>(
        &self,
        source: &Source,
        policy: &Policy,
        work: fn(&Runtime, &Source, &Policy, &AtomicBool) -> Result<T, LoadError>,
    ) -> Result<T, LoadError> {
        let (runtime, source, policy) = (self.clone(), source.clone(), policy.clone());
        let cancelled = Cancelled::default();
        let flag = Arc::clone(&cancelled.0);
        tokio::task::spawn_blocking(move || work(&runtime, &source, &policy, &flag))
            .await
            .map_err(HostError::new)?
    }

    pub(crate) fn inspect_now(
        &self,
        source: &Source,
        policy: &Policy,
        cancelled: &AtomicBool,
    ) -> Result<Vetted, LoadError> {
        policy.check()?;
        let signer = source.authenticate(policy)?;
        let loader = &self.inner.host.code_loader;
        loader.compiler.supports(&policy.limits)?;
        let inspection = match (source.inspected(), &loader.compiler) {
            (None, Compiler::Worker { .. }) => {
                let (found, _) = loader.ask(source, Task::Inspect, &policy.limits, cancelled)?;
                found.inspection
            }
            (None, Compiler::InProcess) | (Some(_), _) => {
                source.inspect_by(&policy.limits, unsupported_here)?
            }
        };
        Ok(Vetted::new(inspection, signer))
    }

    pub(crate) fn wit_now(
        &self,
        source: &Source,
        policy: &Policy,
        cancelled: &AtomicBool,
    ) -> Result<String, LoadError> {
        policy.check()?;
        source.authenticate(policy)?;
        let loader = &self.inner.host.code_loader;
        loader.compiler.supports(&policy.limits)?;
        if let Compiler::InProcess = loader.compiler {
            return Ok(source.wit_within(&policy.limits)?);
        }
        let (found, _) = loader.ask(source, Task::Wit, &policy.limits, cancelled)?;
        let missing = || HostError::new("a worker was asked for WIT and wrote none").into();
        found.wit.ok_or_else(missing)
    }
}
