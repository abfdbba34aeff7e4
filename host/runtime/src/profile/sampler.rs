//! The samples of one store: taken when the guest has used up a piece of fuel, at a yield of its own.
//!
//! Compiled code writes the fuel that it has used to the store before it yields, and the engine runs the call hook around
//! the yield. So the stack is captured there, and the next yield is set to the next sample. Yields cost nothing
//! ([ADR 19](../../../../docs/adr/0019-profiles-by-fuel.md)).

use tollgate_capability::{Meter, Phase};
use wasmtime::WasmBacktrace;

use crate::engine::YIELD_INTERVAL;
use crate::profile::tree::{Frame, SharedTree};

/// Fuel between two samples, about, when a call begins.
const FINEST: u64 = 1_024;

/// The same in a long call. With half of it more at random, it is below the interval of the deadline.
const COARSEST: u64 = 65_536;

/// Samples after which the interval doubles: a billion of fuel takes 36,000 samples.
const SAMPLES: u64 = 4_096;

const _: () = assert!(COARSEST + COARSEST / 2 < YIELD_INTERVAL);

/// The samples of a store, in the call under way.
pub(crate) struct Sampler {
    tree: SharedTree,
    pace: Pace,
    /// The fuel of the call.
    budget: u64,
    /// The part of it that host calls took, and the making of the instance. The profile has it.
    host: u64,
    /// The part that the guest used and that the profile has.
    counted: u64,
    /// The part that the guest will have used at the next sample.
    due: u64,
    /// The debt of the guest when it last called the host.
    debt: u64,
}

impl Sampler {
    pub(crate) fn new(tree: SharedTree) -> Sampler {
        Sampler {
            tree,
            pace: Pace::new(),
            budget: 0,
            host: 0,
            counted: 0,
            due: 0,
            debt: 0,
        }
    }

    /// A call begins.
    pub(crate) fn begin(&mut self, budget: u64) {
        self.pace = Pace::new();
        self.budget = budget;
        self.host = 0;
        self.counted = 0;
        self.due = self.pace.next();
        self.debt = 0;
    }

    /// The guest leaves for the host.
    pub(crate) fn enter_host(&mut self, meter: &Meter) {
        if !meter.is_in_realloc() {
            self.debt = meter.debt();
        }
    }

    /// A call that used this much fuel ends.
    pub(crate) fn end(&mut self, fuel: u64, meter: &Meter, interface: &'static str) {
        let rest = fuel.saturating_sub(self.host).saturating_sub(self.counted);
        // A host call that did not come back.
        let price = match meter.phase {
            Phase::Host => meter.unpaid().saturating_sub(self.debt).min(rest),
            Phase::Guest | Phase::Lifting => 0,
        };
        let mut tree = self.tree.lock();
        tree.add(Frame::Host(interface), price);
        tree.add(Frame::Rest, rest.saturating_sub(price));
    }

    /// The fuel that the guest has used with `left` of it left, its debt included.
    fn used(&self, left: u64, meter: &Meter) -> u64 {
        let debt = match meter.is_in_realloc() {
            true => self.debt,
            false => meter.debt(),
        };
        let used = self
            .budget
            .saturating_add(debt)
            .saturating_sub(left)
            .saturating_sub(self.host);
        // A debt that the fuel does not pay for ends the call with all of it used.
        used.min(self.budget.saturating_sub(self.host))
    }

    /// Whether a sample is due at a yield.
    pub(crate) fn is_due(&self, left: u64, meter: &Meter) -> bool {
        self.used(left, meter) >= self.due
    }

    /// Counts the fuel since the last sample at the function that the guest is in.
    pub(crate) fn sample(&mut self, stack: &WasmBacktrace, left: u64, meter: &Meter) {
        let used = self.used(left, meter);
        let fuel = used.saturating_sub(self.counted);
        self.tree.lock().add_at(stack, None, fuel);
        self.counted = used;
        self.due = used.saturating_add(self.pace.next());
    }

    /// The fuel from now to the next yield: at the next sample, or where an ordinary call yields if that comes before.
    pub(crate) fn interval(&self, left: u64, meter: &Meter) -> u64 {
        let to_sample = self.due.saturating_sub(self.used(left, meter));
        to_sample.clamp(1, YIELD_INTERVAL)
    }

    /// The price in the cost of a host call, of which the debt of the guest is the other part.
    pub(crate) fn price(&self, cost: u64) -> u64 {
        cost.saturating_sub(self.debt)
    }

    /// Counts a host call.
    pub(crate) fn host_call(&mut self, stack: &WasmBacktrace, interface: &'static str, price: u64) {
        self.tree.lock().add_at(stack, Some(interface), price);
        self.host = self.host.saturating_add(price);
    }

    /// Counts the making of an instance.
    pub(crate) fn instance(&mut self, cost: u64) {
        self.tree.lock().add(Frame::Instance, cost);
        self.host = self.host.saturating_add(cost);
    }
}

/// The fuel from one sample to the next. It varies, so that no loop of a guest keeps in step with it, and is the same
/// in every call.
struct Pace {
    around: u64,
    samples: u64,
    state: u64,
}

impl Pace {
    fn new() -> Pace {
        Pace {
            around: FINEST,
            samples: 0,
            state: 0,
        }
    }

    /// Between half of the interval and one and a half of it.
    fn next(&mut self) -> u64 {
        self.samples = self.samples.wrapping_add(1);
        if self.samples.is_multiple_of(SAMPLES) {
            self.around = self.around.saturating_mul(2).min(COARSEST);
        }
        // Knuth's linear congruential generator, of which the upper bits are used.
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.around / 2).saturating_add((self.state >> 33) % self.around.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_a_billion_are_thousands_and_yield_before_the_deadline_is_checked() {
        let mut pace = Pace::new();
        let (mut fuel, mut samples) = (0, 0);
        while fuel < 1_000_000_000 {
            let next = pace.next();
            assert!((FINEST / 2..YIELD_INTERVAL).contains(&next));
            (fuel, samples) = (fuel + next, samples + 1);
        }
        assert!((30_000..40_000).contains(&samples), "{samples}");
    }
}
