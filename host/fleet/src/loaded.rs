//! The providers of a worker, by the digests of their files: checked, compiled and kept.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::timeout;
use tollgate::policy::Policy;
use tollgate::{LoadError, Provider, Runtime, Source};

use crate::answer::Ended;
use crate::deploy::{MAX_POLICY, Missing};
use crate::fleet::Fleet;
use crate::wire::Version;

/// Versions that are kept at once. The one that was asked for longest ago goes first.
const KEPT: usize = 64;

/// The time for a file of the store.
const READ: Duration = Duration::from_secs(30);

/// Bytes of a signature, as `tollgate` takes them.
const MAX_SIGNATURE: u64 = 4 << 10;

/// Providers by their versions.
pub(crate) struct Loaded {
    fleet: Fleet,
    runtime: Runtime,
    ceiling: Policy,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    of: HashMap<(String, Version), (Place, u64)>,
    /// The number of times that one was asked for.
    asked: u64,
}

/// One load at a time of each version.
type Place = Arc<OnceCell<Provider>>;

/// The reason why there is no provider.
pub(crate) enum NoProvider {
    /// There never will be.
    Refused(Ended),
    /// The server or this host failed: another worker may do better, or this one later.
    Later(String),
}

impl Loaded {
    pub(crate) fn new(fleet: Fleet, runtime: Runtime, ceiling: Policy) -> Loaded {
        Loaded {
            fleet,
            runtime,
            ceiling,
            kept: Mutex::default(),
        }
    }

    /// The provider of a version, loaded if it is not there yet.
    pub(crate) async fn get(&self, name: &str, version: &Version) -> Result<Provider, NoProvider> {
        let place = self.place(name, version);
        let loaded = place.get_or_try_init(|| self.load(name, version)).await;
        loaded.cloned()
    }

    fn place(&self, name: &str, version: &Version) -> Place {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.asked = kept.asked.wrapping_add(1);
        let now = kept.asked;
        let key = (name.to_owned(), version.clone());
        if !kept.of.contains_key(&key) && kept.of.len() >= KEPT {
            let oldest = kept.of.iter().min_by_key(|(_, (_, asked))| *asked);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                kept.of.remove(&oldest);
            }
        }
        let (place, asked) = kept.of.entry(key).or_default();
        *asked = now;
        Arc::clone(place)
    }

    async fn load(&self, name: &str, version: &Version) -> Result<Provider, NoProvider> {
        let file = async |digest: &str, most: u64| {
            // An object that says that it has more than it has is waited for without end.
            match timeout(READ, self.fleet.file(digest, most)).await {
                Ok(Ok(bytes)) => Ok(bytes),
                Ok(Err(Missing::Refused(kind, why))) => Err(refused(kind, why)),
                Ok(Err(Missing::Later(why))) => Err(NoProvider::Later(why)),
                Err(_) => Err(refused(
                    "not-found",
                    format!("{digest} did not come in time"),
                )),
            }
        };
        let text = async |digest: &str, most: u64| {
            let bytes = file(digest, most).await?;
            let text = std::str::from_utf8(&bytes).map(ToOwned::to_owned);
            text.map_err(|_| refused("policy", "the text of a policy or a signature is not UTF-8"))
        };
        // The policy first: it is small, and may be over the ceiling.
        let policy = text(&version.policy, MAX_POLICY).await?;
        // It is no file of this machine: relative paths begin at the root.
        let mut policy = Policy::parse(&policy, Path::new("/"))
            .map_err(|error| refused("policy", error.to_string()))?;
        if let Some(key) = policy.exceeds(&self.ceiling) {
            let why = format!(
                "`{key}` of the policy is above the ceiling of this worker; lower it, or raise the ceiling"
            );
            return Err(refused("ceiling", why));
        }
        policy.trust = policy.trust.intersect(&self.ceiling.trust);
        let component = file(&version.component, policy.limits.component_size).await?;
        let mut source = Source::bytes(name, component);
        if let Some(signature) = &version.signature {
            source = source.signed(&text(signature, MAX_SIGNATURE).await?);
        }
        self.runtime
            .load(&source, &policy)
            .await
            .map_err(|error| match error {
                LoadError::Refused(refusal) => refused(refusal.kind.label(), refusal.to_string()),
                LoadError::Host(_) | LoadError::Read { .. } => NoProvider::Later(error.to_string()),
                error => refused("policy", error.to_string()),
            })
    }
}

fn refused(kind: &str, why: impl AsRef<str>) -> NoProvider {
    NoProvider::Refused(Ended::refused(kind, why))
}
