//! What wakes the thread that looks after a folder, and lets it sleep until a storm is over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A storm that does not end is looked into after so many times the pause that would end it.
const MAX_DEBOUNCE: u32 = 10;

/// Everything that happened since the last look, in a few bytes: however many events there are, they ask for one
/// look, and a queue of them would only grow.
#[derive(Default)]
pub(super) struct Wakeup {
    told: Mutex<Pending>,
    bell: Condvar,
    /// The folder is no longer wanted. A compile worker that runs for it checks this, too.
    pub(super) stopped: AtomicBool,
}

#[derive(Default)]
struct Pending {
    /// When the first and the last event came.
    events: Option<(Instant, Instant)>,
    /// A rescan of everything is asked for, now.
    asked: bool,
    /// The folder is not where it was.
    moved: bool,
}

/// Why to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RescanReason {
    /// What failed is tried again although nothing changed.
    pub(super) asked: bool,
    /// What the system watches may not be the folder any more.
    pub(super) moved: bool,
}

impl Wakeup {
    /// Something happened in the folder.
    pub(super) fn emit(&self, moved: bool) {
        let now = Instant::now();
        let mut told = self.lock();
        let first = told.events.map_or(now, |(first, _)| first);
        told.events = Some((first, now));
        told.moved |= moved;
        drop(told);
        self.bell.notify_all();
    }

    /// Asks for a rescan.
    pub(super) fn ask(&self) {
        self.lock().asked = true;
        self.bell.notify_all();
    }

    /// Nobody wants one any more.
    pub(super) fn stop(&self) {
        // Under the lock, or a thread that is about to wait would not hear the bell.
        let told = self.lock();
        self.stopped.store(true, Ordering::Relaxed);
        drop(told);
        self.bell.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Waits until it is time for a rescan: at once when one is asked for, after `debounce` without events when there
    /// were some, and after `poll_interval` when there were none. `None` when the folder is no longer wanted.
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

    #[test]
    fn events_are_waited_out_and_no_storm_is_waited_for() {
        let wake = Wakeup::default();
        wake.emit(false);
        let start = Instant::now();
        assert_eq!(wake.wait(SHORT, LONG), Some(RescanReason::default()));
        assert!(start.elapsed() >= SHORT / 2, "it waited for more");
        // What happened is forgotten with the look.
        let start = Instant::now();
        assert_eq!(wake.wait(LONG, SHORT), Some(RescanReason::default()));
        assert!(start.elapsed() >= SHORT);
        std::thread::scope(|scope| {
            let storm = scope.spawn(|| {
                while !wake.is_stopped() {
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
        });
        assert_eq!(wake.wait(LONG, LONG), None);
    }

    /// As a pause that never ends, which is no reason for the thread to end.
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
