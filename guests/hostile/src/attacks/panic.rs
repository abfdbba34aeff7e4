//! `panic`: what a Rust guest does when it is surprised. A29-traps.

use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    panic!("on purpose")
}
