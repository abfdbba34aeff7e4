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
        // Most calls and host functions hold nothing.
        if bytes == 0 {
            return Ok(());
        }
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
        if bytes == 0 {
            return;
        }
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

    /// Counts `bytes` as if they had been held since the call began, beside the most that was held since.
    ///
    /// # Errors
    ///
    /// As for [`HostMemory::hold`].
    pub(crate) fn hold_from_the_start(&self, bytes: u64) -> Result<(), LimitReached> {
        let peak = self.peak();
        self.hold(bytes)?;
        let peak = peak.saturating_add(bytes);
        self.0.peak.fetch_max(peak, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the cap would have allowed them all the while.
    pub(crate) fn has_room_from_the_start(&self, bytes: u64) -> bool {
        self.peak().saturating_add(bytes) <= self.0.cap
    }

    /// A call begins: the memory that the store holds is the first peak.
    pub(crate) fn begin_call(&self) {
        let now = self.0.now.load(Ordering::Relaxed);
        self.0.peak.store(now, Ordering::Relaxed);
    }
}

/// Bytes of the sum that something holds until it is dropped.
pub(crate) struct Held {
    bytes: u64,
    memory: HostMemory,
}

impl Held {
    /// Nothing yet.
    pub(crate) fn new(memory: HostMemory) -> Held {
        Held { bytes: 0, memory }
    }

    /// Counts `bytes` more.
    ///
    /// # Errors
    ///
    /// The limit `host-memory` does not allow as many. Nothing is counted then.
    pub(crate) fn hold(&mut self, bytes: u64) -> Result<(), LimitReached> {
        self.memory.hold(bytes)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    /// Counts room for one more element, if there is none, and makes it. It doubles, as a vector does by itself; near the cap it
    /// takes half of the room that is left.
    ///
    /// # Errors
    ///
    /// The limit `host-memory` does not allow it. There is no more room then.
    pub(crate) fn make_room<T>(&mut self, elements: &mut Vec<T>) -> Result<(), LimitReached> {
        if elements.len() < elements.capacity() {
            return Ok(());
        }
        let each = (size_of::<T>() as u64).max(1);
        let left = usize::try_from(self.memory.left() / each / 2).unwrap_or(usize::MAX);
        let more = elements.len().max(4).min(left).max(1);
        self.hold(each.saturating_mul(more as u64))?;
        elements.reserve_exact(more);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.release(self.bytes);
    }
}

/// Bytes that the host gathers in one vector, of which the sum counts the whole capacity.
pub struct Gathered {
    bytes: Vec<u8>,
    held: u64,
    memory: HostMemory,
}

impl Gathered {
    /// An empty vector, counted by `memory`.
    pub fn new(memory: HostMemory) -> Gathered {
        Gathered {
            bytes: Vec::new(),
            held: 0,
            memory,
        }
    }

    /// Bytes gathered.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds bytes. `most` is how many there may be in the end.
    ///
    /// # Errors
    ///
    /// The limit `host-memory` does not allow as many. Nothing is added then.
    pub fn extend(&mut self, more: &[u8], most: u64) -> Result<(), LimitReached> {
        let needed = (self.bytes.len() as u64).saturating_add(more.len() as u64);
        if needed > self.held {
            // It doubles, as a vector does by itself. Near a cap it takes half of the room that is left, so that many
            // small pieces are not as many moves of the whole.
            let lacking = needed.saturating_sub(self.held);
            let left = self.memory.left().saturating_sub(lacking) / 2;
            let spare = needed.min(left).min(most.saturating_sub(needed));
            let grown = lacking.saturating_add(spare);
            self.memory.hold(grown)?;
            self.held = self.held.saturating_add(grown);
            let capacity = usize::try_from(self.held).unwrap_or(usize::MAX);
            self.bytes
                .reserve_exact(capacity.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    /// The bytes, which are counted no longer. Leaves it empty.
    pub fn take(&mut self) -> Vec<u8> {
        self.memory.release(std::mem::take(&mut self.held));
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.memory.release(self.held);
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

    #[test]
    fn elements_are_counted_by_the_room_that_they_have() {
        let memory = HostMemory::new(10_000);
        let (mut held, mut elements) = (Held::new(memory.clone()), Vec::new());
        while held.make_room(&mut elements).is_ok() {
            elements.push(7_u64);
            assert_eq!(memory.left(), 10_000 - 8 * elements.capacity() as u64);
        }
        assert!(elements.len() > 1_240, "{}", elements.len());
        drop(held);
        assert_eq!(memory.left(), 10_000);
    }

    #[test]
    fn what_is_gathered_is_counted_by_its_capacity() {
        let memory = HostMemory::new(10_000);
        let mut gathered = Gathered::new(memory.clone());
        let mut added = 0;
        while gathered.extend(b"piece", 1 << 20).is_ok() {
            added += 5;
            assert_eq!(gathered.held, gathered.bytes.capacity() as u64);
            assert_eq!(memory.left(), 10_000 - gathered.held);
        }
        assert!(added > 9_900 && gathered.len() == added, "{added}");
        assert_eq!(gathered.take().len(), added);
        assert_eq!(memory.left(), 10_000);
        // No more than it may have in the end.
        assert!(gathered.extend(b"piece", 6).is_ok());
        assert_eq!(memory.left(), 10_000 - 6);
        drop(gathered);
        assert_eq!(memory.left(), 10_000);
    }
}
