//! `grow-then-trap`: grows until the host says no, then traps, as an allocator does. A25-memory-growth.

use std::{arch::wasm32, hint::black_box};

use super::grow;
use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    black_box(grow::until_refused());
    wasm32::unreachable()
}
