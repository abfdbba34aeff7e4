//! An [`Arena`] in front of the allocator, which makes a guest faster; and the words of its panics, by [`log_panics`].
//!
//! ```ignore
//! tollgate_guest::arena!(); // in the guest's crate, once
//! ```
//!
//! The default allocator of a wasm program asks for its first memory with `memory.grow`, which the host has to do
//! for every fresh instance, in the page tables of a process that all of its threads share. An arena that is there
//! from the start makes a small call need none.

mod arena;
mod bump;
mod panics;

pub use arena::Arena;
pub use panics::log_panics;

/// Bytes of an arena unless the guest says otherwise: one page of wasm, enough for the arguments and the work of a
/// small call. A page that the guest never touches costs nothing.
pub const SIZE: usize = 64 << 10;

/// Makes an [`Arena`] the allocator of this guest, of [`SIZE`] bytes or of as many as are said.
///
/// On anything but single-threaded wasm it does nothing, so that a guest's own tests run natively.
#[macro_export]
macro_rules! arena {
    () => {
        $crate::arena!($crate::SIZE);
    };
    ($size:expr) => {
        #[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
        #[global_allocator]
        static TOLLGATE_ARENA: $crate::Arena<{ $size }> = $crate::Arena::new();
    };
}
