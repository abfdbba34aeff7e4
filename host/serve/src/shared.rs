//! The state that all requests of a server share: its providers, bounds and callers.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tollgate::Catalog;

use crate::bounds::Bounds;

/// The providers, and the room that there is for requests.
pub(crate) struct Shared {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) bounds: Arc<Bounds>,
    /// Bytes that bodies may still take.
    pub(crate) bodies: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, bounds: Arc<Bounds>) -> Shared {
        Shared {
            catalog,
            bodies: Arc::new(Semaphore::new(
                (bounds.bodies as usize).min(Semaphore::MAX_PERMITS),
            )),
            bounds,
        }
    }
}
