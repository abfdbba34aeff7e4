//! The folder of a cache: opened once, its owner's alone, and every file in it reached from that handle.
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

use super::{CacheError, CacheRejection};

/// How the names of files begin that are being written.
pub(super) const TEMPORARY: &str = "tmp-";

const KEY: &str = "key";

/// The file is its owner's alone.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A folder that has been looked at.
pub(super) struct Folder {
    path: PathBuf,
    handle: OwnedFd,
    user: u32,
}

/// A file in it.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) used: SystemTime,
}

/// An entry that is open, of so many bytes.
pub(super) struct Entry {
    file: File,
    pub(super) size: u64,
}

impl Entry {
    /// Notes that it is used now. A disk that cannot be written to keeps what is on it.
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
    /// Makes the folder if it is not there, and looks whose it is.
    pub(super) fn open(path: &Path) -> Result<Folder, CacheError> {
        // Without a `/` or a `.` at its end, behind which a symbolic link would be followed.
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

    /// The key, which is made if there is none.
    pub(super) fn key(&self) -> Result<[u8; blake3::KEY_LEN], CacheError> {
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
        let mut key = [0; blake3::KEY_LEN];
        if stat.st_size != key.len() as i64 || file.read_exact(&mut key).is_err() {
            return Err(failed(format!("does not have {} bytes", key.len())));
        }
        Ok(key)
    }

    /// Makes a key, whole or not at all. When another process was faster its key is the one.
    fn make_key(&self) -> io::Result<()> {
        let mut key = [0; blake3::KEY_LEN];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let temporary = self.write_temporary(&[&key], true)?;
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

    /// An entry, if there is one: a regular file of this user's.
    pub(super) fn entry(&self, name: &str) -> Result<Option<Entry>, CacheRejection> {
        let found = self.open_file(name).map_err(|error| {
            match Errno::from_io_error(&error) {
                // A symbolic link; a socket.
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

    /// A file and what it is. Opening a pipe does not wait, and no symbolic link is followed.
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

    /// Writes a file, whole or not at all. It need not survive a power failure: its seal tells.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let temporary = self.write_temporary(parts, false)?;
        renameat(&self.handle, &temporary, &self.handle, name).map_err(|error| {
            // What cannot be removed now is swept later.
            let _ = self.remove(&temporary);
            error.into()
        })
    }

    fn write_temporary(&self, parts: &[&[u8]], sync: bool) -> io::Result<String> {
        // Processes that share the folder may have the same number, in containers.
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

    /// Removes a file; one that another process has removed is as good.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// All that is in it and does not go while it is looked at.
    pub(super) fn list(&self) -> io::Result<Vec<Found>> {
        let mut all = Vec::new();
        for file in Dir::read_from(&self.handle)? {
            let file = file?;
            // Ours are.
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

/// Whether only its owner has any permission.
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
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}
