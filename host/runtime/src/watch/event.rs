//! Events of a folder of providers, and the errors of the folder and its providers.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;
use tollgate_policy::PolicyError;

use crate::error::LoadError;
use tollgate_component::escape;
use tollgate_component::{Refusal, RefusalKind};

/// A change in a served folder. `Display` writes one line and escapes file names.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A provider serves that did not serve before.
    Loaded {
        /// The name of the provider.
        name: Arc<str>,
        /// The digest of its component.
        digest: String,
    },
    /// New calls are served by another component, or by the same one under another policy; in that case `from` and `to`
    /// are equal. Calls and sessions under way are not affected.
    Replaced {
        /// The name of the provider.
        name: Arc<str>,
        /// The digest of the previous component.
        from: String,
        /// The digest of the new component.
        to: String,
    },
    /// The files in the folder cannot serve. The previous provider keeps serving.
    Rejected {
        /// The name of the provider.
        name: Arc<str>,
        /// The reason.
        error: Arc<ReloadError>,
    },
    /// The files in the folder cannot serve, and there is no previous provider.
    Failed {
        /// The name of the provider.
        name: Arc<str>,
        /// The reason.
        error: Arc<ReloadError>,
    },
    /// The new policy does not allow the provider, so it stops serving.
    Revoked {
        /// The name of the provider.
        name: Arc<str>,
        /// The refusal under the new policy.
        error: Arc<ReloadError>,
    },
    /// After [`Event::Rejected`]: the files in the folder are again those of the provider that serves.
    UpToDate {
        /// The name of the provider.
        name: Arc<str>,
    },
    /// The component was removed from the folder, so the provider stops serving.
    Removed {
        /// The name of the provider.
        name: Arc<str>,
    },
    /// The folder cannot be relied on. Until it can, the providers keep serving under their policies; a policy that
    /// changes meanwhile applies if it can be read.
    FolderLost {
        /// The reason.
        error: Arc<WatchError>,
    },
    /// After [`Event::FolderLost`]: the folder can be relied on again.
    FolderRestored,
}

impl Event {
    /// The stable name: `loaded`, `replaced`, `rejected`, `failed`, `revoked`, `up-to-date`, `removed`, `folder-lost`,
    /// `folder-restored`.
    pub fn label(&self) -> &'static str {
        match self {
            Event::Loaded { .. } => "loaded",
            Event::Replaced { .. } => "replaced",
            Event::Rejected { .. } => "rejected",
            Event::Failed { .. } => "failed",
            Event::Revoked { .. } => "revoked",
            Event::UpToDate { .. } => "up-to-date",
            Event::Removed { .. } => "removed",
            Event::FolderLost { .. } => "folder-lost",
            Event::FolderRestored => "folder-restored",
        }
    }

    /// The provider of the event, by its file name: escape it before showing it.
    pub fn name(&self) -> Option<&str> {
        match self {
            Event::Loaded { name, .. }
            | Event::Replaced { name, .. }
            | Event::Rejected { name, .. }
            | Event::Failed { name, .. }
            | Event::Revoked { name, .. }
            | Event::UpToDate { name }
            | Event::Removed { name } => Some(name),
            Event::FolderLost { .. } | Event::FolderRestored => None,
        }
    }

    /// The reason, for `Rejected`, `Failed` and `Revoked`.
    pub fn error(&self) -> Option<&Arc<ReloadError>> {
        match self {
            Event::Rejected { error, .. }
            | Event::Failed { error, .. }
            | Event::Revoked { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Writes the event to the log, as a warning if it needs attention.
    pub(super) fn log(&self) {
        let (event, name) = (self.label(), escape::line(self.name().unwrap_or_default()));
        match self {
            Event::Rejected { .. }
            | Event::Failed { .. }
            | Event::Revoked { .. }
            | Event::FolderLost { .. } => {
                tracing::warn!(target: "tollgate::watch", provider = %name, event, "{self}");
            }
            _ => tracing::info!(target: "tollgate::watch", provider = %name, event, "{self}"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Event::Loaded { digest, .. } => format!("loaded {digest}"),
            Event::Replaced { from, to, .. } if from == to => {
                format!("loaded {to} under its new policy")
            }
            Event::Replaced { from, to, .. } => format!("replaced: {from} by {to}"),
            Event::Rejected { error, .. } => {
                format!("rejected, keeping the previous version: {error}")
            }
            Event::Failed { error, .. } => format!("failed, not serving: {error}"),
            Event::Revoked { error, .. } => {
                format!("revoked by its new policy: {error}")
            }
            Event::UpToDate { .. } => "up to date again".to_owned(),
            Event::Removed { .. } => "removed".to_owned(),
            Event::FolderLost { error } => format!("folder unavailable, still serving: {error}"),
            Event::FolderRestored => "folder available again".to_owned(),
        };
        if let Some(name) = self.name() {
            write!(f, "{}: ", escape::line(name))?;
        }
        f.write_str(&escape::line(&text))
    }
}

/// Why a provider in the folder cannot serve.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The component does not load under its policy.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The policy has a mistake.
    #[error("{path}:{error}", path = .path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// The mistakes in it.
        error: PolicyError,
    },
    /// The policy cannot be read.
    #[error("{path}: {error}", path = .path.display())]
    ReadPolicy {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The component has no policy, and there is no default policy.
    #[error("it has no policy: there is no {path}; an empty file grants nothing", path = .path.display())]
    NoPolicy {
        /// The path where the policy would be.
        path: PathBuf,
    },
    /// The component had a policy of its own, and its file is gone. It does not get the default policy for that reason.
    #[error(
        "its policy {path} is gone, and it does not get another one because of that; put it back, or remove the \
         component as well",
        path = .path.display()
    )]
    PolicyGone {
        /// The path where the policy was.
        path: PathBuf,
    },
    /// The file's name is not UTF-8.
    #[error("the name of the file is not UTF-8; give it another one")]
    Name,
}

