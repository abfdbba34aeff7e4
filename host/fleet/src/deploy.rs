//! A version of a provider, put into the store of the fleet and switched to.

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
    /// The version that served before.
    pub replaced: Replaced,
}

/// The version that served before another one was switched to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replaced {
    /// There was none.
    Nothing,
    /// The same one.
    Same,
    /// One of the same component, with another policy or signature.
    Policy,
    /// One of the component with this digest.
    Component(String),
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
        self.release(provider, &version).await?;
        let switched = self.providers.put(provider, version.to_json().into());
        switched
            .await
            .map_err(|error| FleetError::nats("switching the version")(Box::new(error)))?;
        Ok(Deployed {
            replaced: match before {
                Err(_) => Replaced::Nothing,
                Ok(before) if before == version => Replaced::Same,
                Ok(before) if before.component == version.component => Replaced::Policy,
                Ok(before) => Replaced::Component(before.component),
            },
            component: version.component,
            policy: version.policy,
        })
    }

    /// Lets workers take calls of a version: those who may submit calls choose among the versions of a provider, and no other pairs of a
    /// component and a policy.
    pub(crate) async fn release(
        &self,
        provider: &str,
        version: &Version,
    ) -> Result<(), FleetError> {
        let key = format!("{provider}.{}", version.digest());
        let put = self.providers.put(key, version.to_json().into());
        put.await
            .map(drop)
            .map_err(|error| FleetError::nats("releasing the version")(Box::new(error)))
    }

    /// Releases any pair of files, as a hostile writer of the bucket can: for tests.
    #[doc(hidden)]
    pub async fn release_as(
        &self,
        provider: &str,
        component: &str,
        policy: &str,
    ) -> Result<(), FleetError> {
        let version = Version {
            component: component.to_owned(),
            policy: policy.to_owned(),
            signature: None,
        };
        self.release(provider, &version).await
    }

    /// Whether a version was deployed for this provider, once.
    pub(crate) async fn is_released(
        &self,
        provider: &str,
        version: &Version,
    ) -> Result<bool, FleetError> {
        let key = format!("{provider}.{}", version.digest());
        let found = self.providers.get(key).await;
        let found = found.map_err(|error| FleetError::nats("the version")(Box::new(error)))?;
        Ok(found.is_some_and(|bytes| Version::read(&bytes).as_ref() == Ok(version)))
    }

    /// The version that serves.
    pub(crate) async fn version(&self, provider: &str) -> Result<Version, FleetError> {
        names::check_provider(provider)?;
        let found = self.providers.get(provider).await;
        let found = found.map_err(|error| FleetError::nats("the version")(Box::new(error)))?;
        let bytes = found.ok_or_else(|| FleetError::NotDeployed(provider.to_owned()))?;
        Version::read(&bytes).map_err(|_| FleetError::NoVersion(provider.to_owned()))
    }
}
