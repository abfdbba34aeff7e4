//! The database behind stores: redb, one transaction for a group of changes, with the keys of each namespace apart.

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
        let mut has_written = false;
        {
            let mut values = transaction.open_table(VALUES)?;
            let mut usages = transaction.open_table(USAGE)?;
            for Waiting { change, answer, .. } in group.begin() {
                if answer.is_closed() {
                    continue;
                }
                let written = write(change, &mut values, &mut usages)?;
                has_written |= written == Written::Changed;
                answers.push((
                    answer,
                    match written {
                        Written::Refused(reason) => Err(reason),
                        Written::Changed | Written::Same => Ok(()),
                    },
                ));
            }
        }
        if has_written {
            transaction.commit()?;
        }
        for (answer, result) in answers {
            let _ = answer.send(result);
        }
        Ok(())
    }
}

type Table<'t, V> = redb::Table<'t, &'static [u8], V>;

/// The result of one change.
#[derive(PartialEq, Eq)]
enum Written {
    Changed,
    /// There was nothing to delete.
    Same,
    Refused(Reason),
}

/// Replaces or deletes the value of a key.
fn write(
    change: Change,
    values: &mut Table<'_, &'static [u8]>,
    usages: &mut Table<'_, (u64, u64)>,
) -> Result<Written, DatabaseError> {
    let place = StoreKey {
        namespace: &change.namespace,
        bucket: &change.bucket,
        key: &change.key,
    };
    let value = change.value.as_deref();
    let (key, namespace) = (place.key(), place.namespace.as_bytes());
    let (keys, bytes) = usages.get(namespace)?.map_or((0, 0), |usage| usage.value());
    let before = StoreUsage { keys, bytes };
    let old = values.get(&*key)?.map(|old| old.value().len());
    if old.is_none() && value.is_none() {
        return Ok(Written::Same);
    }
    let after = place.usage(before, old, value.map(<[u8]>::len));
    if let Err(reason) = (change.decide)(before, after) {
        return Ok(Written::Refused(reason));
    }
    match value {
        Some(value) => _ = values.insert(&*key, value)?,
        None => _ = values.remove(&*key)?,
    }
    usages.insert(namespace, (after.keys, after.bytes))?;
    Ok(Written::Changed)
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
