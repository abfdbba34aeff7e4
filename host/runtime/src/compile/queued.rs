//! Time that a worker loses to others: a busy machine does not refuse a component that an idle one accepts.

use std::time::Duration;

/// The time that a worker has lost to others, up to a bound.
pub(crate) struct Lost {
    counted: Duration,
    most: Duration,
}

impl Lost {
    /// Nothing is lost yet, and no more than `most` is ever counted: a load ends on any machine.
    pub(crate) fn up_to(most: Duration) -> Lost {
        let counted = Duration::ZERO;
        Lost { counted, most }
    }

    /// The time that was lost since this was last asked, of a worker that has lost `queued` altogether.
    pub(crate) fn more(&mut self, queued: Duration) -> Duration {
        let before = std::mem::replace(&mut self.counted, queued.min(self.most));
        self.counted.saturating_sub(before)
    }
}

/// The time for which threads of a process were ready to run and had no processor, together; zero where the system does not
/// tell. A thread that sleeps is not ready, so a worker that hangs gains nothing.
#[cfg(target_os = "linux")]
pub(crate) fn queued(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let queued = threads.filter_map(|thread| {
        // Three numbers: nanoseconds on a processor, nanoseconds in its queue, times on it.
        let told = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let queued = told.split_whitespace().nth(1)?.parse().ok()?;
        Some(Duration::from_nanos(queued))
    });
    queued.fold(Duration::ZERO, Duration::saturating_add)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn queued(_process: u32) -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_time_counts_once_and_up_to_a_bound() {
        let mut lost = Lost::up_to(Duration::from_secs(9));
        let more = [0, 5, 5, 12, 20].map(|all| lost.more(Duration::from_secs(all)).as_secs());
        assert_eq!(more, [0, 5, 0, 4, 0]);
    }
}
