//! Recent events, for people: the last denials, and the fuel of the last hour.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tollgate::escape;
use tollgate::observe::{CallEnd, Decision};
use tollgate::report::Denial;

/// Denials that are kept, one of each kind.
const MAX_DENIALS: usize = 50;

/// Minutes of which the fuel is kept.
pub(crate) const MINUTES: usize = 60;

pub(crate) struct Recent {
    /// The newest first.
    denials: VecDeque<Denied>,
    /// The fuel of each minute, the newest first.
    fuel: VecDeque<u64>,
    start: Instant,
    /// By the names of providers, of which there are few.
    of: BTreeMap<Arc<str>, Numbers>,
    /// Minutes since the start that `fuel` has.
    minutes: u64,
}

/// The calls of one provider.
#[derive(Clone, Default)]
pub(crate) struct Numbers {
    pub(crate) calls: u64,
    pub(crate) fuel: u64,
    /// Faults by their kind.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// The minutes since the start in which fuel was used, the oldest first, and its amount.
    minutes: VecDeque<(u64, u64)>,
}

impl Numbers {
    fn used(&mut self, minute: u64, fuel: u64) {
        self.fuel = self.fuel.saturating_add(fuel);
        match self.minutes.back_mut() {
            Some((last, sum)) if *last == minute => *sum = sum.saturating_add(fuel),
            _ => self.minutes.push_back((minute, fuel)),
        }
        let over = self.minutes.len().saturating_sub(MINUTES);
        self.minutes.drain(..over);
    }
}

/// A request that the policy denied, in text that is safe to show.
#[derive(Clone)]
pub(crate) struct Denied {
    pub(crate) provider: String,
    pub(crate) capability: &'static str,
    pub(crate) target: String,
    pub(crate) reason: &'static str,
    /// The part of a policy that would allow it.
    pub(crate) remedy: Option<String>,
    pub(crate) times: u64,
}

impl Default for Recent {
    fn default() -> Recent {
        Recent {
            denials: VecDeque::new(),
            fuel: VecDeque::from([0]),
            start: Instant::now(),
            of: BTreeMap::new(),
            minutes: 0,
        }
    }
}

impl Recent {
    pub(crate) fn denied(&mut self, decision: &Decision<'_>) {
        let Some(reason) = decision.denied else {
            return;
        };
        let target = escape::line(decision.target);
        let same = |it: &Denied| {
            it.capability == decision.capability
                && it.reason == reason.label()
                && it.target == target
                && it.provider == escape::line(decision.provider)
        };
        // Most are of a guest that tries the same again.
        if let Some(known) = self.denials.iter_mut().find(|it| same(it)) {
            known.times = known.times.saturating_add(1);
            return;
        }
        let denial = Denial {
            capability: decision.capability,
            target: decision.target.to_owned(),
            reason,
            address: decision.address,
        };
        self.denials.truncate(MAX_DENIALS.saturating_sub(1));
        self.denials.push_front(Denied {
            provider: escape::line(decision.provider).into_owned(),
            capability: decision.capability,
            target: target.into_owned(),
            reason: reason.label(),
            remedy: denial.remedy().map(|line| escape::line(&line).into_owned()),
            times: 1,
        });
    }

    /// A call has ended. The caller sees to it that there are few names.
    pub(crate) fn ended(&mut self, provider: &Arc<str>, end: CallEnd<'_>) {
        self.turn();
        let numbers = self.of.entry(Arc::clone(provider)).or_default();
        numbers.calls = numbers.calls.saturating_add(1);
        let fuel = match end {
            CallEnd::Returned(usage) | CallEnd::Failed(usage) => usage.fuel,
            CallEnd::Faulted(usage, fault) => {
                let times = numbers.faults.entry(fault.label()).or_default();
                *times = times.saturating_add(1);
                usage.fuel
            }
            _ => 0,
        };
        numbers.used(self.minutes, fuel);
        if let Some(minute) = self.fuel.front_mut() {
            *minute = minute.saturating_add(fuel);
        }
    }

    pub(crate) fn numbers(&self, provider: &str) -> Numbers {
        self.of.get(provider).cloned().unwrap_or_default()
    }

    /// The fuel of a provider in the last minutes, the newest first.
    pub(crate) fn fuel_of(&mut self, provider: &str) -> [u64; MINUTES] {
        self.turn();
        self.at(self.minutes, provider)
    }

    fn at(&self, now: u64, provider: &str) -> [u64; MINUTES] {
        let mut last = [0; MINUTES];
        let minutes = self.of.get(provider).map(|numbers| &numbers.minutes);
        for (minute, fuel) in minutes.into_iter().flatten() {
            let ago = usize::try_from(now.saturating_sub(*minute)).unwrap_or(usize::MAX);
            if let Some(place) = last.get_mut(ago) {
                *place = *fuel;
            }
        }
        last
    }

    pub(crate) fn denials(&self) -> Vec<Denied> {
        self.denials.iter().cloned().collect()
    }

    /// The fuel of the last minutes, the newest first.
    pub(crate) fn fuel(&mut self) -> Vec<u64> {
        self.turn();
        self.fuel.iter().copied().collect()
    }

    /// Begins the minutes that have come since.
    fn turn(&mut self) {
        let minutes = self.start.elapsed().as_secs() / 60;
        let new = minutes.saturating_sub(self.minutes);
        for _ in 0..new.min(MINUTES as u64) {
            self.fuel.truncate(MINUTES - 1);
            self.fuel.push_front(0);
        }
        self.minutes = minutes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_has_the_fuel_of_the_last_hour_and_no_more() {
        let mut numbers = Numbers::default();
        for minute in 0..1_000 {
            numbers.used(minute, 1);
            numbers.used(minute, 2);
        }
        assert_eq!((numbers.minutes.len(), numbers.fuel), (MINUTES, 3_000));
        let mut recent = Recent {
            minutes: 1_001,
            start: Instant::now(),
            ..Recent::default()
        };
        recent.of.insert("a".into(), numbers);
        let minutes = recent.minutes;
        let fuel = recent.at(minutes, "a");
        assert_eq!(fuel.get(..4), Some(&[0, 0, 3, 3][..]));
        assert_eq!(recent.at(minutes, "b"), [0; MINUTES]);
    }
}
