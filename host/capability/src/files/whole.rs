//! Whole files: read, written in one step, listed, described.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, File, Metadata, OpenOptions};
use tollgate_policy::{Access, Reason};

use super::cached::Part;
use super::{Entry, FileFailure, Folder, Kind, entry_size, kind, pieces};
use crate::call::Call;
use crate::error::{HostResult, LimitReached};
use crate::jobs::Ended;
use crate::prices::{ENTRY_PRICE, MOVE_PRICE, SYNC_PRICE};

/// The properties of a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its kind.
    pub kind: Kind,
    /// Bytes; 0 for anything but a regular file.
    pub size: u64,
}

/// Each function is paid for by the byte and decided by the `files` grants of the policy. The inner error is for the
/// guest, the outer one ends the call.
#[allow(clippy::missing_errors_doc, reason = "said for all of them above")]
impl Call {
    /// The contents of a file.
    pub async fn read_file(&mut self, root: &str, path: &str) -> HostResult<Vec<u8>> {
        let (cap, ended) = (self.read_cap(root), self.jobs.ended());
        let paid = self.meter.fuel_left_bytes();
        let whole = Part {
            offset: 0,
            length: None,
            most: cap.min(paid),
        };
        let now = |dir: &Folder, path: &Path| dir.read_cached(path, &whole);
        let answer = self
            .on_file(root, path, Access::Read, 0, now, move |dir, path| {
                let (file, metadata) = open_file(dir, path)?;
                if metadata.len() > cap {
                    return Err(FileFailure::TooLarge(cap));
                }
                // The file may grow while it is read.
                read_whole(file, cap.min(paid), metadata.len(), &ended)
            })
            .await;
        self.pay_for(answer, |data| data.len() as u64)
    }

    /// At most `length` bytes of a file from `offset`.
    pub async fn read_file_range(
        &mut self,
        root: &str,
        path: &str,
        offset: u64,
        length: u32,
    ) -> HostResult<Vec<u8>> {
        if u64::from(length) > self.meter.limits.host_data {
            return Err(LimitReached::HostData.into());
        }
        let (cap, ended) = (self.read_cap(root), self.jobs.ended());
        let paid = self.meter.fuel_left_bytes();
        let most = u64::from(length).min(paid);
        let part = Part {
            offset,
            length: Some(length.into()),
            most: cap.min(paid),
        };
        let now = |dir: &Folder, path: &Path| {
            let is_allowed = u64::from(length) <= cap;
            is_allowed.then(|| dir.read_cached(path, &part))?
        };
        let answer = self
            .on_file(root, path, Access::Read, 0, now, move |dir, path| {
                if u64::from(length) > cap {
                    return Err(FileFailure::TooLarge(cap));
                }
                let (mut file, metadata) = open_file(dir, path)?;
                // A read behind the end returns nothing, and is no error.
                let from = offset.min(metadata.len());
                file.seek(SeekFrom::Start(from))?;
                read_whole(file, most, metadata.len() - from, &ended)
            })
            .await;
        self.pay_for(answer, |data| data.len() as u64)
    }

    /// Replaces or creates a file in one step.
    pub async fn write_file(&mut self, root: &str, path: &str, data: Vec<u8>) -> HostResult<()> {
        let sent = data.len() as u64;
        // Beside the write: the file is made durable before it takes the name.
        self.meter.charge_fixed(SYNC_PRICE)?;
        self.meter.count_sync();
        let ended = self.jobs.ended();
        let act = move |dir: &Folder, path: &Path| replace(dir, path, &data, &ended);
        self.on_file(root, path, Access::ReadWrite, sent, |_, _| None, act)
            .await
    }

    /// The entries of a folder, sorted by name.
    pub async fn list_folder(&mut self, root: &str, path: &str) -> HostResult<Vec<Entry>> {
        let listing = self.listing(root, path);
        let answer = self
            .on_file(
                root,
                path,
                Access::Read,
                0,
                |_, _| None,
                move |dir, path| listing.read(dir, path),
            )
            .await;
        let listed = match answer? {
            Ok(listed) => listed,
            Err(error) => return Ok(Err(error)),
        };
        self.meter
            .charge_fixed(listed.read.saturating_mul(ENTRY_PRICE))?;
        match listed.entries {
            Ok(entries) => self.pay_for(Ok(Ok(entries)), |entries| {
                entries.iter().map(|entry| entry_size(&entry.name)).sum()
            }),
            Err(failure) => Ok(Err(failure.to_provider_error())),
        }
    }

