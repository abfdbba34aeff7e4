//! The errors of this crate: a value that breaks a rule, and the mistakes of a text, each at its position.

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
    /// An error with this message, which contains the mistake and the fix.
    pub fn new(message: impl Into<String>) -> ValueError {
        ValueError {
            message: message.into(),
        }
    }
}

/// The mistakes in a policy or in a lock file, in the order of the text: at least one, and the first hundred at most.
///
/// `Display` writes the first, and how many more there are. Text of the file is escaped, so the message is safe on a
/// terminal.
///
/// ```
/// use std::path::Path;
/// use tollgate_policy::Policy;
///
/// let error = Policy::parse("[limits]\nfuel = 0\nmemory = 0", Path::new("")).unwrap_err();
/// let [fuel, memory] = error.mistakes() else { panic!("two limits are out of range") };
/// assert_eq!((fuel.line, fuel.column, fuel.key.as_str()), (2, 8, "limits.fuel"));
/// assert_eq!((memory.line, memory.column, memory.key.as_str()), (3, 10, "limits.memory"));
/// assert!(error.to_string().starts_with("2:8: limits.fuel: 0 is less than the least allowed, 1"));
/// assert!(error.to_string().ends_with(" (and 1 more mistake)"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{}", self.first(), self.more())]
pub struct PolicyError {
    /// There is always one.
    mistakes: Vec<Mistake>,
}

impl PolicyError {
    /// The error of these mistakes.
    pub(crate) fn of(mistakes: Vec<Mistake>) -> PolicyError {
        match mistakes.is_empty() {
            true => PolicyError::whole("the text has a mistake".to_owned()),
            false => PolicyError { mistakes },
        }
    }

    /// The error about a text as a whole.
    pub(crate) fn whole(message: String) -> PolicyError {
        let mistakes = vec![Mistake::whole(message)];
        PolicyError { mistakes }
    }

    /// All mistakes.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    fn first(&self) -> String {
        let first = self.mistakes.first();
        first.map(Mistake::to_string).unwrap_or_default()
    }

    fn more(&self) -> String {
        match self.mistakes.len() {
            0 | 1 => String::new(),
            2 => " (and 1 more mistake)".to_owned(),
            all => format!(" (and {} more mistakes)", all.saturating_sub(1)),
        }
    }
}

/// One mistake in a text.
///
/// `Display` writes `line:column: key: message`. With a file name and a colon in front, editors can jump to the
/// position.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column}: {}{message}", self.prefix())]
pub struct Mistake {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1 in characters (not bytes).
    pub column: usize,
    /// The dotted key, such as `limits.memory` or `grants.files[1].path` (elements are counted from 0). It is empty if
    /// the text is not TOML and the key is not known.
    pub key: String,
    /// The problem, and the fix.
    pub message: String,
    /// The line of the text. `None` for a blank line, a credential and a trusted key, since a secret may have been
    /// written in its place.
    pub excerpt: Option<Excerpt>,
}

/// A line of a text with the part of it that is wrong. Text of the file is escaped, and far ends of a long line are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line.
    pub text: String,
    /// The characters of `text` before the mistake.
    pub start: usize,
    /// The characters of `text` that are the mistake: at least one, which may be behind the end.
    pub width: usize,
}

impl Mistake {
    fn whole(message: String) -> Mistake {
        Mistake {
            line: 1,
            column: 1,
            key: String::new(),
            message,
            excerpt: None,
        }
    }

    fn prefix(&self) -> String {
        match self.key.as_str() {
            "" => String::new(),
            key => format!("{key}: "),
        }
    }
}