impl ReloadError {
    /// The refusal, if the component was refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            ReloadError::Load(LoadError::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// The stable name: the label of the refusal, or `policy`, `no-policy`, `policy-gone`, `unreadable`, `name`,
    /// `load`.
    pub fn label(&self) -> &'static str {
        match self {
            ReloadError::Load(LoadError::Refused(refusal)) => refusal.kind.label(),
            ReloadError::Load(LoadError::Read { .. }) | ReloadError::ReadPolicy { .. } => {
                "unreadable"
            }
            ReloadError::Load(_) => "load",
            ReloadError::Policy { .. } => "policy",
            ReloadError::NoPolicy { .. } => "no-policy",
            ReloadError::PolicyGone { .. } => "policy-gone",
            ReloadError::Name => "name",
        }
    }

    /// Whether both have the same text. Two host errors count as alike, since each has another number in the log.
    pub(super) fn is_like(&self, other: &ReloadError) -> bool {
        match (self, other) {
            (ReloadError::Load(LoadError::Host(_)), ReloadError::Load(LoadError::Host(_))) => true,
            _ => self.to_string() == other.to_string(),
        }
    }

    /// Whether another attempt may succeed although no file of the provider changes: a granted folder is not there yet,
    /// a secret is not set, a process could not be started. A component that took too long to compile is retried only
    /// while an older policy is still in force (`behind`): compiling is expensive and usually fails the same way.
    pub(super) fn is_transient(&self, behind: bool) -> bool {
        match self {
            ReloadError::ReadPolicy { .. }
            | ReloadError::Load(
                LoadError::Grant(_) | LoadError::Read { .. } | LoadError::Host(_),
            ) => true,
            ReloadError::Load(LoadError::Refused(refusal)) => {
                behind && refusal.kind == RefusalKind::CompileLimit
            }
            _ => false,
        }
    }
}

/// Why a folder cannot be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The folder does not exist, is not a folder, cannot be read, or has more entries than the limit.
    #[error("{path}: {error}", path = .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The system cannot report changes of the folder.
    #[error("changes cannot be watched: {message}")]
    Watcher {
        /// The system's error, and the remedy where it is known.
        message: String,
    },
    /// The lock file cannot be read, or has a mistake.
    #[error("{path}: {message}", path = .path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The mistake.
        message: String,
    },
    /// Another folder has taken its place and has no component in it: the file system was unmounted, or the folder is
    /// still being filled.
    #[error(
        "{path} is another folder than before, with no component in it",
        path = .path.display()
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// The watcher thread cannot be started.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
    /// The watcher thread failed.
    #[error(transparent)]
    Host(#[from] crate::error::HostError),
}
