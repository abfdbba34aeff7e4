//! The metering of guest code: by fuel and time, or by time alone.

use tollgate_policy::Limits;

/// The metering of guest code, chosen once for a runtime.
///
/// Only fuel differs; the deadline, memory, handles, host calls, bytes and grants are the same. Guest code is compiled
/// for either fuel or the clock, not both (docs/performance.md has the cost of each).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metering {
    /// Guest code counts fuel, and the deadline is checked while it does. A call is repeatable: a budget of fuel is the
    /// same on every machine, the same call uses the same fuel every time, and each NaN that is computed is the canonical
    /// one. The last makes code that only computes with floats about 1.8 times slower.
    #[default]
    Fuel,
    /// A clock interrupts the guest each millisecond and no fuel is counted. Only the deadline ends a loop, so the
    /// progress of a guest depends on the machine, as the bits of a NaN do. Use it for guests that are trusted not to waste time, if repeatable
    /// budgets are not needed, or for work on floats. A policy whose `fuel` is not the default is refused
    /// ([`Unsupported::Fuel`](crate::error::Unsupported::Fuel)), and reports have no fuel.
    DeadlineOnly,
}

impl Metering {
    /// The stable name, as in the report.
    pub fn label(self) -> &'static str {
        match self {
            Metering::Fuel => "fuel",
            Metering::DeadlineOnly => "deadline-only",
        }
    }

    pub(crate) fn of(label: &str) -> Option<Metering> {
        [Metering::Fuel, Metering::DeadlineOnly]
            .into_iter()
            .find(|metering| metering.label() == label)
    }

    /// Whether the limit `fuel` can be kept; the default value counts as not set.
    pub(crate) fn supports(self, limits: &Limits) -> bool {
        self.counts_fuel() || limits.fuel == Limits::default().fuel
    }

    pub(crate) fn counts_fuel(self) -> bool {
        self == Metering::Fuel
    }
}
