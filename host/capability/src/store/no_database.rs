//! The database of a build without the feature `store`: there is none. A policy that grants a store is refused when it is
//! loaded.

use std::fs::File;

use super::group::Group;
use super::place::{Bounds, Found, Listed};
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

    pub(crate) fn change(&self, _group: Group) -> Result<(), DatabaseError> {
        match *self {}
    }
}
