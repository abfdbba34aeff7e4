//! The grant of a store: its file, its namespace and its quotas.

use std::path::PathBuf;

use crate::error::ValueError;
use crate::toml::names;
use crate::toml::units::Unit;

use super::rules::in_key;

/// Default of `max-keys`: enough for a cache, cursors and settings; more belongs in a database. `list-keys` of this many
/// stays far below the bytes that one host call may move.
pub const MAX_KEYS: u64 = 1_000;
/// Default of `max-value`, in bytes: a document or a page of results. A value is written and read whole, so this is
/// also the memory that one value costs the host.
pub const MAX_VALUE: u64 = 64 << 10;
/// Default of `max-total`, in bytes: many times the space that a browser gives a site for cookies. A thousand providers
/// with a full store each fit a gigabyte.
pub const MAX_TOTAL: u64 = 1 << 20;

/// The longest key, in bytes: four times the longest file name, and the usual bound of stores.
pub const MAX_KEY: usize = 1024;
/// The longest name of a bucket, in bytes. It is short because it is kept with each key of the bucket.
pub const MAX_BUCKET: usize = 128;

/// A key-value store.
///
/// ```
/// use tollgate_policy::StoreGrant;
///
/// let grant = StoreGrant {
///     path: Some("/srv/state.redb".into()),
///     namespace: Some("ledger".to_owned()),
///     ..StoreGrant::default()
/// };
/// assert_eq!((grant.max_keys, grant.max_value, grant.max_total), (1_000, 64 << 10, 1 << 20));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreGrant {
    /// The file of the store, as it was written; the parser joins a relative path to the policy's directory. `None` is
    /// the memory of the host, for as long as the runtime lives.
    pub path: Option<PathBuf>,
    /// The namespace of the keys. Providers see each other's keys if, and only if, they use one namespace in one file, or
    /// in the memory of one runtime. A grant with a `path` names one: a file outlives the component, and another
    /// component of the same file name, by another signer, would find its keys. In memory, `None` is the provider's own
    /// name. Two providers of one name then share keys while both live, regardless of their authors, signers and
    /// tenants, and a provider that is loaded anew finds the keys of the old one. Give each tenant a namespace.
    pub namespace: Option<String>,
    /// Keys in the namespace, over all of its buckets.
    pub max_keys: u64,
    /// Bytes of one value.
    pub max_value: u64,
    /// Bytes of the namespace: all values and all keys, each key with the name of its bucket.
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

/// One quota of a store: its key in a policy and its range, from 1 to `max`.
pub(crate) struct Quota {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    max: u64,
    why: &'static str,
    pub(crate) get: fn(&StoreGrant) -> u64,
    pub(crate) set: fn(&mut StoreGrant) -> &mut u64,
}

/// Why a store in a file names its namespace, and the cure.
pub(crate) const NAMELESS: &str = "a `path` without a `namespace`: components of one file name would share the keys in \
                                   that file, whoever signed them; add a name of your own, such as `namespace = \"ledger\"`";

/// All quotas of a store.
pub(crate) const QUOTAS: &[Quota] = &[
    Quota {
        name: "max-keys",
        unit: Unit::Count,
        max: 100_000_000,
        why: "each key is an entry of a tree that must stay shallow",
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
        why: "a larger store belongs in a database",
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

    /// Sets the quota, if the value is in range.
    pub(crate) fn put(&self, grant: &mut StoreGrant, value: u64) -> Result<(), ValueError> {
        self.check(value)?;
        *(self.set)(grant) = value;
        Ok(())
    }
}

impl StoreGrant {
    /// Checks the rules of the grant.
    pub(crate) fn check(&self) -> Result<(), ValueError> {
        if let Some(path) = &self.path {
            names::path(path)?;
        }
        if let Some(namespace) = &self.namespace {
            names::namespace(namespace)?;
        }
        if self.path.is_some() && self.namespace.is_none() {
            return Err(ValueError::new(NAMELESS));
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
    fn a_store_in_a_file_has_a_namespace() {
        let mut grant = StoreGrant {
            path: Some("/srv/state.redb".into()),
            ..StoreGrant::default()
        };
        assert_eq!(grant.check().unwrap_err().message, NAMELESS);
        grant.namespace = Some("ledger".to_owned());
        assert_eq!(grant.check(), Ok(()));
        grant.path = None;
        assert_eq!(grant.check(), Ok(()));
    }

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
