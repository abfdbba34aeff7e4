//! The times of files, folders and links.

use std::fs::File;
use std::path::Path;

use super::{FileFailure, Folder};

/// A time that a guest sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// The time stays as it is.
    Keep,
    /// The time of the host's clock.
    Now,
    /// A time since 1970.
    At {
        /// Seconds.
        seconds: u64,
        /// Nanoseconds, fewer than 1,000,000,000.
        nanoseconds: u32,
    },
}

/// The times of the last access and of the last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTimes {
    /// The time of the last access.
    pub accessed: NewTime,
    /// The time of the last change.
    pub modified: NewTime,
}

#[cfg(unix)]
mod system {
    use std::io;

    use cap_std::fs::OpenOptionsExt as _;
    use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens, utimensat};
    use rustix::io::Errno;

    use super::{File, FileFailure, Folder, NewTime, NewTimes, Path};
    use crate::files::{NONBLOCK, parent};

    fn time(new: NewTime) -> io::Result<Timespec> {
        let (tv_sec, tv_nsec) = match new {
            NewTime::Keep => (0, UTIME_OMIT),
            NewTime::Now => (0, UTIME_NOW),
            NewTime::At {
                seconds,
                nanoseconds,
            } => {
                if nanoseconds >= 1_000_000_000 {
                    return Err(Errno::INVAL.into());
                }
                let seconds = i64::try_from(seconds).map_err(|_| Errno::OVERFLOW)?;
                (seconds, nanoseconds.into())
            }
        };
        Ok(Timespec { tv_sec, tv_nsec })
    }

    fn both(new: NewTimes) -> io::Result<Timestamps> {
        Ok(Timestamps {
            last_access: time(new.accessed)?,
            last_modification: time(new.modified)?,
        })
    }

    pub(super) fn of_file(file: &File, new: NewTimes) -> io::Result<()> {
        Ok(futimens(file, &both(new)?)?)
    }

    pub(super) fn at(
        dir: &Folder,
        path: &Path,
        follow: bool,
        new: NewTimes,
    ) -> Result<(), FileFailure> {
        let new = both(new)?;
        let found = match follow {
            true => dir.metadata(path)?,
            false => dir.symlink_metadata(path)?,
        };
        if found.is_dir() {
            let set = utimensat(dir.open_dir(path)?, ".", &new, AtFlags::empty());
            return Ok(set.map_err(io::Error::from)?);
        }
        if found.is_symlink() {
            let parent = dir.open_dir(parent(path))?;
            let name = path.file_name().ok_or(io::Error::from(Errno::INVAL))?;
            let set = utimensat(parent, name, &new, AtFlags::SYMLINK_NOFOLLOW);
            return Ok(set.map_err(io::Error::from)?);
        }
        // A pipe would block, and a device act, if it were opened.
        dir.reject_special(&found)?;
        let mut options = cap_std::fs::OpenOptions::new();
        options.read(true).custom_flags(NONBLOCK);
        let file = dir.open_with(path, &options)?;
        dir.reject_special(&file.metadata()?)?;
        Ok(futimens(&file, &new).map_err(io::Error::from)?)
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    use super::{File, FileFailure, Folder, NewTimes, Path};

    pub(super) fn of_file(_: &File, _: NewTimes) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn at(_: &Folder, _: &Path, _: bool, _: NewTimes) -> Result<(), FileFailure> {
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }
}

/// Sets the times of an open file.
///
/// # Errors
///
/// A time that the system does not have; an error of the system.
pub fn set_file_times(file: &File, new: NewTimes) -> Result<(), FileFailure> {
    Ok(system::of_file(file, new)?)
}

/// Sets the times of the object at `path`: of the target of a link if `follow`, else of the link itself.
///
/// # Errors
///
/// [`Reason::NotAFile`](tollgate_policy::Reason::NotAFile) and [`Reason::Protected`](tollgate_policy::Reason::Protected); a
/// time that the system does not have; an error of the system.
pub fn set_times(
    dir: &Folder,
    path: &Path,
    follow: bool,
    new: NewTimes,
) -> Result<(), FileFailure> {
    system::at(dir, path, follow, new)
}
