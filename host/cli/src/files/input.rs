//! Input files: opened before the component is loaded, and read up to a size.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use tollgate::embed::Stdin;
use zeroize::Zeroizing;

use crate::output::status::ExitReason;
use crate::output::text;

/// Whether a path stands for a standard stream.
pub(crate) fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// The text of a regular file of at most `cap` bytes: a key, a password, a lock file. It is wiped when it is dropped.
pub(crate) fn read_small(path: &Path, cap: u64) -> Result<Zeroizing<String>, ExitReason> {
    let read = || {
        // Opening a pipe blocks until it has a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        // All of it is there from the beginning: a text that grows leaves copies behind.
        let room = usize::try_from(cap).unwrap_or_default().saturating_add(1);
        #[expect(clippy::disallowed_methods, reason = "the program chooses the size")]
        let mut text = Zeroizing::new(String::with_capacity(room));
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

fn failed(path: &Path, error: &io::Error) -> ExitReason {
    ExitReason::Usage(format!("{}: {error}", text::path(path)))
}

/// The input of a call. It is opened before the component is compiled, so that a wrong name fails early.
pub(crate) enum Input {
    /// No input.
    Empty,
    /// Standard input.
    Stdin,
    /// A file.
    File(File, PathBuf),
}

impl Input {
    /// Opens the input.
    pub(crate) fn open(path: Option<&Path>) -> Result<Input, ExitReason> {
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

    /// The input as the standard input of a command, which is read as the command asks for it.
    pub(crate) fn stream(self) -> Stdin {
        match self {
            Input::Empty => Stdin::default(),
            Input::Stdin => Stdin::reader(io::stdin()),
            Input::File(file, _) => Stdin::reader(file),
        }
    }

    /// Reads all of the input, which must not be longer than `cap` bytes.
    pub(crate) fn read(self, cap: u64) -> Result<Vec<u8>, ExitReason> {
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
            return Err(ExitReason::Usage(format!(
                "{}: more input than the {cap} bytes of memory that the provider may have; raise `limits.memory` in the \
                 policy (or --memory)",
                text::path(&path)
            )));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_read_up_to_what_fits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in");
        fs::write(&path, "12345").unwrap();
        let read = |cap| Input::open(Some(&path)).unwrap().read(cap);
        assert_eq!(read(5).unwrap(), b"12345");
        assert_eq!(read(4).unwrap_err().status(), crate::output::status::USAGE);
        assert!(Input::open(Some(folder.path())).is_err());
        assert!(Input::open(None).unwrap().read(0).unwrap().is_empty());
    }
}
