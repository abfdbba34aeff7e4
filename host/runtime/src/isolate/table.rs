//! The sessions of one process, as the host counts them: each with its slot and its limits, with the call that it is in,
//! and with the time at which an answer is overdue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tollgate_capability::Audit;
use tollgate_policy::Limits;
use tracing::Dispatch;

use crate::engine::admission::Slot;

/// The time in which a process answers after the deadline of a call, and in which it ends a session. One that takes
/// longer is killed.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The time in which a process is ready for calls: a hundred times what it takes on a machine without other work.
const START: Duration = Duration::from_secs(10);

/// Decisions for each host call: a request is decided on, its redirects are, and each setting of a policy is when all are
/// asked for.
const DECISIONS: u64 = 64;

/// The sessions of a process, shared by those who call, the thread that keeps the process and the one that listens to it.
#[derive(Clone)]
pub(super) struct Table(Arc<Mutex<Sessions>>);

struct Sessions {
    entries: HashMap<u64, Entry>,
    next: u64,
    /// The time by which the process is ready; `None` when it is.
    ready_by: Option<Instant>,
    /// Why the process has ended, once it has.
    lost: Option<Lost>,
}

/// One session.
struct Entry {
    limits: Arc<Limits>,
    /// Where its decisions go.
    audit: Arc<Audit>,
    /// The subscriber of its last call.
    dispatch: Dispatch,
    waiting: Option<Waiting>,
    /// The time by which the session is gone, once it was told to end.
    end_by: Option<Instant>,
    /// Decisions that the process may still tell of.
    decisions: u64,
    /// Given back when the process has ended the session.
    _slot: Slot,
}

/// A caller that waits.
struct Waiting {
    answer: oneshot::Sender<Answered>,
    by: Instant,
}

/// The encoded answer of the process, or why there is none.
pub(super) type Answered = Result<Vec<u8>, Lost>;

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The process never took calls; for the log of the host.
    NotStarted(String),
    /// It did not answer in time, and was killed for it.
    Late,
    /// It ended, by this signal if by one, or said what it may not and was killed.
    Crashed(Option<i32>),
}

