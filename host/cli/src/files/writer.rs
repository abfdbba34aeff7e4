//! Behind the wall, files are written by another process: one that was started before, and writes one file.
//!
//! A file appears whole or not at all, so it is written under another name and renamed. The wall could allow that only
//! for all of its folder.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio, exit};

use crate::files::interrupt;

/// The first argument that makes this program a writer; the file is the second.
const FLAG: &str = "--tollgate-file-writer";

/// The answer of a writer that has written. Any other one is an error's text.
const WRITTEN: &[u8] = b"written";

/// A process that waits for the content of one file.
#[derive(Debug)]
pub(crate) struct Writer(RefCell<Option<(ChildStdin, ChildStdout)>>);

impl Writer {
    /// Starts the process.
    pub(crate) fn start(path: &Path) -> io::Result<Writer> {
        let child = Command::new(this_program()?)
            .arg(FLAG)
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(to), Some(from)) = (child.stdin, child.stdout) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Writer(RefCell::new(Some((to, from)))))
    }

    /// Has the file written. It is possible once.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let pipes = self.0.take();
        let (mut to, mut from) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        // The length first, so that a content that was cut short is not written.
        to.write_all(&(bytes.len() as u64).to_le_bytes())?;
        to.write_all(bytes)?;
        drop(to);
        let mut answer = Vec::new();
        from.read_to_end(&mut answer)?;
        match answer.as_slice() {
            WRITTEN => Ok(()),
            [] => Err(io::Error::other("the process that writes it has ended")),
            text => Err(io::Error::other(String::from_utf8_lossy(text).into_owned())),
        }
    }
}

/// This program, even if its file has been replaced since.
pub(crate) fn this_program() -> io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    match running.exists() {
        true => Ok(running.to_owned()),
        false => std::env::current_exe(),
    }
}

/// Writes one file with `write` and ends the process, if it was started as a writer; otherwise returns.
pub(crate) fn run_if_writer(write: impl FnOnce(&Path, &[u8]) -> io::Result<()>) {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_none_or(|first| first != FLAG) {
        return;
    }
    // The program that it writes for may have been interrupted, and sends the report of that.
    interrupt::ignore();
    let served = serve(args.next(), write);
    exit(i32::from(served.is_err()));
}

fn serve(
    path: Option<OsString>,
    write: impl FnOnce(&Path, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let path = path.ok_or(io::ErrorKind::InvalidInput)?;
    let mut length = [0; 8];
    let mut bytes = Vec::new();
    let mut input = io::stdin().lock();
    // A command that writes nothing closes the pipe.
    input.read_exact(&mut length)?;
    input.read_to_end(&mut bytes)?;
    if bytes.len() as u64 != u64::from_le_bytes(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut out = io::stdout().lock();
    match write(Path::new(&path), &bytes) {
        Ok(()) => out.write_all(WRITTEN)?,
        Err(error) => write!(out, "{error}")?,
    }
    out.flush()
}
