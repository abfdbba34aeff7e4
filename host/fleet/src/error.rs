//! Errors of the fleet itself: neither of a guest nor of a call.

use std::path::PathBuf;

use thiserror::Error;

use crate::names::NameError;

/// The reason why the fleet could not do its part.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The server of NATS was not reached, or refused the connection.
    #[error("{server}: {why}")]
    Connect {
        /// Its address, without credentials.
        server: String,
        /// The error.
        why: String,
    },
    /// The file of credentials or of authorities cannot be used.
    #[error("{}: {why}", tollgate::escape::line(&path.to_string_lossy()))]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The server failed, or does not do what is needed.
    #[error("{doing}: {why}")]
    Nats {
        /// The step that failed.
        doing: &'static str,
        /// The error.
        why: String,
    },
    /// A name or a key is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A key is none.
    #[error("{0}")]
    Key(String),
    /// No version of the provider was deployed.
    #[error("no version of `{0}` serves; deploy one with `Fleet::deploy`")]
    NotDeployed(String),
    /// A call has too many bytes.
    #[error(
        "the call has {bytes} bytes as JSON, and a message of a fleet has at most {most}; give it less"
    )]
    TooLarge {
        /// Its bytes.
        bytes: usize,
        /// The most that are taken.
        most: usize,
    },
    /// So many calls wait that the queue takes no more.
    #[error("the queue is full; submit the call later, or start more workers")]
    Full,
    /// The server did not tell in time whether it has the call, which may be made.
    #[error("the server did not acknowledge the call in time; submit it again with the same key")]
    Unacknowledged,
    /// The bucket of versions has a value of another form.
    #[error("the bucket has no version of `{0}`, but something else; deploy the provider again")]
    NoVersion(String),
    /// The bucket of results has a value of another form.
    #[error("the bucket has no result of the call, but something else; submit the call again")]
    NoResult,
}

impl FleetError {
    /// An error of the client.
    pub(crate) fn nats(
        doing: &'static str,
    ) -> impl Fn(Box<dyn std::error::Error + '_>) -> FleetError {
        move |error| FleetError::Nats {
            doing,
            why: told(&*error),
        }
    }
}

/// An error with its causes, on one line.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    tollgate::escape::line(&text).into_owned()
}
