//! `out-of-bounds`: reads behind the end of memory. A29-traps.

use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    // SAFETY: none. No memory of a sandbox reaches this far, so the load traps.
    let byte = unsafe { (0xffff_fff0 as *const u8).read_volatile() };
    Ok(vec![byte])
}
