//! The state that all requests of a server share: its providers, bounds and callers.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tollgate::Catalog;

use crate::bounds::Bounds;
use crate::kept::Kept;

/// The providers, and the room that there is for requests.
pub(crate) struct Shared {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) bounds: Arc<Bounds>,
    /// Bytes that bodies may still take.
    pub(crate) bodies: Arc<Semaphore>,
    /// The list of the providers, and OpenAPI.
    pub(crate) list: Kept,
    pub(crate) openapi: Kept,
    /// Bytes that answers of calls may still take.
    pub(crate) answers: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, bounds: Arc<Bounds>) -> Shared {
        Shared {
            catalog,
            list: Kept::default(),
            openapi: Kept::default(),
            bodies: bytes(bounds.bodies),
            answers: bytes(bounds.answers),
            bounds,
        }
    }
}

fn bytes(most: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((most as usize).min(Semaphore::MAX_PERMITS)))
}
