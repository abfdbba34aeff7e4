//! The database behind stores: redb, one transaction for each request, with the keys of each namespace apart.

use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tollgate_policy::{Reason, StoreUsage};

/// Every value, under the key of [`StoreKey::key`].
const VALUES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tollgate.store.1.values");

/// The usage of each namespace: its keys and its bytes. Written in the same transaction as the value.
const USAGE: TableDefinition<'_, &[u8], (u64, u64)> =
    TableDefinition::new("tollgate.store.1.usage");

/// Bytes of pages kept in memory for each open file. The default of redb is 1 GiB, too much for a host of many stores;
/// a store of the default size fits twice.
const CACHE: usize = 4 << 20;

/// The counted cost of one key in a list, beside its bytes: the string that holds it.
pub(crate) const LISTED: u64 = size_of::<String>() as u64;

/// An open database, in a file or in memory.
pub(crate) struct Database {
    redb: redb::Database,
    /// Held by the writer. The database would let others wait too, each on a thread of its own; here they wait as
    /// tasks, and leave the queue when their call is dropped.
    writer: Arc<Mutex<()>>,
    durable: bool,
}

/// The result of looking up a key.
pub(crate) enum Found {
    Value(Vec<u8>),
    /// The size of the value, which is more than was to be read.
    Larger(u64),
}

/// A page of keys, in their order.
pub(crate) struct Listed {
    pub(crate) keys: Vec<String>,
    /// Bytes that were read for it, those of skipped keys included.
    pub(crate) cost: u64,
    /// Whether keys are left.
    pub(crate) more: bool,
}

/// The bounds of a list.
pub(crate) struct Bounds {
    /// Keys to skip.
    pub(crate) skip: u64,
    /// Keys to list.
    pub(crate) keys: usize,
    /// Bytes to list.
    pub(crate) bytes: u64,
    /// Bytes to read.
    pub(crate) cost: u64,
}

impl Database {
    /// Opens the database in a file, which is empty or holds one.
    pub(crate) fn in_file(file: std::fs::File) -> Result<Database, redb::Error> {
        let redb = redb::Builder::new()
            .set_cache_size(CACHE)
            .create_file(file)?;
        Database::new(redb, true)
    }

    /// Creates a database in memory.
    pub(crate) fn in_memory() -> Result<Database, redb::Error> {
        let backend = redb::backends::InMemoryBackend::new();
        // Data in memory needs no second copy there.
        let redb = redb::Builder::new()
            .set_cache_size(0)
            .create_with_backend(backend)?;
        Database::new(redb, false)
    }

    fn new(redb: redb::Database, durable: bool) -> Result<Database, redb::Error> {
        let database = Database {
            redb,
            writer: Arc::default(),
            durable,
        };
        let tables = database.begin()?;
        tables.open_table(VALUES)?;
        tables.open_table(USAGE)?;
        tables.commit()?;
        Ok(database)
    }

