//! Clients that wait to be told that the tools have changed.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

use crate::problem::{Answer, BoxError, set};

/// The event of a change: a message of the protocol, as an event of a stream.
const CHANGED: &str =
    "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";

/// A comment, which shows that the client is still there.
const ALIVE: &str = ":\n\n";

/// The answer to a client for which there is no place.
pub(super) const FULL: &str =
    "too many clients wait for changes; ask for the list of tools now and then";

/// The time between two comments.
const STEP: Duration = Duration::from_secs(15);

/// The changes of the tools, and the places of clients that wait for them.
#[derive(Clone)]
pub(super) struct Changes {
    changes: watch::Receiver<()>,
    places: Arc<Semaphore>,
    /// Those that each caller has taken, and the most that one may take.
    taken: Arc<Mutex<BTreeMap<Arc<str>, usize>>>,
    share: usize,
    /// Whether the server is about to end.
    ends: Arc<watch::Sender<bool>>,
}

/// A client that waits, and its place.
pub(super) struct Listener {
    changes: watch::Receiver<()>,
    ends: watch::Receiver<bool>,
    _place: (OwnedSemaphorePermit, Option<Taken>),
}

/// A place of a caller that has a name.
struct Taken {
    caller: Arc<str>,
    of: Arc<Mutex<BTreeMap<Arc<str>, usize>>>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}

impl Changes {
    /// For at most `most` clients at once, of one caller a quarter of them.
    pub(super) fn new(mut changes: watch::Receiver<()>, most: usize) -> Changes {
        // No client knows the tools of before.
        changes.mark_unchanged();
        Changes {
            changes,
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            taken: Arc::default(),
            share: (most / 4).max(1),
            ends: Arc::new(watch::Sender::new(false)),
        }
    }

    /// A client more, if there is a place for its caller. It is told at once if the tools have changed since the server began: it
    /// may know those of before.
    pub(super) fn listener(&self, caller: Option<&Arc<str>>) -> Option<Listener> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let taken = match caller {
            Some(caller) => Some(self.take(caller)?),
            None => None,
        };
        Some(Listener {
            changes: self.changes.clone(),
            ends: self.ends.subscribe(),
            _place: (place, taken),
        })
    }

    fn take(&self, caller: &Arc<str>) -> Option<Taken> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(Arc::clone(caller)).or_default();
        if *count >= self.share {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Taken {
            caller: Arc::clone(caller),
            of: Arc::clone(&self.taken),
        })
    }

    /// Ends all that wait.
    pub(super) fn end(&self) {
        self.ends.send_replace(true);
    }
}

impl Listener {
    /// Waits for the next change. `false` is the end.
    pub(super) async fn changed(&mut self) -> bool {
        tokio::select! {
            biased;
            _ = self.ends.wait_for(|ends| *ends) => false,
            changed = self.changes.changed() => changed.is_ok(),
        }
    }

    /// The next event of its stream.
    async fn event(mut self) -> Next {
        let event = tokio::select! {
            changed = self.changed() => changed.then_some(CHANGED)?,
            () = sleep(STEP) => ALIVE,
        };
        Some((self, event))
    }

    /// The answer to a client of 2025-11-25: a stream of events, until the server ends.
    pub(super) fn answer(self) -> Answer {
        let events = Events(Box::pin(self.event()));
        let mut answer = Response::new(events.boxed_unsync());
        let headers = answer.headers_mut();
        set(headers, CONTENT_TYPE, "text/event-stream");
        set(headers, CACHE_CONTROL, "no-store");
        answer
    }
}

/// The stream of a listener. It takes the next event once its client has taken the one before, so that changes do not pile up.
struct Events(Pin<Box<dyn Future<Output = Next> + Send>>);

/// An event, and the listener for the one after it; none at the end.
type Next = Option<(Listener, &'static str)>;

impl Body for Events {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let event = ready!(self.0.as_mut().poll(cx));
        let Some((listener, event)) = event else {
            // It is ready once, and pending ever after.
            self.0 = Box::pin(std::future::pending());
            return Poll::Ready(None);
        };
        self.0 = Box::pin(listener.event());
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(event.as_bytes())))))
    }
}
