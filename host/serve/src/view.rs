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
    pub(crate) fn new(
        catalog: &'a dyn Catalog,
        of_all: &'a Documents,
        only: Option<&'a Only>,
    ) -> View<'a> {
        View {
            catalog,
            of_all,
            only,
        }
    }

    pub(crate) fn documents(self) -> &'a Documents {
        let own = self.only.map(|only| &only.documents);
        own.unwrap_or(self.of_all)
    }

    /// Whether it is that of all providers.
    pub(crate) fn is_whole(self) -> bool {
        self.only.is_none()
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
