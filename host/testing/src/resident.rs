//! The memory of this process, now and at its most.

/// Bytes of memory that this process has, if the system tells: Linux does.
pub(crate) fn resident() -> Option<u64> {
    status("VmRSS:")
}

/// Bytes of memory that this process has, without those that the allocator keeps for later: each thread's allocator keeps
/// its own, and a call may run on another thread than the call before. 0 where the system does not tell.
pub(crate) fn settled() -> u64 {
    give_back();
    resident().unwrap_or(0)
}

/// Gives memory that the allocator keeps back to the system, where the allocator is glibc's. A host function that takes
/// memory which an earlier attack left there would take none of the system, and its mistake would not be seen.
fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "no crate calls it")]
        // SAFETY: it takes a number, and may be called at any time, by any thread.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

/// Forgets the most that there was. Whether it is forgotten: otherwise memory of earlier attacks counts.
pub(crate) fn forget_most() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// The most bytes of memory that this process has had since.
pub(crate) fn most() -> Option<u64> {
    status("VmHWM:")
}

fn status(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}
