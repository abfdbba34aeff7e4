//! The wakes of a call: whether its guest goes on at once, or waits for something.
//!
//! A guest yields every few microseconds, so that the clock is looked at. The way through the executor and back takes a
//! microsecond, in which one without other tasks asks the kernel for events, and is a sixth of the time of some guests. So a call
//! that has woken itself is polled again, for a while, before its executor gets the thread.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// The time for which a call keeps its thread: that of the executor is a hundredth of it. As long is the wait of a task
/// behind each guest that does nothing but compute.
const TURN: Duration = Duration::from_micros(100);

/// No wake came since the poll began.
const POLLED: u8 = 0;
/// One came, and its task is not told.
const WOKEN: u8 = 1;
/// The task waits for one.
const WAITING: u8 = 2;

/// The turns of a call.
pub(super) struct Turns {
    wakes: Arc<Wakes>,
    /// Of `wakes`.
    waker: Waker,
    /// The start of this turn.
    start: Instant,
}

struct Wakes {
    state: AtomicU8,
    task: Mutex<Waker>,
}

impl Turns {
    /// For a call whose task has this waker.
    pub(super) fn new(task: &Waker, now: Instant) -> Turns {
        let wakes = Arc::new(Wakes {
            state: AtomicU8::new(WAITING),
            task: Mutex::new(task.clone()),
        });
        Turns {
            waker: Waker::from(Arc::clone(&wakes)),
            wakes,
            start: now,
        }
    }

    /// Begins a turn: the task was given its thread.
    pub(super) fn begin(&mut self, task: &Waker, now: Instant) {
        self.start = now;
        let mut known = self
            .wakes
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !known.will_wake(task) {
            known.clone_from(task);
        }
    }

    /// Polls with a waker that notes wakes.
    pub(super) fn poll<T>(&self, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.wakes.state.store(POLLED, Ordering::Release);
        poll(&mut Context::from_waker(&self.waker))
    }

    /// Whether a call that was pending is to be polled again now. If not, its task is woken once it is to be polled.
    pub(super) fn goes_on(&self, now: Instant) -> bool {
        let (set, get) = (Ordering::AcqRel, Ordering::Acquire);
        let waits = self.wakes.state.compare_exchange(POLLED, WAITING, set, get);
        if waits.is_ok() {
            return false;
        }
        if now.saturating_duration_since(self.start) >= TURN {
            self.wakes.tell();
            return false;
        }
        true
    }
}

impl Wakes {
    fn tell(&self) {
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        task.wake();
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Wakes>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Wakes>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == WAITING {
            self.tell();
        }
    }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
