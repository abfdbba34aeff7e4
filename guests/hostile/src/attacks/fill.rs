//! `fill N`: fills N bytes with one instruction, again and again. A20-bulk-memory.
//!
//! 64 MiB unless told.

use std::hint::black_box;

use crate::{Answer, argument};

pub(super) fn run(argument: &str) -> Answer {
    let mut buffer = vec![0_u8; argument::number(argument, 64 << 20)?];
    loop {
        buffer.fill(black_box(1));
        black_box(buffer.as_mut_ptr());
    }
}
