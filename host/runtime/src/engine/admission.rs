//! Admission: a bounded number of guests lives at the same time, a bounded number of calls waits for a slot, and the rest are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::error::{CallError, HostError};

/// The default number of guests that live at the same time. 64 slots cost half a millisecond at start-up and address
/// space, not memory.
const CONCURRENCY: u32 = 64;

/// Calls that wait, for each guest that may live: at a millisecond a call, the last of them waits 16 ms.
const QUEUE_PER_GUEST: u32 = 16;

/// Memory maps of the kernel for one slot: 4 for its memory, 2 for its stack (docs/performance.md#measured).
const MAPS_PER_SLOT: u64 = 6;

/// Memory maps left to the rest of the process: code, heaps, threads, and memory that the pool keeps resident.
const OTHER_MAPS: u64 = 4_096;

/// Linux's default of `vm.max_map_count`, used if it cannot be read.
const MAX_MAPS: u64 = 65_530;

/// The slots of one runtime.
pub(crate) struct Admission {
    slots: Arc<Semaphore>,
    concurrency: u32,
    pool_count: u32,
    waiting: AtomicUsize,
    queue: u32,
}

/// Slots that are held, given back when dropped.
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    /// An admission with `concurrency` slots, or as many as the kernel has memory maps for.
    pub(crate) fn new(concurrency: Option<u32>, queue: Option<u32>) -> Admission {
        let most = most_guests(max_map_count());
        let asked = concurrency.unwrap_or(CONCURRENCY);
        if asked > most {
            tracing::warn!(
                asked,
                most,
                "fewer guests than asked for: more memory maps than `vm.max_map_count` allows"
            );
        }
        let concurrency = asked.clamp(1, most);
        Admission {
            slots: Arc::new(Semaphore::new(concurrency as usize)),
            concurrency,
            pool_count: most / concurrency,
            waiting: AtomicUsize::new(0),
            queue: queue.unwrap_or(concurrency.saturating_mul(QUEUE_PER_GUEST)),
        }
    }

    pub(crate) fn concurrency(&self) -> u32 {
        self.concurrency
    }

    /// The number of calls that may wait.
    #[cfg(target_os = "linux")]
    pub(crate) fn queue(&self) -> u32 {
        self.queue
    }

    /// How many times `concurrency` guests the kernel has memory maps for: each pool may take as many as there are
    /// slots.
    pub(crate) fn pool_count(&self) -> u32 {
        self.pool_count
    }

    /// Takes `slots_needed` slots, or waits for them until `deadline` if the queue has room.
    pub(crate) async fn enter(
        &self,
        slots_needed: u32,
        deadline: Instant,
    ) -> Result<Slot, CallError> {
        // A call takes a quarter of the slots at most. Otherwise a heavy guest would wait for all others, and they for
        // it.
        let slots_needed = slots_needed.clamp(1, (self.concurrency / 4).max(1));
        match Arc::clone(&self.slots).try_acquire_many_owned(slots_needed) {
            Ok(permit) => return Ok(Slot { _permit: permit }),
            Err(TryAcquireError::NoPermits) => {}
            Err(TryAcquireError::Closed) => return Err(HostError::new("closed").into()),
        }
        let _waiting = Waiting::queue(&self.waiting, self.queue).ok_or(CallError::Busy)?;
        let permit = Arc::clone(&self.slots).acquire_many_owned(slots_needed);
        match tokio::time::timeout_at(deadline.into(), permit).await {
            Ok(Ok(permit)) => Ok(Slot { _permit: permit }),
            Ok(Err(closed)) => Err(HostError::new(closed).into()),
            Err(_) => Err(CallError::Busy),
        }
    }
}

/// A waiting call, counted until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn queue(waiting: &'a AtomicUsize, most: u32) -> Option<Waiting<'a>> {
        // The call is counted first; the drop of a call that finds the queue full takes it back.
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let this = Waiting(waiting);
        (before < most as usize).then_some(this)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number of guests that `maps` memory maps are enough for.
fn most_guests(maps: u64) -> u32 {
    let most = maps.saturating_sub(OTHER_MAPS) / MAPS_PER_SLOT;
    u32::try_from(most.max(1)).unwrap_or(u32::MAX)
}

fn max_map_count() -> u64 {
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    text.and_then(|text| text.trim().parse().ok())
        .unwrap_or(MAX_MAPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_no_more_than_the_kernel_has_maps_for() {
        assert_eq!(most_guests(MAX_MAPS), 10_239);
        assert_eq!(most_guests(0), 1);
        let all = Admission::new(Some(u32::MAX), None).concurrency();
        assert_eq!(all, most_guests(max_map_count()));
        assert_eq!(Admission::new(Some(0), None).concurrency(), 1);
        assert_eq!(Admission::new(Some(all), None).pool_count(), 1);
        assert_eq!(Admission::new(Some(all / 3), None).pool_count(), 3);
    }

    /// A guest that weighs more than all slots gets a quarter of them, and leaves the rest to others.
    #[tokio::test]
    async fn the_heaviest_takes_a_quarter() {
        let soon = Instant::now();
        for (concurrency, left) in [(8, 6), (9, 7), (16, 12), (2, 1)] {
            let admission = Admission::new(Some(concurrency), None);
            let slot = admission.enter(100, soon).await;
            assert_eq!(admission.slots.available_permits(), left);
            drop(slot);
        }
    }
}
