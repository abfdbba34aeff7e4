//! The quotas of one caller, so that it cannot take the server from the others.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time in which a quota that was used up is whole again.
const MINUTE: Duration = Duration::from_secs(60);

/// What a caller may use; without a number it is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Calls in a minute.
    pub(crate) calls: Option<u64>,
    /// Fuel in a minute.
    pub(crate) fuel: Option<u64>,
    /// Calls at the same time.
    pub(crate) at_once: Option<u64>,
}

/// The use that a caller has made of its quota.
#[derive(Debug, Default)]
pub(crate) struct Account {
    quota: Quota,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    calls: Bucket,
    fuel: Bucket,
    at_once: u64,
}

/// What was used of an amount, which comes back evenly within a minute.
#[derive(Debug, Default)]
struct Bucket {
    used: u64,
    at: Option<Instant>,
}

/// A call under way, which its caller pays for.
#[derive(Debug)]
pub(crate) struct Ticket {
    account: Arc<Account>,
    /// The fuel that it may use, and has paid for.
    fuel: u64,
}

/// A quota that is used up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UsedUp {
    pub(crate) what: String,
    /// The time until there is enough, in seconds.
    pub(crate) seconds: u64,
}

impl Account {
    pub(crate) fn new(quota: Quota) -> Account {
        Account {
            quota,
            used: Mutex::default(),
        }
    }

    /// Begins a call that may use so much fuel. It is paid for before it is used, since a caller may go away in the middle;
    /// the rest is given back.
    pub(crate) fn begin(self: &Arc<Account>, fuel: u64, now: Instant) -> Result<Ticket, UsedUp> {
        let Quota {
            calls,
            fuel: most_fuel,
            at_once,
        } = self.quota;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(most) = at_once
            && used.at_once >= most
        {
            return Err(UsedUp {
                what: format!("{most} calls at once"),
                seconds: 1,
            });
        }
        // A call that may use more than the quota pays all of it.
        let fuel = most_fuel.map_or(0, |most| fuel.min(most));
        if let Some(most) = most_fuel {
            let enough = used.fuel.has(fuel, most, now);
            enough.map_err(|seconds| UsedUp {
                what: format!("{most} fuel in a minute"),
                seconds,
            })?;
        }
        if let Some(most) = calls {
            let enough = used.calls.has(1, most, now);
            enough.map_err(|seconds| UsedUp {
                what: format!("{most} calls in a minute"),
                seconds,
            })?;
            used.calls.take(1);
        }
        used.fuel.take(fuel);
        used.at_once = used.at_once.saturating_add(1);
        Ok(Ticket {
            account: Arc::clone(self),
            fuel,
        })
    }
}

impl Ticket {
    /// The call has ended and used so much fuel.
    pub(crate) fn used(&self, fuel: u64) {
        let account = &self.account.used;
        let mut used = account.lock().unwrap_or_else(PoisonError::into_inner);
        used.fuel.give_back(self.fuel.saturating_sub(fuel));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let account = &self.account.used;
        let mut used = account.lock().unwrap_or_else(PoisonError::into_inner);
        used.at_once = used.at_once.saturating_sub(1);
    }
}

impl Bucket {
    /// Whether `amount` is left of `most`, or else the seconds until it is.
    fn has(&mut self, amount: u64, most: u64, now: Instant) -> Result<(), u64> {
        let since = self.at.replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(since).as_secs_f64();
        let back = most as f64 * passed / MINUTE.as_secs_f64();
        if back < 1.0 && self.used > 0 {
            // Less than one comes back: it is counted from the same time on.
            self.at = Some(since);
        } else {
            self.used = self.used.saturating_sub(back as u64);
        }
        let left = most.saturating_sub(self.used);
        let missing = amount.min(most).saturating_sub(left);
        if missing == 0 && most > 0 {
            return Ok(());
        }
        let part = missing as f64 / most.max(1) as f64;
        Err(((part * MINUTE.as_secs_f64()).ceil() as u64).max(1))
    }

    fn take(&mut self, amount: u64) {
        self.used = self.used.saturating_add(amount);
    }

    fn give_back(&mut self, amount: u64) {
        self.used = self.used.saturating_sub(amount);
    }
}

impl Quota {
    /// Reads `calls=N`, `fuel=N` and `at-once=N`.
    pub(crate) fn parse(text: &str) -> Result<Quota, &'static str> {
        const PROBLEM: &str =
            "no quota; write `calls=N`, `fuel=N` (in a minute) or `at-once=N`, each once";
        let mut quota = Quota::default();
        for part in text.split_whitespace() {
            let (name, number) = part.split_once('=').ok_or(PROBLEM)?;
            let number: u64 = number.replace('_', "").parse().map_err(|_| PROBLEM)?;
            let to = match name {
                "calls" => &mut quota.calls,
                "fuel" => &mut quota.fuel,
                "at-once" => &mut quota.at_once,
                _ => return Err(PROBLEM),
            };
            if to.replace(number).is_some() {
                return Err(PROBLEM);
            }
        }
        Ok(quota)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(quota: &str) -> Arc<Account> {
        Arc::new(Account::new(Quota::parse(quota).unwrap()))
    }

    #[test]
    fn calls_come_back_within_a_minute() {
        let (account, start) = (account("calls=60"), Instant::now());
        for _ in 0..60 {
            assert!(account.begin(1, start).is_ok());
        }
        let used_up = account.begin(1, start).unwrap_err();
        assert_eq!(used_up.seconds, 1);
        // Half a second brings half a call, twice.
        assert!(
            account
                .begin(1, start + Duration::from_millis(500))
                .is_err()
        );
        assert!(
            account
                .begin(1, start + Duration::from_millis(1_000))
                .is_ok()
        );
        assert!(
            account
                .begin(1, start + Duration::from_millis(1_000))
                .is_err()
        );
        assert!(account.begin(1, start + MINUTE * 3).is_ok());
    }

    #[test]
    fn fuel_is_paid_for_before_it_is_used() {
        let (account, start) = (account("fuel=1_000"), Instant::now());
        let call = account.begin(600, start).unwrap();
        assert_eq!(account.begin(600, start).unwrap_err().seconds, 12);
        call.used(100);
        drop(call);
        let dropped = account.begin(600, start).unwrap();
        // Nothing comes back for a call that was dropped.
        drop(dropped);
        assert!(account.begin(600, start).is_err());
        // More than the quota: all of it.
        let later = start + MINUTE * 2;
        assert!(account.begin(u64::MAX, later).is_ok());
        assert_eq!(account.begin(1, later).unwrap_err().seconds, 1);
    }

    #[test]
    fn calls_at_once_end() {
        let (account, start) = (account("at-once=1"), Instant::now());
        let call = account.begin(1, start).unwrap();
        assert!(account.begin(1, start).is_err());
        drop(call);
        assert!(account.begin(1, start).is_ok());
    }

    #[test]
    fn nothing_is_nothing() {
        for quota in ["calls=0", "fuel=0", "at-once=0"] {
            assert!(account(quota).begin(0, Instant::now()).is_err(), "{quota}");
        }
        for wrong in ["calls", "calls=x", "calls=1 calls=1", "cals=1", "fuel=-1"] {
            assert!(Quota::parse(wrong).is_err(), "{wrong}");
        }
    }
}
