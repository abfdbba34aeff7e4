//! The description of a policy's keys: the words that the reader, its errors and the reference page share.

use super::units::Unit;

/// One table of a policy's text and all of its keys.
///
/// The reader of a table refuses every key that is not in `keys`, so this is also the complete list of its keys.
/// [`TABLES`](super::TABLES) has all tables but `[limits]`, which is [`Limits::KEYS`](crate::Limits::KEYS).
#[derive(Debug)]
pub struct Table {
    /// The header as TOML, such as `[grants]` or `[[grants.http]]`; two brackets mean that there may be several.
    pub header: &'static str,
    /// The effect of the table, in one sentence.
    pub meaning: &'static str,
    /// Every key, in the order of the reference page.
    pub keys: &'static [Key],
}

/// One key of a [`Table`].
#[derive(Debug)]
pub struct Key {
    /// The key as it is written.
    pub name: &'static str,
    /// The type of the value, in words: `string`, `list of strings`, `size`.
    pub kind: &'static str,
    /// The value that applies if the key is not written.
    pub default: KeyDefault,
    /// A value as TOML that is not the default.
    pub example: &'static str,
    /// The smallest and the largest number that is accepted, if the key is a number with such bounds.
    pub range: Option<KeyRange>,
    /// The effect of the key, in one or two sentences.
    pub meaning: &'static str,
}

/// The value that applies if a key is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDefault {
    /// The key must be written.
    Required,
    /// The same as if this TOML value were written.
    Value(&'static str),
    /// A default that no value expresses, in words.
    Text(&'static str),
}

/// The range of a key that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The unit of the number.
    pub unit: Unit,
    /// The smallest value accepted, in the unit's smallest step.
    pub min: u64,
    /// The largest value accepted, in the same step.
    pub max: u64,
}

impl Table {
    /// The names of all keys, for the reader.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}
