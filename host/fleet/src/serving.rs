//! The providers that serve, as a front door sees them: loaded here for their types, and called elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::datetime::DateTime;
use async_nats::jetstream::kv::{Entry, Operation};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;
use tollgate::policy::Policy;
use tollgate::{Catalog, Provider, Runtime, escape};

use crate::answer::Ended;
use crate::error::{FleetError, told};
use crate::fleet::Fleet;
use crate::loaded::{Loaded, NoProvider};
use crate::names::check_provider;
use crate::table::{MOST, Put, Table};
use crate::wire::Version;

/// The pause after a failure of the server.
const PAUSE: Duration = Duration::from_secs(1);

/// Times that a load is tried, for a minute in all.
const TRIES: u32 = 11;

/// Entries that are loaded, or wait to be tried again. Those beyond are tried once, and hold up those behind them.
const WAITING: usize = 1_000;

/// Loads at once: the files of each are in memory meanwhile.
const LOADS: usize = 16;

/// The providers of a fleet: a [`Catalog`] that follows what is deployed. Dropped, it follows no more.
pub struct Serving {
    pub(crate) fleet: Fleet,
    of: Arc<Table<Provider>>,
    following: AbortHandle,
}

/// A change of the providers of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A version serves.
    Serves {
        /// The provider.
        provider: String,
        /// The digest of its component.
        component: String,
    },
    /// A version does not serve. The one before still does, if there is one.
    Refused {
        /// The provider.
        provider: String,
        /// The kind of the reason.
        kind: String,
        /// The reason.
        why: String,
    },
    /// Nothing serves under this name any more.
    Gone {
        /// The provider.
        provider: String,
    },
    /// The server does not tell of changes now. They are asked for again.
    Lost {
        /// The reason.
        why: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Serves {
                provider,
                component,
            } => {
                write!(f, "{provider}: sha256:{component} serves")
            }
            Change::Refused {
                provider,
                kind,
                why,
            } => {
                write!(f, "{provider}: refused: {kind}: {}", escape::line(why))
            }
            Change::Gone { provider } => write!(f, "{provider}: gone"),
            Change::Lost { why } => write!(
                f,
                "the fleet: no changes are told now; they are asked for again: {}",
                escape::line(why)
            ),
        }
    }
}

impl Fleet {
    /// The providers that serve, now and later. Each version is loaded by `runtime` under `ceiling`, as a worker does it, for the types of
    /// its functions. `changed` is told of each change, and `refused` of each version that is refused before the runtime sees it, as by
    /// [`Worker::on_refused`](crate::Worker::on_refused).
    ///
    /// # Errors
    ///
    /// The server fails. One that goes away later is waited for.
    pub async fn serving(
        &self,
        runtime: Runtime,
        ceiling: Policy,
        changed: impl Fn(Change) + Send + Sync + 'static,
        refused: impl Fn(&str, &str, &str) + Send + Sync + 'static,
    ) -> Result<Serving, FleetError> {
        let follower = Arc::new(Follower {
            loaded: Loaded::new(self.clone(), runtime, ceiling, Box::new(refused)),
            fleet: self.clone(),
            of: Arc::default(),
            told: Mutex::default(),
            loads: Semaphore::new(LOADS),
            bucket: Mutex::default(),
            changed: Box::new(changed),
        });
        // Those of now are there when this returns.
        let failed =
            |error: &dyn std::error::Error| FleetError::nats("the providers")(told(error).into());
        follower.renew().await?;
        let mut keys = match self.providers.keys().await {
            Ok(keys) => keys,
            Err(error) => return Err(failed(&error)),
        };
        let mut loads = JoinSet::new();
        while let Some(name) = keys.try_next().await.map_err(|error| failed(&error))? {
            if check_provider(&name).is_err() {
                continue;
            }
            let entry = self.providers.entry(name).await;
            if let Some(entry) = entry.map_err(|error| failed(&error))? {
                let follower = Arc::clone(&follower);
                // What cannot be loaded now is tried again by `follow`, and holds up nobody.
                loads.spawn(async move { follower.put(&entry, 1).await });
                while loads.len() >= WAITING {
                    loads.join_next().await;
                }
            }
        }
        while loads.join_next().await.is_some() {}
        let of = Arc::clone(&follower.of);
        let following = tokio::spawn(follower.follow()).abort_handle();
        Ok(Serving {
            fleet: self.clone(),
            of,
            following,
        })
    }
}

