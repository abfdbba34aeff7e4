//! `tollgate:provider/files`: files below the roots that the policy grants.
//!
//! Where a path may lead is decided twice: by [`tollgate_policy::decide`] on its text, and by cap-std on
//! the file system, which walks it part by part and never leaves the root, symbolic links included.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, FileType, Metadata, OpenOptions};
use tollgate_policy::{Access, FileUse, Grants, Reason, decide};

use crate::bindings::v0_2::provider::files::{Entry, Error, Host, Kind, Metadata as Described};
use crate::error::LoadError;
use crate::meter::{MOVE_PRICE, Stop};
use crate::state::HostState;

/// The audit name of this capability.
pub(crate) const NAME: &str = "files";

/// The granted folders, opened once when a provider is loaded: a folder that is renamed or replaced
/// afterwards is still the one the operator granted.
#[derive(Clone)]
pub(crate) struct Roots(Vec<Arc<Dir>>);

impl Roots {
    /// Opens every folder that `grants` names.
    pub(crate) fn open(grants: &Grants) -> Result<Roots, LoadError> {
        let open = |grant: &tollgate_policy::FileGrant| {
            Dir::open_ambient_dir(&grant.path, ambient_authority())
                .map(Arc::new)
                .map_err(|error| LoadError::Root {
                    root: grant.root.clone(),
                    path: grant.path.clone(),
                    error,
                })
        };
        grants
            .files
            .iter()
            .map(open)
            .collect::<Result<_, _>>()
            .map(Roots)
    }
}

/// What went wrong behind an allowed path.
pub(crate) enum Trouble {
    /// The system's answer, told to the guest without paths of the host.
    Io(io::Error),
    /// A denial found on the file system: a link that leads out, a device.
    Denied(Reason),
    /// More than one read may return.
    TooLarge(u64),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        // cap-std reports a path that leaves its root as a permission error of its own making, without
        // an error number of the system's.
        if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
            Trouble::Denied(Reason::OutsideRoot)
        } else {
            Trouble::Io(error)
        }
    }
}

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl HostState {
    /// Charges, decides, and runs `act` on the granted folder away from the async threads.
    async fn on_files<T: Send + 'static>(
        &mut self,
        root: &str,
        path: &str,
        access: Access,
        sent: u64,
        act: impl FnOnce(&Dir, &Path) -> Result<T, Trouble> + Send + 'static,
    ) -> Answer<T> {
        let bytes = (root.len() + path.len()) as u64 + sent;
        self.meter.charge(bytes, MOVE_PRICE)?;
        // Whatever is sent to our interface is a whole file.
        let asks = FileUse {
            bytes: sent,
            files: u64::from(access == Access::ReadWrite),
        };
        let done = self.reach(root, path, access, asks, act).await?;
        Ok(done.map_err(|trouble| match trouble {
            Trouble::Denied(Reason::Quota) => Error::QuotaExceeded(
                "the policy's `max-write` or `max-files` of this root is used up".to_owned(),
            ),
            Trouble::Denied(reason) => Error::AccessDenied(reason.label().to_owned()),
            Trouble::TooLarge(cap) => Error::QuotaExceeded(format!(
                "larger than the {cap} bytes one read may return; a file can be read with `read-range`"
            )),
            Trouble::Io(error) => answer(&error),
        }))
    }

    /// Decides, counts, and runs `act`, for whichever interface the guest asked through. Denials are noted.
    pub(crate) async fn reach<T: Send + 'static>(
        &mut self,
        root: &str,
        path: &str,
        access: Access,
        asks: FileUse,
        act: impl FnOnce(&Dir, &Path) -> Result<T, Trouble> + Send + 'static,
    ) -> wasmtime::Result<Result<T, Trouble>> {
        let target = format!("{root}/{path}");
        let decided = decide::files(&self.reach.grants, root, path, access).and_then(|decision| {
            let dir = self.reach.roots.0.get(decision.index).map(Arc::clone);
            self.ledger.spend(decision.index, asks)?;
            Ok((dir.ok_or(Reason::UnknownRoot)?, decision.path))
        });
        let done = match decided {
            Ok((dir, path)) => tokio::task::spawn_blocking(move || act(&dir, &path)).await?,
            Err(reason) => Err(Trouble::Denied(reason)),
        };
        match &done {
            // What was decided, whether or not there is such a file.
            Ok(_) | Err(Trouble::Io(_)) => self.allowed(NAME, &target),
            Err(Trouble::Denied(reason)) => self.denied(NAME, &target, *reason),
            Err(Trouble::TooLarge(_)) => self.denied(NAME, &target, Reason::Quota),
        }
        Ok(done)
    }

    /// The price of what goes back to the guest.
    fn pay_for<T>(&mut self, answer: Answer<T>, size: impl Fn(&T) -> u64) -> Answer<T> {
        if let Ok(Ok(value)) = &answer {
            self.meter.charge_more(size(value), MOVE_PRICE)?;
        }
        answer
    }

    /// The most that one read below `root` returns.
    pub(crate) fn read_cap(&self, root: &str) -> u64 {
        let host_data = self.meter.limits.host_data;
        let grant = self
            .reach
            .grants
            .files
            .iter()
            .find(|grant| grant.root == root);
        grant.map_or(host_data, |grant| decide::read_cap(grant, host_data))
    }
}

