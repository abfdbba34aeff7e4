//! Values as JSON, and JSON as values: the one mapping of the command line and of every front door, which
//! docs/guide/json.md describes.
//!
//! ```
//! use tollgate_component::value::json::{Json, read};
//! use tollgate_component::value::{Type, Value};
//!
//! let ty = Type::Option(Box::new(Type::U64));
//! let value = read(b"18446744073709551615", &ty, 1_000)?;
//! assert_eq!(value, Value::Option(Some(Box::new(Value::U64(u64::MAX)))));
//! assert_eq!(serde_json::to_string(&Json(&value))?, "18446744073709551615");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod read;
mod write;

#[cfg(test)]
mod tests;

use std::fmt;

pub use read::{Reader, read};
pub use write::Json;

use super::Mismatch;
use crate::escape;

/// The reason why a text is no value of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonError {
    /// The text is no JSON.
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, in bytes, from 1.
        column: usize,
        /// The mistake.
        message: String,
    },
    /// A value does not fit its type.
    Mismatch(Mismatch),
    /// The values take more memory than they may.
    TooLarge {
        /// The bytes that they may take.
        most: u64,
    },
    /// The values have more cases of types with many names than are looked up.
    TooManyNames,
}

impl JsonError {
    /// Another value was expected than the one that was found.
    pub fn misfit(expected: &str, found: &str) -> JsonError {
        Mismatch::here(expected.to_owned(), found.to_owned()).into()
    }

    /// The same, seen from one step further out.
    #[must_use]
    pub fn within(self, step: &str) -> JsonError {
        match self {
            JsonError::Mismatch(mismatch) => JsonError::Mismatch(mismatch.within(step)),
            other => other,
        }
    }
}

/// On one line, escaped.
impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JsonError::Syntax {
                line,
                column,
                message,
            } => {
                let message = escape::line(message);
                write!(f, "line {line}, column {column}: no JSON: {message}")
            }
            JsonError::Mismatch(mismatch) => mismatch.fmt(f),
            JsonError::TooManyNames => f.write_str(
                "the values have too many cases of types with many names; pass fewer at a time",
            ),
            JsonError::TooLarge { most } => {
                write!(
                    f,
                    "the values take more than {most} bytes of memory; pass less"
                )
            }
        }
    }
}

impl std::error::Error for JsonError {}

impl From<Mismatch> for JsonError {
    fn from(mismatch: Mismatch) -> JsonError {
        JsonError::Mismatch(mismatch)
    }
}
