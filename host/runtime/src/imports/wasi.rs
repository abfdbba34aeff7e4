//! WASI 0.2 with nothing behind it: no files, no environment, no sockets; output is captured.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tollgate_policy::Limits;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

/// Bytes that a guest may write to a stream at once; what WASI streams commonly permit. It bounds what
/// the host allocates for `write-zeroes`, too.
const WRITE_PERMIT: usize = 64 << 10;

/// Random bytes that a guest may ask for at once: they are made in host memory.
const MAX_RANDOM: u64 = 64 << 10;

/// What a WASI command is given: all of it is the caller's explicit choice, nothing is inherited.
#[derive(Clone, Debug, Default)]
pub struct CommandInput {
    /// The arguments, the program's name first.
    pub args: Vec<String>,
    /// What it reads from standard input.
    pub stdin: Vec<u8>,
}

/// The WASI side of a store. The context is made when the first WASI function is called: a provider
/// that imports none never pays for it.
#[derive(Default)]
pub(crate) struct Wasi {
    pub(crate) input: CommandInput,
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
    context: Option<Box<WasiCtx>>,
}

impl Wasi {
    pub(crate) fn context(&mut self, limits: &Limits) -> &mut WasiCtx {
        self.context.get_or_insert_with(|| {
            self.stdout.set_cap(limits.stdio);
            self.stderr.set_cap(limits.stdio);
            let mut builder = WasiCtxBuilder::new();
            builder
                .args(&self.input.args)
                .stdin(MemoryInputPipe::new(std::mem::take(&mut self.input.stdin)))
                .stdout(self.stdout.clone())
                .stderr(self.stderr.clone())
                .max_random_size(MAX_RANDOM)
                .allow_tcp(false)
                .allow_udp(false)
                .allow_ip_name_lookup(false);
            Box::new(builder.build())
        })
    }
}

/// An output that keeps what fits and counts the rest.
#[derive(Clone, Default)]
pub(crate) struct Capture(Arc<Mutex<Captured>>);

#[derive(Default)]
struct Captured {
    cap: u64,
    kept: Vec<u8>,
    dropped: u64,
}

impl Capture {
    fn set_cap(&self, cap: u64) {
        self.with(|captured| captured.cap = cap);
    }

    fn with<T>(&self, f: impl FnOnce(&mut Captured) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, bytes: &[u8]) {
        self.with(|captured| {
            let room = captured.cap.saturating_sub(captured.kept.len() as u64);
            let keep = bytes
                .get(..usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len()))
                .unwrap_or_default();
            captured.kept.extend_from_slice(keep);
            captured.dropped += (bytes.len() - keep.len()) as u64;
        });
    }

    /// What was kept, and how many bytes were not. Leaves it empty.
    pub(crate) fn take(&self) -> (Vec<u8>, u64) {
        self.with(|captured| {
            (
                std::mem::take(&mut captured.kept),
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
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Capture {
    async fn ready(&mut self) {}
}

impl OutputStream for Capture {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_PERMIT)
    }
}

impl AsyncWrite for Capture {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.push(bytes);
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
