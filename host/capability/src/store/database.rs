//! The database behind stores: redb, one transaction for a group of changes, with the keys of each namespace apart.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use tollgate_policy::{Reason, StoreUsage};

use super::group::{Change, Group, Waiting};
use super::place::{Bounds, Found, LISTED, Listed, StoreKey};
use crate::jobs::Ended;

/// The error of the database.
pub(crate) use redb::Error as DatabaseError;

/// Every value, under the key of [`StoreKey::key`].
const VALUES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tollgate.store.1.values");

/// The usage of each namespace: its keys and its bytes. Written in the same transaction as the value.
const USAGE: TableDefinition<'_, &[u8], (u64, u64)> =
    TableDefinition::new("tollgate.store.1.usage");

/// Bytes of pages kept in memory for each open file. The default of redb is 1 GiB, too much for a host of many stores;
/// a store of the default size fits twice.
const CACHE: usize = 4 << 20;

/// An open database, in a file or in memory.
pub(crate) struct Database {
    redb: redb::Database,
    durable: bool,
}

impl Database {
    /// Opens the database in a file, which is empty or holds one. The error is a text for the operator.
    pub(crate) fn in_file(file: std::fs::File) -> Result<Database, String> {
        let mut builder = redb::Builder::new();
        let opened = builder.set_cache_size(CACHE).create_file(file);
        let opened = opened.map_err(DatabaseError::from);
        let database = opened.and_then(|redb| Database::new(redb, true));
        database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                "it is open already, in another process or another runtime of this one".to_owned()
            }
            error => error.to_string(),
        })
    }

    /// Creates a database in memory.
    pub(crate) fn in_memory() -> Result<Database, DatabaseError> {
        let backend = redb::backends::InMemoryBackend::new();
        // Data in memory needs no second copy there.
        let redb = redb::Builder::new()
            .set_cache_size(0)
            .create_with_backend(backend)?;
        Database::new(redb, false)
    }

    fn new(redb: redb::Database, durable: bool) -> Result<Database, DatabaseError> {
        let database = Database { redb, durable };
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

    fn begin(&self) -> Result<redb::WriteTransaction, DatabaseError> {
        let mut transaction = self.redb.begin_write()?;
        // With one phase, a commit counts as whole when its checksum is right, and a guest that chooses the values
        // could compute that checksum. With two phases, nothing depends on it.
        transaction.set_two_phase_commit(self.durable);
        Ok(transaction)
    }

    /// The value of a key, if it is no larger than `most`.
    pub(crate) fn get(&self, key: &[u8], most: u64) -> Result<Option<Found>, DatabaseError> {
        let values = self.redb.begin_read()?.open_table(VALUES)?;
        Ok(values.get(key)?.map(|value| {
            let value = value.value();
            match value.len() as u64 > most {
                true => Found::Larger(value.len() as u64),
                false => Found::Value(value.to_vec()),
            }
        }))
    }

    /// The keys that begin with `prefix`, the prefix removed; none that are read after `ended` is set. `None` if more
    /// entries would be read than the bounds have.
    pub(crate) fn list(
        &self,
        prefix: &[u8],
        bounds: &Bounds,
        ended: &Ended,
    ) -> Result<Option<Listed>, DatabaseError> {
        let values = self.redb.begin_read()?.open_table(VALUES)?;
        let (mut keys, mut bytes) = (Vec::new(), 0_u64);
        let (mut read, mut read_bytes) = (0_u64, 0_u64);
        let mut skip = bounds.skip;
        let mut more = false;
        for entry in values.range(prefix..)? {
            let (key, _) = entry?;
            let Some(key) = key.value().strip_prefix(prefix) else {
                break;
            };
            if ended.is_set() {
                more = true;
                break;
            }
            if read == bounds.entries {
                return Ok(None);
            }
            let size = key.len() as u64 + LISTED;
            read = read.saturating_add(1);
            read_bytes = read_bytes.saturating_add(size);
            if !bounds.pay_for(read, read_bytes) {
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
        Ok(Some(Listed {
            keys,
            bytes: read_bytes,
            read,
            more,
        }))
    }

    /// Makes changes in one commit, and answers each of them. A change whose call is gone is left out. On an error none is
    /// made or answered.
    pub(crate) fn change(&self, mut group: Group) -> Result<(), DatabaseError> {
        let transaction = self.begin()?;
        let mut answers = Vec::new();
        let mut sums: HashMap<Arc<str>, Sum> = HashMap::new();
        {
            let mut values = transaction.open_table(VALUES)?;
            let mut usages = transaction.open_table(USAGE)?;
            for Waiting { change, answer, .. } in group.begin() {
                if answer.is_closed() {
                    continue;
                }
                let sum = match sums.entry(Arc::clone(&change.namespace)) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        let usage = usages.get(change.namespace.as_bytes())?;
                        let (keys, bytes) = usage.map_or((0, 0), |usage| usage.value());
                        unknown.insert(Sum {
                            usage: StoreUsage { keys, bytes },
                            is_changed: false,
                        })
                    }
                };
                answers.push((answer, write(change, &mut values, sum)?));
            }
            sums.retain(|_, sum| sum.is_changed);
            for (namespace, Sum { usage, .. }) in &sums {
                usages.insert(namespace.as_bytes(), (usage.keys, usage.bytes))?;
            }
        }
        if !sums.is_empty() {
            transaction.commit()?;
        }
        for (answer, result) in answers {
            let _ = answer.send(result);
        }
        Ok(())
    }
}

/// The usage of a namespace after the changes of a commit so far.
struct Sum {
    usage: StoreUsage,
    is_changed: bool,
}

/// Replaces or deletes the value of a key.
fn write(
    change: Change,
    values: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
    sum: &mut Sum,
) -> Result<Result<(), Reason>, DatabaseError> {
    let place = StoreKey {
        namespace: &change.namespace,
        bucket: &change.bucket,
        key: &change.key,
    };
    let (key, value) = (place.key(), change.value.as_deref());
    let old = values.get(&*key)?.map(|old| old.value().len());
    if old.is_none() && value.is_none() {
        return Ok(Ok(()));
    }
    let after = place.usage(sum.usage, old, value.map(<[u8]>::len));
    if let Err(reason) = (change.decide)(sum.usage, after) {
        return Ok(Err(reason));
    }
    match value {
        Some(value) => _ = values.insert(&*key, value)?,
        None => _ = values.remove(&*key)?,
    }
    *sum = Sum {
        usage: after,
        is_changed: true,
    };
    Ok(Ok(()))
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
