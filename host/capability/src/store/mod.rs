//! `tollgate:provider/store`: values that outlive a call; also the base of `wasi:keyvalue`.
//!
//! Each request is charged, decided by [`tollgate_policy::decide`], noted, and then acted on, in functions of [`Call`].
//! Both interfaces call these and nothing else.

#[cfg(feature = "store")]
mod database;
#[cfg(not(feature = "store"))]
#[path = "no_database.rs"]
mod database;
#[cfg_attr(
    not(feature = "store"),
    allow(dead_code, reason = "a database reads it")
)]
mod group;
mod open;
#[cfg_attr(
    not(feature = "store"),
    allow(dead_code, reason = "a database reads it")
)]
mod place;

use std::sync::Arc;

use tollgate_policy::{Reason, StoreRequest, decide};

use crate::call::Call;
use crate::error::{HostFailure, Interrupt, LimitReached};
use crate::prices::{KEY_PRICE, MOVE_PRICE};
use database::{Database, DatabaseError};
use group::{Change, Turn};
pub(crate) use open::examine;
pub use open::{Namespace, StoreRegistry};
use place::{Bounds, Found, LISTED, StoreKey, prefix};

/// The audit name of this capability.
const NAME: &str = "store";

/// Fuel for a request, beside its bytes: the amount that a guest would have spent in its processor time (100,000 in 0.1
/// ms). A file costs more, for the threads that wait for it.
struct Price {
    file: u64,
    memory: u64,
}

/// A look-up: 20 to 45 µs in a file, 7 µs in memory, measured.
const READ: Price = Price {
    file: 40_000,
    memory: 7_000,
};

/// A commit writes some ten pages of 4 KiB anew, in 0.5 ms of processor time and 3 to 6 ms of the disk's, which the
/// deadline bounds; in memory 0.15 ms, measured.
const COMMIT: Price = Price {
    file: 500_000,
    memory: 150_000,
};

/// Entries of a store in memory that a list reads on the thread of the guest: a store of the default size, in 0.2 to 0.4 ms.
const FEW: u64 = 1_000;

/// An open bucket: its name, without a reference to the database.
#[derive(Clone)]
pub struct Bucket(Arc<str>);

/// Reasons for which the store did not do as asked.
pub enum StoreFailure {
    /// The request is denied; the denial is in the report.
    Denied(Reason),
    /// The value or key is larger than one answer may be, in bytes.
    TooLarge(u64),
    /// The database failed; the log has the cause.
    Broken,
}

/// A page of keys.
pub struct Page {
    /// In their order.
    pub keys: Vec<String>,
    /// The number of keys to skip for the next page, if there is one.
    pub next: Option<u64>,
}

/// An answer for the guest, or an end of the call.
pub type StoreResult<T> = Result<Result<T, StoreFailure>, Interrupt>;

/// Each function is paid for by the byte and decided by the `store` grant of the policy. The inner error is for the
/// guest, the outer one ends the call.
#[allow(clippy::missing_errors_doc, reason = "said for all of them above")]
impl Call {
    /// Opens a bucket, which is made when a value is put into it.
    pub async fn open_bucket(&mut self, name: String) -> StoreResult<Bucket> {
        self.enter(name.len() as u64, MOVE_PRICE).await?;
        if let Err(refused) = self.decide_store(&name, StoreRequest::Bucket(&name)) {
            return Ok(Err(refused));
        }
        self.allowed(NAME, &name);
        Ok(Ok(Bucket(name.into())))
    }

    /// The value of a key.
    pub async fn get_value(
        &mut self,
        bucket: &Bucket,
        key: String,
    ) -> StoreResult<Option<Vec<u8>>> {
        // The host holds the answer.
        let (most, _) = self.meter.lift_cap();
        let found = match self.look_up(bucket, key, most).await? {
            Ok(found) => found,
            Err(refused) => return Ok(Err(refused)),
        };
        Ok(match found {
            Some(Found::Value(value)) => {
                self.meter.charge_more(value.len() as u64, MOVE_PRICE)?;
                self.meter.hold_for_call(value.len() as u64)?;
                Ok(Some(value))
            }
            Some(Found::Larger(size)) => {
                // The value is larger than an answer may be, or than the fuel pays for.
                self.meter.charge_more(size, MOVE_PRICE)?;
                Err(StoreFailure::TooLarge(most))
            }
            None => Ok(None),
        })
    }

