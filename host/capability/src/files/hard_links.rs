//! Hard links in a root to protected files. A root may not cover such a file, and a second name of it inside of a root
//! would be as good: so an open file is compared with each of them.

use cap_std::fs::Metadata;
use tollgate_policy::{FileGrant, Policy, Protected};

use crate::error::GrantError;

/// The device and the number of a file.
type Identity = (u64, u64);

/// The protected files that one root may not lead to.
pub(super) struct Protection {
    files: Vec<Protected>,
    /// The protected files, and the files directly in the protected folders, as they were when the root was opened.
    known: Vec<Identity>,
}

impl Protection {
    /// The files that are to be protected from the access of `root`.
    pub(super) fn of(policy: &Policy, root: &FileGrant) -> Result<Protection, GrantError> {
        let named = policy.grants.protected().into_iter();
        let files = named.chain(policy.protected.iter().cloned());
        let files: Vec<Protected> = files.filter(|file| file.concerns(root)).collect();
        let mut known = Vec::new();
        for file in &files {
            known.extend(identities(file).map_err(|error| GrantError::Uncompared {
                root: root.root.clone(),
                what: file.what.clone(),
                path: file.path.clone(),
                error,
            })?);
        }
        Ok(Protection { files, known })
    }

    /// The protected files that another process is told of, which has no path to look at them again.
    pub(super) fn hand_over(&self) -> Vec<Identity> {
        let now = self.files.iter().filter_map(|file| identities(file).ok());
        let now = now.flatten();
        now.chain(self.known.iter().copied()).collect()
    }

    /// The protected files that another process has told.
    pub(super) fn handed_over(known: Vec<Identity>) -> Protection {
        Protection {
            files: Vec::new(),
            known,
        }
    }

    /// Whether a regular file is one of them. They may have been replaced since the root was opened, so each is looked at
    /// again. A name in the root may be the last one of a file that was replaced, which is then known.
    pub(super) fn has(&self, found: &Metadata) -> bool {
        let Some(identity) = identity(found) else {
            return false;
        };
        let now = |file: &Protected| std::fs::metadata(&file.path).ok();
        let mut files = self.files.iter().filter_map(now);
        self.known.contains(&identity)
            || (has_names(found) && files.any(|file| identity_of_file(&file) == Some(identity)))
    }
}

#[cfg(unix)]
fn identity(found: &Metadata) -> Option<Identity> {
    use cap_std::fs::MetadataExt as _;
    Some((found.dev(), found.ino()))
}

/// Whether a file has several names.
#[cfg(unix)]
fn has_names(found: &Metadata) -> bool {
    use cap_std::fs::MetadataExt as _;
    found.nlink() > 1
}

#[cfg(unix)]
fn identity_of_file(found: &std::fs::Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    Some((found.dev(), found.ino()))
}

/// The file, or the files directly in the folder; none if there is nothing yet.
#[cfg(unix)]
fn identities(file: &Protected) -> std::io::Result<Vec<Identity>> {
    use std::os::unix::fs::DirEntryExt as _;
    let found = match std::fs::metadata(&file.path) {
        Ok(found) => found,
        Err(error) if super::covered::is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let Some(own) = identity_of_file(&found) else {
        return Ok(Vec::new());
    };
    if !found.is_dir() {
        return Ok(vec![own]);
    }
    let entries = std::fs::read_dir(&file.path)?;
    entries.map(|entry| Ok((own.0, entry?.ino()))).collect()
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<Identity> {
    None
}

#[cfg(not(unix))]
fn has_names(_: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn identity_of_file(_: &std::fs::Metadata) -> Option<Identity> {
    None
}

#[cfg(not(unix))]
fn identities(_: &Protected) -> std::io::Result<Vec<Identity>> {
    Ok(Vec::new())
}
