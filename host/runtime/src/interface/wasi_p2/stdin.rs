//! Standard input of a command: bytes, or a reader that is read a piece at a time, as the guest asks for more.

use std::any::Any;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, Receiver};
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

/// The most that is read at once, and so the most that is read ahead of the guest.
const PIECE: usize = 64 << 10;

/// Standard input of a WASI command: bytes, or a reader.
///
/// A reader is read when the guest asks for more, 64 KiB at a time: a command that answers each line gets it when it
/// arrives, and input that a command does not read stays in the reader, except for one piece. A thread reads. While the
/// reader blocks, that thread lives on after the call, until the reader returns, and keeps the slot of the call: there
/// are no more such threads than guests that may live ([`Builder::concurrency`](crate::Builder::concurrency)).
///
/// ```
/// use tollgate::embed::Stdin;
///
/// let text = Stdin::from("one\ntwo\n");
/// let lines = Stdin::reader(std::io::stdin());
/// let nothing = Stdin::default();
/// ```
#[derive(Default)]
pub struct Stdin(Source);

enum Source {
    Bytes(Vec<u8>),
    Reader(Reader),
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "sessions in a process are for Linux")
    )]
    Asked(Asked),
}

/// A reader of the embedder's.
pub(crate) type Reader = Box<dyn Read + Send>;

/// Some bytes of the input, none at its end, or that it cannot be read.
pub(crate) type Piece = Option<Bytes>;

impl Stdin {
    /// The input that `reader` gives, as the guest asks for it.
    pub fn reader(reader: impl Read + Send + 'static) -> Stdin {
        Stdin(Source::Reader(Box::new(reader)))
    }

    /// Input of another process: `ask` asks for a piece, which comes from `pieces`.
    #[cfg(target_os = "linux")]
    pub(crate) fn asked(ask: impl FnMut() + Send + 'static, pieces: Receiver<Piece>) -> Stdin {
        Stdin(Source::Asked(Asked::new(Box::new(ask), pieces)))
    }

    /// The bytes, or the reader.
    #[cfg(target_os = "linux")]
    pub(crate) fn into_parts(self) -> Result<Vec<u8>, Option<Reader>> {
        match self.0 {
            Source::Bytes(bytes) => Ok(bytes),
            Source::Reader(reader) => Err(Some(reader)),
            Source::Asked(_) => Err(None),
        }
    }

    /// Bytes that the host holds for it while the store lives.
    pub(super) fn held(&self) -> u64 {
        match &self.0 {
            Source::Bytes(bytes) => bytes.len() as u64,
            // One that waits for the guest, and one that is being read.
            Source::Reader(_) | Source::Asked(_) => 2 * PIECE as u64,
        }
    }

    /// The stream as WASI has it.
    pub(super) fn stream(self, slot: Option<HeldSlot>) -> Box<dyn StdinStream + Sync> {
        match self.0 {
            Source::Bytes(bytes) => Box::new(MemoryInputPipe::new(bytes)),
            Source::Reader(reader) => {
                let (give, pieces) = mpsc::channel(1);
                let give = move |piece| give.blocking_send(piece).is_ok();
                let ask = read_on_thread(reader, give, slot);
                let ask = move || {
                    // Without a thread, or after its end, the guest finds that nothing more comes.
                    let _ = ask.as_ref().map(|ask| ask.try_send(()));
                };
                Box::new(Shared::new(Asked::new(Box::new(ask), pieces)))
            }
            Source::Asked(asked) => Box::new(Shared::new(asked)),
        }
    }
}

impl Default for Source {
    fn default() -> Source {
        Source::Bytes(Vec::new())
    }
}

impl From<Vec<u8>> for Stdin {
    fn from(bytes: Vec<u8>) -> Stdin {
        Stdin(Source::Bytes(bytes))
    }
}

impl From<String> for Stdin {
    fn from(text: String) -> Stdin {
        text.into_bytes().into()
    }
}

impl From<&str> for Stdin {
    fn from(text: &str) -> Stdin {
        text.to_owned().into()
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Bytes(bytes) => write!(f, "Stdin({} bytes)", bytes.len()),
            Source::Reader(_) | Source::Asked(_) => f.write_str("Stdin(reader)"),
        }
    }
}

/// The slot of a call in the runtime, kept by a thread that may outlive the call.
pub(crate) type HeldSlot = Arc<dyn Any + Send + Sync>;

