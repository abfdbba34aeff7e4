//! The limits and the usage of one call.
//!
//! [`Meter`] counts memory and tables of the store together, host calls and their bytes, and keeps the fuel that host
//! work costs until it is taken from the guest's budget on the way back. It is told of each step between guest and
//! host (`meter/steps.rs`), and links no engine.

mod steps;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_policy::Limits;

use crate::background::{Background, PollClock};
use crate::error::LimitReached;
use crate::held::HostMemory;
use crate::prices::{CALL_PRICE, MOVE_PRICE, Price, WASI_CALL_PRICE, Work};

/// The time for which a guest that lives on host calls may keep its thread before it has to yield: setting its fuel
/// after each of them restarts its yield interval.
const FAIR_SHARE: Duration = Duration::from_millis(1);

/// The place of control, which tells apart errors that the engine raises without a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// In guest code, or not in a call at all.
    Guest,
    /// Between guest and host: the engine is reading arguments or a result out of guest memory.
    Lifting,
    /// In a host function.
    Host,
}

/// Counters of one store.
pub struct Meter {
    /// The limits of each call.
    pub limits: Arc<Limits>,
    /// The end of the time of the call under way, if no question was open in it.
    pub deadline: Instant,
    /// The place of control.
    pub phase: Phase,
    /// The place of control when the guest last came back from the host, or did not come back.
    pub host_phase: Phase,
    /// Whether the last host function that began is one of the embedding program.
    pub is_embedders: bool,
    /// Whether a host function has the guest make room for its result: the guest then runs inside the host call, which
    /// is still to be settled.
    in_guest_realloc: bool,

    memory: Gauge,
    table: Gauge,
    /// The memory that the host holds for the guest.
    pub host_memory: HostMemory,
    /// A table was denied its bytes of it.
    host_memory_denied: bool,
    /// Bytes of it for the host call under way: arguments that the engine has read, and a result on its way back.
    held_for_call: u64,
    /// Bytes of it for the arguments of the call.
    held_for_arguments: u64,
    /// Handles of the guest's own resources that there may be, each counted as memory of the host.
    guest_handles: u32,
    /// The polls of the call when the guest last left for the host.
    polls: u64,
    /// The most bytes that the host holds for a byte that the engine counts when it reads the result of the call
    /// under way.
    pub result_weight: u64,

    /// Host calls of this call so far.
    pub host_calls: u64,
    /// Bytes that they moved.
    pub host_bytes: u64,
    /// The times that one of them was paid for making data durable.
    pub syncs: u64,
    /// The time that they took.
    pub host_time: Duration,
    /// Host work done and not yet taken from the guest's fuel.
    pending_cost: u64,
    /// Work that continues beside the guest.
    pub background: Background,
    /// Fuel left when the guest called the host.
    fuel_at_entry: u64,
    /// The time at which the guest left for the host.
    entered_host: Instant,
    /// The time at which the call was last polled.
    pub poll_clock: Arc<PollClock>,
}

/// A sum with a cap: bytes of all memories, or elements of all tables. It never shrinks, so it is also the peak.
#[derive(Default)]
struct Gauge {
    now: u64,
    /// The last growth that was allowed, taken back if the engine fails it.
    last_growth: u64,
    denied: bool,
}

impl Gauge {
    fn grow(&mut self, current: usize, desired: usize, cap: u64) -> bool {
        self.last_growth = (desired as u64).saturating_sub(current as u64);
        let wanted = self.now.saturating_add(self.last_growth);
        if wanted > cap {
            self.denied = true;
            self.last_growth = 0;
            return false;
        }
        self.now = wanted;
        true
    }

    fn undo_growth(&mut self) {
        self.now = self.now.saturating_sub(self.last_growth);
        self.last_growth = 0;
    }
}

/// Host memory for an element of a table: a pointer.
const ELEMENT_BYTES: u64 = 8;

impl Meter {
    /// Creates the counters of one store.
    pub fn new(limits: Arc<Limits>) -> Meter {
        let now = Instant::now();
        let poll_clock = Arc::new(PollClock::new());
        Meter {
            deadline: now,
            host_memory: HostMemory::new(limits.host_memory),
            host_memory_denied: false,
            held_for_call: 0,
            held_for_arguments: 0,
            guest_handles: 0,
            polls: 0,
            result_weight: 1,
            limits,
            phase: Phase::Guest,
            host_phase: Phase::Guest,
            is_embedders: false,
            in_guest_realloc: false,
            memory: Gauge::default(),
            table: Gauge::default(),
            host_calls: 0,
            host_bytes: 0,
            syncs: 0,
            host_time: Duration::ZERO,
            pending_cost: 0,
            background: Background::of(&poll_clock),
            fuel_at_entry: 0,
            entered_host: now,
            poll_clock,
        }
    }

