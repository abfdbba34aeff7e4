//! The hand-over from the host to a process: the grants as text without paths, the open folders, the secrets, the code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;
use tollgate_capability::{Granted, Handover};
use tollgate_component::Inspection;
use tollgate_policy::{Grants, Limits, Policy, SecretSource};
use wasmtime::component::Component;
use zeroize::Zeroizing;

use super::message::{Blob, Hello, VERSION};
use crate::engine::metering::Metering;

/// A provider's parts, as the host has them.
pub(super) struct Parts {
    pub(super) name: Arc<str>,
    pub(super) inspection: Inspection,
    pub(super) limits: Limits,
    pub(super) metering: Metering,
    pub(super) concurrency: u32,
    pub(super) queue: u32,
    pub(super) certificates: Arc<[Vec<u8>]>,
    pub(super) granted: Arc<Granted>,
    pub(super) component: Component,
}

impl Parts {
    /// The encoded first message.
    pub(super) fn hello(&self) -> Option<Zeroizing<Vec<u8>>> {
        let Handover {
            folders,
            secrets,
            env,
        } = self.granted.hand_over();
        let own = |text: Zeroizing<String>| (*text).clone();
        let mut hello = Hello {
            version: VERSION.to_owned(),
            policy: without_paths(&self.granted.grants, &self.limits).to_toml(),
            name: self.name.as_ref().to_owned(),
            inspection: self.inspection.clone(),
            metering: self.metering.label().to_owned(),
            concurrency: self.concurrency,
            queue: self.queue,
            secrets: secrets.into_iter().map(|text| text.map(own)).collect(),
            env,
            protected: folders.into_iter().map(|it| it.protected).collect(),
            certificates: self.certificates.iter().cloned().map(Blob).collect(),
        };
        let encoded = hello.encode();
        for secret in hello.secrets.iter_mut().flatten() {
            zeroize::Zeroize::zeroize(secret);
        }
        encoded
    }

    pub(super) fn folders(&self) -> Vec<Arc<Dir>> {
        self.granted.folders().map(|(folder, _)| folder).collect()
    }

    pub(super) fn code(&self) -> wasmtime::Result<Vec<u8>> {
        self.component.serialize()
    }
}

/// The policy of these grants as a process gets it: it has its folders open and its secrets read, and needs no path.
fn without_paths(grants: &Grants, limits: &Limits) -> Policy {
    let mut policy = Policy {
        limits: limits.clone(),
        grants: grants.clone(),
        ..Policy::default()
    };
    for (number, grant) in policy.grants.files.iter_mut().enumerate() {
        grant.path = PathBuf::from(format!("/handed-over/{number}"));
    }
    for grant in &mut policy.grants.http {
        if let Some(credential) = &mut grant.credential {
            credential.source = SecretSource::Env("HANDED_OVER".to_owned());
        }
    }
    if let Some(wasi) = &mut policy.grants.wasi {
        wasi.env.clear();
        wasi.env_from_host.clear();
    }
    policy
}

/// Whether these grants come across as they are: their text is read as it was written.
pub(super) fn can_cross(grants: &Grants, limits: &Limits) -> bool {
    let policy = without_paths(grants, limits);
    let text = policy.to_toml();
    let same = |read: Policy| (read.grants, read.limits) == (policy.grants, policy.limits);
    Policy::parse(&text, Path::new("")).is_ok_and(same)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A guest that has broken out learns no path of the host, and no variable.
    #[test]
    fn no_path_and_no_name_of_a_secret_crosses() {
        let text = "
            grants.config = { region = 'eu' }
            [[grants.files]]
            root = 'data'
            path = '/srv/secret/data'
            access = 'read'
            [[grants.files]]
            root = 'out'
            path = '/srv/secret/out'
            access = 'read-write'
            max-files = 7
            [[grants.http]]
            url = 'https://example.com/**'
            credential = { header = 'authorization', from-file = '/srv/secret/token', prefix = 'Bearer ' }
            [[grants.http]]
            url = 'https://example.org/**'
            credential = { header = 'x-token', from-env = 'SECRET_TOKEN' }
            [grants.wasi]
            env = { NAME = 'secret' }
            env-from-host = ['SECRET_PATH']
            preopens = ['data']
            [limits]
            fuel = 7";
        let policy = Policy::parse(text, Path::new("/etc")).unwrap();
        assert!(can_cross(&policy.grants, &policy.limits));
        let crossed = without_paths(&policy.grants, &policy.limits);
        let text = crossed.to_toml();
        assert!(!text.to_lowercase().contains("secret"), "{text}");
        let read = Policy::parse(&text, Path::new("")).unwrap();
        assert_eq!(read.limits, policy.limits);
        assert_eq!(read.grants.config, policy.grants.config);
        let roots = |policy: &Policy| {
            let files = policy.grants.files.iter();
            let grants = files.map(|grant| (grant.root.clone(), grant.access, grant.max_files));
            grants.collect::<Vec<_>>()
        };
        assert_eq!(roots(&read), roots(&policy));
    }
}
