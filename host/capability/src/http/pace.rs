//! The stream of a connection, read a share at a time: a server that sends without end holds no thread for longer than its
//! share takes, and sends no more before the response begins than its head may take.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};

use super::framing::HEAD_BYTES;

/// The stream of a request, encrypted or not.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

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

    /// Ends the account of the head. The reader of the rest bounds it.
    pub(super) fn is_there(&self) {
        self.0.store(usize::MAX, Ordering::Relaxed);
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) {
        // There is no other reader, and a complete head is no longer counted.
        let left = self.left();
        if left < usize::MAX {
            self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        }
    }
}

/// A stream whose reader pauses after each share.
pub(super) struct Paced<S> {
    stream: Take<S>,
    /// The bytes left of the share, and the bytes of a whole share.
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

/// Writes are not paced: the bytes are the host's, or a guest has paid for them.
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::{Wake, Waker};

    use tokio::io::repeat;

    use super::*;

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reads until the stream pauses: the bytes that came, and how often the reader was woken for the next share.
    fn turn(stream: &mut (impl AsyncRead + Unpin)) -> (usize, usize) {
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let (mut bytes, mut room) = (0, [0; 1000]);
        loop {
            let mut buf = ReadBuf::new(&mut room);
            let read = Pin::new(&mut *stream).poll_read(&mut Context::from_waker(&waker), &mut buf);
            match read {
                Poll::Ready(read) => read.unwrap(),
                Poll::Pending => return (bytes, woken.0.load(Ordering::Relaxed)),
            }
            bytes += buf.filled().len();
            assert!(bytes < 1 << 20, "it never pauses");
        }
    }

    #[test]
    fn a_stream_that_never_waits_gives_the_thread_back_after_each_share() {
        let mut stream = Paced::new(repeat(b'x'));
        for _ in 0..3 {
            assert_eq!(turn(&mut stream), (SHARE, 1));
        }
    }

    /// It is not woken, since nothing more arrives: the reader that waits for the head asks.
    #[test]
    fn a_head_takes_no_more_than_its_bytes() {
        let (head, mut stream) = Head::of(repeat(b'x'));
        assert!(!head.is_used_up());
        assert_eq!(turn(&mut stream), (HEAD_BYTES, 0));
        assert!(head.is_used_up());
        assert_eq!(turn(&mut stream), (0, 0));
    }

    #[test]
    fn a_body_is_not_bounded_by_the_head() {
        let (head, stream) = Head::of(Paced::new(repeat(b'x')));
        let mut stream = stream;
        assert_eq!(turn(&mut stream), (SHARE, 1));
        head.is_there();
        for _ in 0..100 {
            assert_eq!(turn(&mut stream), (SHARE, 1));
        }
        assert!(!head.is_used_up());
    }
}