    /// Starts the counters of a call. Memory and tables belong to the store and stay.
    pub fn begin_call(&mut self, now: Instant) {
        self.deadline = now.checked_add(self.limits.deadline).unwrap_or(now);
        self.phase = Phase::Guest;
        self.in_guest_realloc = false;
        self.memory.denied = false;
        self.table.denied = false;
        self.release_for_call();
        self.drop_arguments();
        self.host_memory.begin_call();
        self.host_memory_denied = false;
        self.result_weight = 1;
        self.host_calls = 0;
        self.host_bytes = 0;
        self.syncs = 0;
        self.host_time = Duration::ZERO;
        self.pending_cost = 0;
        self.poll_clock.begin(now);
        self.poll_clock.stand_anew();
    }

    /// Goes on with a call that has begun before it was asked for: a store was made ahead. Its time begins `now`, and
    /// `spent` of it has passed. All counters stay.
    pub fn resume_call(&mut self, now: Instant, spent: Duration) {
        let left = self.limits.deadline.saturating_sub(spent);
        self.deadline = now.checked_add(left).unwrap_or(now);
        self.poll_clock.begin(now);
        self.poll_clock.stand_anew();
    }

    /// Whether the time of the call is over. It stands still while a question is open.
    fn is_late(&self, now: Instant) -> bool {
        now > self.poll_clock.later(self.deadline)
    }

    /// The most bytes that all memories together had.
    pub fn memory_peak(&self) -> u64 {
        self.memory.now
    }

    /// The most elements that all tables together had.
    pub fn table_peak(&self) -> u64 {
        self.table.now
    }

    /// Whether a memory of this call was denied growth.
    pub fn memory_denied(&self) -> bool {
        self.memory.denied
    }

    /// Whether a table of this call was denied growth.
    pub fn table_denied(&self) -> bool {
        self.table.denied
    }

    /// The most bytes that the engine may read out of guest memory for a host function, which holds them, and the limit
    /// that says so.
    pub fn lift_cap(&self) -> (u64, LimitReached) {
        let data = (self.limits.host_data, LimitReached::HostData);
        let held = (self.host_memory.left(), LimitReached::HostMemory);
        if held.0 < data.0 { held } else { data }
    }

    /// The same for the result of an export, which `output` bounds as well.
    pub fn result_cap(&self) -> (u64, LimitReached) {
        let weight = self.result_weight.max(1);
        let held = (self.host_memory.left() / weight, LimitReached::HostMemory);
        let data = (self.limits.host_data, LimitReached::HostData);
        let output = (self.limits.output, LimitReached::Output);
        // Of equal bounds, the narrowest limit is named, since it has to be raised first.
        let caps = [output, held, data].into_iter();
        caps.min_by_key(|(cap, _)| *cap).unwrap_or(output)
    }

    /// Counts `bytes` that the host holds until the host call under way goes back to the guest, such as those of a file
    /// that is read.
    ///
    /// # Errors
    ///
    /// The limit `host-memory` does not allow as many.
    pub fn hold_for_call(&mut self, bytes: u64) -> Result<(), LimitReached> {
        self.host_memory.hold(bytes)?;
        self.held_for_call = self.held_for_call.saturating_add(bytes);
        Ok(())
    }

    fn release_for_call(&mut self) {
        self.host_memory
            .release(std::mem::take(&mut self.held_for_call));
    }

    /// Counts the bytes of the arguments of the call that begins, which the host holds until the export returns. Whether
    /// `host-data` allows as many is known before there is a store.
    ///
    /// # Errors
    ///
    /// The limit `host-memory` does not allow as many beside the memory that is held already.
    pub fn take_arguments(&mut self, bytes: u64) -> Result<(), LimitReached> {
        self.host_memory.hold_from_the_start(bytes)?;
        self.held_for_arguments = self.held_for_arguments.saturating_add(bytes);
        Ok(())
    }

    /// Whether all that was held since the call began fits beside these arguments: the call has gone the way that it would have gone
    /// with them.
    pub fn has_room_for_arguments(&self, bytes: u64) -> bool {
        self.host_memory.has_room_from_the_start(bytes)
    }

    /// The export has returned.
    pub fn drop_arguments(&mut self) {
        self.host_memory
            .release(std::mem::take(&mut self.held_for_arguments));
    }

    /// Begins a host function of a declared price: counts the call, charges for its work before it is done, and holds its
    /// bytes until it goes back to the guest.
    ///
    /// # Errors
    ///
    /// The limit that ends the call: `host-calls`, `fuel` or `host-memory`.
    pub fn enter(&mut self, price: &Price, work: Work) -> Result<(), LimitReached> {
        self.phase = Phase::Host;
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > self.limits.host_calls {
            return Err(LimitReached::HostCalls);
        }
        self.host_bytes = self.host_bytes.saturating_add(work.bytes);
        self.pay(price.fuel(work), 0, 0)?;
        self.hold_for_call(work.bytes)
    }

