//! Clocks that show the time of the policy.
//!
//! The monotonic clock advances by a step each time it is read, so that a guest that polls it makes progress, and by
//! the time that the guest sleeps, which takes no time. A guest therefore finds the same time in every run of the same
//! policy.
//!
//! While something outside is pending (a request, or another pollable that the guest waits for beside the timer), a timer
//! takes its real time, and the clock advances by it: otherwise each time-out of a guest would be met at once. While a
//! request is pending, a reading shows the time that has passed and adds no step, since a guest may look at the clock
//! between two looks at its request.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::component::Resource;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use super::Wasi;
use super::door::Door;
use crate::call::context::CallContext;
use tollgate_capability::{Price, WASI_CALL_PRICE, Work};

/// The step by which a reading advances the clock: a millisecond. A guest that polls for a second needs 1,000 of its
/// default 10,000 host calls.
const STEP: u64 = 1_000_000;

/// A wall clock that stands still, at the given number of seconds since 1970.
pub(super) struct FixedWallClock(pub(super) u64);

impl HostWallClock for FixedWallClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(self.0)
    }
}

/// A monotonic clock in nanoseconds that advances when it is read and when the guest sleeps.
#[derive(Clone, Default)]
pub(super) struct SteppedClock(Arc<Stepped>);

#[derive(Default)]
struct Stepped {
    now: AtomicU64,
    outside: Mutex<Option<Outside>>,
    /// The guest waits for something else beside a timer.
    beside: AtomicBool,
}

/// Requests that are under way.
struct Outside {
    count: usize,
    /// The real time at which the first of them began, and the clock's.
    since: Instant,
    from: u64,
}

impl SteppedClock {
    fn advance(&self, to: impl Fn(u64) -> u64) -> u64 {
        let next = |now| Some(to(now));
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let set = self.0.now.fetch_update(set, get, next);
        set.unwrap_or_default()
    }

    fn peek(&self) -> u64 {
        self.0.now.load(Ordering::Relaxed)
    }

    /// Whether time passes: something outside is pending.
    fn passes(&self) -> bool {
        self.0.beside.load(Ordering::Relaxed) || self.outside().is_some()
    }

    /// Time passes until the result is dropped.
    pub(super) fn pending(&self) -> Pending {
        let begun = || Outside {
            count: 0,
            since: Instant::now(),
            from: self.peek(),
        };
        let mut outside = self.outside();
        let outside = outside.get_or_insert_with(begun);
        outside.count = outside.count.saturating_add(1);
        Pending(self.clone())
    }

    fn outside(&self) -> MutexGuard<'_, Option<Outside>> {
        self.0
            .outside
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The guest waits for a timer, and for something else if `beside`, until the result is dropped.
    fn wait(&self, beside: bool) -> Waiting {
        self.0.beside.store(beside, Ordering::Relaxed);
        Waiting {
            passes: self.passes(),
            clock: self.clone(),
            from: self.peek(),
            since: Instant::now(),
        }
    }
}

/// Something outside that the guest may wait for.
pub(super) struct Pending(SteppedClock);

impl Drop for Pending {
    fn drop(&mut self) {
        let mut outside = self.0.outside();
        let left = outside.take().filter(|outside| outside.count > 1);
        *outside = left.map(|outside| Outside {
            count: outside.count.saturating_sub(1),
            ..outside
        });
    }
}

/// A wait of the guest's.
pub(super) struct Waiting {
    clock: SteppedClock,
    passes: bool,
    from: u64,
    since: Instant,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.clock.0.beside.store(false, Ordering::Relaxed);
        if self.passes {
            let to = later(self.from, self.since);
            self.clock.advance(|now| now.max(to));
        }
    }
}

/// The time `from` plus the time that has passed since, in whole steps of the clock.
fn later(from: u64, since: Instant) -> u64 {
    let passed = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
    from.saturating_add(passed - passed % STEP)
}

impl HostMonotonicClock for SteppedClock {
    fn resolution(&self) -> u64 {
        STEP
    }

