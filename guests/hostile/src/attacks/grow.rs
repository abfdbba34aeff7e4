//! `grow`: grows the memory page by page until the host says no. A25-memory-growth.
//!
//! Answers with how many pages it got.

use std::{arch::wasm32::memory_grow, fmt::Write};

use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    // Room for the answer is taken first: afterwards there may be none to be had.
    let mut answer = String::with_capacity(32);
    let pages = until_refused();
    let _ = write!(answer, "{pages}");
    Ok(answer.into_bytes())
}

/// Grows until the answer is -1; how many pages that gave.
pub(super) fn until_refused() -> usize {
    let mut pages = 0;
    while memory_grow::<0>(1) != usize::MAX {
        pages += 1;
    }
    pages
}
