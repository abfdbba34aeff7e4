//! The files of a fleet: components, policies and signatures in an object store, by digest.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::push::OrderedConfig;
use async_nats::jetstream::object_store::InfoErrorKind;
use futures::StreamExt as _;
use tokio::time::timeout;

use crate::digest;
use crate::error::{FleetError, told};
use crate::fleet::Fleet;

/// The time for a file of the store.
const READ: Duration = Duration::from_secs(30);

/// Bytes that a part has at least, on average, beyond the first few. Clients write parts of 128 KiB.
const SMALL_PART: u64 = 16 << 10;

/// Parts that any object may have.
const FEW_PARTS: u64 = 16;

/// Times that an object is read which is replaced meanwhile.
const READS: u32 = 3;

/// The reason why a file is not there.
pub(crate) enum Missing {
    /// It never will be: a kind, and a text.
    Refused(&'static str, String),
    /// The server failed.
    Later(String),
}

impl Fleet {
    /// Puts bytes into the store, by their digest. They are put once: an object that is replaced loses its bytes under those who read it.
    pub(crate) async fn put(&self, bytes: &[u8]) -> Result<String, FleetError> {
        let digest = digest::of(bytes);
        if self.file(&digest, bytes.len() as u64).await.is_err() {
            self.put_as(&digest, bytes).await?;
        }
        Ok(digest)
    }

    /// Puts bytes under any name, as a hostile writer of the store can: for tests.
    #[doc(hidden)]
    pub async fn put_as(&self, name: &str, mut bytes: &[u8]) -> Result<(), FleetError> {
        let put = self.files.put(name, &mut bytes).await;
        put.map(drop)
            .map_err(|error| FleetError::nats("the store")(Box::new(error)))
    }

    /// The bytes of this digest, up to `most` of them.
    pub(crate) async fn file(&self, digest: &str, most: u64) -> Result<Arc<[u8]>, Missing> {
        let read = async {
            for _ in 1..READS {
                if let Some(bytes) = self.read(digest, most).await? {
                    return Ok(Some(bytes));
                }
            }
            self.read(digest, most).await
        };
        let bytes = match timeout(READ, read).await {
            Ok(read) => read?.ok_or_else(|| {
                Missing::Refused("digest", format!("{digest} has lost its bytes"))
            })?,
            Err(_) => return Err(Missing::Later(format!("{digest} did not come in time"))),
        };
        match digest::of(&bytes) == digest {
            true => Ok(bytes.into()),
            false => Err(Missing::Refused(
                "digest",
                format!("the store has other bytes under the name {digest}"),
            )),
        }
    }

    /// Reads an object; `None` if its bytes have gone meanwhile. The client's own reader follows links, also those that lead to themselves,
    /// and believes the object's size.
    async fn read(&self, digest: &str, most: u64) -> Result<Option<Vec<u8>>, Missing> {
        let info = self.files.info(digest).await;
        let info = info.map_err(|error| match error.kind() {
            InfoErrorKind::NotFound => {
                Missing::Refused("not-found", format!("{digest} is not in the store"))
            }
            InfoErrorKind::TimedOut => Missing::Later(told(&error)),
            _ => Missing::Refused(
                "store",
                format!("{digest} cannot be read: {}", told(&error)),
            ),
        })?;
        let damaged = |why: &str| Missing::Refused("digest", format!("{digest} {why}"));
        if !info.nuid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(damaged("has bytes under a name that is none"));
        }
        let mut bytes = Vec::new();
        if info.chunks == 0 {
            return Ok(Some(bytes));
        }
        let later = |error: &dyn std::error::Error| Missing::Later(told(error));
        let stream = self.jetstream.get_stream(self.tenant.stream_of_files());
        let stream = stream.await.map_err(|error| later(&error))?;
        let consumer = stream.create_consumer(OrderedConfig {
            deliver_subject: self.client.new_inbox(),
            filter_subject: self.tenant.chunks_of_files(&info.nuid),
            ..OrderedConfig::default()
        });
        let consumer = consumer.await.map_err(|error| later(&error))?;
        if consumer.cached_info().num_pending == 0 {
            return Ok(None);
        }
        let mut chunks = consumer.messages().await.map_err(|error| later(&error))?;
        let mut parts = 0_u64;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| later(&error))?;
            let has = bytes.len().saturating_add(chunk.payload.len());
            if has as u64 > most {
                let why = format!("{digest} has more than {most} bytes");
                return Err(Missing::Refused("component-size", why));
            }
            if chunk.payload.is_empty() {
                // Any number of them would be within the bound.
                return Err(damaged("has an empty part"));
            }
            parts = parts.saturating_add(1);
            if parts > (most / SMALL_PART).saturating_add(FEW_PARTS) {
                // Each of them takes as long as a large one.
                return Err(damaged("has too many parts"));
            }
            bytes.extend_from_slice(&chunk.payload);
            let info = chunk
                .info()
                .map_err(|error| Missing::Later(error.to_string()))?;
            if info.pending == 0 {
                break;
            }
        }
        Ok(Some(bytes))
    }
}
