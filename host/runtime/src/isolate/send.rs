//! Writing to a process that may not read: no write continues after the time at which the process is overdue.

use std::io::{self, IoSlice, Write as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::table::Table;

/// The interval at which a write that waits looks at the clock.
const LOOK: Duration = Duration::from_millis(50);

/// The host's end of the socket, for writing.
pub(super) struct Writer {
    socket: UnixStream,
    table: Table,
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread that listens ends, too, even if another holder of the other end exists.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Writer {
    pub(super) fn new(socket: UnixStream, table: Table) -> io::Result<Writer> {
        socket.set_write_timeout(Some(LOOK))?;
        Ok(Writer { socket, table })
    }

    /// Writes a frame.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the process is overdue; and the system's.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.attempt(|mut socket| socket.write(bytes))?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Passes a descriptor on, with one byte.
    pub(super) fn pass(&mut self, descriptor: &impl AsFd) -> io::Result<()> {
        let rights = [descriptor.as_fd()];
        self.attempt(|socket| {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&rights));
            let bytes = [IoSlice::new(&[0])];
            Ok(sendmsg(socket, &bytes, &mut control, SendFlags::NOSIGNAL)?)
        })?;
        Ok(())
    }

    fn attempt(&self, write: impl Fn(&UnixStream) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match write(&self.socket) {
                Ok(0) => return Err(io::ErrorKind::BrokenPipe.into()),
                Ok(written) => return Ok(written),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error),
            }
            if self.table.is_overdue() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}
