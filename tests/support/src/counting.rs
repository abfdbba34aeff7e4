//! An allocator that counts: allocations of each thread, since a call allocates the same on every machine; and the
//! bytes that the process holds, since a leak of a few bytes does not show in its resident memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Bytes allocated and not freed, of all threads.
static HELD: AtomicI64 = AtomicI64::new(0);

/// The most of them since it was last set.
static PEAK: AtomicI64 = AtomicI64::new(0);

/// The system's allocator with a count of this thread's allocations, for a program's `#[global_allocator]`.
pub struct Counting;

fn hold(more: usize, less: usize) {
    // No layout is larger than `isize::MAX`.
    let change = more as i64 - less as i64;
    let before = HELD.fetch_add(change, Ordering::Relaxed);
    if change > 0 {
        PEAK.fetch_max(before + change, Ordering::Relaxed);
    }
}

fn count() {
    // The count of a thread that ends may be gone already.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

#[expect(unsafe_code, reason = "an allocator is unsafe to implement")]
// SAFETY: every promise is passed on to the system's allocator, and counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        hold(layout.size(), 0);
        // SAFETY: the caller's promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        hold(layout.size(), 0);
        // SAFETY: the caller's promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        hold(0, layout.size());
        // SAFETY: the caller's promises.
        unsafe { System.dealloc(piece, layout) }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        hold(new_size, layout.size());
        // SAFETY: the caller's promises.
        unsafe { System.realloc(piece, layout, new_size) }
    }
}

/// The number of allocations that `work` makes on this thread.
pub fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// The largest growth, in bytes, of the memory that the allocator gives to this process while `work` runs.
pub fn peak_growth(work: impl FnOnce()) -> i64 {
    let before = held();
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

/// Bytes that the process holds of the allocator; 0 if [`Counting`] is not the global one.
pub fn held() -> i64 {
    HELD.load(Ordering::Relaxed)
}
