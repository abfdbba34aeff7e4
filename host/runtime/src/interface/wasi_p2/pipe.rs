//! The outputs of the host's process, which guests share. Their data is passed on in order of arrival, by at most one
//! thread for each of the two outputs, for any number of guests and handles: while the output has no reader, only that
//! thread is stuck.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// An output of the host's process.
#[derive(Clone, Copy)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

/// The data that waits for an output.
struct Pipe {
    waiting: Mutex<Waiting>,
    idle: Notify,
}

struct Waiting {
    pieces: VecDeque<Bytes>,
    /// The writer thread is running.
    writing: bool,
    /// Why a write has failed. It stays so: a reader that has closed its end does not return.
    failed: Option<io::Error>,
}

static STDOUT: Pipe = Pipe::new();
static STDERR: Pipe = Pipe::new();

impl Pipe {
    const fn new() -> Pipe {
        Pipe {
            waiting: Mutex::new(Waiting {
                pieces: VecDeque::new(),
                writing: false,
                failed: None,
            }),
            idle: Notify::const_new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Output {
    fn pipe(self) -> &'static Pipe {
        match self {
            Output::Stdout => &STDOUT,
            Output::Stderr => &STDERR,
        }
    }

    /// Whether it is a terminal.
    pub(super) fn is_terminal(self) -> bool {
        match self {
            Output::Stdout => std::io::stdout().is_terminal(),
            Output::Stderr => std::io::stderr().is_terminal(),
        }
    }

    /// Whether all written data has been passed on.
    pub(super) fn is_idle(self) -> bool {
        !self.pipe().lock().writing
    }

    /// Whether a write has failed: the output has no reader any more, or there is no room.
    pub(super) fn is_closed(self) -> bool {
        self.pipe().lock().failed.is_some()
    }

    /// Waits until all written data has been passed on, and says whether it was.
    async fn written(self) -> io::Result<()> {
        self.idle().await;
        match &self.pipe().lock().failed {
            Some(error) => Err(again(error)),
            None => Ok(()),
        }
    }

    /// Waits until all written data has been passed on.
    pub(super) async fn idle(self) {
        while !self.is_idle() {
            let mut told = std::pin::pin!(self.pipe().idle.notified());
            // A notification counts from here on, so the state is checked once more.
            told.as_mut().enable();
            if !self.is_idle() {
                told.await;
            }
        }
    }

    /// Queues `bytes` behind earlier data.
    pub(super) fn pass_on(self, bytes: Bytes) {
        let begins = {
            let mut waiting = self.pipe().lock();
            waiting.pieces.push_back(bytes);
            !std::mem::replace(&mut waiting.writing, true)
        };
        // Outside the lock: a runtime that is shut down drops the writer at once, and the drop takes the lock.
        if begins {
            let writer = Writer {
                output: self,
                done: false,
            };
            tokio::task::spawn_blocking(move || writer.work());
        }
    }

    fn write(self, bytes: &[u8]) {
        let written = match self {
            Output::Stdout => write(&mut std::io::stdout().lock(), bytes),
            Output::Stderr => write(&mut std::io::stderr().lock(), bytes),
        };
        if let Err(error) = written {
            let mut waiting = self.pipe().lock();
            waiting.failed.get_or_insert(error);
            waiting.pieces.clear();
        }
    }
}

fn write(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    out.flush()
}

/// An error that is told more than once.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => error.kind().into(),
    }
}

/// Waits until the output that guests have passed on to this process's own stdout and stderr is written. A command that has
/// returned may have been told of no failure, if it did not ask.
///
/// It waits for readers without bound, so call it with a time-out. Both outputs are shared by all guests: a write that
/// failed for one has failed for each.
///
/// # Errors
///
/// The first failed write to one of the two, of this process's life: a part of the output is lost.
pub async fn inherited_output() -> io::Result<()> {
    let stdout = Output::Stdout.written().await;
    let stderr = Output::Stderr.written().await;
    stdout.and(stderr)
}

/// The writer thread.
struct Writer {
    output: Output,
    done: bool,
}

impl Writer {
    fn work(mut self) {
        while let Some(bytes) = self.next() {
            self.output.write(&bytes);
        }
    }

    fn next(&mut self) -> Option<Bytes> {
        let mut waiting = self.output.pipe().lock();
        let next = waiting.pieces.pop_front();
        // Set under the same lock: a later piece then finds that no writer runs.
        waiting.writing = next.is_some();
        self.done = next.is_none();
        next
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let pipe = self.output.pipe();
        if !self.done {
            // The runtime of this writer is shut down. Writers of other runtimes continue.
            let mut waiting = pipe.lock();
            waiting.pieces.clear();
            waiting.writing = false;
        }
        pipe.idle.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says so by failing")]

    use super::*;

    /// A runtime that is shut down drops its writer before it has written. Its data is lost, and the next writer is not
    /// held up.
    #[test]
    fn a_writer_that_never_began_holds_nobody_up() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        let _entered = handle.enter();
        let output = Output::Stderr;
        output.pass_on(Bytes::from_static(b"lost"));
        assert!(output.is_idle());
        assert!(output.pipe().lock().pieces.is_empty());
    }
}
