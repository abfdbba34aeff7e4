//! The quotas of one caller, so that it cannot take the server from the others.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::bounds::Bounds;
use crate::turns::{Turn, Turns};
use crate::view::Only;

/// The time in which a quota that was used up is whole again.
const MINUTE: Duration = Duration::from_secs(60);

/// A caller that is told apart from others.
#[derive(Clone)]
pub(crate) struct Caller {
    /// The name of its token, or `cert:` and the digest of its certificate.
    pub(crate) name: Arc<str>,
    pub(crate) account: Arc<Account>,
    /// The providers that it may call, if not all.
    pub(crate) only: Option<Arc<Only>>,
    /// The name of the policies under which they run for it, if those are its own.
    pub(crate) policies: Option<Arc<str>>,
}

/// The bounds of one caller; `None` is no bound.
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
    turns: OnceLock<Turns>,
}

#[derive(Debug, Default)]
struct Used {
    calls: Bucket,
    fuel: Bucket,
    at_once: u64,
}

/// The used part of an amount, which comes back evenly within a minute.
#[derive(Debug, Default)]
struct Bucket {
    used: u64,
    /// A part that calls under way may use yet, and that does not come back with time.
    reserved: u64,
    at: Option<Instant>,
}

/// A call under way, which its caller pays for.
#[derive(Debug)]
pub(crate) struct Ticket {
    account: Arc<Account>,
    /// The fuel that it has reserved; 0 once it is settled.
    fuel: AtomicU64,
    /// Whether a guest runs, so that all of it counts as used if the call is dropped.
    runs: AtomicBool,
    turn: Option<Turn>,
}

/// The reason why a call may not begin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OverQuota {
    /// It is used up; there is enough after so many seconds.
    UsedUp { what: String, seconds: u64 },
    /// The policy gives a call more fuel than the caller has in a minute.
    TooLarge { fuel: u64, most: u64 },
}

impl Account {
    pub(crate) fn new(quota: Quota) -> Account {
        Account {
            quota,
            used: Mutex::default(),
            turns: OnceLock::new(),
        }
    }

    /// Begins a call that may use so much fuel. It is paid for before it is used, since a caller may go away in the middle;
    /// the rest is given back.
    pub(crate) fn begin(self: &Arc<Account>, fuel: u64, now: Instant) -> Result<Ticket, OverQuota> {
        let Quota {
            calls,
            fuel: most_fuel,
            at_once,
        } = self.quota;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(most) = at_once
            && used.at_once >= most
        {
            return Err(OverQuota::UsedUp {
                what: format!("{most} calls at once"),
                seconds: 1,
            });
        }
        if let Some(most) = calls {
            let enough = used.calls.has(1, most, now);
            enough.map_err(|seconds| OverQuota::UsedUp {
                what: format!("{most} calls in a minute"),
                seconds,
            })?;
        }
        used.reserve(fuel, most_fuel, now)?;
        used.calls.take(1);
        used.at_once = used.at_once.saturating_add(1);
        Ok(Ticket {
            account: Arc::clone(self),
            fuel: AtomicU64::new(fuel),
            runs: AtomicBool::new(false),
            turn: None,
        })
    }
}

impl Used {
    /// Reserves so much fuel of a caller that has `most` in a minute.
    fn reserve(&mut self, fuel: u64, most: Option<u64>, now: Instant) -> Result<(), OverQuota> {
        if let Some(most) = most {
            if fuel > most {
                return Err(OverQuota::TooLarge { fuel, most });
            }
            let enough = self.fuel.has(fuel, most, now);
            enough.map_err(|seconds| OverQuota::UsedUp {
                what: format!("{most} fuel in a minute"),
                seconds,
            })?;
        }
        self.fuel.reserved = self.fuel.reserved.saturating_add(fuel);
        Ok(())
    }
}

impl Ticket {
    /// Waits for the turn of the call. Whether it has come.
    pub(crate) async fn waits(&mut self, bounds: &Bounds) -> bool {
        let turns = self.account.turns.get_or_init(|| Turns::new(bounds));
        self.turn = turns.take(bounds).await;
        self.turn.is_some()
    }

    /// Reserves the fuel of a call that began before its provider was known.
    pub(crate) fn reserve(&self, fuel: u64, now: Instant) -> Result<(), OverQuota> {
        self.account().reserve(fuel, self.account.quota.fuel, now)?;
        self.fuel.store(fuel, Ordering::Relaxed);
        Ok(())
    }

    /// From now on a guest may use the fuel.
    pub(crate) fn runs(&self) {
        self.runs.store(true, Ordering::Relaxed);
    }

    /// The call did not run.
    pub(crate) fn unused(&self) {
        self.used(0);
        self.account().calls.give_back(1);
    }

    /// The call has ended and used so much fuel.
    pub(crate) fn used(&self, fuel: u64) {
        let reserved = self.fuel.swap(0, Ordering::Relaxed);
        let mut used = self.account();
        used.fuel.reserved = used.fuel.reserved.saturating_sub(reserved);
        used.fuel.take(fuel);
    }

    fn account(&self) -> MutexGuard<'_, Used> {
        let used = &self.account.used;
        used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let reserved = self.fuel.load(Ordering::Relaxed);
        if reserved > 0 {
            // The caller went away: before the guest ran, or in the middle.
            let ran = self.runs.load(Ordering::Relaxed);
            self.used(if ran { reserved } else { 0 });
        }
        let mut used = self.account();
        used.at_once = used.at_once.saturating_sub(1);
    }
}

