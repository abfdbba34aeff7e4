//! `unreachable`: the instruction of that name. ATTACKS.md row 29.

use std::arch::wasm32;

use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    wasm32::unreachable()
}
