//! The state of a component in a served folder: its active provider, the last attempt, and how the two compare.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_policy::{Lock, Policy};

use super::ReloadError;
use super::files::{Files, Stamps};
use crate::call::provider::Provider;
use tollgate_component::RefusalKind;
use tollgate_component::{Attached, Source};

/// The state of one component.
#[derive(Default)]
pub(super) struct EntryState {
    pub(super) stamps: Option<Stamps>,
    pub(super) tried: Option<LastAttempt>,
    /// The next attempt is due at this time although no file changes: the cause of the failure may be gone by then.
    pub(super) again: Option<Instant>,
    /// The policy of the last `hold_one`, which runs while the state of the component is unknown.
    pub(super) held: Option<Policy>,
    /// The component has had a policy file of its own.
    pub(super) had_policy: bool,
    /// The reason for which a policy withdrew the provider before the component was reconciled.
    pub(super) withdrawn: Option<String>,
    pub(super) serving: Option<Active>,
    pub(super) error: Option<Arc<ReloadError>>,
}

/// The pause after a failed attempt, as a multiple of the attempt's duration. Attempts may compile; with this pause
/// they take at most a quarter of one processor.
const PAUSE: u32 = 3;

impl EntryState {
    pub(super) fn is_due(&self) -> bool {
        self.again.is_some_and(|due| due <= Instant::now())
    }

    /// Schedules another attempt, later when the last one took long.
    pub(super) fn try_again(&mut self, took: Duration) {
        self.again = Instant::now().checked_add(took.saturating_mul(PAUSE));
    }

    /// Whether the active provider runs under a policy other than `policy`. Pins are ignored: they apply to future
    /// loads.
    pub(super) fn policy_pending(&self, policy: &Policy) -> bool {
        self.serving
            .as_ref()
            .is_some_and(|it| with_lock_of(policy, &it.policy) != it.policy)
    }

    /// The policy of the last attempt.
    pub(super) fn last_policy(&self) -> Option<&Policy> {
        match (&self.held, &self.tried) {
            (Some(policy), _) => Some(policy),
            (None, Some(LastAttempt::Read(policy, _))) => Some(policy),
            _ => None,
        }
    }
}

/// The last attempt, whether it succeeded or failed.
#[derive(PartialEq)]
pub(super) enum LastAttempt {
    Unreadable(String),
    Read(Box<Policy>, Result<Bytes, String>),
}

/// The digest of a component, and its signature.
pub(super) type Bytes = (String, Attached);

/// The active provider. Its bytes are kept, so that a new policy applies to it for every content of the folder.
pub(super) struct Active {
    pub(super) source: Source,
    pub(super) policy: Policy,
    pub(super) provider: Provider,
}

/// The provider's name, from its file name. A name that is not UTF-8 is shown lossily in reports and does not serve.
pub(super) fn name_of(path: &Path) -> Arc<str> {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into()
}

pub(super) fn is_text(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_str().is_some())
}

/// The pin of this component alone: a change of other pins does not affect it.
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

/// Whether a refusal says that the policy does not allow the component. Other refusals say that it could not be
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
