//! Exit statuses, and the reasons why a command ends without a result.

use std::path::PathBuf;

use tollgate::load::{Refusal, SourceError};
use tollgate::policy::PolicyError;
use tollgate::report::{ExitCode, WaveError};
use tollgate::{CallError, LoadError, Outcome, ProviderError, Report};

use crate::options::remedy::refusal_text;
use crate::output::mistakes;
use crate::output::text;

/// The provider returned, or the command succeeded.
pub(crate) const RETURNED: u8 = 0;
/// The provider returned its own error.
pub(crate) const FAILED: u8 = 1;
/// The command line, the policy or a file they name is wrong.
pub(crate) const USAGE: u8 = 2;
/// The component was refused.
pub(crate) const REFUSED: u8 = 3;
/// The call faulted.
pub(crate) const FAULTED: u8 = 4;
/// The host failed.
pub(crate) const HOST: u8 = 5;

/// The exit status of a call that gave a report.
pub(crate) fn status<T, E: Failure>(report: &Report<T, E>) -> u8 {
    match &report.outcome {
        Outcome::Returned(_) => RETURNED,
        Outcome::Failed(error) => error.status(),
        Outcome::Faulted(_) => FAULTED,
    }
}

/// A provider's own error, as an exit status.
pub(crate) trait Failure {
    /// The exit status.
    fn status(&self) -> u8 {
        FAILED
    }
}

impl Failure for ProviderError {}

impl Failure for WaveError {}

impl Failure for ExitCode {
    /// The lowest eight bits of the code, as POSIX has it.
    fn status(&self) -> u8 {
        u8::try_from(self.0.rem_euclid(256)).unwrap_or(FAILED)
    }
}

/// The reason why a command ends without a result.
#[derive(Debug)]
pub(crate) enum ExitReason {
    /// The command line, the policy or a file they name is wrong.
    Usage(String),
    /// A policy or a lock file has mistakes.
    Policy(PathBuf, PolicyError),
    /// The component was refused before any of its code ran.
    Refused(Refusal),
    /// This program or the machine failed.
    Host(String),
    /// The reason inside is about this file.
    About(PathBuf, Box<ExitReason>),
    /// The reason inside is in the report on stderr already.
    AlreadyReported(Box<ExitReason>),
}

impl ExitReason {
    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            ExitReason::Usage(_) | ExitReason::Policy(..) => USAGE,
            ExitReason::Refused(_) => REFUSED,
            ExitReason::Host(_) => HOST,
            ExitReason::About(_, reason) | ExitReason::AlreadyReported(reason) => reason.status(),
        }
    }

    /// A stable name of its kind, for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            ExitReason::Usage(_) => "usage",
            ExitReason::Policy(..) => "policy",
            ExitReason::Refused(_) => "refused",
            ExitReason::Host(_) => "host-error",
            ExitReason::About(_, reason) | ExitReason::AlreadyReported(reason) => reason.kind(),
        }
    }

    /// The refusal, if it is one.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            ExitReason::Refused(refusal) => Some(refusal),
            ExitReason::About(_, reason) | ExitReason::AlreadyReported(reason) => reason.refusal(),
            _ => None,
        }
    }

    /// The message without a label, with the option that helps.
    pub(crate) fn message(&self) -> String {
        match self {
            ExitReason::Usage(message) | ExitReason::Host(message) => message.clone(),
            ExitReason::Policy(path, error) => mistakes::lines(path, error).join("\n"),
            ExitReason::Refused(refusal) => refusal_text(refusal),
            ExitReason::About(path, reason) => {
                format!("{}: {}", text::path(path), reason.message())
            }
            ExitReason::AlreadyReported(reason) => reason.message(),
        }
    }
}

impl From<Refusal> for ExitReason {
    fn from(refusal: Refusal) -> ExitReason {
        ExitReason::Refused(refusal)
    }
}

impl From<LoadError> for ExitReason {
    fn from(error: LoadError) -> ExitReason {
        match error {
            LoadError::Refused(refusal) => ExitReason::Refused(refusal),
            LoadError::Host(error) => ExitReason::Host(error.to_string()),
            error => ExitReason::Usage(error.to_string()),
        }
    }
}

impl From<SourceError> for ExitReason {
    fn from(error: SourceError) -> ExitReason {
        LoadError::from(error).into()
    }
}

impl From<CallError> for ExitReason {
    fn from(error: CallError) -> ExitReason {
        match error {
            CallError::Refused(refusal) => ExitReason::Refused(refusal),
            CallError::Arguments(message) => ExitReason::Usage(message),
            error => ExitReason::Host(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_cut_to_a_byte() {
        for (code, status) in [(1, 1), (255, 255), (256, 0), (300, 44), (-1, 255)] {
            assert_eq!(ExitCode(code).status(), status);
        }
    }
}
