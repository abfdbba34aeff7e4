//! A connection whose client does not read ends after a while: hyper bounds the time for a head only.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Bytes that a client takes in its time. One that takes a byte now and then would hold an answer for ever.
const PROGRESS: usize = 512 << 10;

pub(crate) struct Stalls {
    stream: TcpStream,
    most: Duration,
    /// Runs from the first byte that could not be written, until the client has made progress.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Bytes that were written meanwhile.
    taken: usize,
}

impl Stalls {
    pub(crate) fn new(stream: TcpStream, most: Duration) -> Stalls {
        Stalls {
            stream,
            most,
            stalled: None,
            taken: 0,
        }
    }

    /// Counts bytes that the client has taken, of a write that is done.
    fn written(&mut self, done: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = done {
            self.taken = self.taken.saturating_add(bytes);
            if self.taken >= PROGRESS {
                self.caught_up();
            }
        }
        done
    }

    fn caught_up(&mut self) {
        self.stalled = None;
        self.taken = 0;
    }

    fn in_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(done) = write(Pin::new(&mut self.stream), cx) {
            return Poll::Ready(done);
        }
        if self.stalled.is_none() {
            self.taken = 0;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(self.most)));
        let ended = stalled.as_mut().poll(cx);
        ended.map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stalls {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stalls {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = self.in_time(cx, |stream, cx| stream.poll_write(cx, bytes));
        self.written(done)
    }

    /// hyper flushes once all that it has is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = self.in_time(cx, |stream, cx| stream.poll_flush(cx));
        if done.is_ready() {
            self.caught_up();
        }
        done
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_time(cx, |stream, cx| stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = self.in_time(cx, |stream, cx| stream.poll_write_vectored(cx, parts));
        self.written(done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte now and then does not give the client its whole time again.
    #[tokio::test]
    async fn a_trickle_is_no_progress() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap());
        let mut stalls = Stalls::new(stream.await.unwrap(), Duration::from_secs(60));
        stalls.stalled = Some(Box::pin(sleep(stalls.most)));
        for bytes in [1, 1, PROGRESS - 3] {
            let _ = stalls.written(Poll::Ready(Ok(bytes)));
            assert!(stalls.stalled.is_some(), "{bytes}");
        }
        let _ = stalls.written(Poll::Ready(Ok(1)));
        assert!(stalls.stalled.is_none());
        assert_eq!(stalls.taken, 0);
    }
}
