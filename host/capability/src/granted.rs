//! The opened grants of a policy: open folders, read secrets, the client for HTTP, the open store.
//!
//! All stores of a provider share one behind one reference. If each store took the parts for itself, it would move a
//! dozen reference counts that all threads share, which costs a small call more than the call.

use std::sync::Arc;

use cap_std::fs::Dir;
use tollgate_policy::{Access, Grants, Policy};
use zeroize::Zeroizing;

use crate::audit::{Audit, OnDecision};
use crate::error::{GrantError, OpenError};
use crate::files::Roots;
use crate::http::connect::Egress;
use crate::http::credential::Credentials;
use crate::jobs::Threads;
use crate::open_files::Descriptors;
use crate::outgoing::OnRequest;
use crate::share::{ProviderShare, Share};
use crate::store::{Namespace, StoreRegistry};
use crate::wasi::WasiSettings;

/// The state that all providers of a runtime share.
pub struct Shared {
    /// Resolves, decides and dials.
    pub egress: Arc<Egress>,
    /// The open stores.
    pub stores: StoreRegistry,
    /// The callback for every decision.
    pub on_decision: Option<OnDecision>,
    /// The callback for every request that goes out.
    pub on_request: Option<OnRequest>,
    /// The threads for work that blocks.
    pub threads: Arc<Threads>,
    /// The descriptors that guests may hold.
    pub descriptors: Descriptors,
    /// The part of it that one provider may take.
    pub share: Share,
}

/// The opened grants of a policy.
#[derive(Clone)]
pub struct Granted {
    /// The grants themselves, by which each request is decided.
    pub grants: Grants,
    pub(crate) roots: Roots,
    pub(crate) egress: Arc<Egress>,
    pub(crate) credentials: Arc<Credentials>,
    /// The settings of WASI guests.
    pub wasi: WasiSettings,
    pub(crate) store: Option<Namespace>,
    pub(crate) on_decision: Option<OnDecision>,
    pub(crate) on_request: Option<OnRequest>,
    pub(crate) threads: Arc<Threads>,
    pub(crate) descriptors: Descriptors,
    pub(crate) share: ProviderShare,
}

/// A granted folder on its way to another process.
pub struct HandedFolder {
    /// The open folder.
    pub dir: Arc<Dir>,
    /// The devices and numbers of the files that a hard link in it may not lead to. The process has no paths, so a protected
    /// file that is replaced while the process lives is not among them.
    pub protected: Vec<(u64, u64)>,
}

/// Opened folders and secrets of grants, on their way to the process that acts by them.
pub struct Handover {
    /// The folders of the files grants.
    pub folders: Vec<HandedFolder>,
    /// The texts of the credentials, one place for each of the HTTP grants.
    pub secrets: Vec<Option<Zeroizing<String>>>,
    /// The variables of WASI guests.
    pub env: Vec<(String, String)>,
}

impl Granted {
    /// Opens the grants of `policy` for the named provider.
    ///
    /// # Errors
    ///
    /// The first grant that is missing, or is not as the policy says.
    pub fn open(policy: &Policy, provider: &str, shared: &Shared) -> Result<Granted, OpenError> {
        let grants = &policy.grants;
        if let Some(missing) = not_built(grants).next() {
            return Err(missing.into());
        }
        // Before the store: opening one makes its file.
        let roots = Roots::open(policy)?;
        let store = grants.store.as_ref();
        let store = store.map(|grant| shared.stores.open(grant, provider));
        Ok(Granted {
            roots,
            egress: Arc::clone(&shared.egress),
            credentials: Arc::new(Credentials::read(grants)?),
            wasi: grants
                .wasi
                .as_ref()
                .map(WasiSettings::read)
                .unwrap_or_default(),
            store: store.transpose()?,
            grants: grants.clone(),
            on_decision: shared.on_decision.clone(),
            on_request: shared.on_request.clone(),
            threads: Arc::clone(&shared.threads),
            descriptors: shared.descriptors.clone(),
            share: ProviderShare::new(shared.share),
        })
    }

    /// The record of the decisions of one store of the named provider.
    pub fn audit(&self, provider: Arc<str>) -> Audit {
        Audit::new(provider, self.on_decision.clone()).following(self.on_request.clone())
    }

    /// The opened folders and secrets that another process needs beside the grants. A store is not among them: one process
    /// has it open.
    pub fn hand_over(&self) -> Handover {
        Handover {
            folders: self.roots.hand_over(),
            secrets: self.credentials.texts(&self.grants),
            env: self.wasi.env.clone(),
        }
    }