    /// Whether the data outlives the process.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable
    }

    /// Waits for the turn to write, to be held while [`change`](Self::change) runs.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.writer).lock_owned().await
    }

    fn begin(&self) -> Result<redb::WriteTransaction, redb::Error> {
        let mut transaction = self.redb.begin_write()?;
        // With one phase, a commit counts as whole when its checksum is right, and a guest that chooses the values
        // could compute that checksum. With two phases, nothing depends on it.
        transaction.set_two_phase_commit(self.durable);
        Ok(transaction)
    }

    /// The value of a key, if it is no larger than `most`.
    pub(crate) fn get(&self, key: &[u8], most: u64) -> Result<Option<Found>, redb::Error> {
        let values = self.redb.begin_read()?.open_table(VALUES)?;
        Ok(values.get(key)?.map(|value| {
            let value = value.value();
            match value.len() as u64 > most {
                true => Found::Larger(value.len() as u64),
                false => Found::Value(value.to_vec()),
            }
        }))
    }

    /// The keys that begin with `prefix`, the prefix removed.
    pub(crate) fn list(&self, prefix: &[u8], bounds: &Bounds) -> Result<Listed, redb::Error> {
        let values = self.redb.begin_read()?.open_table(VALUES)?;
        let (mut keys, mut cost, mut bytes) = (Vec::new(), 0_u64, 0_u64);
        let mut skip = bounds.skip;
        let mut more = false;
        for entry in values.range(prefix..)? {
            let (key, _) = entry?;
            let Some(key) = key.value().strip_prefix(prefix) else {
                break;
            };
            let size = key.len() as u64 + LISTED;
            cost = cost.saturating_add(size);
            if cost > bounds.cost {
                more = true;
                break;
            }
            if let Some(left) = skip.checked_sub(1) {
                skip = left;
                continue;
            }
            bytes = bytes.saturating_add(size);
            if keys.len() == bounds.keys || bytes > bounds.bytes {
                more = true;
                break;
            }
            keys.push(String::from_utf8_lossy(key).into_owned());
        }
        Ok(Listed { keys, cost, more })
    }

    /// Replaces or deletes the value of a key. `decide` is asked with the usage before and after; when it refuses,
    /// nothing is written.
    pub(crate) fn change(
        &self,
        place: &StoreKey<'_>,
        value: Option<&[u8]>,
        decide: impl FnOnce(StoreUsage, StoreUsage) -> Result<(), Reason>,
    ) -> Result<Result<(), Reason>, redb::Error> {
        let (key, namespace) = (place.key(), place.namespace.as_bytes());
        let transaction = self.begin()?;
        {
            let mut values = transaction.open_table(VALUES)?;
            let mut usages = transaction.open_table(USAGE)?;
            let (keys, bytes) = usages.get(namespace)?.map_or((0, 0), |usage| usage.value());
            let before = StoreUsage { keys, bytes };
            let old = values.get(&*key)?.map(|old| old.value().len());
            if old.is_none() && value.is_none() {
                return Ok(Ok(()));
            }
            let after = place.usage(before, old, value.map(<[u8]>::len));
            if let Err(reason) = decide(before, after) {
                return Ok(Err(reason));
            }
            match value {
                Some(value) => _ = values.insert(&*key, value)?,
                None => _ = values.remove(&*key)?,
            }
            usages.insert(namespace, (after.keys, after.bytes))?;
        }
        transaction.commit()?;
        Ok(Ok(()))
    }
}

/// The place of a value.
pub(crate) struct StoreKey<'p> {
    pub(crate) namespace: &'p str,
    pub(crate) bucket: &'p str,
    pub(crate) key: &'p str,
}

impl StoreKey<'_> {
    /// The key in the table: the prefix of the bucket, and the key.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut whole = prefix(self.namespace, self.bucket);
        whole.extend_from_slice(self.key.as_bytes());
        whole
    }

    /// The usage of a namespace after a value of `old` bytes at this key became one of `new`.
    fn usage(&self, before: StoreUsage, old: Option<usize>, new: Option<usize>) -> StoreUsage {
        let name = self.bucket.len() + self.key.len();
        let size = |value: Option<usize>| value.map_or(0, |value| (name + value) as u64);
        let count = |value: Option<usize>| u64::from(value.is_some());
        StoreUsage {
            keys: before
                .keys
                .saturating_sub(count(old))
                .saturating_add(count(new)),
            bytes: before
                .bytes
                .saturating_sub(size(old))
                .saturating_add(size(new)),
        }
    }
}

/// The prefix that the keys of a bucket have, and no others: the names of the namespace and of the bucket, each after
/// its length.
pub(crate) fn prefix(namespace: &str, bucket: &str) -> Vec<u8> {
    let mut prefix = Vec::new();
    for name in [namespace, bucket] {
        prefix.extend_from_slice(&(name.len() as u64).to_be_bytes());
        prefix.extend_from_slice(name.as_bytes());
    }
    prefix
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
