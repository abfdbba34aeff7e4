//! A version of a provider, put into the store of the fleet and switched to.

use std::sync::Arc;

use async_nats::jetstream::object_store::GetErrorKind;
use tollgate::policy::Policy;

use crate::digest;
use crate::error::FleetError;
use crate::fleet::Fleet;
use crate::names;
use crate::wire::Version;

/// A version that serves from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The digest of the component.
    pub component: String,
    /// The digest of the policy.
    pub policy: String,
    /// The digest of the component that served before, if it is another one.
    pub replaced: Option<String>,
}

impl Fleet {
    /// Puts a component, the text of its policy and its signature into the store, and switches the provider to them by one write. Calls
    /// that were submitted before run with the version of then.
    ///
    /// Workers check all of it themselves: what they refuse is told to those who call.
    ///
    /// # Errors
    ///
    /// The name is none, or the server fails. The version that served before then still does.
    pub async fn deploy(
        &self,
        provider: &str,
        component: &[u8],
        policy: &str,
        signature: Option<&str>,
    ) -> Result<Deployed, FleetError> {
        names::check_provider(provider)?;
        let version = Version {
            component: self.put(component).await?,
            policy: self.put(policy.as_bytes()).await?,
            signature: match signature {
                Some(text) => Some(self.put(text.as_bytes()).await?),
                None => None,
            },
        };
        let before = self.version(provider).await;
        let switched = self.providers.put(provider, version.to_json().into());
        switched
            .await
            .map_err(|error| FleetError::nats("switching the version")(Box::new(error)))?;
        Ok(Deployed {
            replaced: before
                .ok()
                .map(|it| it.component)
                .filter(|it| *it != version.component),
            component: version.component,
            policy: version.policy,
        })
    }

    /// The version that serves.
    pub(crate) async fn version(&self, provider: &str) -> Result<Version, FleetError> {
        names::check_provider(provider)?;
        let found = self.providers.get(provider).await;
        let found = found.map_err(|error| FleetError::nats("the version")(Box::new(error)))?;
        let bytes = found.ok_or_else(|| FleetError::NotDeployed(provider.to_owned()))?;
        Version::read(&bytes).map_err(|_| FleetError::State("providers"))
    }

    /// Puts bytes into the store, by their digest.
    async fn put(&self, bytes: &[u8]) -> Result<String, FleetError> {
        let digest = digest::of(bytes);
        self.put_as(&digest, bytes).await?;
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
        use tokio::io::AsyncReadExt as _;
        // The client follows links, also those that lead to themselves. This program writes none.
        let info = self.files.info(digest).await;
        if info.is_ok_and(|info| info.options.is_some_and(|options| options.link.is_some())) {
            let why = format!("{digest} is a link");
            return Err(Missing::Refused("digest", why));
        }
        let found = self.files.get(digest).await;
        let found = found.map_err(|error| match error.kind() {
            GetErrorKind::NotFound => {
                Missing::Refused("not-found", format!("{digest} is not in the store"))
            }
            _ => Missing::Later(crate::error::told(&error)),
        })?;
        let mut bytes = Vec::new();
        // The size in the description of an object is its writer's choice.
        let read = found
            .take(most.saturating_add(1))
            .read_to_end(&mut bytes)
            .await;
        read.map_err(|error| match error.kind() {
            // The client compares the digest that the object has of itself.
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::Other => {
                Missing::Refused("digest", format!("{digest} is damaged: {error}"))
            }
            _ => Missing::Later(crate::error::told(&error)),
        })?;
        if bytes.len() as u64 > most {
            let why = format!("{digest} has more than {most} bytes, which this worker takes");
            return Err(Missing::Refused("component-size", why));
        }
        match digest::of(&bytes) == digest {
            true => Ok(bytes.into()),
            false => Err(Missing::Refused(
                "digest",
                format!("the store has other bytes under the name {digest}"),
            )),
        }
    }
}

/// The reason why a file is not there.
pub(crate) enum Missing {
    /// It never will be: a kind, and a text.
    Refused(&'static str, String),
    /// The server failed.
    Later(String),
}

/// Bytes of the text of a policy.
pub(crate) const MAX_POLICY: u64 = Policy::MAX_TEXT as u64;
