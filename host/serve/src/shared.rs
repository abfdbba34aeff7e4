//! The state that all requests of a server share: its providers, bounds and callers.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tollgate::Catalog;

use crate::bounds::Bounds;
use crate::elsewhere::Elsewhere;
use crate::quota::Caller;
use crate::view::{Providers, View};

/// The providers, and the room that there is for requests.
pub(crate) struct Shared {
    /// As they serve callers without policies of their own.
    providers: Providers,
    /// By the names of policies.
    under: BTreeMap<String, Providers>,
    /// Of a caller whose policies are not there.
    none: Providers,
    /// Makes the calls, if not this process.
    pub(crate) elsewhere: Option<Arc<dyn Elsewhere>>,
    pub(crate) bounds: Arc<Bounds>,
    /// Bytes that bodies may still take.
    pub(crate) bodies: Arc<Semaphore>,
    /// Bytes that answers of calls may still take.
    pub(crate) answers: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, bounds: Arc<Bounds>) -> Shared {
        Shared {
            providers: Providers::new(catalog),
            under: BTreeMap::new(),
            none: Providers::new(Arc::new(BTreeMap::new())),
            elsewhere: None,
            bodies: bytes(bounds.bodies),
            answers: bytes(bounds.answers),
            bounds,
        }
    }

    /// Adds the providers of callers with policies of these names.
    pub(crate) fn under(mut self, policies: BTreeMap<String, Arc<dyn Catalog>>) -> Shared {
        let providers = policies.into_iter();
        self.under = providers
            .map(|(name, catalog)| (name, Providers::new(catalog)))
            .collect();
        self
    }

    /// The providers that a caller may call. One whose policies are not there sees none: others' might allow more.
    pub(crate) fn seen_by<'a>(&'a self, caller: Option<&'a Caller>) -> View<'a> {
        let only = caller.and_then(|caller| caller.only.as_deref());
        let policies = caller.and_then(|caller| caller.policies.as_deref());
        let providers = match policies {
            Some(name) => self.under.get(name).unwrap_or(&self.none),
            None => &self.providers,
        };
        View::new(providers, policies.is_some(), only)
    }
}

fn bytes(most: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((most as usize).min(Semaphore::MAX_PERMITS)))
}
