//! The part of a runtime that one provider may take, so that the callers of one cannot take the share of all others.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::http::connect::MAX_LOOK_UPS;
use crate::jobs::MAX_JOBS;

/// A part of the whole, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

/// Three quarters: a provider that is alone loses little, and a second one finds room while the first does its worst.
impl Default for Share {
    fn default() -> Share {
        Share(75)
    }
}

impl Share {
    /// A share of `percent` percent, from 1 to 100; other values are cut to this range.
    pub fn percent(percent: u32) -> Share {
        Share(percent.clamp(1, 100))
    }

    /// The part of `all`, rounded up.
    ///
    /// ```
    /// # use tollgate_capability::Share;
    /// assert_eq!(Share::default().of(64), 48);
    /// assert_eq!(Share::default().of(2), 2);
    /// ```
    pub fn of(self, all: usize) -> usize {
        all.saturating_mul(self.0 as usize).div_ceil(100)
    }
}

/// The part of one provider in the threads that block and in the look-ups of its runtime. Clones are of the same provider.
#[derive(Clone)]
pub(crate) struct ProviderShare {
    pub(crate) jobs: Arc<Semaphore>,
    pub(crate) look_ups: Arc<Semaphore>,
}

impl ProviderShare {
    pub(crate) fn new(share: Share) -> ProviderShare {
        let part = |all| Arc::new(Semaphore::new(share.of(all)));
        ProviderShare {
            jobs: part(MAX_JOBS),
            look_ups: part(MAX_LOOK_UPS),
        }
    }
}
