//! The body of a request as a guest reads it: the time that the guest waits for it is bounded, and the client's failure to
//! send it is noted.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::problem::{BoxError, Problem};
use crate::proxy_head::Filter;

/// The body of a client.
pub(crate) struct FromClient {
    body: Incoming,
    /// The bytes that the guest may have.
    most: u64,
    seen: u64,
    /// The time for which the guest may still wait.
    time: Duration,
    /// Runs while the guest waits, since then.
    waits: Option<(Pin<Box<Sleep>>, Instant)>,
    filter: Filter,
    fate: Fate,
}

/// The client's failure to send its body, if it has failed.
pub(crate) type Fate = Arc<OnceLock<Failure>>;

/// The client's failure to send its body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    TooLarge,
    Slow,
    Broken,
}

impl Failure {
    /// It as the answer, if the guest has none.
    pub(crate) fn problem(self, most: u64) -> Problem {
        match self {
            Failure::TooLarge => too_large(most),
            Failure::Slow => {
                let detail = "the body did not come in time";
                Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", detail)
            }
            Failure::Broken => Problem::bad("body", "the body does not come to its end"),
        }
    }
}

/// The answer to a body of more than `most` bytes.
pub(crate) fn too_large(most: u64) -> Problem {
    let detail = format!(
        "the body has more than {most} bytes; send less, or raise `limits.host-data` of the policy"
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-size", detail).ending()
}

impl FromClient {
    /// The body of a client, of which the guest may have `most` bytes and for which it may wait `time` in all.
    pub(crate) fn new(
        body: Incoming,
        most: u64,
        time: Duration,
        filter: Filter,
    ) -> (FromClient, Fate) {
        let fate = Fate::default();
        let body = FromClient {
            body,
            most,
            seen: 0,
            time,
            waits: None,
            filter,
            fate: Arc::clone(&fate),
        };
        (body, fate)
    }

    /// Whether the guest has waited for too long.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let time = self.time;
        let begin = || (Box::pin(sleep(time)), Instant::now());
        let (timer, _) = self.waits.get_or_insert_with(begin);
        timer.as_mut().poll(cx)
    }
}

impl Body for FromClient {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(mut frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.poll_wait(cx).map(|()| {
                let _ = self.fate.set(Failure::Slow);
                Some(Err(io::Error::from(ErrorKind::TimedOut).into()))
            });
        };
        if let Some((_, since)) = self.waits.take() {
            self.time = self.time.saturating_sub(since.elapsed());
        }
        match &mut frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    self.filter.for_guest(trailers);
                }
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.seen = self.seen.saturating_add(length);
                if self.seen > self.most {
                    let _ = self.fate.set(Failure::TooLarge);
                }
            }
            Some(Err(_)) => {
                let _ = self.fate.set(Failure::Broken);
            }
            None => {}
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
