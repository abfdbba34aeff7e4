//! The decision on a store: names of buckets, keys and quotas.

use crate::grants::Grants;
use crate::grants::store::{MAX_BUCKET, MAX_KEY};

use super::reason::Reason;

/// The content of a namespace of a store, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// Keys, over all buckets.
    pub keys: u64,
    /// Bytes of all values and all keys, each key with the name of its bucket.
    pub bytes: u64,
}

/// A request to a store. A write is two requests: `Set` before it begins, and `Change` when the content of the namespace
/// after it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreRequest<'r> {
    /// Opens a bucket, or lists its keys.
    Bucket(&'r str),
    /// Reads, looks for or deletes a key.
    Key(&'r str),
    /// Sets a key to a value of this many bytes.
    Set(&'r str, u64),
    /// Changes the namespace from the first content to the second.
    Change(StoreUsage, StoreUsage),
}

/// Whether a request to the store is allowed.
///
/// A bucket's name has 1 to [`MAX_BUCKET`] bytes and a key 1 to [`MAX_KEY`]. No character has a meaning, so none is
/// refused. A quota stops growth only: a store that exceeds its quota, because the policy became stricter, may shrink.
///
/// # Errors
///
/// The first of [`Reason::NotGranted`], [`Reason::BadKey`] and [`Reason::Quota`] that applies.
///
/// ```
/// use tollgate_policy::{Grants, Reason, StoreGrant, StoreRequest, decide};
///
/// let grants = Grants { store: Some(StoreGrant { max_value: 10, ..StoreGrant::default() }), ..Grants::default() };
/// assert_eq!(decide::store(&grants, StoreRequest::Set("key", 10)), Ok(()));
/// assert_eq!(decide::store(&grants, StoreRequest::Set("key", 11)), Err(Reason::Quota));
/// assert_eq!(decide::store(&grants, StoreRequest::Key("")), Err(Reason::BadKey));
/// ```
pub fn store(grants: &Grants, request: StoreRequest<'_>) -> Result<(), Reason> {
    let grant = grants.store.as_ref().ok_or(Reason::NotGranted)?;
    let sound = |text: &str, longest: usize| match (1..=longest).contains(&text.len()) {
        true => Ok(()),
        false => Err(Reason::BadKey),
    };
    let within = |before: u64, after: u64, most: u64| match after <= most || after <= before {
        true => Ok(()),
        false => Err(Reason::Quota),
    };
    match request {
        StoreRequest::Bucket(name) => sound(name, MAX_BUCKET),
        StoreRequest::Key(key) => sound(key, MAX_KEY),
        StoreRequest::Set(key, value) => {
            sound(key, MAX_KEY)?;
            within(0, value, grant.max_value)
        }
        StoreRequest::Change(before, after) => {
            within(before.keys, after.keys, grant.max_keys)?;
            within(before.bytes, after.bytes, grant.max_total)
        }
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