/// Starts a thread that reads a piece each time it is asked to, and gives it away. It ends with the input, or when no
/// guest can ask for a piece or take one any more. It keeps `slot` until then.
pub(crate) fn read_on_thread(
    mut reader: Reader,
    mut give: impl FnMut(Piece) -> bool + Send + 'static,
    slot: Option<HeldSlot>,
) -> io::Result<SyncSender<()>> {
    let (ask, asked) = sync_channel(1);
    let read = move || {
        let _slot = slot;
        let mut buffer = vec![0; PIECE];
        while asked.recv().is_ok() {
            let piece = loop {
                match reader.read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break None,
                    Ok(count) => break buffer.get(..count).map(Bytes::copy_from_slice),
                }
            };
            let is_last = piece.as_ref().is_none_or(Bytes::is_empty);
            if !give(piece) || is_last {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("tollgate-stdin".to_owned());
    thread.spawn(read)?;
    Ok(ask)
}

/// Input that comes in pieces, each asked for.
struct Asked {
    ask: Box<dyn FnMut() + Send>,
    pieces: Receiver<Piece>,
    /// A piece is under way.
    is_asked: bool,
    /// The bytes of the last piece that the guest has not read.
    rest: Bytes,
    end: Option<End>,
}

#[derive(Clone, Copy)]
enum End {
    Closed,
    /// Told once; then the stream is closed.
    Failed,
}

impl Asked {
    fn new(ask: Box<dyn FnMut() + Send>, pieces: Receiver<Piece>) -> Asked {
        Asked {
            ask,
            pieces,
            is_asked: false,
            rest: Bytes::new(),
            end: None,
        }
    }

    fn ask(&mut self) {
        if !std::mem::replace(&mut self.is_asked, true) {
            (self.ask)();
        }
    }

    fn take(&mut self, piece: Option<Piece>) {
        self.is_asked = false;
        match piece.flatten() {
            Some(bytes) if bytes.is_empty() => self.end = Some(End::Closed),
            Some(bytes) => self.rest = bytes,
            // The reader failed, or its thread did.
            None => self.end = Some(End::Failed),
        }
    }

    /// Waits until there is something to read, or nothing any more.
    async fn ready(&mut self) {
        if self.rest.is_empty() && self.end.is_none() {
            self.ask();
            let piece = self.pieces.recv().await;
            self.take(piece);
        }
    }

    /// At most `size` bytes of the rest.
    fn give(&mut self, size: usize) -> Bytes {
        let mut given = self.rest.clone();
        given.truncate(size);
        let left = self.rest.get(given.len()..).unwrap_or_default();
        self.rest = self.rest.slice_ref(left);
        given
    }

    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.rest.is_empty() && self.end.is_none() {
            self.ask();
            match self.pieces.try_recv() {
                Ok(piece) => self.take(Some(piece)),
                Err(mpsc::error::TryRecvError::Empty) => return Ok(Bytes::new()),
                Err(mpsc::error::TryRecvError::Disconnected) => self.take(None),
            }
        }
        match self.end {
            _ if !self.rest.is_empty() => Ok(self.give(size)),
            Some(End::Failed) => {
                self.end = Some(End::Closed);
                let error = wasmtime::Error::msg("standard input cannot be read");
                Err(StreamError::LastOperationFailed(error))
            }
            Some(End::Closed) => Err(StreamError::Closed),
            None => Ok(Bytes::new()),
        }
    }
}

/// The input, which all handles of it share.
#[derive(Clone)]
struct Shared(Arc<Mutex<Asked>>);

impl Shared {
    fn new(asked: Asked) -> Shared {
        Shared(Arc::new(Mutex::new(asked)))
    }
}

impl IsTerminal for Shared {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Shared {
    // Only WASI 0.3 would use it, and that is not linked.
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Shared {
    async fn ready(&mut self) {
        self.0.lock().await.ready().await;
    }
}

impl InputStream for Shared {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.0.try_lock() {
            Ok(mut asked) => asked.read(size),
            // Another handle waits for the same piece.
            Err(_) => Ok(Bytes::new()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says so by failing")]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;

    /// A reader that gives these, one by one, and counts how many were taken.
    struct Script(VecDeque<io::Result<&'static [u8]>>, Arc<Mutex<usize>>);

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            *self.1.lock().unwrap() += 1;
            let mut next: &[u8] = self.0.pop_front().unwrap_or(Ok(b""))?;
            next.read(buffer)
        }
    }

    fn script(script: Vec<io::Result<&'static [u8]>>) -> (Box<dyn InputStream>, Arc<Mutex<usize>>) {
        let count = Arc::new(Mutex::new(0));
        let reader = Script(script.into(), Arc::clone(&count));
        let stream = Stdin::reader(reader).stream(None);
        (stream.p2_stream(), count)
    }

    #[tokio::test]
    async fn pieces_come_as_they_are_asked_for_and_then_the_end() {
        let (mut stream, count) = script(vec![
            Ok(b"one\n"),
            Err(io::ErrorKind::Interrupted.into()),
            Ok(b"two\n"),
        ]);
        assert_eq!(*count.lock().unwrap(), 0);
        assert_eq!(stream.blocking_read(3).await.unwrap(), "one");
        assert_eq!(stream.blocking_read(9).await.unwrap(), "\n");
        assert_eq!(*count.lock().unwrap(), 1);
        assert_eq!(stream.blocking_read(9).await.unwrap(), "two\n");
        for _ in 0..2 {
            let end = stream.blocking_read(9).await;
            assert!(matches!(end, Err(StreamError::Closed)));
        }
        assert_eq!(*count.lock().unwrap(), 4);
    }

    #[tokio::test]
    async fn a_reader_that_fails_is_told_once() {
        let (mut stream, _) = script(vec![Ok(b"one"), Err(io::ErrorKind::IsADirectory.into())]);
        assert_eq!(stream.blocking_read(9).await.unwrap(), "one");
        let failed = stream.blocking_read(9).await;
        assert!(matches!(failed, Err(StreamError::LastOperationFailed(_))));
        let closed = stream.blocking_read(9).await;
        assert!(matches!(closed, Err(StreamError::Closed)));
    }

    #[tokio::test]
    async fn a_reader_that_panics_fails() {
        struct Panics;
        impl Read for Panics {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("as the test wants it")
            }
        }
        let mut stream = Stdin::reader(Panics).stream(None).p2_stream();
        let failed = stream.blocking_read(9).await;
        assert!(matches!(failed, Err(StreamError::LastOperationFailed(_))));
    }

    #[tokio::test]
    async fn a_read_that_does_not_wait_asks_and_finds_nothing_yet() {
        let (mut stream, _) = script(vec![Ok(b"one")]);
        let mut read = stream.read(9).unwrap();
        while read.is_empty() {
            tokio::task::yield_now().await;
            read = stream.read(9).unwrap();
        }
        assert_eq!(read, "one");
    }
}
