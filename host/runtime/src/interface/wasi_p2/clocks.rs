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
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::Host;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use crate::call::context::CallContext;

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

impl CallContext {
    fn alarm(&mut self, clock: SteppedClock, at: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.call.meter.count_wasi();
        let alarm = self.table.push(Alarm { clock, at })?;
        subscribe(&mut self.table, alarm)
    }
}

impl Host for CallContext {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.clocks().now()
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.clocks().resolution()
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        match self.wasi.ticks.clone() {
            Some(ticks) => self.alarm(ticks, when),
            None => self.clocks().subscribe_instant(when),
        }
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        match self.wasi.ticks.clone() {
            Some(ticks) => {
                let at = ticks.peek().saturating_add(duration);
                self.alarm(ticks, at)
            }
            None => self.clocks().subscribe_duration(duration),
        }
    }
}
