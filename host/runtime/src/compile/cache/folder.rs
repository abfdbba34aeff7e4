//! The folder of a cache: opened once, private to its owner, and every file in it reached through that handle.
#![allow(
    clippy::useless_conversion,
    reason = "what is converted has other types on other systems"
)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RawMode, Stat, Timespec, Timestamps, UTIME_NOW,
    UTIME_OMIT, fstat, futimens, linkat, mkdir, open, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::entry::Key;
use super::{CacheError, CacheRejection};

/// The prefix of the names of files that are being written.
pub(super) const TEMPORARY: &str = "tmp-";

const KEY: &str = "key";

/// The mode of a file: read and write for its owner alone.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// An open folder whose owner and mode were checked.
pub(super) struct Folder {
    path: PathBuf,
    handle: OwnedFd,
    user: u32,
}

/// A file in the folder.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) used: SystemTime,
}

/// An open entry of `size` bytes.
pub(super) struct Entry {
    file: File,
    pub(super) size: u64,
}

impl Entry {
    /// Sets the time of last use to now. A failure is ignored: entries on a read-only disk stay usable.
    pub(super) fn touch(&self) {
        let at = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        let times = Timestamps {
            last_access: at(UTIME_OMIT),
            last_modification: at(UTIME_NOW),
        };
        let _ = futimens(&self.file, &times);
    }
}

impl Read for Entry {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.file.read(bytes)
    }
}

impl Read for &Entry {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(bytes)
    }
}

impl Folder {
    /// Makes the folder if it does not exist, and checks its owner and mode.
    pub(super) fn open(path: &Path) -> Result<Folder, CacheError> {
        // A path that ends in `/` or `.` would follow a symbolic link, so the ending is removed.
        let path: PathBuf = path.components().collect();
        let failed = |error: io::Error| CacheError::Folder {
            path: path.clone(),
            error,
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        match mkdir(&path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = open(&path, flags, Mode::empty()).map_err(|error| match error {
            Errno::LOOP | Errno::NOTDIR => CacheError::NotAFolder { path: path.clone() },
            error => failed(error.into()),
        })?;
        let found = fstat(&handle).map_err(|error| failed(error.into()))?;
        let user = rustix::process::geteuid().as_raw();
        if found.st_uid != user {
            return Err(CacheError::Owner {
                path,
                owner: found.st_uid,
                user,
            });
        }
        if !is_private(&found) {
            let mode = Mode::from_raw_mode(found.st_mode as RawMode).as_raw_mode() as u32;
            return Err(CacheError::Mode { path, mode });
        }
        Ok(Folder { path, handle, user })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The key of the cache, which is made if there is none.
    pub(super) fn key(&self) -> Result<Key, CacheError> {
        let failed = |what: String| CacheError::Key {
            path: self.path.join(KEY),
            what,
        };
        let unreadable = |error: io::Error| failed(format!("cannot be read or made: {error}"));
        let found = match self.open_file(KEY).map_err(unreadable)? {
            Some(found) => found,
            None => {
                self.make_key().map_err(unreadable)?;
                let found = self.open_file(KEY).map_err(unreadable)?;
                found.ok_or_else(|| failed("is gone again".to_owned()))?
            }
        };
        let (mut file, stat) = found;
        if !is_regular(&stat) {
            return Err(failed("is no regular file".to_owned()));
        }
        if stat.st_uid != self.user {
            return Err(failed(format!("belongs to the user {}", stat.st_uid)));
        }
        if !is_private(&stat) {
            return Err(failed("is or was open to other users".to_owned()));
        }
        let mut key = Key::default();
        if stat.st_size != key.len() as i64 || file.read_exact(&mut **key).is_err() {
            return Err(failed(format!("does not have {} bytes", key.len())));
        }
        Ok(key)
    }

    /// Makes a key atomically. If another process was faster, its key is used.
    fn make_key(&self) -> io::Result<()> {
        let mut key = Key::default();
        getrandom::fill(&mut **key).map_err(io::Error::other)?;
        let temporary = self.write_temporary(&[&**key], true)?;
        let linked = linkat(
            &self.handle,
            &temporary,
            &self.handle,
            KEY,
            AtFlags::empty(),
        );
        self.remove(&temporary)?;
        match linked {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The entry of this name, if there is one: a regular file of this user.
    pub(super) fn entry(&self, name: &str) -> Result<Option<Entry>, CacheRejection> {
        let found = self.open_file(name).map_err(|error| {
            match Errno::from_io_error(&error) {
                // The file is a symbolic link or a socket.
                Some(Errno::LOOP | Errno::NXIO) => CacheRejection::NotAFile,
                _ => CacheRejection::Unreadable,
            }
        })?;
        let Some((file, stat)) = found else {
            return Ok(None);
        };
        if !is_regular(&stat) {
            return Err(CacheRejection::NotAFile);
        }
        if stat.st_uid != self.user {
            return Err(CacheRejection::Owner);
        }
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        Ok(Some(Entry { file, size }))
    }

    /// Opens a file with its metadata. Opening a pipe does not block, and no symbolic link is followed.
    fn open_file(&self, name: &str) -> io::Result<Option<(File, Stat)>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => {
                let stat = fstat(&handle)?;
                Ok(Some((File::from(handle), stat)))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a file atomically. It need not survive a power failure: the seal shows if it is damaged.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let temporary = self.write_temporary(parts, false)?;
        renameat(&self.handle, &temporary, &self.handle, name).map_err(|error| {
            // A file that cannot be removed now is swept later.
            let _ = self.remove(&temporary);
            error.into()
        })
    }

    fn write_temporary(&self, parts: &[&[u8]], sync: bool) -> io::Result<String> {
        // In containers, processes that share the folder may have the same process id, so the name is random.
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!("{TEMPORARY}{:016x}", u64::from_ne_bytes(random));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.handle, &name, flags, PRIVATE)?);
        let mut write = || {
            for part in parts {
                file.write_all(part)?;
            }
            match sync {
                true => file.sync_all(),
                false => Ok(()),
            }
        };
        write().inspect_err(|_| {
            let _ = self.remove(&name);
        })?;
        Ok(name)
    }

    /// Removes a file. It is no error if another process has removed it.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// All files of the folder, without those that disappear during the listing.
    pub(super) fn list(&self) -> io::Result<Vec<Found>> {
        let mut all = Vec::new();
        for file in Dir::read_from(&self.handle)? {
            let file = file?;
            // The cache's own file names are UTF-8.
            let Ok(name) = file.file_name().to_str() else {
                continue;
            };
            let stat = match statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            };
            all.push(Found {
                name: name.to_owned(),
                size: u64::try_from(stat.st_size).unwrap_or_default(),
                used: modified(&stat),
            });
        }
        Ok(all)
    }
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode as RawMode) == FileType::RegularFile
}

/// Whether only the owner has any permission.
fn is_private(stat: &Stat) -> bool {
    let others = Mode::RWXG | Mode::RWXO;
    !Mode::from_raw_mode(stat.st_mode as RawMode).intersects(others)
}

#[allow(
    clippy::unnecessary_cast,
    reason = "on other systems they have other types"
)]
fn modified(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
    let nanos = stat.st_mtime_nsec as u64;
    let since = Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos));
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
