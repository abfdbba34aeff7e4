//! The clock of the server, by which calls get old: those of submitters and workers may be wrong.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use async_nats::jetstream::kv;

use crate::digest;
use crate::error::FleetError;

/// Times that it is tried.
const TRIES: u32 = 3;

/// The clock of the server, beside the one of this machine.
#[derive(Debug)]
pub(crate) struct ServerClock {
    /// The key of the message that the server stamps: no key of a call, and of no other client.
    key: String,
    /// Nanoseconds by which it is ahead.
    ahead: AtomicI64,
}

impl ServerClock {
    /// `client` is a text that no other client has.
    pub(crate) fn new(client: &str) -> ServerClock {
        ServerClock {
            key: format!("clock.{}", digest::of(client.as_bytes())),
            ahead: AtomicI64::new(0),
        }
    }

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
            let put = bucket.put(&*self.key, bytes::Bytes::new()).await;
            let after = now();
            let revision = put.map_err(|error| failed(&error))?;
            // A hostile writer may have replaced it.
            if let Ok(stamped) = bucket.stream.get_raw_message(revision).await {
                let here = before.midpoint(after);
                let ahead = nanos(stamped.time).saturating_sub(here);
                self.ahead.store(ahead, Ordering::Relaxed);
                return Ok(());
            }
        }
        let why = "the message that it stamped was replaced each time";
        Err(FleetError::nats("the clock of the server")(why.into()))
    }

    /// The age of what the server has stamped with this time.
    pub(crate) fn age(&self, stamped: async_nats::datetime::DateTime) -> Duration {
        let ahead = self.ahead.load(Ordering::Relaxed);
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
