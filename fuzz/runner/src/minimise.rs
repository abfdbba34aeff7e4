//! Reduces an input to the bytes that a finding needs.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::worker::{Answer, Worker};

const PATIENCE: Duration = Duration::from_secs(60);

/// The key by which findings are the same: their text without its numbers, which are sizes and places mostly.
pub(crate) fn signature(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    text.chars().take(80).collect()
}

/// Removes ever smaller pieces while the finding stays.
pub(crate) fn minimise(
    worker: &mut Worker,
    target: usize,
    mut input: Vec<u8>,
    text: &str,
) -> Result<Vec<u8>> {
    let wanted = signature(text);
    let start = Instant::now();
    let mut size = input.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < input.len() {
            if start.elapsed() > PATIENCE {
                return Ok(input);
            }
            let mut less = input.clone();
            less.drain(at..(at + size).min(input.len()));
            match worker.check(target, &less)? {
                Answer::Finding(text) if signature(&text) == wanted => input = less,
                _ => at += size,
            }
        }
        size /= 2;
    }
    Ok(input)
}
