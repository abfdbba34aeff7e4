//! A project's files: all of them in their folder, or none.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::files::interrupt;
use crate::output::status::ExitReason;
use crate::output::text;

/// The files of a project, by their paths in its folder.
#[derive(Default)]
pub(super) struct Files(Vec<(PathBuf, Vec<u8>)>);

impl Files {
    /// Adds a file. Two of one path are an error of [`Files::write`].
    pub(super) fn add(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) {
        self.0.push((path.into(), bytes.into()));
    }

    /// Writes them into the new folder `name`: into one beside it, which is renamed when it has them all.
    pub(super) fn write(&self, name: &str) -> Result<(), ExitReason> {
        let folder = Path::new(name);
        check_free(folder)?;
        let mut paths = HashSet::new();
        if let Some((twice, _)) = self.0.iter().find(|(path, _)| !paths.insert(path)) {
            return Err(ExitReason::Usage(format!(
                "{}: two files of the project have this path: names of the WIT become it; change one of them",
                text::path(twice)
            )));
        }
        let temporary = PathBuf::from(format!(".{name}.new-{}", std::process::id()));
        // An interrupt that removed the files while others are written could leave some of them under the final name.
        let written = interrupt::deferred(|| {
            let written = self.write_into(&temporary).and_then(|()| {
                // A folder would replace an empty one, so it is looked for again.
                match fs::symlink_metadata(folder) {
                    Ok(_) => Err(ErrorKind::AlreadyExists.into()),
                    Err(_) => fs::rename(&temporary, folder),
                }
            });
            if written.is_err() {
                // The error that came first is the one to tell.
                let _ = fs::remove_dir_all(&temporary);
            }
            written
        });
        written.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(folder),
            _ => {
                let folder = text::path(folder);
                ExitReason::Usage(format!(
                    "{folder}: cannot be written: {error}; run this in a folder that you may write"
                ))
            }
        })
    }

    fn write_into(&self, folder: &Path) -> io::Result<()> {
        make_folder(folder)?;
        for (path, bytes) in &self.0 {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                make_folders(parent)?;
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            {
                use std::os::unix::fs::OpenOptionsExt as _;
                // A policy that others may write is not taken for one.
                options.mode(0o644);
            }
            options.open(path)?.write_all(bytes)?;
        }
        Ok(())
    }
}

/// Checks that nothing has the name of the folder: no file, no folder, no link that leads nowhere.
pub(super) fn check_free(folder: &Path) -> Result<(), ExitReason> {
    match fs::symlink_metadata(folder) {
        Ok(_) => Err(taken(folder)),
        Err(_) => Ok(()),
    }
}

fn taken(folder: &Path) -> ExitReason {
    let folder = text::path(folder);
    ExitReason::Usage(format!(
        "{folder} already exists: a project is written into a new folder; choose another name, or remove it"
    ))
}

fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent)?;
    }
    make_folder(folder)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o755);
    }
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_of_one_path_are_an_error() {
        let mut files = Files::default();
        files.add("a/b.py", "one");
        files.add("a/b.py", "another");
        let said = files.write("never-written").unwrap_err().message();
        assert!(said.starts_with("a/b.py: two files"), "{said}");
        assert!(!Path::new("never-written").exists());
    }
}
