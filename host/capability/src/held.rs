//! The memory that the host holds for the guest of one store, as one sum with a cap.
//!
//! It is shared by all that holds some: the meter counts tables and resources, streams count the output that is kept. The
//! guest's own memories are not part of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::LimitReached;

/// The sum of one store. Clones are of the same store.
#[derive(Clone)]
pub struct HostMemory(Arc<Sum>);

struct Sum {
    cap: u64,
    now: AtomicU64,
    peak: AtomicU64,
}

impl HostMemory {
    /// A sum with a cap, in bytes.
    pub fn new(cap: u64) -> HostMemory {
        HostMemory(Arc::new(Sum {
            cap,
            now: AtomicU64::new(0),
            peak: AtomicU64::new(0),
        }))
    }

    /// Counts `bytes` that the host holds until [`HostMemory::release`].
    ///
    /// # Errors
    ///
    /// The limit `host-memory` does not allow as many. Nothing is counted then.
    pub fn hold(&self, bytes: u64) -> Result<(), LimitReached> {
        let more = |now: u64| now.checked_add(bytes).filter(|more| *more <= self.0.cap);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let before = self.0.now.fetch_update(set, get, more);
        let before = before.map_err(|_| LimitReached::HostMemory)?;
        let now = before.saturating_add(bytes);
        self.0.peak.fetch_max(now, Ordering::Relaxed);
        Ok(())
    }

    /// The host no longer holds `bytes`.
    pub fn release(&self, bytes: u64) {
        let less = |now: u64| Some(now.saturating_sub(bytes));
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        // The function always gives a value.
        let _ = self.0.now.fetch_update(set, get, less);
    }

    /// Bytes that the cap still allows.
    pub fn left(&self) -> u64 {
        self.0
            .cap
            .saturating_sub(self.0.now.load(Ordering::Relaxed))
    }

    /// The most bytes held at once since the call under way began.
    pub fn peak(&self) -> u64 {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// A call begins: what the store holds is the first peak.
    pub(crate) fn begin_call(&self) {
        let now = self.0.now.load(Ordering::Relaxed);
        self.0.peak.store(now, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cap_holds_to_the_byte() {
        let memory = HostMemory::new(10);
        assert!(memory.hold(10).is_ok() && memory.hold(1).is_err());
        memory.release(4);
        assert_eq!((memory.left(), memory.peak()), (4, 10));
        memory.begin_call();
        assert_eq!(memory.peak(), 6);
        assert!(memory.hold(u64::MAX).is_err() && memory.hold(5).is_err());
        assert_eq!((memory.left(), memory.peak()), (4, 6));
    }
}
