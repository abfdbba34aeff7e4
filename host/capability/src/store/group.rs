//! Changes of one store, committed together: those that wait while others are written are in the next commit, which waits
//! for the disk once for all of them.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tollgate_policy::{Reason, StoreUsage};

/// The most changes of one commit, and bytes of values beside that of the call that commits. Each takes 10 to 20 µs of the
/// thread that commits, whose call waits for them.
const CHANGES: usize = 64;
const BYTES: usize = 1 << 20;

/// A value of a key that is to be replaced or deleted.
pub(crate) struct Change {
    pub(crate) namespace: Arc<str>,
    pub(crate) bucket: Arc<str>,
    pub(crate) key: String,
    pub(crate) value: Option<Vec<u8>>,
    /// It is asked with the usage before and after, right before the value is written. When it refuses, nothing is.
    pub(crate) decide: Decide,
}

pub(crate) type Decide =
    Box<dyn FnOnce(StoreUsage, StoreUsage) -> Result<(), Reason> + Send + 'static>;

/// The result of a change: what `decide` said. There is none if the database failed.
pub(crate) type Answer = oneshot::Receiver<Result<(), Reason>>;

/// A change that waits for a commit.
pub(crate) struct Waiting {
    number: u64,
    pub(crate) change: Change,
    pub(crate) answer: oneshot::Sender<Result<(), Reason>>,
}

/// The changes that wait.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Arc<Waits>,
    numbers: AtomicU64,
    /// Held by the call that commits. The database would let others wait too, each on a thread of its own; here they wait as
    /// tasks, and leave the queue when their call is dropped.
    writer: Arc<Mutex<()>>,
}

/// A change in the queue. Dropped before its turn, it is not written.
pub(crate) struct Place<'q> {
    queue: &'q Queue,
    number: u64,
    answer: Answer,
}

/// The turn of a change.
pub(crate) enum Turn {
    /// Another call has committed it.
    Committed(Option<Result<(), Reason>>),
    /// This call commits it, with others.
    Commits(Group),
}

/// Changes for one commit. No other one runs until it is dropped. Those that are not taken out by then wait on: the call that
/// was to commit has ended before.
pub(crate) struct Group {
    changes: Vec<Waiting>,
    waiting: Arc<Waits>,
    _writer: OwnedMutexGuard<()>,
}

impl Group {
    /// The changes. One that is dropped without an answer has failed.
    pub(crate) fn begin(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.changes)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let changes = self.begin();
        let mut waiting = lock(&self.waiting);
        for change in changes.into_iter().rev() {
            if !change.answer.is_closed() {
                waiting.push_front(change);
            }
        }
    }
}

type Waits = std::sync::Mutex<VecDeque<Waiting>>;

fn lock(waiting: &Waits) -> MutexGuard<'_, VecDeque<Waiting>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    /// Has a change wait for its turn.
    pub(crate) fn enter(&self, change: Change) -> Place<'_> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (send, answer) = oneshot::channel();
        self.lock().push_back(Waiting {
            number,
            change,
            answer: send,
        });
        Place {
            queue: self,
            number,
            answer,
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        lock(&self.waiting)
    }
}

impl Place<'_> {
    /// Waits until another call has committed the change, or until this one is to.
    pub(crate) async fn turn(&mut self) -> Turn {
        let mut writer = pin!(Arc::clone(&self.queue.writer).lock_owned());
        let writer = poll_fn(|context| {
            if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(context) {
                return Poll::Ready(Err(answer.ok()));
            }
            writer.as_mut().poll(context).map(Ok)
        });
        let writer = match writer.await {
            Ok(writer) => writer,
            Err(answer) => return Turn::Committed(answer),
        };
        let mut waiting = self.queue.lock();
        let own = waiting
            .iter()
            .position(|change| change.number == self.number);
        let own = own.and_then(|at| waiting.remove(at));
        let Some(own) = own else {
            // It was committed between the two looks.
            return Turn::Committed(self.answer.try_recv().ok());
        };
        let mut changes = Vec::from([own]);
        let mut bytes = 0_usize;
        while changes.len() < CHANGES
            && let Some(next) = waiting.front()
        {
            bytes = bytes.saturating_add(next.change.value.as_ref().map_or(0, Vec::len));
            if bytes > BYTES {
                break;
            }
            changes.extend(waiting.pop_front());
        }
        Turn::Commits(Group {
            changes,
            waiting: Arc::clone(&self.queue.waiting),
            _writer: writer,
        })
    }

    /// The answer after the commit of this call.
    pub(crate) fn answer(&mut self) -> Option<Result<(), Reason>> {
        self.answer.try_recv().ok()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Before it is looked for, so that a commit that does not happen does not put it back.
        self.answer.close();
        // The value of a call that is gone is held by nobody.
        self.queue
            .lock()
            .retain(|waiting| waiting.number != self.number);
    }
}

#[cfg(all(test, feature = "store"))]
#[path = "group_tests.rs"]
mod tests;
