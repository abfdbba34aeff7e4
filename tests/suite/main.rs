//! The guests against the host, the command line and the policies. One binary: the host is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and what it says is shown then"
)]

mod asking;
mod cache;
mod calls;
mod cli;
mod docs;
mod end_to_end;
mod files;
mod fleet;
mod http;
mod isolation;
mod limits;
mod load;
mod report;
mod serve;
mod store;
mod trust;
mod wall;
mod wasi;
mod watch;
mod worlds;

use support::counting::Counting;

#[global_allocator]
static COUNTING: Counting = Counting;
