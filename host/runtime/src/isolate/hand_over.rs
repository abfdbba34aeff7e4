//! What a process gets from the host: the grants as text without paths, the open folders, the secrets, the code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;
use tollgate_capability::{Granted, Handover};
use tollgate_component::Export;
use tollgate_policy::{Grants, Limits, Policy, SecretSource};
use wasmtime::component::Component;
use zeroize::Zeroizing;

use super::message::{Blob, Hello, VERSION};
use crate::engine::metering::Metering;

/// A provider's parts, as the host has them.
pub(super) struct Parts {
    pub(super) name: Arc<str>,
    pub(super) exports: Vec<Export>,
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
        let Handover { secrets, env, .. } = self.granted.hand_over();
        let own = |text: Zeroizing<String>| (*text).clone();
        let mut hello = Hello {
            version: VERSION.to_owned(),
            policy: without_paths(&self.granted.grants, &self.limits).to_toml(),
            name: self.name.as_ref().to_owned(),
            exports: self.exports.clone(),
            metering: self.metering.label().to_owned(),
            concurrency: self.concurrency,
            queue: self.queue,
            secrets: secrets.into_iter().map(|text| text.map(own)).collect(),
            env,
            certificates: self.certificates.iter().cloned().map(Blob).collect(),
        };
        let encoded = hello.encode();
        for secret in hello.secrets.iter_mut().flatten() {
            zeroize::Zeroize::zeroize(secret);
        }
        encoded
    }

    pub(super) fn folders(&self) -> Vec<Arc<Dir>> {
        self.granted.hand_over().folders
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
    Policy::parse(&text, Path::new("")).is_ok_and(|read| read == policy)
}
