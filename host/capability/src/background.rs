//! Host work that continues beside a guest, and the time at which its call was last polled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::LimitReached;

/// The fuel that a store owes for host work beside the guest, such as reading a response. The guest pays it when it comes
/// back from a host call. Clones are of the same store.
#[derive(Clone)]
pub struct Background(Arc<PollClock>);

#[derive(Default)]
struct Owed {
    fuel: AtomicU64,
    /// The fuel that the guest had when it last called the host.
    room: AtomicU64,
    out_of_memory: AtomicBool,
}

impl Background {
    /// Charges for work before it is done.
    ///
    /// # Errors
    ///
    /// The limit `fuel`, which ends the call when the guest comes back.
    pub fn charge(&self, fuel: u64) -> Result<(), LimitReached> {
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let more = |owed: u64| Some(owed.saturating_add(fuel));
        let before = self
            .0
            .owed
            .fuel
            .fetch_update(set, get, more)
            .unwrap_or(u64::MAX);
        match before.saturating_add(fuel) > self.0.owed.room.load(Ordering::Relaxed) {
            true => Err(LimitReached::Fuel),
            false => Ok(()),
        }
    }

    /// Ends the call when the guest comes back, since it lacks host memory.
    pub fn lacks_memory(&self) {
        self.0.owed.out_of_memory.store(true, Ordering::Relaxed);
    }

    /// The work of the clock's store.
    pub(crate) fn of(clock: &Arc<PollClock>) -> Background {
        Background(Arc::clone(clock))
    }

    /// Notes the fuel that the guest has when it calls the host.
    pub(crate) fn set_room(&self, fuel: u64) {
        self.0.owed.room.store(fuel, Ordering::Relaxed);
    }

    /// The fuel that is owed.
    pub(crate) fn owed(&self) -> u64 {
        self.0.owed.fuel.load(Ordering::Relaxed)
    }

    /// The fuel that is owed, and from then on is not.
    pub(crate) fn take(&self) -> Result<u64, LimitReached> {
        match self.0.owed.out_of_memory.load(Ordering::Relaxed) {
            true => Err(LimitReached::HostMemory),
            false => Ok(self.0.owed.fuel.swap(0, Ordering::Relaxed)),
        }
    }
}

/// The time at which the call was last polled and so given its thread; and the debt beside it, which is shared as well.
pub struct PollClock {
    start: Instant,
    last: AtomicU64,
    polls: AtomicU64,
    /// Microseconds of the call for which it stood still.
    stood: AtomicU64,
    owed: Owed,
}

impl PollClock {
    /// The clock of a store that is made now.
    #[expect(clippy::new_without_default, reason = "it looks at the time")]
    pub fn new() -> PollClock {
        PollClock {
            start: Instant::now(),
            last: AtomicU64::new(0),
            polls: AtomicU64::new(0),
            stood: AtomicU64::new(0),
            owed: Owed::default(),
        }
    }

    /// Notes that the call is polled.
    pub fn begin(&self, now: Instant) {
        let since = now.saturating_duration_since(self.start).as_micros();
        self.last
            .store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
        // Polls of one call come one after the other.
        let polls = self.polls().wrapping_add(1);
        self.polls.store(polls, Ordering::Relaxed);
    }

    /// Notes that the call stood still for so long, while a question was open.
    pub fn stand(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let stood = self.stood.load(Ordering::Relaxed).saturating_add(time);
        self.stood.store(stood, Ordering::Relaxed);
    }

    /// Begins to count that time for a call.
    pub(crate) fn stand_anew(&self) {
        self.stood.store(0, Ordering::Relaxed);
    }

    /// A deadline of the call, put off by the time for which the call stood still.
    pub fn later(&self, deadline: Instant) -> Instant {
        let stood = Duration::from_micros(self.stood.load(Ordering::Relaxed));
        deadline.checked_add(stood).unwrap_or(deadline)
    }

    /// The number of polls so far: it tells whether the call has given its thread back between two moments.
    pub fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    /// The time since then.
    pub(crate) fn length(&self, now: Instant) -> Duration {
        let last = Duration::from_micros(self.last.load(Ordering::Relaxed));
        now.saturating_duration_since(self.start)
            .saturating_sub(last)
    }
}
