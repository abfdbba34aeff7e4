//! The grant of files: a directory of the host under a name, what may be done below it, and how much.

use std::path::PathBuf;

use crate::error::ValueError;
use crate::toml::messages::{shown, suggestion};

/// What may be done below a root. The order is that of power: who may write may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Read, list and look at: `"read"`.
    Read,
    /// And write: `"read-write"`.
    ReadWrite,
}

impl Access {
    /// All of them, in the order of power.
    pub const ALL: [Access; 2] = [Access::Read, Access::ReadWrite];

    /// Its name in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::ReadWrite => "read-write",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Access, ValueError> {
        let found = Access::ALL.into_iter().find(|access| access.name() == text);
        found.ok_or_else(|| {
            let (text, cure) = (
                shown(text),
                suggestion(text, &Access::ALL.map(Access::name)),
            );
            ValueError::new(format!("`{text}` is no access{cure}"))
        })
    }
}

/// A directory of the host under the name that the guest uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGrant {
    /// The name that the guest uses: `[a-z0-9][a-z0-9-_]*`.
    pub root: String,
    /// The directory of the host, as it was written; a relative one is joined to the policy's directory.
    pub path: PathBuf,
    /// What may be done below it.
    pub access: Access,
    /// Bytes that one call may write below it; a file that is made longer without being written counts by
    /// its growth.
    pub max_write: u64,
    /// Files and folders that one call may create, replace or remove below it.
    pub max_files: u64,
    /// The largest single read. None is what the limit `host-data` allows, which bounds it in any case.
    pub max_read: Option<u64>,
}

/// `max-write` when a grant says nothing. What a tool makes in one call fits; at the default fuel, which
/// pays for 1 GB, a guest could else fill a disk in a few hundred calls.
pub const MAX_WRITE: u64 = 64 << 20;

/// `max-files` when a grant says nothing. An unpacked archive or a generated site fits; each file costs
/// the host an fsync of a millisecond or so, and an inode that somebody has to delete again.
pub const MAX_FILES: u64 = 1_000;

impl FileGrant {
    /// A grant with the default quotas.
    pub fn new(root: impl Into<String>, path: impl Into<PathBuf>, access: Access) -> FileGrant {
        FileGrant {
            root: root.into(),
            path: path.into(),
            access,
            max_write: MAX_WRITE,
            max_files: MAX_FILES,
            max_read: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As docs/limits.md has them.
    #[test]
    fn quotas_have_these_defaults() {
        let grant = FileGrant::new("data", "/srv", Access::Read);
        assert_eq!((grant.max_write, grant.max_files), (67_108_864, 1_000));
        assert_eq!(grant.max_read, None);
    }

    #[test]
    fn access_is_ordered_by_power() {
        assert!(Access::Read < Access::ReadWrite);
        for access in Access::ALL {
            assert_eq!(Access::parse(access.name()), Ok(access));
        }
    }
}
