//! Breaks that a red team has found, each a test that fails until it is mended.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and what it says is shown then"
)]

mod isolation;
mod links;
mod memory;
mod zz_wat;

use support::counting::Counting;

#[global_allocator]
static COUNTING: Counting = Counting;
