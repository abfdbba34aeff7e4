//! Why a command ends without a result of its own, and the exit status that says so.

use tollgate::{CallError, LoadError, Refusal};

use crate::output::Ui;

/// The provider returned.
pub(crate) const RETURNED: u8 = 0;
/// The provider returned its own error.
pub(crate) const FAILED: u8 = 1;
/// Usage, policy or configuration.
pub(crate) const USAGE: u8 = 2;
/// The component was refused.
pub(crate) const REFUSED: u8 = 3;
/// The call faulted.
pub(crate) const FAULTED: u8 = 4;
/// The host failed.
pub(crate) const HOST: u8 = 5;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something about the command line, the policy or a file they name.
    Usage(String),
    /// The component was refused before any of its code ran.
    Refused(Refusal),
    /// Our fault or the machine's.
    Host(String),
    /// Another one that the report on stderr has told already.
    Said(Box<Stop>),
}

impl Stop {
    /// The exit status.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Stop::Usage(_) => USAGE,
            Stop::Refused(_) => REFUSED,
            Stop::Host(_) => HOST,
            Stop::Said(stop) => stop.code(),
        }
    }

    /// The refusal, if it is one.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Stop::Refused(refusal) => Some(refusal),
            Stop::Said(stop) => stop.refusal(),
            _ => None,
        }
    }

    /// Its words, where they become a part of others.
    pub(crate) fn words(&self) -> String {
        match self {
            Stop::Usage(message) | Stop::Host(message) => message.clone(),
            Stop::Refused(refusal) => refusal.to_string(),
            Stop::Said(stop) => stop.words(),
        }
    }

    /// Says it on stderr; the exit status comes back.
    pub(crate) fn show(&self, ui: &Ui) -> u8 {
        match self {
            Stop::Usage(message) | Stop::Host(message) => ui.error(message),
            Stop::Refused(refusal) => ui.error(&refusal.to_string()),
            Stop::Said(_) => {}
        }
        self.code()
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl From<LoadError> for Stop {
    fn from(error: LoadError) -> Stop {
        match error {
            LoadError::Refused(refusal) => Stop::Refused(refusal),
            LoadError::Host(error) => Stop::Host(error.to_string()),
            error => Stop::Usage(error.to_string()),
        }
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Stop {
        match error {
            CallError::Refused(refusal) => Stop::Refused(refusal),
            CallError::Arguments(message) => Stop::Usage(message),
            error => Stop::Host(error.to_string()),
        }
    }
}
