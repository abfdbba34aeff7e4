//! The memory of this process, now and at its most.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Bytes of memory that this process has, if the system tells: Linux does.
pub(crate) fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// A thread that looks at the memory every millisecond.
pub(crate) struct Sampler {
    most: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
}

impl Sampler {
    pub(crate) fn start() -> std::io::Result<Sampler> {
        let sampler = Sampler {
            most: Arc::default(),
            ends: Arc::default(),
        };
        let (most, ends) = (Arc::clone(&sampler.most), Arc::clone(&sampler.ends));
        let look = move || {
            while !ends.load(Ordering::Relaxed) {
                let Some(now) = resident() else { return };
                most.fetch_max(now, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        std::thread::Builder::new()
            .name("resident memory".to_owned())
            .spawn(look)?;
        Ok(sampler)
    }

    /// Forgets what it has seen.
    pub(crate) fn begin(&self) {
        self.most.store(resident().unwrap_or(0), Ordering::Relaxed);
    }

    /// The most that it has seen.
    pub(crate) fn most(&self) -> u64 {
        let now = resident().unwrap_or(0);
        self.most.fetch_max(now, Ordering::Relaxed).max(now)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}
