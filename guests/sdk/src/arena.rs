//! The allocator: pieces of a static array first, and the default allocator when it is full.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;

use crate::bump::Bump;

/// `SIZE` bytes that are there when the guest starts, in front of the default allocator.
///
/// Small calls live in it and never grow their memory; a piece without room comes from the default allocator.
/// Freeing the piece that was allocated last makes its room free, and so does freeing all of them.
pub struct Arena<const SIZE: usize = { crate::SIZE }> {
    bytes: UnsafeCell<[u8; SIZE]>,
    bump: UnsafeCell<Bump>,
}

// SAFETY: there is one thread, which the configuration says, and no function of the arena runs during another.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
unsafe impl<const SIZE: usize> Sync for Arena<SIZE> {}

impl<const SIZE: usize> Arena<SIZE> {
    /// An arena with nothing in it. In a static it takes no room in the guest's file.
    #[must_use]
    pub const fn new() -> Arena<SIZE> {
        Arena {
            bytes: UnsafeCell::new([0; SIZE]),
            bump: UnsafeCell::new(Bump::new()),
        }
    }

    fn start(&self) -> *mut u8 {
        self.bytes.get().cast()
    }

    #[allow(clippy::mut_from_ref, reason = "see below")]
    fn bump(&self) -> &mut Bump {
        // SAFETY: an arena is not shared between threads, each function of it asks for this once and is done with
        // it before it calls anything else.
        unsafe { &mut *self.bump.get() }.at(self.start().addr(), SIZE)
    }
}

impl<const SIZE: usize> Default for Arena<SIZE> {
    fn default() -> Arena<SIZE> {
        Arena::new()
    }
}

// SAFETY: pieces that are out at the same time never overlap and are aligned, which `bump` sees to and its tests
// show; every other piece is the default allocator's, told apart by its address.
unsafe impl<const SIZE: usize> GlobalAlloc for Arena<SIZE> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.bump().take(layout) {
            // SAFETY: the piece is inside of the arena.
            Some(offset) => unsafe { self.start().add(offset) },
            // SAFETY: the caller's promises are passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.bump().take(layout) {
            Some(offset) => {
                // SAFETY: the piece is inside of the arena, and has no other user. It may have been used before.
                unsafe {
                    let piece = self.start().add(offset);
                    piece.write_bytes(0, layout.size());
                    piece
                }
            }
            // SAFETY: the caller's promises are passed on.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        let bump = self.bump();
        match bump.offset_of(piece.addr()) {
            Some(offset) => bump.give_back(offset, layout.size()),
            // SAFETY: it is not of the arena, so it came from there; the caller's promises are passed on.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let bump = self.bump();
        let Some(offset) = bump.offset_of(piece.addr()) else {
            // SAFETY: as above.
            return unsafe { System.realloc(piece, layout, new_size) };
        };
        if bump.resize(offset, layout.size(), new_size) {
            return piece;
        }
        // SAFETY: the caller promises that the new size makes a layout and is not 0; the old piece is given back
        // once it has been copied.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(piece, layout.size().min(new_size));
                self.dealloc(piece, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
#[path = "arena_tests.rs"]
mod tests;
