//! The files a command line names: input that is opened early, output that appears whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

use crate::interrupt;
use crate::stop::Stop;
use crate::text;

/// Whether a path means a standard stream.
pub(crate) fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// The text of a file that is never long: a key, a password, a lock file.
pub(crate) fn read_small(path: &Path, cap: u64) -> Result<String, Stop> {
    let read = || {
        // Opening a pipe would wait for a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut text = String::new();
        File::open(path)?
            .take(cap.saturating_add(1))
            .read_to_string(&mut text)?;
        match text.len() as u64 > cap {
            true => Err(io::Error::other(format!("longer than {cap} bytes"))),
            false => Ok(text),
        }
    };
    read().map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> Stop {
    Stop::Usage(format!("{}: {error}", text::path(path)))
}

/// Where input comes from. Opened before anything is compiled, so that a wrong name costs no time.
pub(crate) enum Input {
    /// No input.
    Empty,
    /// Standard input.
    Stdin,
    /// A file.
    File(File, PathBuf),
}

impl Input {
    /// Opens it.
    pub(crate) fn open(path: Option<&Path>) -> Result<Input, Stop> {
        let Some(path) = path else {
            return Ok(Input::Empty);
        };
        if is_stream(path) {
            return Ok(Input::Stdin);
        }
        let open = || {
            let file = File::open(path)?;
            match file.metadata()?.is_dir() {
                true => Err(io::Error::from(ErrorKind::IsADirectory)),
                false => Ok(file),
            }
        };
        let file = open().map_err(|error| failed(path, &error))?;
        Ok(Input::File(file, path.to_owned()))
    }

    /// All of it, when that is no more than `cap` bytes.
    pub(crate) fn read(self, cap: u64) -> Result<Vec<u8>, Stop> {
        let (source, path): (Box<dyn Read>, _) = match self {
            Input::Empty => return Ok(Vec::new()),
            Input::Stdin => (
                Box::new(io::stdin().lock()),
                PathBuf::from("standard input"),
            ),
            Input::File(file, path) => (Box::new(file), path),
        };
        let mut bytes = Vec::new();
        source
            .take(cap.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| failed(&path, &error))?;
        if bytes.len() as u64 > cap {
            return Err(Stop::Usage(format!(
                "{}: more input than the {cap} bytes of memory that the provider may have; the policy's \
                 `limits.memory` (or --memory) raises it",
                text::path(&path)
            )));
        }
        Ok(bytes)
    }
}

/// A file to be written.
#[derive(Debug)]
pub(crate) struct Target {
    /// As it was named.
    named: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A device or a pipe, written to as it is.
    Special,
    /// A file, with links followed, and the permissions it has if it is there already.
    Regular(PathBuf, Option<Permissions>),
}

impl Target {
    /// Makes sure that it can be written, and writes nothing.
    pub(crate) fn new(path: &Path) -> Result<Target, Stop> {
        let target = Target::find(path).map_err(|error| cannot(path, &error))?;
        target.probe().map_err(|error| cannot(path, &error))?;
        Ok(target)
    }

    fn find(path: &Path) -> io::Result<Target> {
        let kind = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => Kind::Special,
            Ok(found) => {
                // A file that its owner made read-only is not to be replaced either.
                OpenOptions::new().write(true).open(path)?;
                Kind::Regular(fs::canonicalize(path)?, Some(found.permissions()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Kind::Regular(path.to_owned(), None)
            }
            Err(error) => return Err(error),
        };
        Ok(Target {
            named: path.to_owned(),
            kind,
        })
    }

    fn probe(&self) -> io::Result<()> {
        let Kind::Regular(path, _) = &self.kind else {
            return Ok(());
        };
        let temporary = temporary(path)?;
        interrupt::guarded(&temporary, || {
            create(&temporary)?;
            fs::remove_file(&temporary)
        })
    }

    /// Writes all of it: under another name first, so that there is never half a file.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Stop> {
        self.replace(bytes)
            .map_err(|error| not_written(&self.named, &error))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let (path, permissions) = match &self.kind {
            Kind::Special => {
                return OpenOptions::new()
                    .write(true)
                    .open(&self.named)?
                    .write_all(bytes);
            }
            Kind::Regular(path, permissions) => (path, permissions),
        };
        let temporary = temporary(path)?;
        interrupt::guarded(&temporary, || {
            let mut file = create(&temporary)?;
            let written = file.write_all(bytes).and_then(|()| {
                if let Some(permissions) = permissions {
                    file.set_permissions(permissions.clone())?;
                }
                fs::rename(&temporary, path)
            });
            if written.is_err() {
                let _ = fs::remove_file(&temporary);
            }
            written
        })
    }
}

fn cannot(path: &Path, error: &io::Error) -> Stop {
    Stop::Usage(format!("cannot write {}: {error}", text::path(path)))
}

/// The same once the call is over: the place was good, and the machine failed.
fn not_written(path: &Path, error: &io::Error) -> Stop {
    Stop::Host(format!("cannot write {}: {error}", text::path(path)))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// `.NAME.PID.tmp` in the same folder: a file can only be renamed within its file system.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "not the name of a file"))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_appears_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let target = Target::new(&path).unwrap();
        assert!(!path.exists(), "a check writes nothing");
        target.write(b"one").unwrap();
        Target::new(&path).unwrap().write(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_known_before() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            folder.path().to_owned(),
            folder.path().join("no/such"),
            "".into(),
        ] {
            let stop = Target::new(&path).unwrap_err();
            assert_eq!(stop.code(), crate::stop::USAGE, "{path:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("out"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        Target::new(&link).unwrap().write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        Target::new(Path::new("/dev/null"))
            .unwrap()
            .write(b"x")
            .unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn input_is_read_up_to_what_fits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in");
        fs::write(&path, "12345").unwrap();
        let read = |cap| Input::open(Some(&path)).unwrap().read(cap);
        assert_eq!(read(5).unwrap(), b"12345");
        assert_eq!(read(4).unwrap_err().code(), crate::stop::USAGE);
        assert!(Input::open(Some(folder.path())).is_err());
        assert!(Input::open(None).unwrap().read(0).unwrap().is_empty());
    }
}