impl Bucket {
    /// Whether `amount` is left of `most`, or else the seconds until it is.
    fn has(&mut self, amount: u64, most: u64, now: Instant) -> Result<(), u64> {
        let minute = MINUTE.as_secs_f64();
        let since = *self.at.get_or_insert(now);
        let passed = now.saturating_duration_since(since).as_secs_f64();
        // Whole units come back; the time of a part of one counts on.
        let back = (most as f64 * passed / minute).floor();
        if back >= self.used as f64 {
            (self.used, self.at) = (0, Some(now));
        } else {
            self.used = self.used.saturating_sub(back as u64);
            let time = Duration::try_from_secs_f64(back * minute / most as f64);
            self.at = since.checked_add(time.unwrap_or_default());
        }
        let taken = self.used.saturating_add(self.reserved);
        let missing = amount.saturating_sub(most.saturating_sub(taken));
        if missing == 0 {
            return Ok(());
        }
        let waited = now.saturating_duration_since(self.at.unwrap_or(now));
        let wait = missing as f64 / most as f64 * minute - waited.as_secs_f64();
        Err((wait.ceil() as u64).max(1))
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
    pub(crate) fn parse<'a>(
        parts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Quota, &'static str> {
        const PROBLEM: &str = "no quota; write `calls=N`, `fuel=N` (in a minute) or `at-once=N`, each once and from 1 on";
        let mut quota = Quota::default();
        for part in parts {
            let (name, number) = part.split_once('=').ok_or(PROBLEM)?;
            let number: NonZeroU64 = number.replace('_', "").parse().map_err(|_| PROBLEM)?;
            let to = match name {
                "calls" => &mut quota.calls,
                "fuel" => &mut quota.fuel,
                "at-once" => &mut quota.at_once,
                _ => return Err(PROBLEM),
            };
            if to.replace(number.get()).is_some() {
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
        Arc::new(Account::new(Quota::parse(quota.split(' ')).unwrap()))
    }

    /// The seconds until there is enough.
    fn wait(account: &Arc<Account>, fuel: u64, now: Instant) -> Option<u64> {
        match account.begin(fuel, now) {
            Err(OverQuota::UsedUp { seconds, .. }) => Some(seconds),
            _ => None,
        }
    }

    #[test]
    fn calls_come_back_within_a_minute() {
        let (account, start) = (account("calls=60"), Instant::now());
        for _ in 0..60 {
            assert!(account.begin(1, start).is_ok());
        }
        assert_eq!(wait(&account, 1, start), Some(1));
        // Half a second brings half a call, twice.
        let after = |ms| start + Duration::from_millis(ms);
        assert!(account.begin(1, after(500)).is_err());
        assert!(account.begin(1, after(1_000)).is_ok());
        assert!(account.begin(1, after(1_000)).is_err());
        // No part of a call is lost.
        for second in 1..30 {
            assert!(account.begin(1, after(1_000 + second * 1_001)).is_ok());
        }
        assert!(account.begin(1, start + MINUTE * 3).is_ok());
    }

    #[test]
    fn the_wait_is_what_is_missing() {
        let (account, start) = (account("calls=1"), Instant::now());
        let call = account.begin(1, start).unwrap();
        assert_eq!(wait(&account, 1, start + Duration::from_secs(26)), Some(34));
        call.unused();
        assert!(account.begin(1, start + Duration::from_secs(26)).is_ok());
    }

    #[test]
    fn fuel_is_paid_for_before_it_is_used() {
        let (account, start) = (account("fuel=1_000"), Instant::now());
        let call = account.begin(600, start).unwrap();
        assert_eq!(wait(&account, 600, start), Some(12));
        call.used(100);
        drop(call);
        // It comes back for a call that was dropped before its guest ran, and not in the middle.
        drop(account.begin(600, start).unwrap());
        let dropped = account.begin(600, start).unwrap();
        dropped.runs();
        drop(dropped);
        assert!(account.begin(600, start).is_err());
        let later = start + MINUTE * 2;
        let too_large = OverQuota::TooLarge {
            fuel: 1_001,
            most: 1_000,
        };
        assert_eq!(account.begin(1_001, later).unwrap_err(), too_large);
        let all = account.begin(1_000, later);
        assert!(all.is_ok());
        assert_eq!(wait(&account, 1, later), Some(1));
    }

    /// A guest that waits for minutes uses its fuel at the end.
    #[test]
    fn fuel_that_is_reserved_does_not_come_back_with_time() {
        let (account, start) = (account("fuel=1_000"), Instant::now());
        let call = account.begin(1_000, start).unwrap();
        call.runs();
        assert!(account.begin(1_000, start + MINUTE * 5).is_err());
        call.used(1_000);
        assert!(account.begin(1_000, start + MINUTE * 5).is_err());
        assert!(account.begin(1_000, start + MINUTE * 7).is_ok());
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
    fn a_quota_is_a_number_from_one_on() {
        for wrong in [
            "calls",
            "calls=x",
            "calls=1 calls=1",
            "cals=1",
            "fuel=-1",
            "calls=0",
        ] {
            assert!(Quota::parse(wrong.split(' ')).is_err(), "{wrong}");
        }
    }
}
