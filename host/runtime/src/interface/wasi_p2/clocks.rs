//! Clocks that show the time of the policy.
//!
//! The monotonic clock advances by a step each time it is read, so that a guest that polls it makes progress, and by
//! the time that the guest sleeps, which takes no time. A guest therefore finds the same time in every run of the same
//! policy.
//!
//! While something outside is pending (a request, or another pollable that the guest waits for beside the timer), a timer
//! takes its real time, and the clock advances by it: otherwise each time-out of a guest would be met at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
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
    /// Requests that are under way.
    pending: AtomicUsize,
    /// The guest waits for something else beside a timer.
    beside: AtomicBool,
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
        self.0.beside.load(Ordering::Relaxed) || self.0.pending.load(Ordering::Relaxed) > 0
    }

    /// Time passes until the result is dropped.
    pub(super) fn pending(&self) -> Pending {
        self.0.pending.fetch_add(1, Ordering::Relaxed);
        Pending(self.clone())
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
        self.0.0.pending.fetch_sub(1, Ordering::Relaxed);
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
            // In whole steps, as the clock has them.
            let waited = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let to = self.from.saturating_add(waited - waited % STEP);
            self.clock.advance(|now| now.max(to));
        }
    }
}

impl HostMonotonicClock for SteppedClock {
    fn resolution(&self) -> u64 {
        STEP
    }

    fn now(&self) -> u64 {
        self.advance(|now| now.saturating_add(STEP))
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

    /// Of `pollables`, whether one is a timer, and whether one is something else.
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
