//! The two errors of this crate: a value that is wrong, and a value that is wrong at a place in a file.

use thiserror::Error;

/// A value that a policy cannot hold: what is wrong with it and what to write instead.
///
/// Text that came from the user is escaped: the message is safe on a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ValueError {
    /// One sentence, without the place: whoever asked knows where the value came from.
    pub message: String,
}

impl ValueError {
    pub(crate) fn new(message: impl Into<String>) -> ValueError {
        ValueError {
            message: message.into(),
        }
    }
}

/// The first mistake in a policy file: of one table, unknown keys come before wrong values, and else what
/// comes first in the text.
///
/// Displayed as `line:column: key: message`, so that a file name and a colon in front make it a place that
/// editors can jump to. Text that came from the file is escaped: safe on a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column}: {}{message}", self.prefix())]
pub struct PolicyError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1 in characters (not bytes).
    pub column: usize,
    /// The dotted key, such as `limits.memory` or `grants.files[1].path` (elements are counted from 0);
    /// empty where the text is not TOML and no key can be told.
    pub key: String,
    /// What is wrong there, and the cure.
    pub message: String,
}

impl PolicyError {
    fn prefix(&self) -> String {
        match self.key.as_str() {
            "" => String::new(),
            key => format!("{key}: "),
        }
    }
}
