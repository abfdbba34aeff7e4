//! The files of a folder of providers: their paths, their stamps, and the reading of policies and lock files.

use std::fs::Metadata;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use tollgate_policy::{Access, Lock, Policy, Protected};

use super::{ReloadError, WatchError};
use tollgate_component::{open_regular, signature_path};

/// The components of a folder: the paths of the entries named `*.wasm`, sorted. The entries are not opened, and may be
/// something other than files.
///
/// # Errors
///
/// The folder cannot be read, or has more than `most` entries of any name.
pub fn components(folder: &Path, most: usize) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (number, entry) in std::fs::read_dir(folder)?.enumerate() {
        if number >= most {
            // The kernel's error for a number that does not fit.
            return Err(io::Error::new(
                ErrorKind::FileTooLarge,
                format!("more than {most} entries"),
            ));
        }
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "wasm") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The paths of one provider's files.
pub(super) struct Files {
    pub(super) component: PathBuf,
    pub(super) policy: PathBuf,
}

/// The metadata of the component, the signature and the policy. While it stays equal, the files are unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamps([Option<Stamp>; 3]);

impl Files {
    /// `None` if the files must be read to find changes: they changed just now, and could change again without a new
    /// stamp; or their metadata cannot be read; or this system does not report times of change.
    pub(super) fn stamps(&self) -> Option<Stamps> {
        let signature = signature_path(&self.component);
        let stamp = |path: &Path| match std::fs::metadata(path) {
            Ok(found) => Stamp::of(&found).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(None),
            Err(_) => None,
        };
        Some(Stamps([
            stamp(&self.component)?,
            stamp(&signature)?,
            stamp(&self.policy)?,
        ]))
    }

    /// The files that no root of the component's policy may cover. The policy and the lock file need not exist: a
    /// component that could make them would grant itself the rest.
    pub(super) fn protected(&self) -> [Protected; 4] {
        let signature = signature_path(&self.component);
        let lock = self.policy.with_file_name(Lock::FILE);
        [
            Protected::new("the component", &self.component, Access::ReadWrite),
            Protected::new(
                "the signature of the component",
                signature,
                Access::ReadWrite,
            ),
            Protected::new("the policy file", &self.policy, Access::ReadWrite),
            Protected::new("the lock file", lock, Access::ReadWrite),
        ]
    }

    /// The policy beside the component, if there is one. A dangling link counts as a policy that cannot be read.
    pub(super) fn policy(&self) -> Result<Option<Policy>, ReloadError> {
        let path = &self.policy;
        if is_absent(path) {
            return Ok(None);
        }
        let text = read_text(path, Policy::MAX_TEXT).map_err(|error| ReloadError::ReadPolicy {
            path: path.clone(),
            error,
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Policy::parse(&text, base)
            .map(Some)
            .map_err(|error| ReloadError::Policy {
                path: path.clone(),
                error,
            })
    }
}

/// The lock file of a folder of policies; a missing file pins nothing. The lock is strict: a component without a pin is
/// refused.
pub(super) fn lock(folder: &Path) -> Result<Lock, WatchError> {
    let path = folder.join(Lock::FILE);
    let failed = |message: String| WatchError::Lock {
        path: path.clone(),
        message,
    };
    let mut lock = match is_absent(&path) {
        true => Lock::default(),
        false => {
            let text =
                read_text(&path, Lock::MAX_TEXT).map_err(|error| failed(error.to_string()))?;
            Lock::parse(&text).map_err(|error| failed(error.to_string()))?
        }
    };
    lock.strict = true;
    Ok(lock)
}

pub(super) fn is_absent(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn read_text(path: &Path, most: usize) -> io::Result<String> {
    let mut text = String::new();
    open_regular(path)?
        .ok_or_else(|| io::Error::other("not a regular file"))?
        .take(most as u64 + 1)
        .read_to_string(&mut text)?;
    match text.len() > most {
        true => Err(io::Error::other(format!("longer than {most} bytes"))),
        false => Ok(text),
    }
}

#[cfg(unix)]
mod stamp {
    use std::os::unix::fs::MetadataExt as _;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::Metadata;

    /// Two changes within one step of a file system's clock may have the same time. The step is a few milliseconds on
    /// Linux and two seconds on FAT.
    const STEP: Duration = Duration::from_secs(2);

    /// The identity of a file, its size, and the times of the last change of its content and of its inode. The last one
    /// is set by the kernel alone.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Stamp {
        file: (u64, u64),
        size: u64,
        modified: (i64, i64),
        changed: (i64, i64),
    }

    impl Stamp {
        pub(crate) fn of(found: &Metadata) -> Option<Stamp> {
            let stamp = Stamp {
                file: identity(found)?,
                size: found.size(),
                modified: (found.mtime(), found.mtime_nsec()),
                changed: (found.ctime(), found.ctime_nsec()),
            };
            let since = |seconds: i64| {
                let then =
                    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))?;
                SystemTime::now().duration_since(then).ok()
            };
            let age = since(stamp.changed.0)?.min(since(stamp.modified.0)?);
            // The second in the stamp began up to a second earlier.
            (age > STEP.saturating_add(Duration::from_secs(1))).then_some(stamp)
        }
    }

    /// Device and inode, which identify a file or folder.
    pub(crate) fn identity(found: &Metadata) -> Option<(u64, u64)> {
        Some((found.dev(), found.ino()))
    }
}

#[cfg(not(unix))]
mod stamp {
    use super::Metadata;

    /// This system has no stamp that could be relied on.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Stamp;

    impl Stamp {
        pub(crate) fn of(_found: &Metadata) -> Option<Stamp> {
            None
        }
    }

    pub(crate) fn identity(_found: &Metadata) -> Option<(u64, u64)> {
        None
    }
}

use stamp::Stamp;
pub(super) use stamp::identity;

#[cfg(all(test, unix))]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_file_that_changed_just_now_may_change_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wasm");
        std::fs::write(&path, "x").unwrap();
        let files = |component: &Path| Files {
            component: component.to_owned(),
            policy: folder.path().join("x.toml"),
        };
        assert_eq!(files(&path).stamps(), None);
        // A backdated modification time does not hide the change: the inode's time shows it.
        let file = std::fs::File::open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600))
            .unwrap();
        assert_eq!(files(&path).stamps(), None);
        let old = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        assert!(files(old).stamps().is_some());
        assert_eq!(files(old).stamps(), files(old).stamps());
        // A missing file can be relied on, too.
        assert!(files(&folder.path().join("none")).stamps().is_some());
        // A file whose metadata cannot be read cannot.
        assert_eq!(files(&old.join("below")).stamps(), None);
    }

    #[test]
    fn a_text_is_as_long_as_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.toml");
        std::fs::write(&path, "1234").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "1234");
        assert!(read_text(&path, 3).is_err());
        // The file is younger than the step of the coarsest clock, and older than a second.
        std::thread::sleep(Duration::from_millis(1_500));
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(Stamp::of(&metadata), None);
    }

    #[test]
    fn a_folder_of_more_entries_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.wasm", "a.wasm", "c.wasm.minisig", ".wasm", "d.WASM"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = components(folder.path(), 5).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["a.wasm", "b.wasm"]);
        assert!(components(folder.path(), 4).is_err());
    }
}
