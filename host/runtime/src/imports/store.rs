//! `tollgate:provider/store`: values that outlive a call; and what `wasi:keyvalue` stands on.
//!
//! Each request is charged, decided by [`tollgate_policy::decide`], noted, and then acted on, in
//! [`HostState`]'s functions here. Both interfaces call these and nothing else.

use std::sync::Arc;

use tollgate_policy::{Reason, StoreRequest, decide};
use wasmtime::component::Resource;

use crate::bindings::v0_2::provider::store::{Error, Host, HostBucket};
use crate::database::{Bounds, Database, Found, Place, prefix};
use crate::fault::HostFailure;
use crate::meter::{MOVE_PRICE, Stop};
use crate::state::HostState;
use crate::stores::Namespace;

/// The audit name of this capability.
const NAME: &str = "store";

/// Fuel for a request, beside its bytes: what a guest would have spent in the processor time that it takes
/// (100,000 in 0.1 ms). A file costs more, for the threads that wait for it.
struct Price {
    file: u64,
    memory: u64,
}

/// Looking something up: 20 to 45 µs in a file, 7 µs in memory, measured.
const READ: Price = Price {
    file: 40_000,
    memory: 7_000,
};

/// A commit: some ten pages of 4 KiB are written anew, in 0.5 ms of the processor's time and 3 to 6 ms of the
/// disk's, which the deadline bounds; in memory 0.15 ms, measured.
const COMMIT: Price = Price {
    file: 500_000,
    memory: 150_000,
};

/// A bucket that is open: its name, and nothing of the database.
pub struct Bucket(Arc<str>);

/// Why the store did not do what was asked.
pub(crate) enum Refused {
    /// The decision, which is in the report.
    Denied(Reason),
    /// More than one answer may be.
    TooLarge(u64),
    /// The database failed; the log has why.
    Broken,
}

/// A page of keys.
pub(crate) struct Page {
    pub(crate) keys: Vec<String>,
    /// How many keys to skip for the next page, if there is one.
    pub(crate) next: Option<u64>,
}

pub(crate) type Asked<T> = wasmtime::Result<Result<T, Refused>>;

impl HostState {
    pub(crate) async fn open_bucket(&mut self, name: String) -> Asked<Resource<Bucket>> {
        self.meter.charge(name.len() as u64, MOVE_PRICE)?;
        self.be_fair().await;
        if let Err(refused) = self.decide_store(&name, StoreRequest::Bucket(&name)) {
            return Ok(Err(refused));
        }
        self.allowed(NAME, &name);
        // The table is as large as the `handles` limit; full means that limit.
        let bucket = self.table.push(Bucket(name.into()));
        bucket.map(Ok).map_err(|_| Stop::Handles.into())
    }

    pub(crate) async fn get_value(
        &mut self,
        bucket: &Resource<Bucket>,
        key: String,
    ) -> Asked<Option<Vec<u8>>> {
        let most = self.meter.limits.host_data;
        let found = match self.look_up(bucket, key, most).await? {
            Ok(found) => found,
            Err(refused) => return Ok(Err(refused)),
        };
        Ok(match found {
            Some(Found::Value(value)) => {
                self.meter.charge_more(value.len() as u64, MOVE_PRICE)?;
                Ok(Some(value))
            }
            Some(Found::Larger(size)) => {
                // More than the answer may be, or more than the fuel pays for.
                self.meter.charge_more(size, MOVE_PRICE)?;
                Err(Refused::TooLarge(most))
            }
            None => Ok(None),
        })
    }

    pub(crate) async fn has_key(&mut self, bucket: &Resource<Bucket>, key: String) -> Asked<bool> {
        let found = self.look_up(bucket, key, 0).await?;
        Ok(found.map(|found| found.is_some()))
    }

    /// What is under a key, read only if it is no larger than `most` and than the fuel pays for.
    async fn look_up(
        &mut self,
        bucket: &Resource<Bucket>,
        key: String,
        most: u64,
    ) -> Asked<Option<Found>> {
        self.meter.charge(key.len() as u64, MOVE_PRICE)?;
        let bucket = Arc::clone(&self.table.get(bucket)?.0);
        let target = format!("{bucket}/{key}");
        if let Err(refused) = self.decide_store(&target, StoreRequest::Key(&key)) {
            return Ok(Err(refused));
        }
        self.allowed(NAME, &target);
        self.charge_store(&READ)?;
        let most = most.min(self.meter.affords());
        self.on_store(move |database, namespace| {
            let (bucket, key) = (&*bucket, &*key);
            let place = Place {
                namespace,
                bucket,
                key,
            };
            database.get(&place.key(), most)
        })
        .await
    }

    /// Sets a key, or deletes it.
    pub(crate) async fn change_value(
        &mut self,
        bucket: &Resource<Bucket>,
        key: String,
        value: Option<Vec<u8>>,
    ) -> Asked<()> {
        let sent = value.as_ref().map_or(0, Vec::len) as u64;
        self.meter.charge(key.len() as u64 + sent, MOVE_PRICE)?;
        let bucket = Arc::clone(&self.table.get(bucket)?.0);
        let target = format!("{bucket}/{key}");
        let request = match value {
            Some(_) => StoreRequest::Set(&key, sent),
            None => StoreRequest::Key(&key),
        };
        if let Err(refused) = self.decide_store(&target, request) {
            return Ok(Err(refused));
        }
        let Some(Namespace { opened, name }) = self.reach.store.clone() else {
            return Ok(Err(self.refuse_store(&target, Reason::NotGranted)));
        };
        self.charge_store(&COMMIT)?;
        // Whoever waits here and is dropped has written nothing; whoever has begun ends it, seen or not.
        let turn = opened.database.turn().await;
        let reach = Arc::clone(&self.reach);
        let changed = self
            .on_store(move |database, _| {
                let _turn = turn;
                let place = Place {
                    namespace: &name,
                    bucket: &bucket,
                    key: &key,
                };
                database.change(&place, value.as_deref(), |before, after| {
                    decide::store(&reach.grants, StoreRequest::Change(before, after))
                })
            })
            .await?;
        Ok(match changed {
            Ok(Ok(())) => {
                self.allowed(NAME, &target);
                Ok(())
            }
            Ok(Err(reason)) => Err(self.refuse_store(&target, reason)),
            Err(refused) => Err(refused),
        })
    }

