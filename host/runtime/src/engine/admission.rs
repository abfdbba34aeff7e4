//! Admission: a bounded number of guests lives at the same time, a bounded number of calls waits for a slot, and the rest are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tollgate_capability::Share;

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
    /// Those of them that have room in their provider's part, and none in all.
    short: AtomicUsize,
    queue: u32,
    share: Share,
}

/// The part of the slots and of the queue that one provider may take.
pub(crate) struct Places {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: u32,
}

/// Slots that are held, of the provider's part and of all, given back when dropped.
pub(crate) struct Slot {
    _of_provider: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Admission {
    /// An admission with `concurrency` slots, or as many as the kernel has memory maps for.
    pub(crate) fn new(concurrency: Option<u32>, queue: Option<u32>, share: Share) -> Admission {
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
            short: AtomicUsize::new(0),
            queue: queue.unwrap_or(concurrency.saturating_mul(QUEUE_PER_GUEST)),
            share,
        }
    }

    /// The part of one more provider.
    pub(crate) fn places(&self) -> Places {
        let queue = self.share.of(self.queue as usize);
        Places {
            slots: Arc::new(Semaphore::new(self.share.of(self.concurrency as usize))),
            waiting: AtomicUsize::new(0),
            queue: u32::try_from(queue).unwrap_or(u32::MAX),
        }
    }

    /// The slots of a call that needs as many: a quarter of all at most. Otherwise a heavy guest would wait for all
    /// others, and they for it.
    fn capped(&self, slots_needed: u32) -> u32 {
        slots_needed.clamp(1, (self.concurrency / 4).max(1))
    }

    /// Whether a call that needs as many slots finds them, as far as all providers together go.
    pub(crate) fn has_free(&self, slots_needed: u32) -> bool {
        self.slots.available_permits() >= self.capped(slots_needed) as usize
    }

    /// The same, as far as the provider's part goes.
    pub(crate) fn has_free_of(&self, places: &Places, slots_needed: u32) -> bool {
        places.slots.available_permits() >= self.capped(slots_needed) as usize
    }

    /// Whether calls wait for slots that other providers have.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.short.load(Ordering::Relaxed) > 0
    }

    /// Takes slots for an instance that no call has asked for: no more than leave half of all slots free, and none
    /// while calls wait.
    pub(crate) fn enter_ahead(&self, places: &Places, slots_needed: u32) -> Option<Slot> {
        let slots_needed = self.capped(slots_needed);
        let left = self.concurrency.div_ceil(2).saturating_add(slots_needed) as usize;
        if self.slots.available_permits() < left || self.is_waited_for() {
            return None;
        }
        self.take_free(places, slots_needed).ok()
    }

    fn take_free(&self, places: &Places, slots_needed: u32) -> Result<Slot, TryAcquireError> {
        let free = |slots: &Arc<Semaphore>| Arc::clone(slots).try_acquire_many_owned(slots_needed);
        Ok(Slot::of(free(&places.slots)?, free(&self.slots)?))
    }

    pub(crate) fn concurrency(&self) -> u32 {
        self.concurrency
    }

    /// The number of calls that may wait.
    #[cfg(target_os = "linux")]
    pub(crate) fn queue(&self) -> u32 {
        self.queue
    }

    /// The number of pools that the kernel's memory maps allow: each pool may hold as many guests as there are slots.
    pub(crate) fn pool_count(&self) -> u32 {
        self.pool_count
    }

    /// Takes `slots_needed` slots for the provider with these places, or waits for them until `deadline` if its part of the
    /// queue has room.
    pub(crate) async fn enter(
        &self,
        places: &Places,
        slots_needed: u32,
        deadline: Instant,
    ) -> Result<Slot, CallError> {
        let slots_needed = self.capped(slots_needed);
        match self.take_free(places, slots_needed) {
            Ok(slot) => return Ok(slot),
            Err(TryAcquireError::NoPermits) => {}
            Err(TryAcquireError::Closed) => return Err(HostError::new("closed").into()),
        }
        let _of_provider = Waiting::queue(&places.waiting, places.queue).ok_or(CallError::Busy)?;
        let _of_all = Waiting::queue(&self.waiting, self.queue).ok_or(CallError::Busy)?;
        let taken = async {
            // Its own part first: a call that waits for its own part keeps no other provider waiting.
            let part = Arc::clone(&places.slots);
            let part = part.acquire_many_owned(slots_needed).await?;
            let _short = Waiting::queue(&self.short, u32::MAX);
            let all = Arc::clone(&self.slots);
            Ok::<_, AcquireError>(Slot::of(part, all.acquire_many_owned(slots_needed).await?))
        };
        match tokio::time::timeout_at(deadline.into(), taken).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(closed)) => Err(HostError::new(closed).into()),
            Err(_) => Err(CallError::Busy),
        }
    }
}

impl Slot {
    fn of(of_provider: OwnedSemaphorePermit, of_all: OwnedSemaphorePermit) -> Slot {
        Slot {
            _of_provider: of_provider,
            _of_all: of_all,
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn admission(concurrency: u32) -> Admission {
        Admission::new(Some(concurrency), None, Share::default())
    }

    /// A provider that takes and awaits all that it may leaves slots and a part of the queue to another.
    #[tokio::test]
    async fn a_provider_has_a_part_of_the_slots_and_of_the_queue() {
        let admission = Admission::new(Some(4), Some(4), Share::default());
        let (greedy, other) = (admission.places(), admission.places());
        let soon = Instant::now();
        let later = soon + std::time::Duration::from_secs(60);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(admission.enter(&greedy, 1, soon).await.ok().unwrap());
        }
        assert!(admission.enter(&greedy, 1, soon).await.is_err());
        // Three of it wait, and a fourth is turned away at once.
        let mut waiting: Vec<_> = (0..3)
            .map(|_| Box::pin(admission.enter(&greedy, 1, later)))
            .collect();
        for call in &mut waiting {
            assert!(is_pending(call.as_mut()).await);
        }
        let started = Instant::now();
        assert!(admission.enter(&greedy, 1, later).await.is_err());
        assert!(started.elapsed() < std::time::Duration::from_secs(30));
        // The other one has a slot, and a place in the queue.
        held.push(admission.enter(&other, 1, soon).await.ok().unwrap());
        let mut call = Box::pin(admission.enter(&other, 1, later));
        assert!(is_pending(call.as_mut()).await);
        drop(held);
        assert!(call.await.is_ok());
    }

    async fn is_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending()))
            .await
    }

    #[test]
    fn guests_are_no_more_than_the_kernel_has_maps_for() {
        assert_eq!(most_guests(MAX_MAPS), 10_239);
        assert_eq!(most_guests(0), 1);
        let all = admission(u32::MAX).concurrency();
        assert_eq!(all, most_guests(max_map_count()));
        assert_eq!(admission(0).concurrency(), 1);
        assert_eq!(admission(all).pool_count(), 1);
        assert_eq!(admission(all / 3).pool_count(), 3);
    }

    /// A guest that weighs more than all slots gets a quarter of them, and leaves the rest to others.
    #[tokio::test]
    async fn the_heaviest_takes_a_quarter() {
        let soon = Instant::now();
        for (concurrency, left) in [(8, 6), (9, 7), (16, 12), (2, 1)] {
            let admission = admission(concurrency);
            let slot = admission.enter(&admission.places(), 100, soon).await;
            assert_eq!(admission.slots.available_permits(), left);
            drop(slot);
        }
    }
}
