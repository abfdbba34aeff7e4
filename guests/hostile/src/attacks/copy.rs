//! `copy N`: copies within N bytes with one instruction, again and again. A20-bulk-memory.
//!
//! 64 MiB unless told, the first half over the second.

use std::hint::black_box;

use crate::{Answer, argument};

pub(super) fn run(argument: &str) -> Answer {
    let size = argument::number(argument, 64 << 20)?;
    let mut buffer = vec![1_u8; size];
    let (source, target) = buffer.split_at_mut(size / 2);
    let Some(target) = target.get_mut(..source.len()) else {
        return Ok(Vec::new());
    };
    loop {
        target.copy_from_slice(source);
        black_box(target.as_mut_ptr());
    }
}
