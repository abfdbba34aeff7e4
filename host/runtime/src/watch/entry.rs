//! What is known of a component in the folder: what serves, what was tried last, and how the two compare.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_policy::{Lock, Policy};

use super::ReloadError;
use super::files::{Files, Stamps};
use crate::call::provider::Provider;
use tollgate_component::RefusalKind;
use tollgate_component::{Attached, Source};

/// What is known of one component.
#[derive(Default)]
pub(super) struct EntryState {
    pub(super) stamps: Option<Stamps>,
    pub(super) tried: Option<LastAttempt>,
    /// From then on it is tried again, with nothing to be seen: what was wrong may not be any more.
    pub(super) again: Option<Instant>,
    /// The policy that it was last held to while nothing could be said of its component.
    pub(super) held: Option<Policy>,
    /// There was a policy of its own.
    pub(super) had_policy: bool,
    pub(super) serving: Option<Active>,
    pub(super) error: Option<Arc<ReloadError>>,
}

/// What is tried again and again is left alone for so many times as long as it took, so that it takes a quarter of one
/// processor at most: it may compile.
const PAUSE: u32 = 3;

impl EntryState {
    pub(super) fn is_due(&self) -> bool {
        self.again.is_some_and(|due| due <= Instant::now())
    }

    /// It is tried again, not at once when trying took long.
    pub(super) fn try_again(&mut self, took: Duration) {
        self.again = Instant::now().checked_add(took.saturating_mul(PAUSE));
    }

    /// Whether what serves does so under another policy than this one. Pins aside: they are about what is to come.
    pub(super) fn policy_pending(&self, policy: &Policy) -> bool {
        self.serving
            .as_ref()
            .is_some_and(|it| with_lock_of(policy, &it.policy) != it.policy)
    }

    /// The policy that was tried last.
    pub(super) fn last_policy(&self) -> Option<&Policy> {
        match (&self.held, &self.tried) {
            (Some(policy), _) => Some(policy),
            (None, Some(LastAttempt::Read(policy, _))) => Some(policy),
            _ => None,
        }
    }
}

/// What was tried last, whatever came of it.
#[derive(PartialEq)]
pub(super) enum LastAttempt {
    Unreadable(String),
    Read(Box<Policy>, Result<Bytes, String>),
}

/// The digest of a component, and its signature.
pub(super) type Bytes = (String, Attached);

/// What serves. Its bytes are kept, so that a new policy holds for it whatever is in the folder meanwhile.
pub(super) struct Active {
    pub(super) source: Source,
    pub(super) policy: Policy,
    pub(super) provider: Provider,
}

/// A provider's name is that of its file. One that is no text has this one in reports, and does not serve.
pub(super) fn name_of(path: &Path) -> Arc<str> {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into()
}

pub(super) fn is_text(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_str().is_some())
}

/// The pin of this component alone: those of others are none of its business.
pub(super) fn only(lock: &Lock, files: &Files) -> Lock {
    let file = files.component.file_name().unwrap_or_default();
    lock.for_file(&file.to_string_lossy())
}

pub(super) fn bytes_of(source: &Source) -> Bytes {
    (source.digest().to_owned(), source.attached())
}

pub(super) fn with_lock_of(policy: &Policy, other: &Policy) -> Policy {
    let mut policy = policy.clone();
    policy.trust.lock.clone_from(&other.trust.lock);
    policy
}

/// Whether a refusal says that a policy does not let a component through. The others say that it could not be
/// compiled this time.
pub(super) fn revokes(kind: RefusalKind) -> bool {
    matches!(
        kind,
        RefusalKind::Signature
            | RefusalKind::Imports
            | RefusalKind::WorldVersion
            | RefusalKind::TooLarge
    )
}
