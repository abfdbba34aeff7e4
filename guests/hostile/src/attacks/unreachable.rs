//! `unreachable`: the instruction of that name. A29-traps.

use std::arch::wasm32;

use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    wasm32::unreachable()
}
