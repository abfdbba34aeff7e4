//! The providers that a caller knows and may call: all, or those that its line of the tokens names.

use std::collections::BTreeSet;
use std::sync::Arc;

use tollgate::{Catalog, Provider};

use crate::kept::Kept;

/// Documents about the providers of a view.
#[derive(Default)]
pub(crate) struct Documents {
    pub(crate) list: Kept,
    pub(crate) openapi: Kept,
}

/// The providers of a caller that may not call all, by name.
pub(crate) struct Only {
    names: BTreeSet<String>,
    documents: Documents,
}

/// The providers as one caller sees them. It finds no others.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    catalog: &'a dyn Catalog,
    of_all: &'a Documents,
    only: Option<&'a Only>,
    has_own_policies: bool,
}

/// Providers, and documents about all of them.
pub(crate) struct Providers {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) documents: Documents,
}

impl Providers {
    pub(crate) fn new(catalog: Arc<dyn Catalog>) -> Providers {
        Providers {
            catalog,
            documents: Documents::default(),
        }
    }
}

impl Only {
    /// Reads `NAME,NAME`; `None` if there is an empty name.
    pub(crate) fn parse(text: &str) -> Option<Only> {
        let names: BTreeSet<String> = text.split(',').map(str::to_owned).collect();
        (!names.contains("")).then(|| Only {
            names,
            documents: Documents::default(),
        })
    }
}

impl<'a> View<'a> {
    /// Those that `only` names, of all or of those that run under policies of the caller's own.
    pub(crate) fn new(
        providers: &'a Providers,
        has_own_policies: bool,
        only: Option<&'a Only>,
    ) -> View<'a> {
        View {
            catalog: &*providers.catalog,
            of_all: &providers.documents,
            only,
            has_own_policies,
        }
    }

    pub(crate) fn documents(self) -> &'a Documents {
        let own = self.only.map(|only| &only.documents);
        own.unwrap_or(self.of_all)
    }

    /// Whether it is that of all providers, as all callers see them.
    pub(crate) fn is_whole(self) -> bool {
        self.only.is_none() && !self.has_own_policies
    }

    fn has(self, name: &str) -> bool {
        self.only.is_none_or(|only| only.names.contains(name))
    }
}

impl Catalog for View<'_> {
    fn get(&self, name: &str) -> Option<Provider> {
        let has = self.has(name);
        has.then(|| self.catalog.get(name)).flatten()
    }

    fn list(&self) -> Vec<(Arc<str>, Provider)> {
        let mut all = self.catalog.list();
        all.retain(|(name, _)| self.has(name));
        all
    }
}
