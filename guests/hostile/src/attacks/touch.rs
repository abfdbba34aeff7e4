//! `touch N`: grows by N pages and writes into each. A25-memory-growth.
//!
//! Answers with how many pages the memory has then.

use std::arch::wasm32::{memory_grow, memory_size};

use crate::{Answer, Error, argument};

const PAGE: usize = 64 * 1024;

pub(super) fn run(argument: &str) -> Answer {
    let pages = argument::number(argument, 1)?;
    let first = memory_grow::<0>(pages);
    if first == usize::MAX {
        return Err(Error::QuotaExceeded(format!(
            "{pages} more pages are not to be had"
        )));
    }
    for page in first..first + pages {
        // SAFETY: the page was just added, and nothing else knows of it.
        unsafe { ((page * PAGE) as *mut u8).write_volatile(1) };
    }
    Ok(memory_size::<0>().to_string().into_bytes())
}
