//! The grant of files: a directory of the host under a name, with the access and the quotas below it.

use std::path::PathBuf;

use crate::error::ValueError;
use crate::toml::messages::{shown, suggestion};

/// The access below a root, in order of power: writing includes reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// `"read"`: read files, list directories, read metadata.
    Read,
    /// `"read-write"`: read, and write.
    ReadWrite,
}

impl Access {
    /// Both, in order of power.
    pub const ALL: [Access; 2] = [Access::Read, Access::ReadWrite];

    /// The value in a policy.
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
            ValueError::new(format!("unknown value `{text}`{cure}"))
        })
    }
}

/// A directory of the host, under the name that the guest uses.
///
/// ```
/// use tollgate_policy::{Access, FileGrant};
///
/// let grant = FileGrant::new("data", "/srv/data", Access::Read);
/// assert_eq!((grant.max_write, grant.max_files, grant.max_read), (64 << 20, 1_000, None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGrant {
    /// The name that the guest uses: `[a-z0-9][a-z0-9-_]*`.
    pub root: String,
    /// The directory of the host, as it was written; the parser joins a relative path to the policy's directory.
    pub path: PathBuf,
    /// The access below it.
    pub access: Access,
    /// Bytes that one call may write below it. A file that is made longer without being written counts by its growth.
    pub max_write: u64,
    /// Files and directories that one call may create, replace or remove below it.
    pub max_files: u64,
    /// Bytes of the largest single read. `None` stands for the limit `host-data`, which bounds every read in any case.
    pub max_read: Option<u64>,
    /// Whether each use needs the answer of an approver; see [`Rule`](crate::Rule). Off by default.
    pub ask: bool,
}

/// Default of `max-write`, in bytes. The output of a tool in one call fits. Without this quota the default fuel pays for
/// 1 GB, so that a few hundred calls fill a disk.
pub const MAX_WRITE: u64 = 64 << 20;

/// Default of `max-files`. An unpacked archive or a generated site fits. Each file costs the host an fsync of about a
/// millisecond, and an inode.
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
            ask: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those of docs/security/limits.md.
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
