//! The description of a policy's keys: the words that the reader, its errors, the reference page and the schema share.

use toml::de::DeValue;

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
    /// The type of the value, as data.
    pub value: ValueType,
    /// The value that applies if the key is not written.
    pub default: KeyDefault,
    /// A value as TOML that is not the default.
    pub example: &'static str,
    /// The smallest and the largest number that is accepted, if the key is a number with such bounds.
    pub range: Option<KeyRange>,
    /// The effect of the key, in one or two sentences.
    pub meaning: &'static str,
}

/// The type of a value, as far as TOML and JSON know types.
///
/// ```
/// use tollgate_policy::toml::{TABLES, ValueType};
///
/// let grants = TABLES.iter().find(|table| table.header == "[grants]").unwrap();
/// let log = grants.keys.iter().find(|key| key.name == "log").unwrap();
/// assert_eq!(log.value, ValueType::Boolean);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `true` or `false`.
    Boolean,
    /// A string.
    String,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A number of this unit: an integer, or a string with a suffix of the unit.
    Number(Unit),
    /// A list.
    List(&'static ValueType),
    /// A table of strings, under any keys.
    Strings,
    /// A table of tables, under any keys and with any.
    Tables,
    /// A table of exactly these keys.
    Fields(&'static [(&'static str, ValueType)]),
    /// The [`Table`] with this header.
    Table(&'static str),
    /// One of these types.
    Either(&'static [ValueType]),
}

impl ValueType {
    /// Whether a value may be one of this type, by the outermost of its own.
    pub(super) fn admits(&self, value: &DeValue<'_>) -> bool {
        match self {
            ValueType::Boolean => value.is_bool(),
            ValueType::String | ValueType::Word(_) => value.is_str(),
            ValueType::Number(Unit::Count) => value.is_integer(),
            ValueType::Number(Unit::Bytes) => value.is_integer() || value.is_str(),
            ValueType::Number(Unit::Duration) => value.is_str(),
            ValueType::List(_) => value.is_array(),
            ValueType::Strings | ValueType::Tables | ValueType::Fields(_) | ValueType::Table(_) => {
                value.is_table()
            }
            ValueType::Either(types) => types.iter().any(|each| each.admits(value)),
        }
    }
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
    /// The key of this name.
    pub(super) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of all keys, for the reader.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}
