//! Errors of a host function: an error that the guest receives, a limit that ends the call, or a failure of the host.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tollgate_component::escape;
use tollgate_policy::ValueError;

/// An error that a provider returns or receives: `error` of `tollgate:provider/types`, in any version.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{}: {}", .kind.label(), escape::line(.message))]
pub struct ProviderError {
    /// The case of the WIT variant.
    pub kind: ErrorKind,
    /// The text that comes with it. From a provider it is guest text: escape it before you show it.
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
    /// The thing asked for does not exist.
    NotFound,
    /// The policy or the system does not allow the request.
    AccessDenied,
    /// A limit or a quota does not allow more.
    QuotaExceeded,
    /// The peer does not answer now.
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
    /// `output`.
    #[error("the result is too large")]
    Output,
    /// `stdio`, of a command: its output is its result.
    #[error("too much output")]
    Stdio,
    /// `handles`.
    #[error("too many live resources")]
    Handles,
    /// `host-memory`.
    #[error("the host would hold too much memory for the guest")]
    HostMemory,
}

/// A mistake of the guest that a host function of the embedding program found: the call faults as `trap`, and the report
/// has this text. Any other error of such a function is a failure of the host, whose text goes to the log only.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct GuestError(pub String);

/// A failure of the host, not of the guest: the call ends with a host error, and this text goes to the log only. Every
/// error of a host function of the embedding program is one, unless it is a [`GuestError`] or a limit.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct HostFailure(pub String);

/// Errors that end the call from within a host function.
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

/// The result of a host function: an answer for the guest, which may be an error, or an end of the call.
pub type HostResult<T, E = ProviderError> = Result<Result<T, E>, Interrupt>;

/// A grant of the policy that this machine lacks, or that is not as the policy says.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GrantError {
    /// A folder the policy grants cannot be opened as the policy says.
    #[error("the policy grants `{root}`, but {path}: {error}", path = shown(.path))]
    Root {
        /// The root's name in the policy.
        root: String,
        /// The folder that the root stands for.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// A root covers a file that a provider must not change or not read, such as the store's: its path says so, once links
    /// are followed.
    #[error("grants.files: {0}")]
    Covered(ValueError),
    /// It is not known whether a root covers such a file.
    #[error(
        "grants.files: the root `{root}` cannot be compared with {what}, {path}: {error}; correct either path",
        path = shown(.path)
    )]
    Uncompared {
        /// The root's name in the policy.
        root: String,
        /// The kind of file, with its article.
        what: String,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// A secret that the policy names cannot be read. The message names the place, never the secret.
    #[error("the credential for `{url}`: {place}: {why}")]
    Secret {
        /// The URL of the grant.
        url: String,
        /// The environment variable or the file.
        place: String,
        /// The mistake in it.
        why: String,
    },
    /// This build of the library has nothing behind the grant.
    #[error(
        "{grant}: this program is built without it; leave the grant out, or build `tollgate` with its feature `{feature}`"
    )]
    NotBuilt {
        /// The grant's key in the policy.
        grant: &'static str,
        /// The feature of the crate `tollgate` that has it.
        feature: &'static str,
    },
    /// The file in which the policy keeps a store cannot be used.
    #[error("the policy keeps a store in {path}: {what}", path = shown(.path))]
    Store {
        /// The file.
        path: PathBuf,
        /// The mistake in it.
        what: String,
    },
}

/// Errors of opening the grants of a policy.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A grant cannot be opened.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The host failed.
    #[error(transparent)]
    Host(#[from] HostFailure),
}

/// Escapes a path onto one line: file names may be hostile.
fn shown(path: &Path) -> String {
    escape::line(&path.to_string_lossy()).into_owned()
}
