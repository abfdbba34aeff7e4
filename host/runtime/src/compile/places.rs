//! The places of worker processes: a bounded number of them runs at the same time, and loads wait for one in turn.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::compiler::LOOK;

/// The places of one runtime.
pub(crate) struct Places {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    free: u32,
    next: u64,
    /// The numbers of those that wait, in the order in which they came.
    waiting: VecDeque<u64>,
}

/// A place that is held, given back when dropped.
pub(crate) struct Place(Arc<Places>);

impl Places {
    /// As many places as the machine has processors, or `most`, and at least one.
    pub(crate) fn new(most: Option<u32>) -> Places {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let most = most.unwrap_or_else(|| u32::try_from(processors()).unwrap_or(u32::MAX));
        Places {
            state: Mutex::new(State {
                free: most.max(1),
                next: 0,
                waiting: VecDeque::new(),
            }),
            freed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place. `None` when the caller gave up: then it holds none and waits no more.
    pub(crate) fn take(this: &Arc<Places>, cancelled: &AtomicBool) -> Option<Place> {
        let mut state = this.state();
        let number = state.next;
        state.next += 1;
        state.waiting.push_back(number);
        while state.free == 0 || state.waiting.front() != Some(&number) {
            if cancelled.load(Ordering::Relaxed) {
                state.waiting.retain(|waiting| *waiting != number);
                // The next one may have been behind this one alone.
                this.freed.notify_all();
                return None;
            }
            let waited = this.freed.wait_timeout(state, LOOK);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.pop_front();
        state.free -= 1;
        this.freed.notify_all();
        Some(Place(Arc::clone(this)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.state().free += 1;
        self.0.freed.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    static GOES_ON: AtomicBool = AtomicBool::new(false);

    #[test]
    fn no_more_are_held_than_there_are() {
        let places = Arc::new(Places::new(Some(2)));
        let (held, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let place = Places::take(&places, &GOES_ON).unwrap();
                    most.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(10));
                    held.fetch_sub(1, Ordering::SeqCst);
                    drop(place);
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        assert_eq!(places.state().free, 2);
        assert_eq!(Places::new(Some(0)).state().free, 1);
    }

    /// One that gives up leaves its place in the row to those behind it.
    #[test]
    fn who_gives_up_waits_no_more() {
        let places = Arc::new(Places::new(Some(1)));
        let place = Places::take(&places, &GOES_ON).unwrap();
        let gives_up = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| Places::take(&places, &gives_up).is_none());
            while places.state().waiting.is_empty() {
                std::thread::yield_now();
            }
            let second = scope.spawn(|| Places::take(&places, &GOES_ON).is_some());
            gives_up.store(true, Ordering::Relaxed);
            assert!(first.join().unwrap());
            drop(place);
            assert!(second.join().unwrap());
        });
        assert!(places.state().waiting.is_empty());
    }
}
