//! Output files, written atomically.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::files::interrupt;
use crate::files::writer::Writer;
use crate::output::status::ExitReason;
use crate::output::text;

/// A file that will be written.
#[derive(Debug)]
pub(crate) struct OutputFile {
    /// The path as given.
    named: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A device or a pipe, written to directly.
    Special,
    /// A file, with links resolved, and its permissions if it exists.
    Regular(PathBuf, Option<Permissions>),
    /// Behind the wall: a file that was opened before it.
    Opened(File),
    /// Behind the wall: a file that another process writes.
    Written(Writer),
}

impl OutputFile {
    /// Checks that the file can be written, and leaves it unchanged.
    pub(crate) fn new(path: &Path) -> Result<OutputFile, ExitReason> {
        let file = OutputFile::find(path).map_err(|error| cannot(path, &error))?;
        file.probe().map_err(|error| cannot(path, &error))?;
        Ok(file)
    }

    fn find(path: &Path) -> io::Result<OutputFile> {
        let kind = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => Kind::Special,
            Ok(found) => {
                // A read-only file must not be replaced: opening it for writing fails.
                OpenOptions::new().write(true).open(path)?;
                Kind::Regular(fs::canonicalize(path)?, Some(found.permissions()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Kind::Regular(path.to_owned(), None)
            }
            Err(error) => return Err(error),
        };
        Ok(OutputFile {
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

    /// Opens the files that the wall will deny, before it is raised.
    pub(crate) fn prepare_for_wall(&mut self) -> Result<(), ExitReason> {
        let prepared = match &self.kind {
            Kind::Special => {
                let opened = OpenOptions::new().write(true).open(&self.named);
                opened.map(Kind::Opened)
            }
            Kind::Regular(..) => Writer::start(&self.named).map(Kind::Written),
            Kind::Opened(_) | Kind::Written(_) => return Ok(()),
        };
        self.kind = prepared.map_err(|error| not_written(&self.named, &error))?;
        Ok(())
    }

    /// Writes all bytes: to a temporary file that then replaces the file.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), ExitReason> {
        self.replace(bytes, |path, write| interrupt::guarded(path, write))
            .map_err(|error| not_written(&self.named, &error))
    }

    /// The same when an interrupt ends the process: no other one follows that would have to remove the temporary file.
    pub(crate) fn write_last(&self, bytes: &[u8]) -> io::Result<()> {
        self.replace(bytes, |_, write| write())
    }

    fn replace(
        &self,
        bytes: &[u8],
        guarded: impl FnOnce(&Path, &dyn Fn() -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        let (path, permissions) = match &self.kind {
            Kind::Special => {
                return OpenOptions::new()
                    .write(true)
                    .open(&self.named)?
                    .write_all(bytes);
            }
            Kind::Opened(file) => return (&*file).write_all(bytes),
            Kind::Written(writer) => return writer.write(bytes),
            Kind::Regular(path, permissions) => (path, permissions),
        };
        let temporary = temporary(path)?;
        guarded(&temporary, &|| {
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

/// Writes a file whole, for the process that writes behind the wall.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OutputFile::find(path)?.replace(bytes, |path, write| interrupt::guarded(path, write))
}

fn cannot(path: &Path, error: &io::Error) -> ExitReason {
    ExitReason::Usage(format!("cannot write {}: {error}", text::path(path)))
}

/// The file could be written before the call, so the machine failed.
fn not_written(path: &Path, error: &io::Error) -> ExitReason {
    ExitReason::Host(format!("cannot write {}: {error}", text::path(path)))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// `.NAME.PID.tmp` in the same folder: a rename cannot cross file systems.
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
    fn an_output_file_appears_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let file = OutputFile::new(&path).unwrap();
        assert!(!path.exists(), "a check writes nothing");
        file.write(b"one").unwrap();
        OutputFile::new(&path).unwrap().write(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_unwritable_path_is_refused_before_writing() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            folder.path().to_owned(),
            folder.path().join("no/such"),
            "".into(),
        ] {
            let reason = OutputFile::new(&path).unwrap_err();
            assert_eq!(reason.status(), crate::output::status::USAGE, "{path:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("out"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        OutputFile::new(&link).unwrap().write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        OutputFile::new(Path::new("/dev/null"))
            .unwrap()
            .write(b"x")
            .unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