    fn now(&self) -> u64 {
        let outside = self.outside();
        let shown = outside.as_ref().map(|it| later(it.from, it.since));
        match shown {
            None => self.advance(|now| now.saturating_add(STEP)),
            Some(shown) => shown.max(self.advance(|now| now.max(shown))),
        }
    }
}

/// A sleep until a time on a virtual clock.
struct Alarm {
    clock: SteppedClock,
    at: u64,
    /// The real time of its end, once it has begun to take real time.
    until: Option<tokio::time::Instant>,
}

#[async_trait::async_trait]
impl Pollable for Alarm {
    async fn ready(&mut self) {
        let left = self.at.saturating_sub(self.clock.peek());
        if left > 0 && self.clock.passes() {
            let now = tokio::time::Instant::now();
            let end = || now.checked_add(Duration::from_nanos(left));
            match self.until.or_else(end) {
                Some(until) => {
                    self.until = Some(until);
                    tokio::time::sleep_until(until).await;
                }
                // Later than the clock of the system goes, and than any deadline.
                None => std::future::pending().await,
            }
        }
        self.clock.advance(|now| now.max(self.at));
    }
}

/// The timers of a store, by their entries in the resource table.
#[derive(Default)]
pub(super) struct Alarms(BTreeSet<u32>);

impl Alarms {
    pub(super) fn forget(&mut self, pollable: u32) {
        self.0.remove(&pollable);
    }

    /// Whether one of `pollables` is a timer, and whether one is not.
    fn among(&self, pollables: impl Iterator<Item = u32>) -> (bool, bool) {
        pollables.fold((false, false), |(timer, other), pollable| {
            match self.0.contains(&pollable) {
                true => (true, other),
                false => (timer, true),
            }
        })
    }
}

impl Wasi {
    /// The wait for `pollables` on a stepped clock. Time that passes in a wait without a timer is not shown.
    pub(super) fn wait(&self, pollables: impl Iterator<Item = u32>) -> Option<Waiting> {
        let ticks = self.ticks.as_ref()?;
        let (timer, other) = self.alarms.among(pollables);
        timer.then(|| ticks.wait(other))
    }
}

/// A reading of a clock.
const READ: Price = Price::of_call(WASI_CALL_PRICE);
/// A pollable, and the timer behind it.
const TIMER: Price = Price::of_call(2 * WASI_CALL_PRICE).holding(576);

impl wall_clock::Host for Door<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let state = self.enter(&READ, Work::NONE)?;
        wall_clock::Host::now(&mut state.clocks())
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let state = self.enter(&READ, Work::NONE)?;
        wall_clock::Host::resolution(&mut state.clocks())
    }
}

impl CallContext {
    fn alarm(&mut self, clock: SteppedClock, at: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let alarm = Alarm {
            clock,
            at,
            until: None,
        };
        let alarm = self.table.push(alarm)?;
        let pollable = subscribe(&mut self.table, alarm)?;
        self.wasi.alarms.0.insert(pollable.rep());
        Ok(pollable)
    }
}

impl monotonic_clock::Host for Door<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        let state = self.enter(&READ, Work::NONE)?;
        monotonic_clock::Host::now(&mut state.clocks())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        let state = self.enter(&READ, Work::NONE)?;
        monotonic_clock::Host::resolution(&mut state.clocks())
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let state = self.enter(&TIMER, Work::NONE)?;
        let timer = match state.wasi.ticks.clone() {
            Some(ticks) => state.alarm(ticks, when),
            None => monotonic_clock::Host::subscribe_instant(&mut state.clocks(), when),
        };
        Ok(state.keep(timer?, TIMER.holds)?)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let state = self.enter(&TIMER, Work::NONE)?;
        let timer = match state.wasi.ticks.clone() {
            Some(ticks) => {
                let at = ticks.peek().saturating_add(duration);
                state.alarm(ticks, at)
            }
            None => monotonic_clock::Host::subscribe_duration(&mut state.clocks(), duration),
        };
        Ok(state.keep(timer?, TIMER.holds)?)
    }
}
