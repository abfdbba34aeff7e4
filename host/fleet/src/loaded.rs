//! The providers of a worker, by the digests of their files: checked, compiled and kept.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tollgate::policy::Policy;
use tollgate::{LoadError, Provider, Runtime, Source};

use crate::answer::Ended;
use crate::files::Missing;
use crate::fleet::Fleet;
use crate::kept::Kept;
use crate::wire::Version;

/// Versions that are kept at once.
const KEPT: usize = 64;

/// Bytes of their components. The code that is made of them takes some times as much.
const KEPT_BYTES: u64 = 256 << 20;

/// Bytes of the text of a policy.
const MAX_POLICY: u64 = Policy::MAX_TEXT as u64;

/// Bytes of a signature, as `tollgate` takes them.
const MAX_SIGNATURE: u64 = 4 << 10;

/// Providers by their versions.
pub(crate) struct Loaded {
    fleet: Fleet,
    runtime: Runtime,
    ceiling: Policy,
    refused: OnRefused,
    kept: Mutex<Kept<(String, Version), Provider>>,
}

/// Is told of a version that is refused before the runtime sees it: the provider, the digest of the component, and the reason.
pub(crate) type OnRefused = Box<dyn Fn(&str, &str, &str) + Send + Sync>;

/// The reason why there is no provider.
pub(crate) enum NoProvider {
    /// There never will be.
    Refused(Ended),
    /// The server or this host failed: another worker may do better, or this one later.
    Later(String),
}

impl Loaded {
    pub(crate) fn new(
        fleet: Fleet,
        runtime: Runtime,
        ceiling: Policy,
        refused: OnRefused,
    ) -> Loaded {
        Loaded {
            fleet,
            runtime,
            ceiling,
            refused,
            kept: Mutex::new(Kept::new(KEPT, KEPT_BYTES)),
        }
    }

    /// The provider of a version, loaded if it is not there yet.
    pub(crate) async fn get(&self, name: &str, version: &Version) -> Result<Provider, NoProvider> {
        let key = (name.to_owned(), version.clone());
        let place = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.place(&key)
        };
        let loaded = place.get_or_try_init(|| self.load(name, version)).await;
        loaded.map(|(provider, _)| provider.clone())
    }

    async fn load(&self, name: &str, version: &Version) -> Result<(Provider, u64), NoProvider> {
        let files = self.files(name, version).await;
        let (source, policy, bytes) = files.inspect_err(|why| {
            if let NoProvider::Refused(Ended::Refused { kind, detail }) = why {
                (self.refused)(name, &version.component, &format!("{kind}: {detail}"));
            }
        })?;
        let loaded = self.runtime.load(&source, &policy).await;
        loaded
            .map(|provider| (provider, bytes))
            .map_err(|error| match error {
                LoadError::Refused(refusal) => refused(refusal.kind.label(), refusal.to_string()),
                LoadError::Host(_) | LoadError::Read { .. } => NoProvider::Later(error.to_string()),
                error => refused("policy", error.to_string()),
            })
    }

    /// The files of a version, checked, and the bytes of its component.
    async fn files(
        &self,
        name: &str,
        version: &Version,
    ) -> Result<(Source, Policy, u64), NoProvider> {
        let released = self.fleet.is_released(name, version).await;
        if !released.map_err(|error| NoProvider::Later(error.to_string()))? {
            let why = format!("this version of `{name}` was never deployed; deploy it");
            return Err(refused("not-deployed", why));
        }
        let file = async |digest: &str, most: u64| {
            let read = self.fleet.file(digest, most).await;
            read.map_err(|missing| match missing {
                Missing::Refused(kind @ "component-size", why) => refused(
                    kind,
                    format!("{why}; raise `limits.component-size` of the policy of `{name}`"),
                ),
                Missing::Refused(kind, why) => {
                    refused(kind, format!("{why}; deploy `{name}` again"))
                }
                Missing::Later(why) => NoProvider::Later(why),
            })
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
                "`{key}` of the policy of `{name}` is above the ceiling; lower it, or raise the ceiling"
            );
            return Err(refused("ceiling", why));
        }
        policy.trust = policy.trust.intersect(&self.ceiling.trust);
        let component = file(&version.component, policy.limits.component_size).await?;
        let bytes = component.len() as u64;
        let mut source = Source::bytes(name, component);
        if let Some(signature) = &version.signature {
            source = source.signed(&text(signature, MAX_SIGNATURE).await?);
        }
        Ok((source, policy, bytes))
    }
}

fn refused(kind: &str, why: impl AsRef<str>) -> NoProvider {
    NoProvider::Refused(Ended::refused(kind, why))
}
