//! The sessions of one process, as the host counts them: each with its slot and its limits, with the call that it is in,
//! and with the time at which an answer is overdue.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tollgate_capability::Audit;
use tollgate_policy::{Grants, Limits};
use tracing::Dispatch;

use crate::engine::admission::Slot;
use crate::interface::wasi_p2::HeldSlot;

/// The time in which a process answers after the deadline of a call, and in which it ends a session. One that takes
/// longer is killed.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The time in which a process is ready for calls: a hundred times the time that it takes on a machine without other
/// work.
const START: Duration = Duration::from_secs(10);

/// Sessions that have ended and may still be mentioned: as many as the jobs that a process has at once. A job that
/// blocks outlives its call, and its decisions are told late.
const REMEMBERED: usize = 64;

/// Decisions for each host call, beside those on all names of a grant: on a request, on its redirects, and on the
/// addresses and files that they reach.
const DECISIONS: u64 = 64;

/// The decisions that a process may tell from now on, when a call of at most `more` begins and `left` were not told. A job
/// of the call before may tell its own late; what earlier calls left is not for a flood of events at once.
fn allowed(left: u64, more: u64) -> u64 {
    left.min(more).saturating_add(more)
}

/// The most decisions of one host call: it may ask for all that a policy names of a kind.
pub(super) fn decisions_at_once(grants: &Grants) -> u64 {
    // Whole, so that a new grant is looked at: one host call decides on one request of these, or on none.
    let Grants {
        log: _,
        hash: _,
        store: _,
        config,
        http: _,
        files: _,
        wasi,
        interfaces: _,
        stub: _,
    } = grants;
    let settings = config.as_ref().map_or(0, |settings| settings.len());
    let wasi = wasi.as_ref().map_or(0, |wasi| {
        let folders = wasi.preopens.len();
        folders.saturating_add(wasi.env.len().saturating_add(wasi.env_from_host.len()))
    });
    let named = settings.saturating_add(wasi) as u64;
    DECISIONS.saturating_add(named)
}

/// The sessions of a process, shared by the callers, the thread that keeps the process and the one that listens to it.
#[derive(Clone)]
pub(super) struct Table(Arc<Mutex<Sessions>>);

struct Sessions {
    entries: HashMap<u64, Entry>,
    next: u64,
    /// The sessions that have ended last, with the decisions that may still be told of them.
    ended: VecDeque<(u64, Noted)>,
    /// Decisions that may be told of those before, and are noted nowhere.
    forgotten: u64,
    /// The time by which the process is ready; `None` when it is.
    ready_by: Option<Instant>,
    /// Why the process has ended, once it has.
    lost: Option<Lost>,
}

/// One session.
struct Entry {
    limits: Arc<Limits>,
    noted: Noted,
    waiting: Option<Waiting>,
    /// The thread that reads the standard input of the session, if it is read as the process asks.
    stdin: Option<SyncSender<()>>,
    /// The time by which the session is gone, once it was told to end.
    end_by: Option<Instant>,
    /// Given back when the process has ended the session, and the thread that reads its input.
    slot: Arc<Slot>,
}

/// The receivers of the decisions of a session.
struct Noted {
    audit: Arc<Audit>,
    /// The subscriber of its last call.
    dispatch: Dispatch,
    /// Decisions that the process may still tell of.
    left: u64,
}

/// Whether a decision can be one of a session.
pub(super) enum Decides {
    /// It is noted here.
    In(Arc<Audit>, Dispatch),
    /// It is of a session that ended long ago, and is noted nowhere.
    Forgotten,
    /// No call can make as many.
    TooMany,
    /// There never was such a session.
    NoSession,
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
    /// It ended, by this signal if by one, or sent a forbidden message and was killed.
    Crashed(Option<i32>),
}