    /// The grants that another process has opened; `None` if its handover is not of these grants.
    pub fn take_over(grants: Grants, handover: Handover, shared: &Shared) -> Option<Granted> {
        if handover.folders.len() != grants.files.len() || grants.store.is_some() {
            return None;
        }
        Some(Granted {
            roots: Roots::handed_over(handover.folders),
            egress: Arc::clone(&shared.egress),
            credentials: Arc::new(Credentials::of_texts(&grants, &handover.secrets)?),
            wasi: WasiSettings {
                grant: grants.wasi.clone().unwrap_or_default(),
                env: handover.env,
            },
            store: None,
            grants,
            on_decision: shared.on_decision.clone(),
            on_request: shared.on_request.clone(),
            threads: Arc::clone(&shared.threads),
            descriptors: shared.descriptors.clone(),
            share: ProviderShare::new(shared.share),
        })
    }

    /// The open folders of the files grants.
    pub fn folders(&self) -> impl Iterator<Item = (Arc<Dir>, Access)> {
        let granted = self.grants.files.iter().map(|grant| grant.access);
        let folders = self.roots.0.iter();
        folders.map(|folder| Arc::clone(&folder.dir)).zip(granted)
    }

    /// Reads the files that requests would read later: see [`Egress::prepare`].
    pub fn prepare_egress(&self, encrypted: bool, names: bool) {
        self.egress.prepare(encrypted, names);
    }
}

/// Each grant that this build has nothing for. A grant that could not be acted on is an error of the load, not of a call.
pub(crate) fn not_built(grants: &Grants) -> impl Iterator<Item = GrantError> {
    let missing = [
        (
            "grants.http",
            "http",
            !cfg!(feature = "http") && !grants.http.is_empty(),
        ),
        (
            "grants.store",
            "store",
            !cfg!(feature = "store") && grants.store.is_some(),
        ),
    ];
    let missing = missing.into_iter().filter(|(_, _, missing)| *missing);
    missing.map(|(grant, feature, _)| GrantError::NotBuilt { grant, feature })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    #[cfg(all(unix, feature = "store"))]
    use tollgate_policy::{FileGrant, StoreGrant};

    use super::*;

    fn shared() -> Shared {
        Shared {
            egress: Arc::new(Egress::new(None, Vec::new())),
            stores: StoreRegistry::default(),
            on_decision: None,
            on_request: None,
            threads: Arc::default(),
            descriptors: Descriptors::default(),
            share: Share::default(),
        }
    }

    /// In a build with all features nothing is refused here. Each build tells the features that it lacks, at load and
    /// beforehand.
    #[test]
    fn a_grant_that_this_build_has_nothing_for_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (text, feature, built) in [
            (
                "grants.http = [{ url = 'http://a.example/' }]",
                "http",
                cfg!(feature = "http"),
            ),
            ("grants.store = true", "store", cfg!(feature = "store")),
            ("grants.log = true", "", true),
        ] {
            let policy = Policy::parse(text, folder.path()).unwrap();
            let refused = match Granted::open(&policy, "guest", &shared()).err() {
                Some(OpenError::Grant(GrantError::NotBuilt { feature, .. })) => Some(feature),
                Some(other) => panic!("{text}: {other}"),
                None => None,
            };
            assert_eq!(refused, (!built).then_some(feature), "{text}");
            assert_eq!(
                crate::preflight(&policy).len(),
                usize::from(!built),
                "{text}"
            );
        }
    }

    /// The root is the real folder, and the store is named through a link, so the texts of the two paths differ.
    #[test]
    #[cfg(all(unix, feature = "store"))]
    fn a_root_over_the_store_opens_nothing_and_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let shared = shared();
        let mut policy = Policy::default();
        policy.grants.store = Some(StoreGrant {
            path: Some(link.join("state.redb")),
            namespace: Some("ledger".to_owned()),
            ..StoreGrant::default()
        });
        let root = FileGrant::new("data", &real, Access::Read);
        policy.grants.files.push(root);
        assert_eq!(policy.check(), Ok(()));
        assert!(matches!(
            Granted::open(&policy, "guest", &shared),
            Err(OpenError::Grant(GrantError::Covered(_)))
        ));
        assert!(!real.join("state.redb").exists());
        policy.grants.files.clear();
        assert!(Granted::open(&policy, "guest", &shared).is_ok());
        assert!(real.join("state.redb").exists());
    }
}
