//! `big-output N`: returns N bytes. ATTACKS.md row 23.
//!
//! 64 MiB unless told.

use crate::{Answer, argument};

pub(super) fn run(argument: &str) -> Answer {
    Ok(vec![b'x'; argument::number(argument, 64 << 20)?])
}