impl Table {
    pub(super) fn new() -> Table {
        Table(Arc::new(Mutex::new(Sessions {
            entries: HashMap::new(),
            next: 1,
            ready_by: Instant::now().checked_add(START),
            lost: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a session, and gives its number. The slot comes back if the process has ended.
    pub(super) fn add(
        &self,
        limits: Arc<Limits>,
        audit: Arc<Audit>,
        slot: Slot,
    ) -> Result<u64, Slot> {
        let mut sessions = self.lock();
        if sessions.lost.is_some() {
            return Err(slot);
        }
        let id = sessions.next;
        sessions.next = id.wrapping_add(1);
        sessions.entries.insert(
            id,
            Entry {
                limits,
                audit,
                dispatch: Dispatch::none(),
                waiting: None,
                end_by: None,
                decisions: 0,
                _slot: slot,
            },
        );
        Ok(id)
    }

    /// Notes that a call begins.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub(super) fn begin(
        &self,
        id: u64,
        deadline: Instant,
        settings: usize,
    ) -> Result<oneshot::Receiver<Answered>, Lost> {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let mut sessions = self.lock();
        let lost = sessions.lost.clone();
        let entry = sessions.entries.get_mut(&id);
        let entry = entry.ok_or_else(|| lost.unwrap_or(Lost::Crashed(None)))?;
        let (answer, answered) = oneshot::channel();
        entry.dispatch = dispatch;
        entry.waiting = Some(Waiting {
            answer,
            by: deadline.checked_add(GRACE).unwrap_or(deadline),
        });
        let each = DECISIONS.saturating_add(settings as u64);
        let calls = entry.limits.host_calls.saturating_add(1);
        entry.decisions = calls.saturating_mul(each);
        Ok(answered)
    }

    /// Notes that a session is to end. Whether the process has to be told.
    pub(super) fn end(&self, id: u64) -> bool {
        let mut sessions = self.lock();
        let Some(entry) = sessions.entries.get_mut(&id) else {
            return false;
        };
        // Its caller is gone; an answer that is under way is for nobody.
        entry.end_by = Instant::now().checked_add(GRACE);
        true
    }

    /// The process is ready. Whether it was not before.
    pub(super) fn ready(&self) -> bool {
        let mut sessions = self.lock();
        let end_by = Instant::now().checked_add(GRACE);
        let ending = sessions.entries.values_mut();
        for entry in ending.filter(|entry| entry.end_by.is_some()) {
            entry.end_by = end_by;
        }
        sessions.ready_by.take().is_some()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.lock().ready_by.is_none()
    }

    /// The limits of a session, as far as the process may speak of it.
    pub(super) fn limits(&self, id: u64) -> Option<Arc<Limits>> {
        let sessions = self.lock();
        sessions
            .entries
            .get(&id)
            .map(|entry| Arc::clone(&entry.limits))
    }

    /// Where a decision in a session goes; `None` for one decision too many.
    pub(super) fn decision(&self, id: u64) -> Option<(Arc<Audit>, Dispatch)> {
        let mut sessions = self.lock();
        let entry = sessions.entries.get_mut(&id)?;
        entry.decisions = entry.decisions.checked_sub(1)?;
        Some((Arc::clone(&entry.audit), entry.dispatch.clone()))
    }

    /// Gives the answer to the caller. Whether one waits, or has gone away.
    pub(super) fn answer(&self, id: u64, answer: Vec<u8>) -> bool {
        let mut sessions = self.lock();
        let Some(entry) = sessions.entries.get_mut(&id) else {
            return false;
        };
        let Some(waiting) = entry.waiting.take() else {
            return false;
        };
        drop(sessions);
        // A caller that has gone away needs none.
        let _ = waiting.answer.send(Ok(answer));
        true
    }

    /// Removes a session that the process has ended, and frees its slot. Whether it was right to end it: no caller waits.
    pub(super) fn ended(&self, id: u64) -> bool {
        let Some(entry) = self.lock().entries.remove(&id) else {
            return false;
        };
        // A caller that is gone has said so.
        let is_right = entry.waiting.is_none() || entry.end_by.is_some();
        lose(entry.waiting, &Lost::Crashed(None));
        is_right
    }

    /// The time at which the process is to be looked at.
    pub(super) fn next(&self) -> Option<Instant> {
        let sessions = self.lock();
        let entries = sessions.entries.values();
        let due = entries.filter_map(|entry| entry.due(sessions.ready_by));
        due.chain(sessions.ready_by).min()
    }

    /// Whether the process has not done by now what it should have.
    pub(super) fn is_overdue(&self) -> bool {
        self.next().is_some_and(|due| due <= Instant::now())
    }

    /// Lets no more sessions in: the process is about to end.
    pub(super) fn refuse(&self) {
        self.lock().lost.get_or_insert(Lost::Crashed(None));
    }

    /// Ends all sessions with the process: each caller learns why. Afterwards no session can be added.
    pub(super) fn close(&self, lost: &Lost) {
        let mut sessions = self.lock();
        sessions.lost = Some(lost.clone());
        let was_ready = sessions.ready_by.is_none();
        let entries = std::mem::take(&mut sessions.entries);
        drop(sessions);
        let now = Instant::now();
        for entry in entries.into_values() {
            let is_late = entry.waiting.as_ref().is_some_and(|it| it.by <= now);
            let lost = match lost {
                Lost::Crashed(_) if is_late && was_ready => &Lost::Late,
                other => other,
            };
            lose(entry.waiting, lost);
        }
    }
}

impl Entry {
    /// The time by which the process has to do something about it. A session is not ended before it is begun.
    fn due(&self, ready_by: Option<Instant>) -> Option<Instant> {
        let end = match ready_by {
            None => self.end_by,
            Some(_) => None,
        };
        let answer = self.waiting.as_ref().map(|waiting| waiting.by);
        [end, answer].into_iter().flatten().min()
    }
}

fn lose(waiting: Option<Waiting>, lost: &Lost) {
    if let Some(waiting) = waiting {
        // A caller that has gone away need not know.
        let _ = waiting.answer.send(Err(lost.clone()));
    }
}
