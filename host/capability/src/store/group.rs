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
        if self.changes.is_empty() {
            return;
        }
        let mut waiting = lock(&self.waiting);
        for change in self.changes.drain(..).rev() {
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
        // The value of a call that is gone is held by nobody.
        self.queue
            .lock()
            .retain(|waiting| waiting.number != self.number);
    }
}

#[cfg(all(test, feature = "store"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::store::database::Database;
    use crate::store::place::{Found, StoreKey};

    fn change(key: &str, value: &[u8]) -> Change {
        Change {
            namespace: "n".into(),
            bucket: "b".into(),
            key: key.to_owned(),
            value: Some(value.to_vec()),
            decide: Box::new(|_, after| match after.keys > 3 {
                true => Err(Reason::Quota),
                false => Ok(()),
            }),
        }
    }

    fn value(database: &Database, key: &str) -> Option<Vec<u8>> {
        let (namespace, bucket) = ("n", "b");
        let place = StoreKey {
            namespace,
            bucket,
            key,
        };
        database
            .get(&place.key(), 1 << 20)
            .unwrap()
            .map(|found| match found {
                Found::Value(value) => value,
                Found::Larger(_) => panic!("larger than it was written"),
            })
    }

    fn group(turn: Turn) -> Group {
        match turn {
            Turn::Commits(group) => group,
            Turn::Committed(answer) => panic!("{answer:?}"),
        }
    }

    /// Those that came meanwhile are in the next commit, each with its own answer, and those that are gone are not.
    #[tokio::test]
    async fn changes_that_wait_are_committed_together() {
        let (queue, database) = (Queue::default(), Database::in_memory().unwrap());
        let mut first = queue.enter(change("a", b"1"));
        let writes = group(first.turn().await);
        let mut others: Vec<_> = ["b", "c", "d", "e"]
            .map(|key| queue.enter(change(key, b"2")))
            .into();
        // Its call has ended while it waited.
        others.remove(1);
        let mut waits = others.remove(0);
        assert_eq!(queue.lock().len(), 3);
        database.change(writes).unwrap();
        assert_eq!(first.answer(), Some(Ok(())));
        let writes = group(waits.turn().await);
        assert_eq!(writes.changes.len(), 3);
        // Gone after the commit has begun to be gathered.
        let gone = others.remove(0);
        drop(gone);
        database.change(writes).unwrap();
        assert_eq!(waits.answer(), Some(Ok(())));
        let Turn::Committed(answer) = others.remove(0).turn().await else {
            panic!("it was committed with the others");
        };
        assert_eq!(answer, Some(Ok(())));
        let found = ["a", "b", "c", "d", "e"].map(|key| value(&database, key).is_some());
        assert_eq!(found, [true, true, false, false, true]);
    }

    /// What one is refused is no reason for the others, and counts for none.
    #[tokio::test]
    async fn each_change_is_decided_on_what_those_before_it_left() {
        let (queue, database) = (Queue::default(), Database::in_memory().unwrap());
        let mut all: Vec<_> = ["a", "b", "c", "d", "a"]
            .map(|key| queue.enter(change(key, b"1")))
            .into();
        database.change(group(all[0].turn().await)).unwrap();
        let mut answers = Vec::new();
        for place in &mut all {
            answers.push(place.answer().unwrap());
        }
        let refused = Err(Reason::Quota);
        assert_eq!(answers, [Ok(()), Ok(()), Ok(()), refused, Ok(())]);
        assert_eq!(value(&database, "d"), None);
    }

    /// A call that is to commit does not commit without end for others.
    #[tokio::test]
    async fn a_commit_is_bounded() {
        let queue = Queue::default();
        let mut all: Vec<_> = (0..CHANGES + 9)
            .map(|number| queue.enter(change(&number.to_string(), b"1")))
            .collect();
        // The last one commits, and is in its own group.
        let last = all.last_mut().unwrap();
        let number = last.number;
        let first = group(last.turn().await);
        assert_eq!(first.changes.len(), CHANGES);
        assert!(first.changes.iter().any(|waiting| waiting.number == number));
        assert_eq!(queue.lock().len(), 9);
        drop(first);
        all.clear();
        assert_eq!(queue.lock().len(), 0);
        let large = vec![0; BYTES];
        let mut all: Vec<_> = (0..3).map(|_| queue.enter(change("a", &large))).collect();
        assert_eq!(group(all[0].turn().await).changes.len(), 2);
    }

    /// A call that is to commit for others and ends before takes nothing from them.
    #[tokio::test]
    async fn changes_whose_commit_has_not_begun_wait_on() {
        let queue = Queue::default();
        let mut all: Vec<_> = ["a", "b", "c"]
            .map(|key| queue.enter(change(key, b"1")))
            .into();
        let ended = group(all[0].turn().await);
        drop(all.remove(0));
        drop(ended);
        let keys: Vec<_> = queue
            .lock()
            .iter()
            .map(|it| it.change.key.clone())
            .collect();
        assert_eq!(keys, ["b", "c"]);
        assert_eq!(group(all[1].turn().await).changes.len(), 2);
    }

    /// The next one does not wait for an answer that will not come.
    #[tokio::test]
    async fn changes_without_a_commit_have_failed() {
        let queue = Queue::default();
        let mut all: Vec<_> = (0..2).map(|_| queue.enter(change("a", b"1"))).collect();
        drop(group(all[0].turn().await).begin());
        assert_eq!(all[0].answer(), None);
        assert!(matches!(all[1].turn().await, Turn::Committed(None)));
    }
}