    /// The properties of a path; of a link itself, which is not followed.
    pub async fn stat_file(&mut self, root: &str, path: &str) -> HostResult<FileInfo> {
        let now = |dir: &Folder, path: &Path| dir.stat_cached(path).map(|found| info(&found));
        let act = |dir: &Folder, path: &Path| Ok(info(&dir.symlink_metadata(path)?));
        self.on_file(root, path, Access::Read, 0, now, act).await
    }

    /// Charges for the answer that goes back to the guest.
    fn pay_for<T>(&mut self, answer: HostResult<T>, size: impl Fn(&T) -> u64) -> HostResult<T> {
        if let Ok(Ok(value)) = &answer {
            self.meter.charge_more(size(value), MOVE_PRICE)?;
            self.meter.hold_for_call(size(value))?;
        }
        answer
    }
}

fn info(metadata: &Metadata) -> FileInfo {
    let kind = kind(metadata.file_type());
    let size = if kind == Kind::File {
        metadata.len()
    } else {
        0
    };
    FileInfo { kind, size }
}

/// The bytes of a file up to `most`, of which there seem to be `expected`: a vector that grows holds more than it is counted
/// for. `most` is no more than the fuel paid for before the price of the call was taken, so a read that it cuts is one that
/// the guest cannot pay for.
fn read_whole(file: File, most: u64, expected: u64, ended: &Ended) -> Result<Vec<u8>, FileFailure> {
    let expected = usize::try_from(expected.min(most)).unwrap_or(0);
    let mut data = Vec::new();
    data.try_reserve_exact(expected)
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    pieces::read(file.take(most), &mut data, ended)?;
    Ok(data)
}

/// Opens a regular file for reading. The kind is checked before the file is opened, so that a pipe does not block and a
/// device does not act, and again afterwards, in case the file was swapped.
fn open_file(dir: &Folder, path: &Path) -> Result<(File, Metadata), FileFailure> {
    dir.reject_special(&dir.metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt as _;
        options.custom_flags(super::NONBLOCK);
    }
    let file = dir.open_with(path, &options)?;
    let metadata = file.metadata()?;
    dir.reject_special(&metadata)?;
    Ok((file, metadata))
}

/// Replaces the file at `path` by `data`, whole or not at all: a reader, or a machine that loses power, sees the old
/// file or the new one.
fn replace(dir: &Dir, path: &Path, data: &[u8], ended: &Ended) -> Result<(), FileFailure> {
    // Only a file or a link may be replaced; a link is replaced itself, not followed.
    match dir.symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() || metadata.is_symlink() => {}
        Ok(_) => return Err(FileFailure::Denied(Reason::NotAFile)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let (temporary, file) = temporary(dir, path)?;
    let written = pieces::write(&file, data, ended)
        .and_then(|()| file.sync_all())
        .and_then(|()| dir.rename(&temporary, dir, path));
    if let Err(error) = written {
        // The guest's file is untouched; the temporary file must not stay beside it.
        let _ = dir.remove_file(&temporary);
        return Err(error.into());
    }
    Ok(())
}

/// A new file beside `path`, under a name that a guest cannot take before: a name that is taken is as likely as a guess of
/// 64 bits, and an error.
fn temporary(dir: &Dir, path: &Path) -> Result<(PathBuf, File), FileFailure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let temporary = path.with_file_name(format!(".tollgate-{:016x}", unforeseen()));
    let file = dir.open_with(&temporary, &options)?;
    Ok((temporary, file))
}

/// A number that is not foreseen: the standard library seeds each thread's hashers from the system's random numbers.
fn unforeseen() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    #[test]
    fn temporary_names_are_not_foreseen() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let names = [(); 2].map(|()| temporary(&dir, Path::new("file")).ok().unwrap().0);
        let number = |name: &Path| {
            let name = name.file_name().unwrap().to_str().unwrap().to_owned();
            u64::from_str_radix(name.strip_prefix(".tollgate-").unwrap(), 16).unwrap()
        };
        let [one, two] = names.map(|name| number(&name));
        // Neighbours and the number of the process would be guessed.
        assert!(one.abs_diff(two) > 1 << 32, "{one:x} {two:x}");
    }
}
