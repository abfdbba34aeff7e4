//! `panic`: the end of a Rust guest with a bug. A29-traps.

use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    panic!("on purpose")
}
