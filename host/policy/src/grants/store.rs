//! The grant of a store: where it is kept, whose keys it holds, and how much may be in it.

use std::path::PathBuf;

use crate::error::ValueError;
use crate::toml::names;
use crate::toml::units::Unit;

use super::rules::in_key;

/// Default of `max-keys`: a cache, cursors, settings of its own; who needs more wants a database, and
/// `list-keys` of this many stays far below what one host call may move.
pub const MAX_KEYS: u64 = 1_000;
/// Default of `max-value`: a document or a page of results. A value is written and read whole, so this is
/// also what one of them costs the host in memory.
pub const MAX_VALUE: u64 = 64 << 10;
/// Default of `max-total`: what a browser gives a site in cookies many times over, and little enough that
/// a thousand providers with a full store each fit a gigabyte.
pub const MAX_TOTAL: u64 = 1 << 20;

/// The longest key in bytes: that of a file name's path part four times over, and as most stores have it.
pub const MAX_KEY: usize = 1024;
/// The longest name of a bucket in bytes. It is kept with each of its keys, so it is short.
pub const MAX_BUCKET: usize = 128;

/// A store of the provider's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreGrant {
    /// The file it is kept in, as it was written; a relative one is joined to the policy's directory.
    /// None is the memory of the host, for as long as it has its runtime.
    pub path: Option<PathBuf>,
    /// Whose keys these are; none is the provider's own name. Providers see each other's keys when, and only when,
    /// they have one namespace in one file, or in the memory of one runtime. So two of one name do, whoever made or
    /// signed them: a new version of a provider finds what the old one kept. Who loads components of others, whose
    /// files may have the same name, gives each a namespace.
    pub namespace: Option<String>,
    /// How many keys there may be in the namespace, over all of its buckets.
    pub max_keys: u64,
    /// Bytes of one value.
    pub max_value: u64,
    /// Bytes of the namespace: all keys, with the name of the bucket that is kept with each, and values.
    pub max_total: u64,
}

impl Default for StoreGrant {
    fn default() -> StoreGrant {
        StoreGrant {
            path: None,
            namespace: None,
            max_keys: MAX_KEYS,
            max_value: MAX_VALUE,
            max_total: MAX_TOTAL,
        }
    }
}

/// One quota of a store: its name in the policy and its range.
pub(crate) struct Quota {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    max: u64,
    why: &'static str,
    pub(crate) get: fn(&StoreGrant) -> u64,
    pub(crate) set: fn(&mut StoreGrant) -> &mut u64,
}

/// All of them.
pub(crate) const QUOTAS: &[Quota] = &[
    Quota {
        name: "max-keys",
        unit: Unit::Count,
        max: 100_000_000,
        why: "each takes a lookup in a tree that has to stay shallow",
        get: |grant| grant.max_keys,
        set: |grant| &mut grant.max_keys,
    },
    Quota {
        name: "max-value",
        unit: Unit::Bytes,
        max: 1 << 30,
        why: "a value is held in memory whole",
        get: |grant| grant.max_value,
        set: |grant| &mut grant.max_value,
    },
    Quota {
        name: "max-total",
        unit: Unit::Bytes,
        max: 1 << 40,
        why: "what is larger is no store of settings and results",
        get: |grant| grant.max_total,
        set: |grant| &mut grant.max_total,
    },
];

impl Quota {
    fn check(&self, value: u64) -> Result<(), ValueError> {
        let (least, most) = (self.unit.show(1), self.unit.show(self.max));
        let shown = self.unit.show(value);
        match value {
            0 => Err(ValueError::new(format!(
                "{shown} is less than the least allowed, {least}: nothing could be stored; `store = false` \
                 grants nothing"
            ))),
            _ if value > self.max => Err(ValueError::new(format!(
                "{shown} is more than the most allowed, {most}: {}",
                self.why
            ))),
            _ => Ok(()),
        }
    }

    /// Sets it, when it is in its range.
    pub(crate) fn put(&self, grant: &mut StoreGrant, value: u64) -> Result<(), ValueError> {
        self.check(value)?;
        *(self.set)(grant) = value;
        Ok(())
    }
}

impl StoreGrant {
    /// Whether it keeps the rules, wherever it came from.
    pub(crate) fn check(&self) -> Result<(), ValueError> {
        if let Some(path) = &self.path {
            names::path(path)?;
        }
        if let Some(namespace) = &self.namespace {
            names::setting(namespace)?;
        }
        for quota in QUOTAS {
            quota.check((quota.get)(self)).map_err(in_key(quota.name))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_have_a_range() {
        assert_eq!(StoreGrant::default().check(), Ok(()));
        for quota in QUOTAS {
            let mut grant = StoreGrant::default();
            for good in [1, quota.max] {
                assert_eq!(quota.put(&mut grant, good), Ok(()));
                assert_eq!((quota.get)(&grant), good);
                assert_eq!(grant.check(), Ok(()));
            }
            for bad in [0, quota.max + 1] {
                let before = grant.clone();
                assert!(quota.put(&mut grant, bad).is_err());
                assert_eq!(grant, before);
                *(quota.set)(&mut grant) = bad;
                let message = grant.check().unwrap_err().message;
                assert!(message.starts_with(quota.name), "{message}");
                grant = before;
            }
        }
    }
}
