//! The state that all requests of a server share: its providers, bounds and callers.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tollgate::Catalog;

use crate::bounds::Bounds;
use crate::quota::Caller;
use crate::view::{Documents, View};

/// The providers, and the room that there is for requests.
pub(crate) struct Shared {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) bounds: Arc<Bounds>,
    /// Bytes that bodies may still take.
    pub(crate) bodies: Arc<Semaphore>,
    /// About all providers.
    pub(crate) documents: Documents,
    /// Bytes that answers of calls may still take.
    pub(crate) answers: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, bounds: Arc<Bounds>) -> Shared {
        Shared {
            catalog,
            documents: Documents::default(),
            bodies: bytes(bounds.bodies),
            answers: bytes(bounds.answers),
            bounds,
        }
    }

    /// The providers that a caller may call.
    pub(crate) fn seen_by<'a>(&'a self, caller: Option<&'a Caller>) -> View<'a> {
        let only = caller.and_then(|caller| caller.only.as_deref());
        View::new(&*self.catalog, &self.documents, only)
    }
}

fn bytes(most: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((most as usize).min(Semaphore::MAX_PERMITS)))
}
