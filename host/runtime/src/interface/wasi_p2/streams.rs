//! Streams of regular files.
//!
//! Functions that block the guest run away from the async threads. The other functions block a thread only for short:
//! they move at most 64 KiB between memory and a regular file. A background task would finish at varying times, and a
//! guest that asks whether it has could tell how time passes.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use tollgate_capability::Jobs;
use tollgate_capability::files::{FileQuota, read_open_cached};
use tollgate_policy::Reason;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::descriptor_table::OpenFile;

/// The most that is read or written at once; a common limit of WASI streams.
const PIECE: usize = 64 << 10;

/// A quota was reached in a function that can only report a failure to the guest.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct QuotaExceeded(pub(super) Reason);

/// Reads from a file, from a position.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) jobs: Jobs,
    pub(super) file: Arc<OpenFile>,
    pub(super) position: u64,
    /// The largest single read.
    pub(super) cap: usize,
}

impl Input {
    fn read_now(&mut self, size: usize) -> StreamResult<Bytes> {
        let size = size.min(PIECE).min(self.cap);
        let mut buffer = vec![0; size];
        let count = read_at(&self.file.file, &mut buffer, self.position).map_err(failed)?;
        buffer.truncate(count);
        self.moved(size, buffer)
    }

    /// The answer to a read of `size` bytes that gave these.
    fn moved(&mut self, size: usize, read: Vec<u8>) -> StreamResult<Bytes> {
        if read.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.position = self.position.saturating_add(read.len() as u64);
        Ok(read.into())
    }
}

#[async_trait::async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.read_now(size)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        let size = size.min(PIECE).min(self.cap);
        if let Some(read) = read_open_cached(&self.file.file, size, self.position) {
            return self.moved(size, read);
        }
        let mut input = self.clone();
        let done = self.jobs.run(move || {
            let read = input.read_now(size);
            (input.position, read)
        });
        let (position, read) = done
            .await
            .map_err(|error| StreamError::Trap(error.into()))?;
        self.position = position;
        read
    }
}

/// Writes to a file, at a position or at its end, under the quotas of its root.
#[derive(Clone)]
pub(super) struct Output {
    pub(super) jobs: Jobs,
    pub(super) file: Arc<OpenFile>,
    /// `None` writes at the end, wherever it is.
    pub(super) position: Option<u64>,
    pub(super) quota: FileQuota,
    /// The grant whose quotas it uses.
    pub(super) index: usize,
    /// Its name in a denial.
    pub(super) target: Arc<str>,
    pub(super) closed: bool,
}

impl Output {
    fn write_now(&mut self, bytes: &[u8]) -> StreamResult<()> {
        if self.closed {
            return Err(StreamError::Closed);
        }
        self.try_write(bytes).inspect_err(|_| self.closed = true)
    }

    fn try_write(&mut self, bytes: &[u8]) -> StreamResult<()> {
        let file = &self.file.file;
        let length = file.metadata().map_err(failed)?.len();
        let offset = self.position.unwrap_or(length);
        let paid = self
            .quota
            .consume_bytes(self.index, length, offset, bytes.len() as u64);
        if let Err(reason) = paid {
            self.quota.refuse_stream(&self.target, reason);
            return Err(StreamError::LastOperationFailed(
                QuotaExceeded(reason).into(),
            ));
        }
        match &mut self.position {
            Some(position) => {
                write_at(file, bytes, offset).map_err(failed)?;
                *position = position.saturating_add(bytes.len() as u64);
            }
            None => append(file, bytes).map_err(failed)?,
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write_now(&bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match self.closed {
            true => Err(StreamError::Closed),
            false => Ok(PIECE),
        }
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut output = self.clone();
        let done = self.jobs.run(move || {
            let written = output.write_now(&bytes);
            (output.position, output.closed, written)
        });
        let (position, closed, written) = done
            .await
            .map_err(|error| StreamError::Trap(error.into()))?;
        (self.position, self.closed) = (position, closed);
        written
    }
}

fn failed(error: std::io::Error) -> StreamError {
    StreamError::LastOperationFailed(error.into())
}

/// Reads as much as there is, up to the buffer's length.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    loop {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, buffer, offset);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, offset);
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Writes all of `bytes` at the end of a file, wherever that is when the system writes: others may append as well.
#[cfg(target_os = "linux")]
fn append(file: &File, mut bytes: &[u8]) -> std::io::Result<()> {
    use rustix::io::{Errno, ReadWriteFlags, pwritev2};
    while !bytes.is_empty() {
        let piece = [std::io::IoSlice::new(bytes)];
        // The offset is not used with this flag.
        match pwritev2(file, &piece, 0, ReadWriteFlags::APPEND) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes all of `bytes` at the end of a file, as it is now: this system has no such write for a file that is also written
/// at positions.
#[cfg(not(target_os = "linux"))]
fn append(file: &File, bytes: &[u8]) -> std::io::Result<()> {
    write_at(file, bytes, file.metadata()?.len())
}

/// Writes all of `bytes`.
pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> std::io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
    #[cfg(windows)]
    {
        let (mut rest, mut offset) = (bytes, offset);
        while !rest.is_empty() {
            let count = std::os::windows::fs::FileExt::seek_write(file, rest, offset)?;
            rest = rest.get(count..).unwrap_or_default();
            offset = offset.saturating_add(count as u64);
        }
        Ok(())
    }
}