    /// Keys in their order, from the one numbered `skip`, `most` of them unless one answer may hold fewer.
    pub(crate) async fn list_bucket(
        &mut self,
        bucket: &Resource<Bucket>,
        skip: u64,
        most: usize,
    ) -> Asked<Page> {
        self.meter.charge(0, MOVE_PRICE)?;
        let bucket = Arc::clone(&self.table.get(bucket)?.0);
        if let Err(refused) = self.decide_store(&bucket, StoreRequest::Bucket(&bucket)) {
            return Ok(Err(refused));
        }
        self.allowed(NAME, &bucket);
        self.charge_store(&READ)?;
        let bytes = self.meter.limits.host_data;
        let bounds = Bounds {
            skip,
            keys: most,
            bytes,
            cost: self.meter.affords(),
        };
        let listed = self
            .on_store(move |database, namespace| {
                database.list(&prefix(namespace, &bucket), &bounds)
            })
            .await?;
        let listed = match listed {
            Ok(listed) => listed,
            Err(refused) => return Ok(Err(refused)),
        };
        // More than the fuel pays for ends the call here.
        self.meter.charge_more(listed.cost, MOVE_PRICE)?;
        if listed.keys.is_empty() && listed.more {
            return Ok(Err(Refused::TooLarge(bytes)));
        }
        let next = skip.saturating_add(listed.keys.len() as u64);
        let (keys, next) = (listed.keys, listed.more.then_some(next));
        Ok(Ok(Page { keys, next }))
    }

    pub(crate) fn drop_bucket(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.meter.charge(0, MOVE_PRICE)?;
        self.table.delete(bucket)?;
        Ok(())
    }

    fn decide_store(&mut self, target: &str, request: StoreRequest<'_>) -> Result<(), Refused> {
        let decision = decide::store(&self.reach.grants, request);
        decision.map_err(|reason| self.refuse_store(target, reason))
    }

    fn refuse_store(&mut self, target: &str, reason: Reason) -> Refused {
        self.denied(NAME, target, reason);
        Refused::Denied(reason)
    }

    fn charge_store(&mut self, price: &Price) -> Result<(), Stop> {
        let store = self.reach.store.as_ref();
        let durable = store.is_some_and(|store| store.opened.database.is_durable());
        self.meter
            .charge_fixed(if durable { price.file } else { price.memory })
    }

    /// Runs `act` on the database: away from the async threads when it may wait for a disk.
    async fn on_store<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&Database, &str) -> Result<T, redb::Error> + Send + 'static,
    ) -> Asked<T> {
        let Some(Namespace { opened, name }) = self.reach.store.clone() else {
            return Ok(Err(Refused::Denied(Reason::NotGranted)));
        };
        let done = if opened.database.is_durable() {
            let failed = |error| HostFailure(format!("the store: {error}"));
            tokio::task::spawn_blocking(move || act(&opened.database, &name))
                .await
                .map_err(failed)?
        } else {
            self.be_fair().await;
            act(&opened.database, &name)
        };
        Ok(done.map_err(|error| {
            tracing::error!(error = %error, "the store failed");
            Refused::Broken
        }))
    }
}

/// The error of this interface.
fn answer(refused: Refused) -> Error {
    match refused {
        Refused::Denied(Reason::BadKey) => Error::InvalidInput(Reason::BadKey.label().to_owned()),
        Refused::Denied(Reason::Quota) => Error::QuotaExceeded(Reason::Quota.label().to_owned()),
        Refused::Denied(reason) => Error::AccessDenied(reason.label().to_owned()),
        Refused::TooLarge(_) => Error::QuotaExceeded(refused.text()),
        Refused::Broken => Error::Unavailable(refused.text()),
    }
}

impl Refused {
    /// For people, and with nothing of the host in it.
    pub(crate) fn text(&self) -> String {
        match self {
            Refused::Denied(reason) => reason.label().to_owned(),
            Refused::TooLarge(most) => format!("more than the {most} bytes one answer may have"),
            Refused::Broken => "the store cannot be used now".to_owned(),
        }
    }
}

impl Host for HostState {}

impl HostBucket for HostState {
    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Bucket>, Error>> {
        Ok(self.open_bucket(name).await?.map_err(answer))
    }

    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(self.get_value(&bucket, key).await?.map_err(answer))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let changed = self.change_value(&bucket, key, Some(value)).await?;
        Ok(changed.map_err(answer))
    }

    async fn delete(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let changed = self.change_value(&bucket, key, None).await?;
        Ok(changed.map_err(answer))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        let most = self.meter.limits.host_data;
        let page = self.list_bucket(&bucket, 0, usize::MAX).await?;
        Ok(match page {
            Ok(Page { keys, next: None }) => Ok(keys),
            // This interface has no pages: all of it or nothing.
            Ok(_) => Err(answer(Refused::TooLarge(most))),
            Err(refused) => Err(answer(refused)),
        })
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.drop_bucket(bucket)
    }
}
