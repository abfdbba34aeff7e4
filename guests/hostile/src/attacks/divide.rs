//! `divide`: an integer division by zero. A29-traps.

use std::hint::{assert_unchecked, black_box};

use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    let zero: u32 = black_box(0);
    // SAFETY: none. It takes away the check that Rust puts before a division, so that the instruction
    // itself traps.
    unsafe { assert_unchecked(zero != 0) };
    Ok((1000 / zero).to_string().into_bytes())
}