/// The system's error for the guest: its kind, and nothing of the host's paths.
fn answer(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound("no such file or directory".to_owned()),
        io::ErrorKind::PermissionDenied => {
            Error::AccessDenied("the host may not do that".to_owned())
        }
        io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::InvalidFilename => Error::InvalidInput(error.kind().to_string()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::QuotaExceeded(error.kind().to_string())
        }
        kind => Error::Other(kind.to_string()),
    }
}

/// Opens a regular file for reading. Anything else is refused before it is opened, so that a pipe does
/// not block and a device does not act; and looked at again afterwards, should it have been swapped.
fn open_file(dir: &Dir, path: &Path) -> Result<(File, Metadata), Trouble> {
    regular(&dir.metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt as _;
        options.custom_flags(NONBLOCK);
    }
    let file = dir.open_with(path, &options)?;
    let metadata = file.metadata()?;
    regular(&metadata)?;
    Ok((file, metadata))
}

/// `O_NONBLOCK`: opening a pipe that took the place of a file does not wait for a writer.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const NONBLOCK: i32 = 0o4000;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
pub(crate) const NONBLOCK: i32 = 0x4;

pub(crate) fn regular(metadata: &Metadata) -> Result<(), Trouble> {
    if metadata.is_file() {
        Ok(())
    } else {
        Err(Trouble::Denied(Reason::NotAFile))
    }
}

fn kind(file_type: FileType) -> Kind {
    if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Directory
    } else if file_type.is_symlink() {
        Kind::Symlink
    } else {
        Kind::Other
    }
}

