//! The text of a policy: TOML read and written, one grant in short form, and the reference of all keys.

use std::path::Path;

use crate::error::PolicyError;
use crate::policy::Policy;

pub(crate) mod document;
mod flag;
mod key;
pub(crate) mod messages;
pub(crate) mod mistakes;
pub(crate) mod names;
pub(crate) mod quoted;
mod read;
mod read_files;
mod read_http;
mod read_store;
mod read_trust;
mod read_wasi;
mod stop_asking;
mod syntax;
pub(crate) mod time;
pub mod units;
mod write;

#[cfg(test)]
mod tests;

pub use key::{Key, KeyDefault, KeyRange, Table, ValueType};
pub use stop_asking::{StoppedAsking, stop_asking};

/// Every table of a policy's text but `[limits]`, in the order of the reference page. The readers refuse each key that
/// is not in them.
///
/// ```
/// use tollgate_policy::toml::{KeyDefault, TABLES};
///
/// let http = TABLES.iter().find(|table| table.header == "[[grants.http]]").unwrap();
/// let key = http.keys.iter().find(|key| key.name == "max-body").unwrap();
/// assert_eq!((key.kind, key.default), ("size", KeyDefault::Value("\"8MiB\"")));
/// ```
pub const TABLES: &[&Table] = &[
    &read::GRANTS,
    &read_store::STORE,
    &read_http::HTTP,
    &read_http::CREDENTIAL,
    &read_files::FILES,
    &read_wasi::WASI,
    &read_trust::TRUST,
];

impl Policy {
    /// The longest policy that is parsed, in bytes.
    pub const MAX_TEXT: usize = document::MAX_TEXT;

    /// Parses the text of a policy.
    ///
    /// Relative paths in it are joined to `base`, the directory of the policy. No file is read. A root that may be written
    /// and holds `base` is refused, since the policy and its lock file are there. Here paths are compared as text; loading a
    /// component compares them on the file system, by [`Policy::protected`], which has the lock file of `base` if there are roots. Add the files
    /// of the program to it, and the policy file if it is not in `base`.
    ///
    /// # Errors
    ///
    /// All mistakes ([`PolicyError::mistakes`]): a key that is unknown, set twice or of the wrong type; a value that is out of
    /// its range; a root or a variable that undoes the policy. Spelling is exact, and unknown text is never ignored. Of text
    /// that is not TOML, only the mistakes that make it so are told.
    ///
    /// ```
    /// use std::path::Path;
    /// use tollgate_policy::Policy;
    ///
    /// let policy = Policy::parse("limits.deadline = \"2s\"\ngrants.log = true", Path::new(""))?;
    /// assert!(policy.grants.log);
    /// # Ok::<(), tollgate_policy::PolicyError>(())
    /// ```
    pub fn parse(text: &str, base: &Path) -> Result<Policy, PolicyError> {
        read::policy(text, base)
    }

    /// The policy as TOML, with only the values that differ from the default.
    ///
    /// Paths are written as [`Policy::parse`] returned them, already joined to its `base`. The text therefore reads back
    /// as the same policy with an empty `base`, or with any `base` when the paths are absolute. A `base` inside a root that
    /// may be written is refused on reading back.
    ///
    /// ```
    /// use tollgate_policy::Policy;
    ///
    /// let mut policy = Policy::default();
    /// policy.limits.memory = 64 << 20;
    /// assert_eq!(policy.to_toml(), "[limits]\nmemory = \"64MiB\"\n");
    /// ```
    pub fn to_toml(&self) -> String {
        write::policy(self)
    }
}
