//! Answers over HTTP/2 that the client does not take. The window of a stream is the client's, so that the bytes which wait
//! there are not seen in the connection below: a body is handed over in pieces, and each counts until it has gone.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Bytes that HTTP/2 holds of one answer at once, beside its frames.
pub(crate) const PIECE: usize = 16 << 10;

/// Bytes that a client takes in its time, as in `stalls`.
const PROGRESS: usize = 512 << 10;

/// The answers of one connection that have not gone to their end.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Vec<Weak<Mutex<Pace>>>>);

#[derive(Default)]
struct Pace {
    /// Since when the client has been to take what it was handed; `None` while the guest is waited for.
    since: Option<Instant>,
    taken: usize,
}

/// A body that is handed over in pieces.
pub(crate) struct Paced<B> {
    body: B,
    rest: Bytes,
    pace: Arc<Mutex<Pace>>,
}

impl Answers {
    pub(crate) fn paced<B>(&self, body: B) -> Paced<B> {
        let pace = Arc::default();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|pace| pace.strong_count() > 0);
        all.push(Arc::downgrade(&pace));
        Paced {
            body,
            rest: Bytes::new(),
            pace,
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().all(|pace| pace.strong_count() == 0)
    }

    /// Whether the client takes one of them more slowly than [`PROGRESS`] bytes in this time.
    pub(crate) fn are_stalled(&self, most: Duration) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).any(|pace| {
            let pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.since.is_some_and(|since| since.elapsed() > most)
        })
    }
}

impl Pace {
    /// The client has taken a piece, or there is nothing that it could take.
    fn handed_over(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes);
        if self.since.is_none() || self.taken >= PROGRESS {
            self.since = Some(Instant::now());
            self.taken = 0;
        }
    }

    fn waits_for_the_guest(&mut self) {
        *self = Pace::default();
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let mut pace = this.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if this.rest.is_empty() {
            let polled = Pin::new(&mut this.body).poll_frame(cx);
            if polled.is_pending() {
                pace.waits_for_the_guest();
            }
            match ready!(polled) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        #[expect(clippy::disallowed_methods, reason = "it is not beyond the end")]
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        pace.handed_over(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(body.lower().saturating_add(rest));
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte now and then does not give the client its whole time again.
    #[test]
    fn a_trickle_is_no_progress() {
        let begun = Instant::now() - Duration::from_secs(9);
        let mut pace = Pace {
            since: Some(begun),
            taken: 0,
        };
        for bytes in [1, 1, PROGRESS - 3] {
            pace.handed_over(bytes);
            assert_eq!(pace.since, Some(begun), "{bytes}");
        }
        pace.handed_over(1);
        assert!(pace.since > Some(begun));
        assert_eq!(pace.taken, 0);
    }
}
