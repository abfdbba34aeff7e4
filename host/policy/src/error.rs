//! The two errors of this crate: a value that breaks a rule, and the same at a position of a text.

use thiserror::Error;

/// An error about a value that a policy cannot hold, with the value to write instead.
///
/// Text of the user is escaped, so the message is safe on a terminal.
///
/// ```
/// use tollgate_policy::Limits;
///
/// let error = Limits::default().set("memory", "8GiB").unwrap_err();
/// assert!(error.message.starts_with("8GiB is more than the most allowed, 4GiB"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ValueError {
    /// One sentence without a position: the caller knows the origin of the value.
    pub message: String,
}

impl ValueError {
    pub(crate) fn new(message: impl Into<String>) -> ValueError {
        ValueError {
            message: message.into(),
        }
    }
}

/// The first mistake in a policy or in a lock file. In one table, unknown keys come before wrong values; otherwise the
/// first mistake is the first in the text.
///
/// `Display` writes `line:column: key: message`. With a file name and a colon in front, editors can jump to the
/// position. Text of the file is escaped, so the message is safe on a terminal.
///
/// ```
/// use std::path::Path;
/// use tollgate_policy::Policy;
///
/// let error = Policy::parse("[limits]\nfuel = 0", Path::new("")).unwrap_err();
/// assert_eq!((error.line, error.column, error.key.as_str()), (2, 8, "limits.fuel"));
/// assert!(error.to_string().starts_with("2:8: limits.fuel: 0 is less than the least allowed, 1"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column}: {}{message}", self.prefix())]
pub struct PolicyError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1 in characters (not bytes).
    pub column: usize,
    /// The dotted key, such as `limits.memory` or `grants.files[1].path` (elements are counted from 0). It is empty if
    /// the text is not TOML and the key is not known.
    pub key: String,
    /// The problem, and the fix.
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
