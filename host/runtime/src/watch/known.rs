//! What is known of a component in the folder: what serves, what was tried last, and how the two compare.

use std::path::Path;
use std::sync::Arc;

use tollgate_policy::{Lock, Policy};

use super::ReloadError;
use super::files::{Files, Stamps};
use crate::error::RefusalKind;
use crate::provider::Provider;
use crate::source::{Attached, Source};

/// What is known of one component.
#[derive(Default)]
pub(super) struct Known {
    pub(super) stamps: Option<Stamps>,
    pub(super) tried: Option<Tried>,
    /// What was wrong may not be any more, with nothing to be seen of it.
    pub(super) again: bool,
    /// There was a policy of its own.
    pub(super) had_policy: bool,
    pub(super) serving: Option<Serving>,
    pub(super) error: Option<Arc<ReloadError>>,
}

/// What was tried last, whatever came of it.
#[derive(PartialEq)]
pub(super) enum Tried {
    Unreadable(String),
    Read(Box<Policy>, Result<Bytes, String>),
}

/// The digest of a component, and its signature.
pub(super) type Bytes = (String, Attached);

/// What serves. Its bytes are kept, so that a new policy holds for it whatever is in the folder meanwhile.
pub(super) struct Serving {
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
    lock.only(&file.to_string_lossy())
}

pub(super) fn bytes_of(source: &Source) -> Bytes {
    (source.digest(), source.attached())
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
