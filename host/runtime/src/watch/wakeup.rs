//! The wake-up of the watcher thread: it sleeps until events have stopped for a while, or a rescan is due.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Events that do not stop delay a rescan by at most this multiple of `debounce`.
const MAX_DEBOUNCE: u32 = 10;

/// All events since the last rescan, in a few bytes. Any number of events leads to one rescan, so a queue of them would
/// only grow.
#[derive(Default)]
pub(super) struct Wakeup {
    told: Mutex<Pending>,
    bell: Condvar,
    /// The last handle of the folder was dropped. A compile worker of the folder checks this, too.
    pub(super) stopped: AtomicBool,
}

#[derive(Default)]
struct Pending {
    /// The times of the first and the last event.
    events: Option<(Instant, Instant)>,
    /// A rescan of everything is requested now.
    asked: bool,
    /// The folder was moved or removed.
    moved: bool,
}

/// The reason for a rescan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RescanReason {
    /// Failed components are retried although nothing changed.
    pub(super) asked: bool,
    /// The folder that the system watches may be another one by now.
    pub(super) moved: bool,
}

impl Wakeup {
    /// Records an event in the folder.
    pub(super) fn emit(&self, moved: bool) {
        let now = Instant::now();
        let mut told = self.lock();
        let first = told.events.map_or(now, |(first, _)| first);
        told.events = Some((first, now));
        told.moved |= moved;
        drop(told);
        self.bell.notify_all();
    }

    /// Requests a rescan.
    pub(super) fn ask(&self) {
        self.lock().asked = true;
        self.bell.notify_all();
    }

    /// Ends the watcher thread.
    pub(super) fn stop(&self) {
        // The lock is needed: a thread between its check of `stopped` and its wait would miss the notification.
        let told = self.lock();
        self.stopped.store(true, Ordering::Relaxed);
        drop(told);
        self.bell.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Waits until a rescan is due: at once when one is requested, after `debounce` without events if there were some,
    /// and after `poll_interval` if there were none. Returns `None` when the last handle of the folder was dropped.
    pub(super) fn wait(&self, debounce: Duration, poll_interval: Duration) -> Option<RescanReason> {
        let start = Instant::now();
        let mut told = self.lock();
        loop {
            if self.is_stopped() {
                return None;
            }
            let due = match told.events {
                _ if told.asked => Duration::ZERO,
                Some((first, last)) => {
                    let quiet = debounce.saturating_sub(last.elapsed());
                    quiet.min(
                        debounce
                            .saturating_mul(MAX_DEBOUNCE)
                            .saturating_sub(first.elapsed()),
                    )
                }
                None => poll_interval.saturating_sub(start.elapsed()),
            };
            if due.is_zero() {
                let Pending { asked, moved, .. } = std::mem::take(&mut *told);
                return Some(RescanReason { asked, moved });
            }
            let waited = self.bell.wait_timeout(told, due);
            (told, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(30);
    const STORM: Duration = Duration::from_secs(20);

    #[test]
    fn events_are_waited_out_and_no_storm_is_waited_for() {
        let wake = &Wakeup::default();
        wake.emit(false);
        let start = Instant::now();
        assert_eq!(wake.wait(SHORT, LONG), Some(RescanReason::default()));
        assert!(start.elapsed() >= SHORT / 2, "it waited for more");
        // The rescan has taken the events.
        let start = Instant::now();
        assert_eq!(wake.wait(LONG, SHORT), Some(RescanReason::default()));
        assert!(start.elapsed() >= SHORT);
        std::thread::scope(|scope| {
            let begun = Instant::now();
            let storm = scope.spawn(move || {
                // It ends, so that a wait for its end is a failure and no hang.
                while !wake.is_stopped() && begun.elapsed() < STORM {
                    wake.emit(true);
                    std::thread::yield_now();
                }
            });
            let start = Instant::now();
            let look = wake.wait(SHORT, LONG).unwrap();
            wake.stop();
            storm.join().unwrap();
            assert!(look.moved && !look.asked);
            assert!(start.elapsed() >= SHORT * MAX_DEBOUNCE);
            assert!(begun.elapsed() < STORM, "the storm was waited for");
        });
        assert_eq!(wake.wait(LONG, LONG), None);
    }

    /// The longest pause never ends, and does not end the thread.
    #[test]
    fn the_longest_pause_is_one() {
        let wake = Wakeup::default();
        wake.emit(false);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| wake.wait(Duration::MAX, Duration::MAX));
            std::thread::sleep(SHORT);
            wake.ask();
            assert!(waits.join().unwrap().unwrap().asked);
        });
    }

    #[test]
    fn who_asks_does_not_wait() {
        let wake = Wakeup::default();
        wake.emit(false);
        wake.ask();
        assert!(wake.wait(LONG, LONG).unwrap().asked);
    }
}