/// Puts `data` in place of whatever is at `path`, whole or not at all: a reader, or a machine that loses
/// power, sees the old file or the new one.
fn replace(dir: &Dir, path: &Path, data: &[u8]) -> Result<(), Trouble> {
    // What is there may be replaced only if it is a file; a link is replaced itself, not followed.
    match dir.symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() || metadata.is_symlink() => {}
        Ok(_) => return Err(Trouble::Denied(Reason::NotAFile)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let (temporary, mut file) = temporary(dir, path)?;
    let written = file
        .write_all(data)
        .and_then(|()| file.sync_all())
        .and_then(|()| dir.rename(&temporary, dir, path));
    if let Err(error) = written {
        // The guest's file is untouched; leave no litter beside it.
        let _ = dir.remove_file(&temporary);
        return Err(error.into());
    }
    Ok(())
}

/// A new file beside `path` under a name that nothing else has.
fn temporary(dir: &Dir, path: &Path) -> Result<(PathBuf, File), Trouble> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".tollgate-{}-{number}", std::process::id());
        let temporary = path.with_file_name(name);
        match dir.open_with(&temporary, &options) {
            Ok(file) => return Ok((temporary, file)),
            // Left over from a process of the same number that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl Host for HostState {
    async fn read(&mut self, root: String, path: String) -> Answer<Vec<u8>> {
        let cap = self.read_cap(&root);
        let answer = self
            .on_files(&root, &path, Access::Read, 0, move |dir, path| {
                let (file, metadata) = open_file(dir, path)?;
                if metadata.len() > cap {
                    return Err(Trouble::TooLarge(cap));
                }
                let mut data = Vec::new();
                // The file may grow while it is read.
                file.take(cap).read_to_end(&mut data)?;
                Ok(data)
            })
            .await;
        self.pay_for(answer, |data| data.len() as u64)
    }

    async fn read_range(
        &mut self,
        root: String,
        path: String,
        offset: u64,
        length: u32,
    ) -> Answer<Vec<u8>> {
        if u64::from(length) > self.meter.limits.host_data {
            return Err(Stop::HostData.into());
        }
        let cap = self.read_cap(&root);
        let answer = self
            .on_files(&root, &path, Access::Read, 0, move |dir, path| {
                if u64::from(length) > cap {
                    return Err(Trouble::TooLarge(cap));
                }
                let (mut file, metadata) = open_file(dir, path)?;
                let mut data = Vec::new();
                // Behind the end there is nothing, and no error either.
                file.seek(SeekFrom::Start(offset.min(metadata.len())))?;
                file.take(u64::from(length)).read_to_end(&mut data)?;
                Ok(data)
            })
            .await;
        self.pay_for(answer, |data| data.len() as u64)
    }

    async fn write(&mut self, root: String, path: String, data: Vec<u8>) -> Answer<()> {
        let sent = data.len() as u64;
        self.on_files(&root, &path, Access::ReadWrite, sent, move |dir, path| {
            replace(dir, path, &data)
        })
        .await
    }

    async fn list(&mut self, root: String, path: String) -> Answer<Vec<Entry>> {
        let cap = self.read_cap(&root);
        let answer = self
            .on_files(&root, &path, Access::Read, 0, move |dir, path| {
                entries(dir, path, cap)
            })
            .await;
        self.pay_for(answer, |entries| {
            entries.iter().map(|entry| entry_size(&entry.name)).sum()
        })
    }

    async fn stat(&mut self, root: String, path: String) -> Answer<Described> {
        self.on_files(&root, &path, Access::Read, 0, |dir, path| {
            let metadata = dir.symlink_metadata(path)?;
            let kind = kind(metadata.file_type());
            let size = if kind == Kind::File {
                metadata.len()
            } else {
                0
            };
            Ok(Described { kind, size })
        })
        .await
    }
}

/// The entries of a folder, sorted: the order in which a system has them tells of its past.
pub(crate) fn entries(dir: &Dir, path: &Path, cap: u64) -> Result<Vec<Entry>, Trouble> {
    let mut entries = Vec::new();
    let mut size = 0u64;
    for entry in dir.read_dir(path)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        size += entry_size(&name);
        if size > cap {
            return Err(Trouble::TooLarge(cap));
        }
        let kind = kind(entry.file_type()?);
        entries.push(Entry { name, kind });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

pub(crate) fn entry_size(name: &str) -> u64 {
    (name.len() + size_of::<Entry>()) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_what_cap_std_refuses_by_itself_is_outside() {
        let trouble = |error: io::Error| matches!(error.into(), Trouble::Denied(_));
        assert!(trouble(io::ErrorKind::PermissionDenied.into()));
        let denied = io::Error::from(rustix::io::Errno::ACCESS);
        assert_eq!(denied.kind(), io::ErrorKind::PermissionDenied);
        assert!(!trouble(denied) && !trouble(io::ErrorKind::UnexpectedEof.into()));
    }

    #[test]
    fn names_that_a_killed_process_left_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let (name, _) = temporary(&dir, Path::new("file")).ok().unwrap();
        let name = name.to_str().unwrap();
        let (stem, number) = name.rsplit_once('-').unwrap();
        let number: u64 = number.parse().unwrap();
        let left: Vec<String> = (1..=9).map(|n| format!("{stem}-{}", number + n)).collect();
        for left in &left {
            dir.write(left, "left").unwrap();
        }
        let (next, _) = temporary(&dir, Path::new("file")).ok().unwrap();
        assert!(!left.iter().any(|left| Path::new(left) == next));
        assert!(left.iter().all(|left| dir.read(left).unwrap() == b"left"));
    }
}
