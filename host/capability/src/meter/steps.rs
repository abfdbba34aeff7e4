//! The steps between guest and host, as the engine tells them.

use std::time::Instant;

use super::{Meter, Phase};
use crate::error::LimitReached;
use crate::prices::HELPER_PRICE;

/// Host memory for a handle of a resource of the guest's own: an entry of 24 bytes, in a table that grows by doubling.
const GUEST_HANDLE_BYTES: u64 = 48;

impl Meter {
    /// Control goes to the guest: a call begins, or a host function has the guest make room for its result.
    pub fn enter_guest(&mut self) {
        self.in_guest_realloc = self.phase == Phase::Host;
        self.phase = Phase::Guest;
    }

    /// Control comes back from the guest. Returns whether the engine reads the result of the export out of guest memory
    /// next.
    pub fn leave_guest(&mut self) -> bool {
        if self.in_guest_realloc {
            self.in_guest_realloc = false;
            self.phase = Phase::Host;
            return false;
        }
        self.phase = Phase::Lifting;
        true
    }

    /// The guest calls the host, with `fuel` left.
    pub fn enter_host(&mut self, fuel: u64) {
        self.fuel_at_entry = fuel;
        let room = fuel.saturating_sub(self.pending_cost);
        self.background.set_room(room);
        self.polls = self.poll_clock.polls();
        self.entered_host = Instant::now();
        self.phase = Phase::Lifting;
        self.is_embedders = false;
    }

    /// Counts the memory of a handle of the guest's own that a helper of the engine may have made: the engine does not tell
    /// which helper it was. There are no more handles than the limit `handles` allows.
    fn hold_guest_handle(&mut self) -> Result<(), LimitReached> {
        if self.guest_handles < self.limits.handles {
            self.host_memory.hold(GUEST_HANDLE_BYTES)?;
            self.guest_handles = self.guest_handles.saturating_add(1);
        }
        Ok(())
    }

    /// The place of control in which an error arose: in a host function that the guest called, or after the guest had
    /// come back from an export.
    pub fn host_phase_of(&self, from_guest: bool) -> Phase {
        if from_guest {
            self.host_phase
        } else {
            self.phase
        }
    }

    /// Whether the guest comes back from a yield: of the engine's helpers, only a yield gives the thread back.
    pub fn has_yielded(&self) -> bool {
        self.phase != Phase::Host && self.poll_clock.polls() != self.polls
    }

    /// The guest goes on after a yield, which it has not asked for: it costs nothing, since the number of yields depends on the
    /// machine's speed, and on whether the call is profiled.
    ///
    /// # Errors
    ///
    /// The limit `deadline`.
    pub fn leave_yield(&mut self) -> Result<(), LimitReached> {
        self.host_phase = self.phase;
        self.phase = Phase::Guest;
        match self.is_late(Instant::now()) {
            true => Err(LimitReached::Deadline),
            false => Ok(()),
        }
    }

    /// The host goes back to the guest: checks the limits that the host call may have reached, and returns the fuel
    /// that it costs; `None` when none may be taken.
    ///
    /// # Errors
    ///
    /// The limit that ends the call.
    pub fn leave_host(&mut self) -> Result<Option<u64>, LimitReached> {
        let now = Instant::now();
        self.host_phase = self.phase;
        self.phase = Phase::Guest;
        if self.is_late(now) {
            return Err(LimitReached::Deadline);
        }
        // The fuel may be set only after a call of a host function: across the engine's own helpers, compiled code
        // keeps the count in a register, which would be added to the new value.
        if self.host_phase != Phase::Host {
            // It is paid with the next host function, or at the end of the call. The debt of the guest never exceeds
            // the fuel that it had when that was last written down.
            self.pay(HELPER_PRICE, 0, 0)?;
            self.hold_guest_handle()?;
            return Ok(None);
        }
        // Released only here: while the host function makes room for its result, the guest's `realloc` may use helpers,
        // and the host still holds the arguments and the result.
        self.release_for_call();
        let spent = now.saturating_duration_since(self.entered_host);
        self.host_time = self.host_time.saturating_add(spent);
        if self.host_calls > self.limits.host_calls {
            return Err(LimitReached::HostCalls);
        }
        let owed = self.background.take()?;
        self.pay(owed, 0, 0)?;
        Ok(Some(std::mem::take(&mut self.pending_cost)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::prices::{Price, Work};

    /// Otherwise the fuel and the memory of a call would depend on the machine's speed.
    #[test]
    fn a_yield_costs_nothing() {
        let mut meter = Meter::new(Arc::default());
        meter.begin_call(Instant::now());
        let mut held_after = |is_polled: bool| {
            let before = (meter.host_memory.left(), meter.debt());
            meter.enter_host(u64::MAX);
            if is_polled {
                meter.poll_clock.begin(Instant::now());
            }
            assert_eq!(meter.has_yielded(), is_polled);
            match is_polled {
                true => meter.leave_yield().unwrap(),
                false => assert_eq!(meter.leave_host(), Ok(None)),
            }
            let debt = meter.debt() - before.1;
            (before.0 - meter.host_memory.left(), debt)
        };
        assert_eq!(held_after(true), (0, 0));
        assert_eq!(held_after(false), (GUEST_HANDLE_BYTES, HELPER_PRICE));
    }

    /// While a host function lowers its result, the guest's `realloc` may grow a memory, which is a helper of the engine.
    #[test]
    fn what_a_host_function_holds_is_held_until_it_returns() {
        let mut meter = Meter::new(Arc::default());
        meter.begin_call(Instant::now());
        let all = meter.host_memory.left();
        let held = |meter: &Meter| all - meter.host_memory.left();
        meter.enter_host(u64::MAX);
        let work = Work {
            bytes: 1_000,
            entries: 0,
        };
        meter.enter(&Price::of_call(0), work).unwrap();
        meter.enter_guest();
        meter.enter_host(u64::MAX);
        assert_eq!(meter.leave_host(), Ok(None));
        assert!(!meter.leave_guest());
        assert_eq!(held(&meter), 1_000 + GUEST_HANDLE_BYTES);
        assert!(meter.leave_host().unwrap().is_some());
        assert_eq!(held(&meter), GUEST_HANDLE_BYTES);
    }
}