impl Table {
    pub(super) fn new() -> Table {
        Table(Arc::new(Mutex::new(Sessions {
            entries: HashMap::new(),
            next: 1,
            ended: VecDeque::new(),
            forgotten: 0,
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
                noted: Noted {
                    audit,
                    dispatch: Dispatch::none(),
                    left: 0,
                },
                waiting: None,
                stdin: None,
                end_by: None,
                slot: Arc::new(slot),
            },
        );
        Ok(id)
    }

    /// Notes that a call begins, of which one host call makes at most `decisions`.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub(super) fn begin(
        &self,
        id: u64,
        deadline: Instant,
        decisions: u64,
    ) -> Result<oneshot::Receiver<Answered>, Lost> {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let mut sessions = self.lock();
        let lost = sessions.lost.clone();
        let entry = sessions.entries.get_mut(&id);
        let entry = entry.ok_or_else(|| lost.unwrap_or(Lost::Crashed(None)))?;
        let (answer, answered) = oneshot::channel();
        entry.noted.dispatch = dispatch;
        entry.waiting = Some(Waiting {
            answer,
            by: deadline.checked_add(GRACE).unwrap_or(deadline),
        });
        let calls = entry.limits.host_calls.saturating_add(1);
        entry.noted.left = allowed(entry.noted.left, calls.saturating_mul(decisions));
        Ok(answered)
    }

    /// The slot of a session in the runtime.
    pub(super) fn slot(&self, id: u64) -> Option<HeldSlot> {
        let sessions = self.lock();
        let slot = Arc::clone(&sessions.entries.get(&id)?.slot);
        Some(slot)
    }

    /// Notes the thread that a session asks for its standard input.
    pub(super) fn set_stdin(&self, id: u64, ask: SyncSender<()>) {
        if let Some(entry) = self.lock().entries.get_mut(&id) {
            entry.stdin = Some(ask);
        }
    }

    /// Asks for a piece of a session's standard input. Whether the session may ask: it has one, and does not ask for more
    /// than it waits for. After the end of the input no thread hears it.
    pub(super) fn ask(&self, id: u64) -> bool {
        let sessions = self.lock();
        let entry = sessions.entries.get(&id);
        let Some(stdin) = entry.and_then(|entry| entry.stdin.as_ref()) else {
            return false;
        };
        may_ask(stdin)
    }

    /// Notes that a session is to end. Whether the process has to be told.
    pub(super) fn end(&self, id: u64) -> bool {
        let mut sessions = self.lock();
        let Some(entry) = sessions.entries.get_mut(&id) else {
            return false;
        };
        // Its caller is gone, so an answer that is under way has no receiver.
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

    /// Whether there is or was such a session.
    pub(super) fn knows(&self, id: u64) -> bool {
        (1..self.lock().next).contains(&id)
    }

    /// The receiver of a decision in a session. A session that has ended may have made decisions that are told late.
    pub(super) fn decision(&self, id: u64) -> Decides {
        if !self.knows(id) {
            return Decides::NoSession;
        }
        let mut sessions = self.lock();
        let sessions = &mut *sessions;
        let ended = sessions.ended.iter_mut().find(|(ended, _)| *ended == id);
        let noted = match sessions.entries.get_mut(&id) {
            Some(entry) => Some(&mut entry.noted),
            None => ended.map(|(_, noted)| noted),
        };
        let left = match &noted {
            Some(noted) => noted.left,
            None => sessions.forgotten,
        };
        let Some(left) = left.checked_sub(1) else {
            return Decides::TooMany;
        };
        match noted {
            Some(noted) => {
                noted.left = left;
                if Arc::strong_count(&noted.audit) == 1 {
                    // No report of it is made any more.
                    drop(noted.audit.take_denials());
                }
                Decides::In(Arc::clone(&noted.audit), noted.dispatch.clone())
            }
            None => {
                sessions.forgotten = left;
                Decides::Forgotten
            }
        }
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
        let mut sessions = self.lock();
        let Some(entry) = sessions.entries.remove(&id) else {
            return false;
        };
        sessions.remember(id, entry.noted);
        drop(sessions);
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

    /// Whether the process is late with an answer.
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

impl Sessions {
    /// Keeps the decisions that may be told of a session that has ended, in the place of the one that ended first.
    fn remember(&mut self, id: u64, noted: Noted) {
        self.ended.push_back((id, noted));
        if self.ended.len() > REMEMBERED
            && let Some((_, first)) = self.ended.pop_front()
        {
            self.forgotten = self.forgotten.saturating_add(first.left);
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

/// Asks a thread that reads for input. Returns whether it had received the request before.
fn may_ask(stdin: &SyncSender<()>) -> bool {
    !matches!(stdin.try_send(()), Err(TrySendError::Full(())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#[path = "table_tests.rs"]
mod tests;
