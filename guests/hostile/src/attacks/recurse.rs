//! `recurse`: calls itself without end, and without touching memory. A28-recursion.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Answer;

/// Never set; the optimiser does not know that.
static STOP: AtomicBool = AtomicBool::new(false);

pub(super) fn run(_: &str) -> Answer {
    Ok(descend(0).to_string().into_bytes())
}

#[inline(never)]
fn descend(depth: u64) -> u64 {
    if STOP.load(Ordering::Relaxed) {
        return depth;
    }
    // The use of the result depends on the depth, so no loop can replace the calls.
    descend(depth + 1).wrapping_mul(3) ^ depth
}