impl Serving {
    /// The version that serves here, and its provider.
    pub(crate) fn version(&self, name: &str) -> Option<(Version, Provider)> {
        self.of.version(name)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Catalog for Serving {
    fn get(&self, name: &str) -> Option<Provider> {
        self.of.get(name)
    }

    fn list(&self) -> Vec<(Arc<str>, Provider)> {
        self.of.list()
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.of.list().into_iter().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}

struct Follower {
    fleet: Fleet,
    loaded: Loaded,
    of: Arc<Table<Provider>>,
    /// Revisions of the bucket whose refusal was told, by name.
    told: Mutex<BTreeMap<String, u64>>,
    /// Places for loads. One that is to be tried again has none meanwhile: entries whose files are missing keep no others from being loaded.
    loads: Semaphore,
    /// The time at which the bucket was made.
    bucket: Mutex<Option<DateTime>>,
    changed: Box<dyn Fn(Change) + Send + Sync>,
}

impl Follower {
    /// Follows the bucket without end.
    async fn follow(self: Arc<Follower>) {
        let mut loads = JoinSet::new();
        let mut connection = self.fleet.connection();
        loop {
            let watch = match self.renew().await {
                // A name is one part of a key; releases have two.
                Ok(()) => self.fleet.providers.watch_with_history("*").await,
                Err(error) => {
                    (self.changed)(Change::Lost {
                        why: error.to_string(),
                    });
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let why = match watch {
                Err(error) => told(&error),
                Ok(mut watch) => loop {
                    let next = tokio::select! {
                        next = watch.next() => next,
                        // The server may be another one now.
                        _ = connection.changed() => break "the connection was lost".to_owned(),
                    };
                    match next {
                        Some(Ok(entry)) => {
                            // No load waits for another one, which a deliverer may make slow.
                            let follower = Arc::clone(&self);
                            let tries = if loads.len() < WAITING / 2 { TRIES } else { 1 };
                            loads.spawn(async move { follower.put(&entry, tries).await });
                            while loads.len() >= WAITING {
                                loads.join_next().await;
                            }
                        }
                        Some(Err(error)) => break told(&error),
                        None => break "the server tells of no more changes".to_owned(),
                    }
                    while loads.try_join_next().is_some() {}
                },
            };
            (self.changed)(Change::Lost { why });
            sleep(PAUSE).await;
        }
    }

    /// Looks whether the bucket is still the same: one that was made again counts its entries from the beginning.
    async fn renew(&self) -> Result<(), FleetError> {
        let info = self.fleet.providers.stream.get_info().await;
        let failed =
            |error: &dyn std::error::Error| FleetError::nats("the providers")(told(error).into());
        let made = info.map_err(|error| failed(&error))?.created;
        let before = self
            .bucket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(made);
        if before.is_some_and(|before| before != made) {
            self.of.forget_revisions();
            self.told
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
        }
        Ok(())
    }

    /// Takes one entry of the bucket, and tries so many times to load it while the server or this host fails.
    async fn put(&self, entry: &Entry, tries: u32) {
        let name = &*entry.key;
        if check_provider(name).is_err() {
            return;
        }
        if entry.operation != Operation::Put {
            if self.of.remove(name, entry.revision) {
                (self.changed)(Change::Gone {
                    provider: name.to_owned(),
                });
            }
            return;
        }
        let Ok(version) = Version::read(&entry.value) else {
            let why = "the bucket has no version under this name, but something else; deploy it";
            return self.refused(entry, "garbage", why);
        };
        let mut tried = 0;
        let provider = loop {
            if self.of.is_known(name, &version, entry.revision) {
                return;
            }
            if !self.of.has_room(name) {
                let why = format!("{MOST} providers serve, which is the most");
                return self.refused(entry, "full", &why);
            }
            let place = self.loads.acquire().await;
            let loaded = self.loaded.get(name, &version).await;
            drop(place);
            match loaded {
                Ok(provider) => break provider,
                Err(NoProvider::Refused(Ended::Refused { kind, detail })) => {
                    self.refused(entry, &kind, &detail);
                    // Another server of a cluster may have the file.
                    if kind != "not-found" {
                        return;
                    }
                }
                Err(NoProvider::Refused(_)) => return,
                Err(NoProvider::Later(why)) => self.refused(entry, "host", &why),
            }
            tried = tries.min(tried).saturating_add(1);
            if tried >= tries {
                return;
            }
            sleep(PAUSE.saturating_mul(tried)).await;
        };
        // Another version, or none, may have been switched to meanwhile: its entry comes as well.
        if let Ok(now) = self.fleet.providers.entry(name).await
            && now.is_none_or(|now| now.revision != entry.revision)
        {
            return;
        }
        let component = version.component.clone();
        let bytes = provider.info().size;
        match self
            .of
            .put(name, version, (provider, bytes), entry.revision)
        {
            Put::Serves => (self.changed)(Change::Serves {
                provider: name.to_owned(),
                component,
            }),
            Put::Older => {}
            Put::Full => {
                let why =
                    format!("{MOST} providers serve, or 1 GiB of components, which is the most");
                self.refused(entry, "full", &why);
            }
        }
    }

    /// Tells that a version does not serve: once, though it is tried more than once.
    fn refused(&self, entry: &Entry, kind: &str, why: &str) {
        let name = &*entry.key;
        {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() >= MOST {
                told.clear();
            }
            if told.insert(name.to_owned(), entry.revision) == Some(entry.revision) {
                return;
            }
        }
        (self.changed)(Change::Refused {
            provider: name.to_owned(),
            kind: kind.to_owned(),
            why: why.to_owned(),
        });
    }
}