    /// Whether a key has a value.
    pub async fn has_key(&mut self, bucket: &Bucket, key: String) -> StoreResult<bool> {
        let found = self.look_up(bucket, key, 0).await?;
        Ok(found.map(|found| found.is_some()))
    }

    /// The value of a key, read only if it is no larger than `most` and than the fuel pays for.
    async fn look_up(
        &mut self,
        bucket: &Bucket,
        key: String,
        most: u64,
    ) -> StoreResult<Option<Found>> {
        self.enter(key.len() as u64, MOVE_PRICE).await?;
        let bucket = Arc::clone(&bucket.0);
        let target = format!("{bucket}/{key}");
        if let Err(refused) = self.decide_store(&target, StoreRequest::Key(&key)) {
            return Ok(Err(refused));
        }
        self.allowed(NAME, &target);
        self.charge_store(&READ)?;
        let most = most.min(self.meter.fuel_left_bytes());
        self.on_store(move |database, namespace| {
            let (bucket, key) = (&*bucket, &*key);
            let place = StoreKey {
                namespace,
                bucket,
                key,
            };
            database.get(&place.key(), most)
        })
        .await
    }

    /// Sets a key, or deletes it.
    pub async fn change_value(
        &mut self,
        bucket: &Bucket,
        key: String,
        value: Option<Vec<u8>>,
    ) -> StoreResult<()> {
        let sent = value.as_ref().map_or(0, Vec::len) as u64;
        self.enter(key.len() as u64 + sent, MOVE_PRICE).await?;
        let bucket = Arc::clone(&bucket.0);
        let target = format!("{bucket}/{key}");
        let request = match value {
            Some(_) => StoreRequest::Set(&key, sent),
            None => StoreRequest::Key(&key),
        };
        if let Err(refused) = self.decide_store(&target, request) {
            return Ok(Err(refused));
        }
        let Some(Namespace { opened, name }) = self.granted.store.clone() else {
            return Ok(Err(self.refuse_store(&target, Reason::NotGranted)));
        };
        self.charge_store(&COMMIT)?;
        if self.is_durable() {
            self.meter.count_sync();
        }
        let (granted, audit) = (Arc::clone(&self.granted), Arc::clone(&self.audit));
        let events = tracing::dispatcher::get_default(Clone::clone);
        let mut place = opened.queue.enter(Change {
            namespace: name,
            bucket,
            key,
            value,
            // Decided and noted before the change is committed, also if the call ends meanwhile.
            decide: Box::new(move |before, after| {
                let request = StoreRequest::Change(before, after);
                let decided = decide::store(&granted.grants, request);
                // Another call may commit it, whose events go elsewhere.
                let note = || audit.note(NAME, &target, decided);
                tracing::dispatcher::with_default(&events, note)
            }),
        });
        // A call that is dropped while it waits here has written nothing; a change that has begun is completed.
        let answer = match place.turn().await {
            Turn::Committed(answer) => answer,
            Turn::Commits(group) => {
                let committed = self.on_store(move |database, _| database.change(group));
                if let Err(failure) = committed.await? {
                    return Ok(Err(failure));
                }
                place.answer()
            }
        };
        Ok(match answer {
            Some(answer) => answer.map_err(StoreFailure::Denied),
            None => Err(StoreFailure::Broken),
        })
    }

