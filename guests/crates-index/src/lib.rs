//! The index of a cargo registry, from any source of files: the place of the file of a crate, the meaning of its
//! lines, and the releases that satisfy a requirement.
//!
//! No guest itself: it has no bindings, so that every guest can use it. Errors are text. The input is always the cause,
//! and each guest has an error of its own for that.

mod entry;
mod path;
mod requirement;

use std::cmp::Ordering;

use semver::Version;

pub use entry::{Entry, parse};
pub use path::{path_of, prefix_of};
use requirement::Requirement;

/// All versions, oldest first.
pub fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_unstable_by(|a, b| a.version.cmp(&b.version));
    entries
}

/// The order of `a` and `b` by precedence. The text after a `+` makes no version newer than another.
pub fn compare(a: &str, b: &str) -> Result<Ordering, String> {
    Ok(version(a)?.cmp_precedence(&version(b)?))
}

/// The newest entry that satisfies a requirement such as `1.0`, `^1.2`, `=1.0.3` or `latest`.
pub fn newest(entries: Vec<Entry>, requirement: &str) -> Result<Option<Entry>, String> {
    let wanted = Requirement::parse(requirement)?;
    Ok(entries
        .into_iter()
        .filter(|entry| wanted.allows(entry))
        .max_by(|a, b| a.version.cmp(&b.version)))
}

/// The entry of exactly that version, withdrawn or not.
pub fn exactly(entries: Vec<Entry>, wanted: &str) -> Result<Option<Entry>, String> {
    let wanted = version(wanted)?;
    Ok(entries.into_iter().find(|entry| entry.version == wanted))
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|why| format!("`{text}` is not a version: {why}"))
}
