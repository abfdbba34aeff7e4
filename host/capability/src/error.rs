//! Why a host function does not do what it was asked: an error the guest is told, a limit that ends the call, or a
//! failure of the host.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tollgate_component::escape;

/// An error a provider returns, or is told: `error` of `tollgate:provider/types`, whatever its version.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{}: {}", .kind.label(), escape::line(.message))]
pub struct ProviderError {
    /// Which case of the WIT variant.
    pub kind: ErrorKind,
    /// The text that comes with it. From a provider it is guest text: escape it before showing it.
    pub message: String,
}

impl ProviderError {
    /// An error of one kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> ProviderError {
        ProviderError {
            kind,
            message: message.into(),
        }
    }
}

/// The cases of `error` in `tollgate:provider/types`. Labels are the names in WIT and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input has a mistake.
    InvalidInput,
    /// There is no such thing.
    NotFound,
    /// The policy or the system does not allow it.
    AccessDenied,
    /// A limit or a quota does not allow more.
    QuotaExceeded,
    /// It does not answer now.
    Unavailable,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// The stable name, as in WIT and in the report.
    pub fn label(self) -> &'static str {
        match self {
            ErrorKind::InvalidInput => "invalid-input",
            ErrorKind::NotFound => "not-found",
            ErrorKind::AccessDenied => "access-denied",
            ErrorKind::QuotaExceeded => "quota-exceeded",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Other => "other",
        }
    }
}

/// A limit that ends the call. Its value is in the policy's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LimitReached {
    /// `fuel`.
    #[error("the fuel budget does not cover this host call")]
    Fuel,
    /// `deadline`.
    #[error("the deadline has passed")]
    Deadline,
    /// `host-calls`.
    #[error("too many host calls")]
    HostCalls,
    /// `host-data`.
    #[error("too much data in one host call")]
    HostData,
    /// `handles`.
    #[error("too many live resources")]
    Handles,
}

/// Wrapped around an error of a host function, it says that the host failed and not the guest: the call ends with a
/// host error, and this text goes to the log only.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct HostFailure(pub String);

/// What ends the call from within a host function.
#[derive(Debug, Error)]
pub enum Interrupt {
    /// A limit is reached.
    #[error(transparent)]
    Limit(#[from] LimitReached),
    /// The host failed.
    #[error(transparent)]
    Host(#[from] HostFailure),
}

impl From<tokio::task::JoinError> for Interrupt {
    fn from(error: tokio::task::JoinError) -> Interrupt {
        HostFailure(error.to_string()).into()
    }
}

/// What a host function returns: an answer for the guest, which may be an error, or an end of the call.
pub type HostResult<T, E = ProviderError> = Result<Result<T, E>, Interrupt>;

/// What a policy grants and this machine does not have, or not as the policy says.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GrantError {
    /// A folder the policy grants cannot be opened as the policy says.
    #[error("the policy grants `{root}`, but {path}: {error}", path = shown(.path))]
    Root {
        /// The root's name in the policy.
        root: String,
        /// The folder it stands for.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A secret that the policy names cannot be read. The message names the place, never the secret.
    #[error("the credential for `{url}`: {place}: {why}")]
    Secret {
        /// The URL of the grant.
        url: String,
        /// The environment variable or the file.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file the policy keeps a store in cannot be used.
    #[error("the policy keeps a store in {path}: {what}", path = shown(.path))]
    Store {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// Why the grants of a policy could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Something the policy names.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The host failed.
    #[error(transparent)]
    Host(#[from] HostFailure),
}

/// A path on a line of its own: file names may be hostile.
fn shown(path: &Path) -> String {
    escape::line(&path.to_string_lossy()).into_owned()
}
