//! The folders that a policy grants, and the files that no name in them may lead to.

use std::io;
use std::ops::Deref;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};
use tollgate_policy::{Policy, Reason};

use super::FileFailure;
use super::hard_links::Protection;
use super::{cached, covered};
use crate::error::GrantError;
use crate::granted::HandedFolder;

/// The granted folders, opened once when a provider is loaded: a folder that is renamed or replaced afterwards stays
/// the one that the operator granted.
#[derive(Clone)]
pub(crate) struct Roots(pub(crate) Vec<Arc<Folder>>);

/// A granted folder.
pub struct Folder {
    pub(crate) dir: Arc<Dir>,
    pub(super) protection: Protection,
    /// Its device, if reads of what is in memory may be tried on the thread of the guest.
    pub(super) local: Option<u64>,
}

impl Deref for Folder {
    type Target = Dir;

    fn deref(&self) -> &Dir {
        &self.dir
    }
}

impl Folder {
    /// Refuses an entry that is not a regular file, and one that is a protected file by another name: a hard link. To be
    /// asked before a file is opened for writing, and again of the open file, in case the two were swapped.
    ///
    /// # Errors
    ///
    /// [`Reason::NotAFile`], [`Reason::Protected`].
    pub fn reject_special(&self, found: &Metadata) -> Result<(), FileFailure> {
        super::regular(found)?;
        match self.protection.has(found) {
            true => Err(FileFailure::Denied(Reason::Protected)),
            false => Ok(()),
        }
    }
}

/// Whether a folder belongs to a file system that the kernel makes up, wherever it is mounted. `/proc` and its like are
/// known by their paths as well, on every system.
#[cfg(target_os = "linux")]
fn is_of_kernel(dir: &Dir) -> io::Result<bool> {
    /// The magic numbers of statfs(2): proc, sysfs, securityfs, debugfs, tracefs, cgroup, cgroup2, bpf, devpts.
    const KINDS: [u32; 9] = [
        0x9fa0,
        0x6265_6572,
        0x7363_6673,
        0x6462_6720,
        0x7472_6163,
        0x0027_e0eb,
        0x6367_7270,
        0xcafe_4a11,
        0x1cd1,
    ];
    let kind = rustix::fs::fstatfs(dir)?.f_type;
    // The type of the field differs between processors, and the number is unsigned.
    Ok(KINDS
        .iter()
        .any(|known| i128::from(*known) == i128::from(kind)))
}

#[cfg(not(target_os = "linux"))]
fn is_of_kernel(_: &Dir) -> io::Result<bool> {
    Ok(false)
}

impl Roots {
    /// Opens every folder that `policy` grants, if none of them covers a protected file.
    pub(crate) fn open(policy: &Policy) -> Result<Roots, GrantError> {
        let open = |grant: &tollgate_policy::FileGrant| {
            let dir = Dir::open_ambient_dir(&grant.path, ambient_authority());
            let failed = |error| GrantError::Root {
                root: grant.root.clone(),
                path: grant.path.clone(),
                error,
            };
            let dir = dir.map_err(failed)?;
            if is_of_kernel(&dir).map_err(failed)? {
                return Err(failed(io::Error::other(
                    "it shows files of the kernel, which tell of every process; grant another folder",
                )));
            }
            Ok(Arc::new(Folder {
                local: cached::local(&dir),
                dir: Arc::new(dir),
                protection: Protection::of(policy, grant)?,
            }))
        };
        let files = policy.grants.files.iter();
        let roots: Vec<Arc<Folder>> = files.map(open).collect::<Result<_, _>>()?;
        let opened: Vec<&Dir> = roots.iter().map(|root| &*root.dir).collect();
        covered::reject(policy, &opened)?;
        Ok(Roots(roots))
    }

    /// The folders for another process, each with its protected files.
    pub(crate) fn hand_over(&self) -> Vec<HandedFolder> {
        let folders = self.0.iter();
        folders
            .map(|folder| HandedFolder {
                dir: Arc::clone(&folder.dir),
                protected: folder.protection.hand_over(),
            })
            .collect()
    }

    /// The folders that another process has opened.
    pub(crate) fn handed_over(folders: Vec<HandedFolder>) -> Roots {
        let folder = |HandedFolder { dir, protected }| {
            Arc::new(Folder {
                local: cached::local(&dir),
                dir,
                protection: Protection::handed_over(protected),
            })
        };
        Roots(folders.into_iter().map(folder).collect())
    }
}