    /// Charges for more work of the host call under way: its result, or a request that proves larger.
    ///
    /// # Errors
    ///
    /// The limit `fuel`.
    pub fn enter_more(&mut self, price: &Price, work: Work) -> Result<(), LimitReached> {
        self.host_bytes = self.host_bytes.saturating_add(work.bytes);
        let more = price.fuel(work).saturating_sub(price.call);
        self.pay(more, 0, 0)
    }

    /// Counts one host call that moves `bytes` and works on them at `price` fuel each, and charges for it before the
    /// work is done.
    pub fn charge(&mut self, bytes: u64, price: u64) -> Result<(), LimitReached> {
        self.enter(
            &Price::of_call(CALL_PRICE).per_byte(price),
            Work { bytes, entries: 0 },
        )
    }

    /// Charges for more bytes of the host call under way: its result, or a request that proves larger.
    pub fn charge_more(&mut self, bytes: u64, price: u64) -> Result<(), LimitReached> {
        self.pay(0, bytes, price)
    }

    /// Charges a fixed price for the host call under way, beside that of its bytes.
    pub fn charge_fixed(&mut self, price: u64) -> Result<(), LimitReached> {
        self.pay(price, 0, 0)
    }

    /// Counts that the host call under way was paid for making data durable, whether there is then any to be made so or not.
    pub fn count_sync(&mut self) {
        self.syncs = self.syncs.saturating_add(1);
    }

    /// Fuel that the host call under way may still cost.
    pub fn fuel_left(&self) -> u64 {
        self.fuel_at_entry.saturating_sub(self.pending_cost)
    }

    /// Bytes that the guest's fuel still pays for, at [`MOVE_PRICE`] each.
    pub fn fuel_left_bytes(&self) -> u64 {
        const { assert!(MOVE_PRICE == 1) };
        self.fuel_left()
    }

    fn pay(&mut self, fixed: u64, bytes: u64, price: u64) -> Result<(), LimitReached> {
        self.host_bytes = self.host_bytes.saturating_add(bytes);
        self.pending_cost = self
            .pending_cost
            .saturating_add(fixed)
            .saturating_add(bytes.saturating_mul(price));
        if self.pending_cost > self.fuel_at_entry {
            return Err(LimitReached::Fuel);
        }
        Ok(())
    }

    /// Counts one call of a WASI function. The call cannot be refused here; [`Meter::leave_host`] stops the guest when
    /// it comes back.
    pub fn count_wasi(&mut self) {
        self.phase = Phase::Host;
        self.host_calls = self.host_calls.saturating_add(1);
        self.pending_cost = self.pending_cost.saturating_add(WASI_CALL_PRICE);
    }

    /// Fuel for helpers of the engine that no host call has paid for; in a host call, with that of the call so far.
    pub fn debt(&self) -> u64 {
        self.pending_cost
    }

    /// Whether the guest runs inside a host call, to make room for its result.
    pub fn is_in_realloc(&self) -> bool {
        self.in_guest_realloc
    }

    /// Fuel for helpers of the engine, and for work beside the guest, that no host call has paid for.
    pub fn unpaid(&self) -> u64 {
        self.pending_cost.saturating_add(self.background.owed())
    }

    /// Whether the guest has had its thread for so long that a host function should yield.
    pub fn turn_is_over(&self) -> bool {
        self.poll_clock.length(self.entered_host) > FAIR_SHARE
    }

    /// Whether a memory may grow, which is counted.
    pub fn grow_memory(&mut self, current: usize, desired: usize) -> bool {
        self.memory.grow(current, desired, self.limits.memory)
    }

    /// Takes back the growth of a memory that was allowed and then failed by the engine.
    pub fn memory_grow_failed(&mut self) {
        self.memory.undo_growth();
    }

    /// Whether a table may grow, which is counted.
    pub fn grow_table(&mut self, current: usize, desired: usize) -> bool {
        let grows = self
            .table
            .grow(current, desired, self.limits.table_elements);
        if !grows {
            return false;
        }
        let bytes = self.table.last_growth.saturating_mul(ELEMENT_BYTES);
        if self.host_memory.hold(bytes).is_err() {
            self.table.undo_growth();
            self.host_memory_denied = true;
            return false;
        }
        true
    }

    /// Takes back the growth of a table that was allowed and then failed by the engine.
    pub fn table_grow_failed(&mut self) {
        let bytes = self.table.last_growth.saturating_mul(ELEMENT_BYTES);
        self.host_memory.release(bytes);
        self.table.undo_growth();
    }

    /// Whether a table of this call was denied growth for want of host memory.
    pub fn host_memory_denied(&self) -> bool {
        self.host_memory_denied
    }
}
