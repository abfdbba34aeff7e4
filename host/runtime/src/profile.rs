//! What a guest's work is measured in: fuel and time, or time alone.

use tollgate_policy::Limits;

/// How guests are interrupted, chosen once for a runtime.
///
/// Everything but fuel is the same in both: the deadline, memory, handles, host calls, bytes, grants. One
/// instrument is compiled into guest code, not both (docs/performance.md has what each costs).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// Fuel is counted, and the clock is looked at while it is. A budget of fuel is the same on every machine, and the
    /// same call uses the same fuel every time.
    #[default]
    Metered,
    /// A clock interrupts the guest each millisecond, and nobody counts: only the deadline ends a loop, which is the
    /// machine's to say and not the policy's. For guests that are trusted not to waste time, where repeatable budgets
    /// are not needed. A policy whose `fuel` is not the default is refused
    /// ([`LoadError::FuelNotCounted`](crate::LoadError::FuelNotCounted)), and reports have no fuel.
    DeadlineOnly,
}

impl Profile {
    /// The stable name, as in the report.
    pub fn label(self) -> &'static str {
        match self {
            Profile::Metered => "metered",
            Profile::DeadlineOnly => "deadline-only",
        }
    }

    pub(crate) fn of(label: &str) -> Option<Profile> {
        [Profile::Metered, Profile::DeadlineOnly]
            .into_iter()
            .find(|profile| profile.label() == label)
    }

    /// Whether the limit of fuel is kept, or said to be what nobody asked for.
    pub(crate) fn keeps(self, limits: &Limits) -> bool {
        self.counts_fuel() || limits.fuel == Limits::default().fuel
    }

    pub(crate) fn counts_fuel(self) -> bool {
        self == Profile::Metered
    }
}
