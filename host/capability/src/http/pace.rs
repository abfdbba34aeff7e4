//! The stream of a connection, read a share at a time: a server that sends without end holds no thread for longer than its
//! share takes, and sends no more before the response begins than its head may take.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};

use super::framing::HEAD_BYTES;

/// Bytes that are read before the thread is given back. The least that a server sends for one step of work of the host's is
/// a chunk of a byte, which takes 6: such a share is 2,700 steps, which take less than 5 ms.
const SHARE: usize = 16 << 10;

/// The bytes that may still come before the head of the response is there.
///
/// The client reads ahead: it may take the begin of the body with the head. So the bytes are no error when they are used up;
/// the stream stays silent, and [`Head::is_used_up`] tells that no head will come.
#[derive(Clone)]
pub(super) struct Head(Arc<AtomicUsize>);

impl Head {
    /// A stream, and the allowance of the head that is read from it.
    pub(super) fn of<S: AsyncRead>(stream: S) -> (Head, Paced<S>) {
        let head = Head(Arc::new(AtomicUsize::new(HEAD_BYTES)));
        let mut paced = Paced::new(stream);
        // The stream below is paced.
        (paced.left, paced.share) = (usize::MAX, usize::MAX);
        paced.head = Some(head.clone());
        (head, paced)
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.left() == 0
    }

    /// The head is there; the rest is bounded by whoever reads it.
    pub(super) fn is_there(&self) {
        self.0.store(usize::MAX, Ordering::Relaxed);
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) {
        // Nobody else takes any, and the head that is there takes no more account.
        let left = self.left();
        if left < usize::MAX {
            self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        }
    }
}

/// A stream whose reader pauses after each share.
pub(super) struct Paced<S> {
    stream: Take<S>,
    /// What is left of the share, and a whole one.
    left: usize,
    share: usize,
    head: Option<Head>,
}

impl<S: AsyncRead> Paced<S> {
    /// A stream below the encryption, where a head cannot be told from anything else.
    pub(super) fn new(stream: S) -> Paced<S> {
        Paced {
            stream: stream.take(0),
            left: SHARE,
            share: SHARE,
            head: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let head = self.head.as_ref().map_or(usize::MAX, Head::left);
        if head == 0 {
            return Poll::Pending;
        }
        if self.left == 0 {
            self.left = self.share;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let part = self.left.min(head);
        self.stream.set_limit(part as u64);
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_pending() {
            // The thread is given back without this.
            self.left = self.share;
        }
        ready!(read)?;
        let count = buf.filled().len().saturating_sub(before);
        self.left = self.left.saturating_sub(count);
        if let Some(head) = &self.head {
            head.take(count);
        }
        Poll::Ready(Ok(()))
    }
}

/// What is written is the host's, or a guest's that has paid for it.
impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }
}