    /// Lists keys in their order, from the one numbered `skip`, up to `most` unless one answer may hold fewer.
    pub async fn list_bucket(
        &mut self,
        bucket: &Bucket,
        skip: u64,
        most: usize,
    ) -> StoreResult<Page> {
        self.enter(0, MOVE_PRICE).await?;
        let bucket = Arc::clone(&bucket.0);
        if let Err(refused) = self.decide_store(&bucket, StoreRequest::Bucket(&bucket)) {
            return Ok(Err(refused));
        }
        self.allowed(NAME, &bucket);
        self.charge_store(&READ)?;
        let (bytes, _) = self.meter.lift_cap();
        let (fuel, ended) = (self.meter.fuel_left(), self.jobs.ended());
        let list = |entries| {
            let (bucket, ended) = (Arc::clone(&bucket), ended.clone());
            let bounds = Bounds {
                skip,
                keys: most,
                bytes,
                fuel,
                entries,
            };
            move |database: &Database, namespace: &str| {
                database.list(&prefix(namespace, &bucket), &bounds, &ended)
            }
        };
        let mut listed = Ok(None);
        if !self.is_durable() {
            listed = self.on_store(list(FEW)).await?;
        }
        // More keys than that are work for a thread that may block: nothing else runs on the async one meanwhile.
        if let Ok(None) = listed {
            listed = self.on_thread(list(u64::MAX)).await?;
        }
        let listed = match listed.and_then(|listed| listed.ok_or(StoreFailure::Broken)) {
            Ok(listed) => listed,
            Err(refused) => return Ok(Err(refused)),
        };
        // A list that costs more than the fuel pays for ends the call here.
        self.meter
            .charge_fixed(listed.read.saturating_mul(KEY_PRICE))?;
        self.meter.charge_more(listed.bytes, MOVE_PRICE)?;
        let held = listed.keys.iter().map(|key| key.len() as u64 + LISTED);
        self.meter.hold_for_call(held.sum())?;
        if listed.keys.is_empty() && listed.more {
            return Ok(Err(StoreFailure::TooLarge(bytes)));
        }
        let next = skip.saturating_add(listed.keys.len() as u64);
        let (keys, next) = (listed.keys, listed.more.then_some(next));
        Ok(Ok(Page { keys, next }))
    }

    fn decide_store(
        &mut self,
        target: &str,
        request: StoreRequest<'_>,
    ) -> Result<(), StoreFailure> {
        let decision = decide::store(&self.granted.grants, request);
        decision.map_err(|reason| self.refuse_store(target, reason))
    }

    fn refuse_store(&mut self, target: &str, reason: Reason) -> StoreFailure {
        self.denied(NAME, target, reason);
        StoreFailure::Denied(reason)
    }

    fn charge_store(&mut self, price: &Price) -> Result<(), LimitReached> {
        let price = match self.is_durable() {
            true => price.file,
            false => price.memory,
        };
        self.meter.charge_fixed(price)
    }

    /// Whether the store is in a file.
    fn is_durable(&self) -> bool {
        let store = self.granted.store.as_ref();
        store.is_some_and(|store| store.opened.database.is_durable())
    }

    /// Runs `act` on the database, away from the async threads when it may wait for a disk.
    async fn on_store<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&Database, &str) -> Result<T, DatabaseError> + Send + 'static,
    ) -> StoreResult<T> {
        if self.is_durable() {
            return self.on_thread(act).await;
        }
        let Some(Namespace { opened, name }) = self.granted.store.clone() else {
            return Ok(Err(StoreFailure::Denied(Reason::NotGranted)));
        };
        self.yield_if_due().await;
        Ok(act(&opened.database, &name).map_err(|error| broken(&error)))
    }

    /// Runs `act` on the database, away from the async threads.
    async fn on_thread<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&Database, &str) -> Result<T, DatabaseError> + Send + 'static,
    ) -> StoreResult<T> {
        let Some(Namespace { opened, name }) = self.granted.store.clone() else {
            return Ok(Err(StoreFailure::Denied(Reason::NotGranted)));
        };
        let failed = |error| HostFailure(format!("the store: {error}"));
        let work = move || act(&opened.database, &name);
        let done = self.jobs.run(work).await.map_err(failed)?;
        Ok(done.map_err(|error| broken(&error)))
    }
}

fn broken(error: &DatabaseError) -> StoreFailure {
    tracing::error!(error = %error, "the store failed");
    StoreFailure::Broken
}

impl StoreFailure {
    /// A text for people, with nothing of the host in it.
    pub fn text(&self) -> String {
        match self {
            StoreFailure::Denied(reason) => reason.label().to_owned(),
            StoreFailure::TooLarge(most) => {
                format!("more than the {most} bytes one answer may have")
            }
            StoreFailure::Broken => "the store cannot be used now".to_owned(),
        }
    }
}

#[cfg(all(test, feature = "http", feature = "store"))]
#[path = "list_tests.rs"]
mod list_tests;

#[cfg(all(test, feature = "http", feature = "store"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
impl Namespace {
    /// The value of a key as text; `none` without one.
    pub(crate) fn content(&self, bucket: &str, key: &str) -> String {
        let namespace = &*self.name;
        let place = StoreKey {
            namespace,
            bucket,
            key,
        };
        match self.opened.database.get(&place.key(), u64::MAX).unwrap() {
            Some(Found::Value(value)) => String::from_utf8(value).unwrap(),
            _ => "none".to_owned(),
        }
    }
}
