//! What one call may use and has used: the toll booth every other file pays at.
//!
//! [`Meter`] is the engine's resource limiter, over all memories and tables of the store together; it
//! counts host calls and their bytes; and it keeps the fuel that host work costs until [`hook`] takes it
//! from the guest's budget on the way back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use thiserror::Error;
use tollgate_policy::Limits;
use wasmtime::{CallHook, ResourceLimiter, StoreContextMut};

use crate::profile::Profile;
use crate::state::HostState;

/// Fuel for one host call. Crossing to the host and back takes 0.1 to 0.3 µs, in which a guest would
/// have spent about this much.
pub(crate) const CALL_PRICE: u64 = 500;

/// Fuel for one call of a WASI function. They are another's code, and how many bytes each moves is not
/// seen from here; this covers the 64 KiB that their streams move at most.
pub(crate) const WASI_CALL_PRICE: u64 = 5_000;

/// Fuel for a byte that is copied between guest and host.
pub(crate) const MOVE_PRICE: u64 = 1;

/// Fuel for a byte that is hashed: without hardware support SHA-256 takes 3 to 4 ns for it.
pub(crate) const HASH_PRICE: u64 = 4;

/// How long a guest that lives on host calls may keep its thread before it has to yield: setting its fuel
/// after each of them starts its yield interval anew.
const FAIR_SHARE: Duration = Duration::from_millis(1);

/// Why the host stops a call: the limit itself is in [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Stop {
    #[error("the fuel budget does not cover this host call")]
    Fuel,
    #[error("the deadline has passed")]
    Deadline,
    #[error("too many host calls")]
    HostCalls,
    #[error("too much data in one host call")]
    HostData,
    #[error("too many live resources")]
    Handles,
}

/// Where control is, for telling apart errors that the engine raises without a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In guest code, or not in a call at all.
    Guest,
    /// Between guest and host: the engine is reading arguments or a result out of guest memory.
    Lifting,
    /// In a host function.
    Host,
}

/// Counters of one store. See the module.
pub(crate) struct Meter {
    pub(crate) limits: Arc<Limits>,
    profile: Profile,
    pub(crate) deadline: Instant,
    pub(crate) phase: Phase,
    /// Where control was when the guest last came back from the host, or did not come back.
    pub(crate) host_phase: Phase,
    /// Whether a host function has the guest make room for its result: the guest runs inside of the host call, which
    /// is still to be settled.
    making_room: bool,

    memory: Gauge,
    table: Gauge,

    pub(crate) host_calls: u64,
    pub(crate) host_bytes: u64,
    pub(crate) host_time: Duration,
    /// Host work done and not yet taken from the guest's fuel.
    toll: u64,
    /// Fuel left when the guest called the host.
    purse: u64,
    /// When the guest left for the host.
    left_guest: Instant,
    pub(crate) turns: Arc<Turns>,
}

/// When the call was last given its thread, written by whoever polls it.
pub(crate) struct Turns {
    start: Instant,
    last: AtomicU64,
}

