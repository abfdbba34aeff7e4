//! Documents about the providers, which are made anew only when the providers are others.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tollgate::{Catalog, Provider, escape};

/// The names and digests of providers, and a document about them.
type Made = (Vec<(Arc<str>, String)>, Bytes);

/// A document, and the names and digests of the providers that it is about.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Option<Made>>);

impl Kept {
    /// The document about the providers of now, escaped as all answers are.
    pub(crate) fn of(
        &self,
        catalog: &dyn Catalog,
        make: impl FnOnce(&[(Arc<str>, Provider)]) -> String,
    ) -> Bytes {
        let providers = catalog.list();
        let key = |(name, provider): &(Arc<str>, Provider)| {
            (Arc::clone(name), provider.info().digest.clone())
        };
        let key: Vec<_> = providers.iter().map(key).collect();
        // Others wait, and find it made.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, document)) = &*kept
            && *known == key
        {
            return document.clone();
        }
        let document = Bytes::from(escape::json(&make(&providers)).into_owned());
        *kept = Some((key, document.clone()));
        document
    }
}
