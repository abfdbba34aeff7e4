//! The prices of host work, in fuel.

/// Fuel for one host call. Crossing to the host and back takes 0.1 to 0.3 µs, in which a guest would have spent about
/// this much.
pub const CALL_PRICE: u64 = 500;

/// Fuel for one call of a WASI function that wasmtime implements. The bytes that each moves are not visible here; the
/// price covers the 64 KiB that their streams move at most.
pub const WASI_CALL_PRICE: u64 = 5_000;

/// Fuel for a byte that is copied between guest and host.
pub const MOVE_PRICE: u64 = 1;

/// Fuel for a byte that is hashed: without hardware support SHA-256 takes 3 to 4 ns for it.
pub const HASH_PRICE: u64 = 4;
