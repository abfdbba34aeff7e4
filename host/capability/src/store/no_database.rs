//! The database of a build without the feature `store`: there is none. A policy that grants a store is refused when it is
//! loaded.

use std::fs::File;

use tokio::sync::OwnedMutexGuard;
use tollgate_policy::{Reason, StoreUsage};

use super::place::{Bounds, Found, Listed, StoreKey};
use crate::jobs::Ended;

/// No value of it exists.
pub(crate) enum Database {}

/// The error of the database: there is none.
#[derive(Debug, thiserror::Error)]
#[error("this program is built without stores")]
pub(crate) struct DatabaseError;

impl Database {
    pub(crate) fn in_file(_file: File) -> Result<Database, String> {
        Err(DatabaseError.to_string())
    }

    pub(crate) fn in_memory() -> Result<Database, DatabaseError> {
        Err(DatabaseError)
    }

    pub(crate) fn is_durable(&self) -> bool {
        match *self {}
    }

    #[allow(clippy::unused_async, reason = "as with the feature")]
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        match *self {}
    }

    pub(crate) fn get(&self, _key: &[u8], _most: u64) -> Result<Option<Found>, DatabaseError> {
        match *self {}
    }

    pub(crate) fn list(
        &self,
        _prefix: &[u8],
        _bounds: &Bounds,
        _ended: &Ended,
    ) -> Result<Option<Listed>, DatabaseError> {
        match *self {}
    }

    pub(crate) fn change(
        &self,
        _place: &StoreKey<'_>,
        _value: Option<&[u8]>,
        _decide: impl FnOnce(StoreUsage, StoreUsage) -> Result<(), Reason>,
    ) -> Result<Result<(), Reason>, DatabaseError> {
        match *self {}
    }
}
