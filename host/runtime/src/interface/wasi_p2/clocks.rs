//! Clocks that show the time of the policy, and never how much time passes.
//!
//! The monotonic clock advances by a step each time it is read, so that a guest that polls it makes progress, and by
//! the time that the guest sleeps, which takes no time. A guest therefore finds the same time in every run of the same
//! policy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

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
pub(super) struct SteppedClock(Arc<AtomicU64>);

impl SteppedClock {
    fn advance(&self, to: impl Fn(u64) -> u64) -> u64 {
        let next = |now| Some(to(now));
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        self.0.fetch_update(set, get, next).unwrap_or_default()
    }

    fn peek(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
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
}

#[async_trait::async_trait]
impl Pollable for Alarm {
    async fn ready(&mut self) {
        self.clock.advance(|now| now.max(self.at));
    }
}

/// A reading of a clock.
const READ: Price = Price::of_call(WASI_CALL_PRICE);
/// A pollable, and the timer behind it.
const TIMER: Price = Price::of_call(2 * WASI_CALL_PRICE).holding(512);

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
        let alarm = self.table.push(Alarm { clock, at })?;
        subscribe(&mut self.table, alarm)
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
