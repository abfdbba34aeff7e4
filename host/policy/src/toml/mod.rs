//! The text of a policy: TOML read and written, one grant in short form, and the reference of all keys.

use std::path::Path;

use crate::error::PolicyError;
use crate::policy::Policy;

pub(crate) mod document;
mod flag;
pub(crate) mod messages;
pub(crate) mod names;
pub(crate) mod quoted;
mod read;
mod read_http;
mod read_trust;
pub(crate) mod time;
pub mod units;
mod write;

#[cfg(test)]
mod tests;

impl Policy {
    /// The longest policy that is read.
    pub const MAX_TEXT: usize = document::MAX_TEXT;

    /// Reads a policy file.
    ///
    /// Relative paths in it are joined to `base`, the directory of the file; nothing is looked up on disk.
    ///
    /// # Errors
    ///
    /// The first mistake: text that is not TOML, a key that is unknown, set twice or of the wrong type, a
    /// value out of its range. Spelling is exact, and what is unknown is never ignored.
    pub fn parse(text: &str, base: &Path) -> Result<Policy, PolicyError> {
        read::policy(text, base)
    }

    /// The policy as TOML, only what differs from the default.
    ///
    /// Paths are written as they came out of [`Policy::parse`], already joined to its `base`: the text
    /// reads back as the same policy with an empty `base`, or with any when the paths are absolute. (A
    /// `base` with `..` in it shows in the paths and is refused there: make it absolute first.)
    pub fn to_toml(&self) -> String {
        write::policy(self)
    }
}
