//! The clock of the server, by which calls get old: those of submitters and workers may be wrong.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use async_nats::jetstream::kv;

use crate::error::FleetError;

/// The key of the message that the server stamps, which is no key of a call.
const KEY: &str = "clock";

/// Times that it is tried.
const TRIES: u32 = 3;

/// The nanoseconds by which the clock of the server is ahead of the one of this machine.
#[derive(Debug, Default)]
pub(crate) struct ServerClock(AtomicI64);

impl ServerClock {
    /// Compares the clocks: the server stamps a message of this bucket.
    ///
    /// # Errors
    ///
    /// The server fails.
    pub(crate) async fn compare(&self, bucket: &kv::Store) -> Result<(), FleetError> {
        let failed = |error: &dyn std::error::Error| {
            FleetError::nats("the clock of the server")(error.to_string().into())
        };
        for _ in 0..TRIES {
            let before = now();
            let put = bucket.put(KEY, bytes::Bytes::new()).await;
            let after = now();
            let revision = put.map_err(|error| failed(&error))?;
            // Another machine may have replaced it.
            if let Ok(stamped) = bucket.stream.get_raw_message(revision).await {
                let here = before.midpoint(after);
                let ahead = nanos(stamped.time).saturating_sub(here);
                self.0.store(ahead, Ordering::Relaxed);
                break;
            }
        }
        Ok(())
    }

    /// The age of what the server has stamped with this time.
    pub(crate) fn age(&self, stamped: async_nats::datetime::DateTime) -> Duration {
        let ahead = self.0.load(Ordering::Relaxed);
        let age = now().saturating_add(ahead).saturating_sub(nanos(stamped));
        Duration::from_nanos(u64::try_from(age).unwrap_or(0))
    }
}

fn nanos(time: async_nats::datetime::DateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos()).unwrap_or(i64::MAX)
}

fn now() -> i64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}
