//! `overflow`: an integer division whose result does not fit. A29-traps.

use std::hint::{assert_unchecked, black_box};

use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    let (least, minus_one): (i32, i32) = black_box((i32::MIN, -1));
    // SAFETY: none. It takes away the checks that Rust puts before a division, so that the instruction
    // itself traps.
    unsafe { assert_unchecked(minus_one != 0 && least != i32::MIN) };
    Ok((least / minus_one).to_string().into_bytes())
}
