//! Places of values in a database, and answers of look-ups and lists.

use tollgate_policy::StoreUsage;

use crate::prices::{KEY_PRICE, MOVE_PRICE};

/// The counted cost of one key in a list, beside its bytes: the string that holds it.
pub(crate) const LISTED: u64 = size_of::<String>() as u64;

/// The result of looking up a key.
pub(crate) enum Found {
    Value(Vec<u8>),
    /// The size of the value, which is more than was to be read.
    Larger(u64),
}

/// A page of keys, in their order.
pub(crate) struct Listed {
    pub(crate) keys: Vec<String>,
    /// Bytes that were read for it, those of skipped keys included.
    pub(crate) bytes: u64,
    /// Keys that were read for it.
    pub(crate) read: u64,
    /// Whether keys are left.
    pub(crate) more: bool,
}

/// The bounds of a list.
pub(crate) struct Bounds {
    /// Keys to skip.
    pub(crate) skip: u64,
    /// Keys to list.
    pub(crate) keys: usize,
    /// Bytes to list.
    pub(crate) bytes: u64,
    /// Fuel that reading may cost: that of the bytes, and [`KEY_PRICE`] for each key.
    pub(crate) fuel: u64,
    /// Entries to read. If there are more, there is no list.
    pub(crate) entries: u64,
}

impl Bounds {
    /// Whether the fuel pays for reading `read` keys of `bytes` bytes in total.
    pub(crate) fn pay_for(&self, read: u64, bytes: u64) -> bool {
        let keys = read.saturating_mul(KEY_PRICE);
        keys.saturating_add(bytes.saturating_mul(MOVE_PRICE)) <= self.fuel
    }
}

/// The place of a value.
pub(crate) struct StoreKey<'p> {
    pub(crate) namespace: &'p str,
    pub(crate) bucket: &'p str,
    pub(crate) key: &'p str,
}

impl StoreKey<'_> {
    /// The key in the table: the prefix of the bucket, and the key.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut whole = prefix(self.namespace, self.bucket);
        whole.extend_from_slice(self.key.as_bytes());
        whole
    }

    /// The usage of a namespace after a value of `old` bytes at this key became one of `new`.
    pub(crate) fn usage(
        &self,
        before: StoreUsage,
        old: Option<usize>,
        new: Option<usize>,
    ) -> StoreUsage {
        let name = self.bucket.len() + self.key.len();
        let size = |value: Option<usize>| value.map_or(0, |value| (name + value) as u64);
        let count = |value: Option<usize>| u64::from(value.is_some());
        StoreUsage {
            keys: before
                .keys
                .saturating_sub(count(old))
                .saturating_add(count(new)),
            bytes: before
                .bytes
                .saturating_sub(size(old))
                .saturating_add(size(new)),
        }
    }
}

/// The prefix that the keys of a bucket have, and no others: the names of the namespace and of the bucket, each after
/// its length.
pub(crate) fn prefix(namespace: &str, bucket: &str) -> Vec<u8> {
    let mut prefix = Vec::new();
    for name in [namespace, bucket] {
        prefix.extend_from_slice(&(name.len() as u64).to_be_bytes());
        prefix.extend_from_slice(name.as_bytes());
    }
    prefix
}
