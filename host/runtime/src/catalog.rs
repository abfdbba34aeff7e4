//! Providers by name: the providers that a front door serves, from any source.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::call::provider::Provider;

/// Providers by name. A watched folder is one, and so is a map of providers that were loaded one by one.
///
/// ```
/// use std::collections::BTreeMap;
/// use tollgate::{Catalog, Limits, Policy, Runtime, Source};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// async fn answer(catalog: &dyn Catalog, name: &str, input: &[u8]) -> Option<Vec<u8>> {
///     let provider = catalog.get(name)?;
///     provider.session().run(input).await.ok()?.outcome.returned()
/// }
///
/// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/echo.wasm"));
/// let source = Source::file(path, &Limits::default())?;
/// let echo = Runtime::new().load(&source, &Policy::default()).await?;
/// let catalog = BTreeMap::from([("echo".to_owned(), echo)]);
/// assert_eq!(answer(&catalog, "echo", b"hello").await, Some(b"hello".to_vec()));
/// assert_eq!(answer(&catalog, "none", b"hello").await, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Catalog: Send + Sync {
    /// The provider of this name as it is now, if one serves.
    fn get(&self, name: &str) -> Option<Provider>;

    /// All providers that serve now, sorted by name.
    fn list(&self) -> Vec<(Arc<str>, Provider)>;
}

impl Catalog for BTreeMap<String, Provider> {
    fn get(&self, name: &str) -> Option<Provider> {
        BTreeMap::get(self, name).cloned()
    }

    fn list(&self) -> Vec<(Arc<str>, Provider)> {
        self.iter()
            .map(|(name, provider)| (name.as_str().into(), provider.clone()))
            .collect()
    }
}

impl<C: Catalog + ?Sized> Catalog for Arc<C> {
    fn get(&self, name: &str) -> Option<Provider> {
        (**self).get(name)
    }

    fn list(&self) -> Vec<(Arc<str>, Provider)> {
        (**self).list()
    }
}
