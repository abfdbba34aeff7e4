//! Input files: opened before the component is loaded, and read up to a size.

use std::fs::{self, File};
#[cfg(not(unix))]
use std::io::IsTerminal as _;
use std::io::{self, BufRead as _, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tollgate::embed::Stdin;
use zeroize::Zeroizing;

use crate::output::status::ExitReason;
use crate::output::text;

/// The name of standard input in messages.
pub(crate) const STDIN: &str = "standard input";

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

/// The time without a byte of standard input after which stderr says so, if no option asked for standard input.
const PATIENCE: Duration = Duration::from_secs(2);

/// The input of a call. It is opened before the component is compiled, so that a wrong name fails early.
pub(crate) enum Input {
    /// No input.
    Empty,
    /// Standard input.
    Stdin,
    /// Standard input that was not asked for: a pipe or a file.
    Piped,
    /// The text of an option.
    Text(String),
    /// A file.
    File(File, PathBuf),
}

impl Input {
    /// Opens the input.
    pub(crate) fn open(path: &Path) -> Result<Input, ExitReason> {
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

    /// The input of a command line that names none: piped bytes, or a redirected file. A terminal, a socket and a
    /// device such as `/dev/null` are no input, since the person or the service behind them gives none.
    pub(crate) fn piped() -> Input {
        match stdin_has_input() {
            true => Input::Piped,
            false => Input::Empty,
        }
    }

    /// Whether it is read from standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        matches!(self, Input::Stdin | Input::Piped)
    }

    /// The input as the standard input of a command, which is read as the command asks for it.
    pub(crate) fn stream(self) -> Stdin {
        match self {
            Input::Empty => Stdin::default(),
            Input::Stdin | Input::Piped => Stdin::reader(io::stdin()),
            Input::Text(text) => Stdin::from(text.into_bytes()),
            Input::File(file, _) => Stdin::reader(file),
        }
    }

    /// Reads all of the input, which must not be longer than `cap` bytes.
    /// `waits` is called if an input that no option asked for takes long to begin.
    pub(crate) fn read(self, cap: u64, waits: impl FnOnce() + Send) -> Result<Vec<u8>, ExitReason> {
        let (source, path): (Box<dyn Read>, _) = match self {
            Input::Empty => return Ok(Vec::new()),
            Input::Stdin => (Box::new(io::stdin().lock()), PathBuf::from(STDIN)),
            Input::Piped => (
                Box::new(first_bytes(waits).chain(io::stdin().lock())),
                PathBuf::from(STDIN),
            ),
            Input::Text(text) => (
                Box::new(Cursor::new(text.into_bytes())),
                PathBuf::from("--input-text"),
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

/// Whether standard input is a pipe or a file.
#[cfg(unix)]
fn stdin_has_input() -> bool {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileTypeExt as _;
    let copy = io::stdin().as_fd().try_clone_to_owned();
    let kind = copy.and_then(|copy| Ok(File::from(copy).metadata()?.file_type()));
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_file())
}

#[cfg(not(unix))]
fn stdin_has_input() -> bool {
    !io::stdin().is_terminal()
}

/// The first bytes of standard input; `waits` is called if they take long. The thread that calls it ends with them: the
/// wall is raised while one thread runs.
fn first_bytes(waits: impl FnOnce() + Send) -> Cursor<Vec<u8>> {
    let (came, coming) = mpsc::channel::<()>();
    let watch = move || {
        if coming.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            waits();
        }
    };
    thread::scope(|scope| {
        // Without a thread nothing is said.
        let _ = thread::Builder::new().spawn_scoped(scope, watch);
        // The buffer of standard input has the bytes that follow, and the error if there is one.
        let mut stdin = io::stdin().lock();
        let bytes = stdin.fill_buf().map(<[u8]>::to_vec).unwrap_or_default();
        stdin.consume(bytes.len());
        drop(came);
        Cursor::new(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_read_up_to_what_fits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in");
        fs::write(&path, "12345").unwrap();
        let read = |cap| Input::open(&path).unwrap().read(cap, || ());
        assert_eq!(read(5).unwrap(), b"12345");
        assert_eq!(read(4).unwrap_err().status(), crate::output::status::USAGE);
        assert!(Input::open(folder.path()).is_err());
        assert!(Input::Empty.read(0, || ()).unwrap().is_empty());
        assert_eq!(
            Input::Text("é".to_owned()).read(2, || ()).unwrap(),
            "é".as_bytes()
        );
    }
}
