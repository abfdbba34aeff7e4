//! Standard output and error: kept for the report, or passed on to the host's own, up to the limit. Output for a
//! terminal is escaped; output for a pipe or a file is unchanged.
//!
//! The output of a command is its result, so a command that writes more than the limit is ended. The output of a provider is
//! for debugging: the rest is dropped and counted, and the report has the count.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::pipe::Output;
use super::terminal::Escaper;
use tollgate_capability::{Gathered, HostMemory, LimitReached};

/// Bytes that a guest may write to a stream at once; a common limit of WASI streams. It also bounds the memory that the
/// host allocates for `write-zeroes`.
const WRITE_PERMIT: usize = 64 << 10;

/// An output that keeps or passes on the part that fits, and counts the rest.
#[derive(Clone, Default)]
pub(crate) struct Capture {
    captured: Arc<Mutex<Captured>>,
    inherit: Option<Output>,
}

#[derive(Default)]
struct Captured {
    cap: u64,
    seen: u64,
    kept: Option<Gathered>,
    dropped: u64,
    /// The guest is a command.
    is_result: bool,
    /// The escaper of an output that is a terminal.
    escaper: Option<Escaper>,
}

impl Capture {
    pub(super) fn new(inherit: Option<Output>) -> Capture {
        let capture = Capture {
            inherit,
            ..Capture::default()
        };
        if inherit.is_some_and(Output::is_terminal) {
            capture.with(|captured| captured.escaper = Some(Escaper::default()));
        }
        capture
    }

    /// Sets the limit, and the memory that the kept bytes count for.
    pub(super) fn set_cap(&self, cap: u64, memory: &HostMemory) {
        self.with(|captured| {
            captured.cap = cap;
            let kept = || Gathered::new(memory.clone());
            captured.kept.get_or_insert_with(kept);
        });
    }

    /// Says that the output is the result of a command.
    pub(super) fn is_result(&self) {
        self.with(|captured| captured.is_result = true);
    }

    fn with<T>(&self, f: impl FnOnce(&mut Captured) -> T) -> T {
        f(&mut self.captured.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The part of `bytes` that is under the limit.
    fn fit(&self, bytes: &Bytes) -> Bytes {
        self.with(|captured| {
            let room = usize::try_from(captured.cap.saturating_sub(captured.seen));
            let mut fits = bytes.clone();
            fits.truncate(room.unwrap_or(usize::MAX));
            captured.seen += fits.len() as u64;
            captured.dropped += bytes.len().saturating_sub(fits.len()) as u64;
            fits
        })
    }

    fn keep(&self, bytes: &[u8]) -> Result<(), LimitReached> {
        self.with(|captured| {
            let Some(kept) = &mut captured.kept else {
                return Ok(());
            };
            if let Err(reached) = kept.extend(bytes, captured.cap) {
                captured.dropped += bytes.len() as u64;
                return match captured.is_result {
                    true => Err(reached),
                    false => Ok(()),
                };
            }
            Ok(())
        })
    }

    /// Ends a command of whose output a part was dropped.
    fn all_was_kept(&self) -> Result<(), LimitReached> {
        self.with(
            |captured| match captured.is_result && captured.dropped > 0 {
                true => Err(LimitReached::Stdio),
                false => Ok(()),
            },
        )
    }

    /// Passes bytes on, as a terminal may have them if it is one.
    fn pass_on(&self, output: Output, bytes: Bytes) {
        let shown = self.with(|captured| {
            let escaper = captured.escaper.as_mut();
            escaper.map(|escaper| escaper.pass(&bytes))
        });
        let bytes = shown.map_or(bytes, Bytes::from);
        if !bytes.is_empty() {
            output.pass_on(bytes);
        }
    }

    /// The kept bytes, and the number of bytes that were not kept. Leaves it empty.
    pub(crate) fn take(&self) -> (Vec<u8>, u64) {
        let rest = self.with(|captured| captured.escaper.as_mut().map(Escaper::finish));
        if let (Some(output), Some(rest)) = (self.inherit, rest.filter(|rest| !rest.is_empty())) {
            output.pass_on(rest.into());
        }
        self.with(|captured| {
            captured.seen = 0;
            let kept = captured.kept.as_mut().map(Gathered::take);
            (
                kept.unwrap_or_default(),
                std::mem::take(&mut captured.dropped),
            )
        })
    }
}

impl IsTerminal for Capture {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Capture {
    // Only WASI 0.3 would use it, and that is not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Stream {
            capture: self.clone(),
            permitted: false,
        })
    }
}

/// One stream of the guest. Inherited output is written on another thread, so that a full pipe holds up the guest and
/// not the deadline.
struct Stream {
    capture: Capture,
    /// The guest asked, and no write was under way. Only then is data accepted for an inherited output, so each handle
    /// has at most one piece waiting for the reader.
    permitted: bool,
}

/// A limit that ends the call.
fn ended(reached: LimitReached) -> StreamError {
    StreamError::Trap(reached.into())
}

impl Stream {
    /// Tells the guest when its output has no reader any more, as the system does.
    fn is_open(&self) -> StreamResult<()> {
        match self.capture.inherit.is_some_and(Output::is_closed) {
            true => Err(StreamError::Closed),
            false => Ok(()),
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {
        if let Some(output) = self.capture.inherit {
            output.idle().await;
        }
    }
}

#[async_trait::async_trait]
impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let permitted = std::mem::take(&mut self.permitted) && bytes.len() <= WRITE_PERMIT;
        if self.capture.inherit.is_some() && !permitted {
            return Err(StreamError::trap("wrote more than `check-write` permitted"));
        }
        self.is_open()?;
        let bytes = self.capture.fit(&bytes);
        match self.capture.inherit {
            None => self.capture.keep(&bytes).map_err(ended)?,
            Some(output) => self.capture.pass_on(output, bytes),
        }
        self.capture.all_was_kept().map_err(ended)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.is_open()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.is_open()?;
        self.permitted = self.capture.inherit.is_none_or(Output::is_idle);
        Ok(if self.permitted { WRITE_PERMIT } else { 0 })
    }

    /// Like the engine's, and with a wait for the end of the last piece: the engine takes an output that is closed
    /// behind it for written.
    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        // The permit is for more bytes than the engine and `splice` write at once.
        self.write_ready().await?;
        self.write(bytes)?;
        self.ready().await;
        self.flush()
    }
}