impl Turns {
    fn new() -> Turns {
        Turns {
            start: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    pub(crate) fn begin(&self, now: Instant) {
        let since = now.saturating_duration_since(self.start).as_micros();
        self.last
            .store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn length(&self, now: Instant) -> Duration {
        let last = Duration::from_micros(self.last.load(Ordering::Relaxed));
        now.saturating_duration_since(self.start)
            .saturating_sub(last)
    }
}

/// A sum with a cap: bytes of all memories, or elements of all tables. Neither ever shrinks, so it is also the peak.
#[derive(Default)]
struct Gauge {
    now: u64,
    /// The last growth that was let through, so that it can be taken back if the engine fails it.
    step: u64,
    denied: bool,
}

impl Gauge {
    fn grow(&mut self, current: usize, desired: usize, cap: u64) -> bool {
        self.step = (desired as u64).saturating_sub(current as u64);
        let wanted = self.now.saturating_add(self.step);
        if wanted > cap {
            self.denied = true;
            self.step = 0;
            return false;
        }
        self.now = wanted;
        true
    }

    fn take_back(&mut self) {
        self.now = self.now.saturating_sub(self.step);
        self.step = 0;
    }
}

impl Meter {
    pub(crate) fn new(limits: Arc<Limits>, profile: Profile) -> Meter {
        let now = Instant::now();
        Meter {
            deadline: now,
            limits,
            profile,
            phase: Phase::Guest,
            host_phase: Phase::Guest,
            making_room: false,
            memory: Gauge::default(),
            table: Gauge::default(),
            host_calls: 0,
            host_bytes: 0,
            host_time: Duration::ZERO,
            toll: 0,
            purse: 0,
            left_guest: now,
            turns: Arc::new(Turns::new()),
        }
    }

    /// Starts the counters of a call. Memory and tables belong to the store and stay.
    pub(crate) fn begin_call(&mut self, now: Instant) {
        self.deadline = now + self.limits.deadline;
        self.phase = Phase::Guest;
        self.making_room = false;
        self.memory.denied = false;
        self.table.denied = false;
        self.host_calls = 0;
        self.host_bytes = 0;
        self.host_time = Duration::ZERO;
        self.toll = 0;
        self.turns.begin(now);
    }

    pub(crate) fn memory_peak(&self) -> u64 {
        self.memory.now
    }

    pub(crate) fn table_peak(&self) -> u64 {
        self.table.now
    }

    pub(crate) fn memory_denied(&self) -> bool {
        self.memory.denied
    }

    pub(crate) fn table_denied(&self) -> bool {
        self.table.denied
    }

    /// One call of a host function that moves `bytes` and works on them at `price` fuel each, paid
    /// before the work is done.
    pub(crate) fn charge(&mut self, bytes: u64, price: u64) -> Result<(), Stop> {
        self.phase = Phase::Host;
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > self.limits.host_calls {
            return Err(Stop::HostCalls);
        }
        self.pay(CALL_PRICE, bytes, price)
    }

    /// More bytes for the host call under way: what it sends back, or finds out to be larger.
    pub(crate) fn charge_more(&mut self, bytes: u64, price: u64) -> Result<(), Stop> {
        self.pay(0, bytes, price)
    }

    /// A fixed price for the host call under way, beside that of its bytes.
    pub(crate) fn charge_fixed(&mut self, price: u64) -> Result<(), Stop> {
        self.pay(price, 0, 0)
    }

    /// Bytes that the guest's fuel still pays for, at [`MOVE_PRICE`] each.
    pub(crate) fn affords(&self) -> u64 {
        const { assert!(MOVE_PRICE == 1) };
        self.purse.saturating_sub(self.toll)
    }

    fn pay(&mut self, fixed: u64, bytes: u64, price: u64) -> Result<(), Stop> {
        self.host_bytes = self.host_bytes.saturating_add(bytes);
        self.toll = self
            .toll
            .saturating_add(fixed)
            .saturating_add(bytes.saturating_mul(price));
        if self.toll > self.purse {
            return Err(Stop::Fuel);
        }
        Ok(())
    }

    /// One call of a WASI function. It cannot be refused from here; [`hook`] stops the guest when the
    /// call comes back.
    pub(crate) fn count_wasi(&mut self) {
        self.phase = Phase::Host;
        self.host_calls = self.host_calls.saturating_add(1);
        self.toll = self.toll.saturating_add(WASI_CALL_PRICE);
    }

    /// Whether the guest has had its thread for long enough that a host function should yield.
    pub(crate) fn turn_is_over(&self) -> bool {
        self.turns.length(self.left_guest) > FAIR_SHARE
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.memory.grow(current, desired, self.limits.memory))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self
            .table
            .grow(current, desired, self.limits.table_elements))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.limits.instances as usize
    }

    fn tables(&self) -> usize {
        self.limits.instances as usize
    }

    fn memories(&self) -> usize {
        self.limits.instances as usize
    }
}

/// Runs on every step between guest and host, the engine's own helpers (growing a memory, yielding)
/// included.
pub(crate) fn hook(
    mut store: StoreContextMut<'_, HostState>,
    step: CallHook,
) -> wasmtime::Result<()> {
    match step {
        CallHook::CallingWasm => {
            let meter = &mut store.data_mut().meter;
            meter.making_room = meter.phase == Phase::Host;
            meter.phase = Phase::Guest;
            Ok(())
        }
        CallHook::ReturningFromWasm if store.data().meter.making_room => {
            let meter = &mut store.data_mut().meter;
            meter.making_room = false;
            meter.phase = Phase::Host;
            Ok(())
        }
        CallHook::ReturningFromWasm => {
            // What comes now is the export's result, which `output` bounds as well as `host-data`.
            let limits = &store.data().meter.limits;
            let cap = usize::try_from(limits.host_data.min(limits.output))?;
            store.set_hostcall_fuel(cap);
            store.data_mut().meter.phase = Phase::Lifting;
            Ok(())
        }
        CallHook::CallingHost => {
            let purse = match store.data().meter.profile {
                Profile::Metered => store.get_fuel()?,
                // Nobody counts; the deadline and the number of host calls bound what they do.
                Profile::DeadlineOnly => u64::MAX,
            };
            let cap = usize::try_from(store.data().meter.limits.host_data)?;
            store.set_hostcall_fuel(cap);
            let meter = &mut store.data_mut().meter;
            meter.purse = purse;
            meter.left_guest = Instant::now();
            meter.phase = Phase::Lifting;
            Ok(())
        }
        CallHook::ReturningFromHost => settle(store),
    }
}

/// The way back to the guest: limits that the host call may have run into, and its price.
fn settle(mut store: StoreContextMut<'_, HostState>) -> wasmtime::Result<()> {
    let now = Instant::now();
    let meter = &mut store.data_mut().meter;
    meter.host_phase = meter.phase;
    meter.phase = Phase::Guest;
    if now > meter.deadline {
        return Err(Stop::Deadline.into());
    }
    // Only after a call of a host function may the fuel be set: across the engine's own helpers, compiled
    // code keeps the count in a register, and what is set here would be added to it.
    if meter.host_phase != Phase::Host {
        return Ok(());
    }
    meter.host_time += now.saturating_duration_since(meter.left_guest);
    if meter.host_calls > meter.limits.host_calls {
        return Err(Stop::HostCalls.into());
    }
    let toll = std::mem::take(&mut meter.toll);
    if !meter.profile.counts_fuel() {
        return Ok(());
    }
    let Some(left) = store.get_fuel()?.checked_sub(toll) else {
        store.set_fuel(0)?;
        return Err(Stop::Fuel.into());
    };
    store.set_fuel(left)
}
