//! Providers by name, each in the version that was switched to last.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::wire::Version;

/// Providers at once: anybody who may write to the bucket makes up names.
pub(crate) const MOST: usize = 1_000;

/// Bytes of their components. The code that is made of them takes some times as much.
const MOST_BYTES: u64 = 1 << 30;

/// Providers by name.
pub(crate) struct Table<P>(RwLock<BTreeMap<Arc<str>, Row<P>>>);

struct Row<P> {
    version: Version,
    provider: P,
    /// Bytes of its component.
    bytes: u64,
    /// The revision of the bucket at which it was switched to.
    revision: u64,
}

/// The end of an attempt to put a version into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It serves.
    Serves,
    /// Another one was switched to after it.
    Older,
    /// There are as many as there may be.
    Full,
}

impl<P> Default for Table<P> {
    fn default() -> Table<P> {
        Table(RwLock::default())
    }
}

impl<P: Clone> Table<P> {
    pub(crate) fn get(&self, name: &str) -> Option<P> {
        Some(self.read().get(name)?.provider.clone())
    }

    pub(crate) fn version(&self, name: &str) -> Option<(Version, P)> {
        let rows = self.read();
        let row = rows.get(name)?;
        Some((row.version.clone(), row.provider.clone()))
    }

    pub(crate) fn list(&self) -> Vec<(Arc<str>, P)> {
        let rows = self.read();
        rows.iter()
            .map(|(name, row)| (Arc::clone(name), row.provider.clone()))
            .collect()
    }

    /// Whether this version serves already, or a newer one.
    pub(crate) fn is_known(&self, name: &str, version: &Version, revision: u64) -> bool {
        let mut rows = self.write();
        let Some(row) = rows.get_mut(name) else {
            return false;
        };
        if row.version == *version {
            row.revision = row.revision.max(revision);
        }
        row.revision >= revision
    }

    /// Whether a provider of this name may serve.
    pub(crate) fn has_room(&self, name: &str) -> bool {
        let rows = self.read();
        rows.len() < MOST || rows.contains_key(name)
    }

    /// Puts a version there, whose component has so many bytes.
    pub(crate) fn put(
        &self,
        name: &str,
        version: Version,
        (provider, bytes): (P, u64),
        revision: u64,
    ) -> Put {
        let mut rows = self.write();
        match rows.get(name) {
            Some(known) if known.revision > revision => return Put::Older,
            None if rows.len() >= MOST => return Put::Full,
            _ => {}
        }
        let others = rows.iter().filter(|(other, _)| &***other != name);
        let others: u64 = others.map(|(_, row)| row.bytes).sum();
        if others.saturating_add(bytes) > MOST_BYTES {
            return Put::Full;
        }
        let row = Row {
            version,
            provider,
            bytes,
            revision,
        };
        rows.insert(name.into(), row);
        Put::Serves
    }

    /// The bucket is another one, which counts from the beginning again.
    pub(crate) fn forget_revisions(&self) {
        for row in self.write().values_mut() {
            row.revision = 0;
        }
    }

    /// Removes a provider, unless it was switched after this revision; whether it was there.
    pub(crate) fn remove(&self, name: &str, revision: u64) -> bool {
        let mut rows = self.write();
        let is_old = rows.get(name).is_some_and(|row| row.revision < revision);
        is_old && rows.remove(name).is_some()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Arc<str>, Row<P>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Arc<str>, Row<P>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u32) -> Version {
        Version {
            component: number.to_string(),
            policy: String::new(),
            signature: None,
        }
    }

    /// Loads end in any order.
    #[test]
    fn the_version_that_was_switched_to_last_serves() {
        let table = Table::default();
        assert_eq!(table.put("a", version(2), (2, 1), 7), Put::Serves);
        assert_eq!(table.put("a", version(1), (1, 1), 5), Put::Older);
        assert_eq!(table.get("a"), Some(2));
        assert!(table.is_known("a", &version(1), 5));
        assert!(!table.is_known("a", &version(3), 9));
        // The same version, switched to once more.
        assert!(table.is_known("a", &version(2), 9));
        assert!(!table.remove("a", 8));
        table.forget_revisions();
        assert!(!table.is_known("a", &version(3), 1));
        assert!(table.is_known("a", &version(2), 1));
        assert!(table.remove("a", 10) && table.get("a").is_none());
    }

    #[test]
    fn names_that_somebody_makes_up_are_bounded() {
        let table = Table::default();
        for number in 0..1_000 {
            let name = number.to_string();
            assert_eq!(table.put(&name, version(1), ((), 1 << 20), 1), Put::Serves);
        }
        assert_eq!(table.put("more", version(1), ((), 1), 1), Put::Full);
        assert!(!table.has_room("more") && table.has_room("7"));
        // One that is there is switched.
        assert_eq!(table.put("7", version(2), ((), 25 << 20), 2), Put::Serves);
        // One mebibyte is left of a gibibyte, and its own.
        assert_eq!(table.put("8", version(2), ((), 2 << 20), 2), Put::Full);
        assert_eq!(table.version("8").unwrap().0, version(1));
    }
}
