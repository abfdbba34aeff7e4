//! The runtime: the state that all providers of a program share.

use std::sync::Arc;

use tollgate_component::{Inspection, Verdict};
use tollgate_policy::{Capability, Grants};

use crate::builder::Builder;
use crate::host::Inner;

/// Engines and the state they share. A runtime holds no grants: those come with each component's policy. Clones are the
/// same runtime.
///
/// ```
/// use tollgate::{LoadError, Policy, Runtime, Source};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/checksums.wasm"));
/// let runtime = Runtime::new();
/// let source = Source::file(path, &Policy::default().limits)?;
/// // Nothing is granted, so the component is refused, with all of its imports listed.
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
    pub(crate) inner: Arc<Inner>,
}

impl Default for Runtime {
    fn default() -> Runtime {
        Runtime::new()
    }
}

impl Runtime {
    pub(crate) fn of(inner: Inner) -> Runtime {
        Runtime {
            inner: Arc::new(inner),
        }
    }

    /// A runtime with the defaults.
    pub fn new() -> Runtime {
        Runtime::builder().build()
    }

    /// A builder for a runtime with other options.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The number of guests that may live at the same time: the number set, or the number that the kernel allows.
    pub fn concurrency(&self) -> u32 {
        self.inner.host.admission.concurrency()
    }

    /// The capabilities of `grants` that no import of an inspected component has a use for.
    pub fn unused(&self, inspection: &Inspection, grants: &Grants) -> Vec<Capability> {
        tollgate_component::unused(&inspection.imports, grants, &self.inner.names)
    }

    /// Judges every import of an inspected component. Nothing is compiled.
    pub fn judge(&self, inspection: &Inspection, grants: &Grants) -> Verdict {
        self.inner.judge(inspection, grants)
    }
}
