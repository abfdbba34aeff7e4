//! `panic`: what a Rust guest does when it is surprised. ATTACKS.md row 29.

use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    panic!("on purpose")
}
