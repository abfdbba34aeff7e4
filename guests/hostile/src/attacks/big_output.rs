//! `big-output N`: returns N bytes. A23-overlapping-lists.
//!
//! 64 MiB unless told.

use crate::{Answer, argument};

pub(super) fn run(argument: &str) -> Answer {
    Ok(vec![b'x'; argument::number(argument, 64 << 20)?])
}
