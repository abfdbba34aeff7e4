//! The decision on a store: bucket names, keys and quotas.

use crate::grants::Grants;
use crate::grants::store::{MAX_BUCKET, MAX_KEY};

use super::reason::Reason;

/// What a namespace of a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// Its keys, over all buckets.
    pub keys: u64,
    /// Bytes of its keys, with the name of the bucket that is kept with each, and of its values.
    pub bytes: u64,
}

/// What is asked of a store. A write is asked for twice: before it is begun, and when it is known what
/// the store would hold after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreRequest<'r> {
    /// Open a bucket, or list its keys.
    Bucket(&'r str),
    /// Read, look for or delete a key.
    Key(&'r str),
    /// Set a key to a value of that many bytes.
    Set(&'r str, u64),
    /// Go from what the namespace holds to what it would hold.
    Change(StoreUsage, StoreUsage),
}

/// Whether a store may be used so.
///
/// A bucket's name is 1 to [`MAX_BUCKET`] bytes and a key 1 to [`MAX_KEY`]; no character means anything, so
/// none is refused. A quota holds back what grows: a store that is over it, since the policy was made
/// stricter, may shrink.
///
/// # Errors
///
/// The reason to deny it; the first of: nothing granted, a bad name or key, over a quota.
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
