//! The memory of this process, as the system counts it: by how much it grows while a guest has the host hold all it can.

use crate::counting;

/// The most that the process may grow then, in KiB: `host-memory` of 16 MiB, and the guest's own memory of at most 2 MiB.
pub const GROWTH: i64 = (16 + 2) << 10;

/// Runs `work`, and returns the largest growth of the memory of the process in KiB: of its resident memory, or of the
/// memory that it holds of the allocator if that is more, since the allocator keeps the freed memory of earlier work.
pub fn growth(work: impl FnOnce()) -> i64 {
    let number = |name: &str| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().trim().strip_suffix(" kB").unwrap();
        number.parse::<i64>().unwrap()
    };
    // The peak begins anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = number("VmRSS:");
    let held = counting::peak_growth(work);
    (number("VmHWM:") - before).max(held >> 10)
}
