//! The division of the arena among allocations: offsets only, no memory.

use std::alloc::Layout;

/// A pointer that moves up with each piece, back with the last, and to the start when all have come back.
pub(crate) struct Bump {
    /// The place at which the arena begins, and its length. All zero until [`at`](Self::at) sets them: a static that
    /// is not zero would be in the guest's file, with all of its bytes.
    base: usize,
    size: usize,
    /// The first free byte.
    top: usize,
    /// Pieces that have not come back.
    live: usize,
}

impl Bump {
    /// An arena whose place is not known yet.
    pub(crate) const fn new() -> Bump {
        Bump {
            base: 0,
            size: 0,
            top: 0,
            live: 0,
        }
    }

    /// Says where it is and how long. The place of a static is not known when it is made.
    pub(crate) fn at(&mut self, base: usize, size: usize) -> &mut Bump {
        self.base = base;
        self.size = size;
        self
    }

    /// The offset of a new piece; none when there is no room for it.
    pub(crate) fn take(&mut self, layout: Layout) -> Option<usize> {
        // Aligned by address: the arena itself need not be.
        let mask = layout.align() - 1;
        let address = self.base.checked_add(self.top)?.checked_add(mask)? & !mask;
        let offset = address - self.base;
        let end = offset.checked_add(layout.size())?;
        if end > self.size {
            return None;
        }
        self.top = end;
        self.live += 1;
        Some(offset)
    }

    /// The offset of a piece of this arena; none for a piece from elsewhere.
    pub(crate) fn offset_of(&self, address: usize) -> Option<usize> {
        // A piece is never empty, so none begins at the arena's end.
        let offset = address.checked_sub(self.base)?;
        (offset < self.size).then_some(offset)
    }

    /// Takes a piece back.
    pub(crate) fn give_back(&mut self, offset: usize, size: usize) {
        self.live -= 1;
        if self.live == 0 {
            self.top = 0;
        } else if offset + size == self.top {
            self.top = offset;
        }
    }

    /// Makes a piece longer or shorter where it is, which only the last one can become.
    pub(crate) fn resize(&mut self, offset: usize, old: usize, new: usize) -> bool {
        if offset + old != self.top {
            // Shorter is possible anywhere; the rest is lost until all have come back.
            return new <= old;
        }
        match offset.checked_add(new) {
            Some(end) if end <= self.size => {
                self.top = end;
                true
            }
            _ => false,
        }
    }
}
