//! What happens in a folder of providers, and what can be wrong with it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;
use tollgate_policy::PolicyError;

use crate::error::LoadError;
use tollgate_component::escape;
use tollgate_component::{Refusal, RefusalKind};

/// Something that happened. Displayed it is one line that is fit to be shown, whatever the files are called.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A provider serves that did not before.
    Loaded {
        /// Its name.
        name: Arc<str>,
        /// The digest of its component.
        digest: String,
    },
    /// Calls from now on are served by another component, or by the same one under another policy: then `from` and
    /// `to` are the same. Calls and sessions under way go on as they began.
    Replaced {
        /// Its name.
        name: Arc<str>,
        /// The digest of what served.
        from: String,
        /// The digest of what serves.
        to: String,
    },
    /// What is in the folder now cannot serve. What served goes on.
    Rejected {
        /// Its name.
        name: Arc<str>,
        /// What is wrong.
        error: Arc<ReloadError>,
    },
    /// What is in the folder cannot serve, and nothing else does.
    Failed {
        /// Its name.
        name: Arc<str>,
        /// What is wrong.
        error: Arc<ReloadError>,
    },
    /// What served is not let through by its new policy, so it does not serve any more.
    Revoked {
        /// Its name.
        name: Arc<str>,
        /// What the policy has against it.
        error: Arc<ReloadError>,
    },
    /// After [`Event::Rejected`]: what is in the folder is what serves again.
    UpToDate {
        /// Its name.
        name: Arc<str>,
    },
    /// Its component is not in the folder any more, so it does not serve any more.
    Removed {
        /// Its name.
        name: Arc<str>,
    },
    /// The folder itself cannot be relied on. Until it can, what serves goes on, and under its policy: one that changes
    /// meanwhile holds, where it can be read.
    FolderLost {
        /// What is wrong.
        error: Arc<WatchError>,
    },
    /// After [`Event::FolderLost`]: it can be relied on again.
    FolderRestored,
}

impl Event {
    /// Its stable name: `loaded`, `replaced`, `rejected`, `failed`, `revoked`, `up-to-date`, `removed`, `folder-lost`,
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

    /// The provider that it is about, as its file is called: escape it before showing it.
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

    /// What is wrong with a provider, when something is.
    pub fn error(&self) -> Option<&Arc<ReloadError>> {
        match self {
            Event::Rejected { error, .. }
            | Event::Failed { error, .. }
            | Event::Revoked { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Writes the event to the log; those that need attention are warnings.
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
    /// Its policy has a mistake.
    #[error("{path}:{error}", path = .path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// The first mistake in it.
        error: PolicyError,
    },
    /// Its policy cannot be read.
    #[error("{path}: {error}", path = .path.display())]
    ReadPolicy {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// It has no policy, and there is none for those that have none.
    #[error("it has no policy: there is no {path}; an empty file grants nothing", path = .path.display())]
    NoPolicy {
        /// Where it would be.
        path: PathBuf,
    },
    /// It had a policy of its own. That this one is gone does not mean that another one was meant.
    #[error(
        "its policy {path} is gone, and it does not get another one because of that; put it back, or remove the \
         component as well",
        path = .path.display()
    )]
    PolicyGone {
        /// Where it was.
        path: PathBuf,
    },
    /// Its file's name is no text.
    #[error("the name of the file is not UTF-8; give it another one")]
    Name,
}

impl ReloadError {
    /// The refusal, when it is the component that is refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            ReloadError::Load(LoadError::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// Its stable name: that of the rule by which the component is refused, or `policy`, `no-policy`, `policy-gone`,
    /// `unreadable`, `name`, `load`.
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

    /// Whether they say the same. What the host failed of has another number in the log each time.
    pub(super) fn is_like(&self, other: &ReloadError) -> bool {
        match (self, other) {
            (ReloadError::Load(LoadError::Host(_)), ReloadError::Load(LoadError::Host(_))) => true,
            _ => self.to_string() == other.to_string(),
        }
    }

    /// Whether it may be well the next time although no file of the provider's changes: a folder that is not there
    /// yet, a secret that is not set, a process that could not be started. A component that took too long to
    /// compile is retried only while an older policy is still in force (`behind`): compiling is expensive and usually
    /// fails the same way.
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
    /// It is not there, is no folder, cannot be read, or has more entries than are looked at.
    #[error("{path}: {error}", path = .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The system cannot tell of changes there.
    #[error("changes cannot be watched: {message}")]
    Watcher {
        /// What the system said, and the cure where it is known.
        message: String,
    },
    /// The lock file cannot be read, or has a mistake.
    #[error("{path}: {message}", path = .path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Another folder has taken its place, and there is no component in it: one that was unmounted, or is still being
    /// filled.
    #[error(
        "{path} is another folder than before, with no component in it",
        path = .path.display()
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// There is no thread to look after it.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
    /// The thread that looks after it failed.
    #[error(transparent)]
    Host(#[from] crate::error::HostError),
}
