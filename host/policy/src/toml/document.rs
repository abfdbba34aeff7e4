//! A TOML document as nodes that know their key and their position, so that every error can name both.

use std::ops::Range;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use crate::error::{PolicyError, ValueError};
use crate::limits::Limits;

use super::key::{Table, ValueType};
use super::messages::{shown, shown_key, suggestion, unknown_key};
use super::mistakes::{Document, Flaw, position};
use super::syntax;
use super::units::Unit;

/// The longest text that is parsed, in bytes. Policies are written by hand, so a megabyte is a mistake or an attack, and
/// the parser's memory is a multiple of it.
pub(crate) const MAX_TEXT: usize = 1 << 20;

/// The most nested brackets, and the most dots in a key. Policies need 3 and 2. The parser's own bound is 80 of each;
/// dropping such a document takes 1.5 MiB of stack and aborts a process that parses on a small thread.
const MAX_DEPTH: usize = 8;

/// One value of the document, with its dotted key and its position.
#[derive(Clone, Debug)]
pub(crate) struct Node<'d> {
    document: &'d Document<'d>,
    key: String,
    span: Range<usize>,
    value: &'d DeValue<'d>,
}

/// Parses `text` and passes the top of the document to `read`. The keys of `tables` are recognised where they do not belong.
pub(crate) fn read<T>(
    text: &str,
    tables: &'static [&'static Table],
    read: impl FnOnce(Node<'_>) -> Result<T, Flaw>,
) -> Result<T, PolicyError> {
    let document = Document::new(text, tables);
    let alone = |at: usize, message: String| Flaw::Mistake {
        span: at..at,
        key: String::new(),
        message,
    };
    if text.len() > MAX_TEXT {
        let message = format!("the policy is longer than {} KiB", MAX_TEXT >> 10);
        return Err(PolicyError::whole(message));
    }
    if let Some(at) = too_deep(text) {
        let message = format!(
            "nested deeper than {MAX_DEPTH}, which no policy needs; use fewer brackets and dots"
        );
        return Err(document.error(alone(at, message)));
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let top = DeValue::Table(table.into_inner());
    let done = match errors.is_empty() {
        true => {
            let (key, span, value) = (String::new(), 0..0, &top);
            let document = &document;
            document.keep(read(Node {
                document,
                key,
                span,
                value,
            }))
        }
        false => {
            syntax::note_errors(&document, &top, &errors);
            None
        }
    };
    match (document.into_error(), done) {
        (None, Some(done)) => Ok(done),
        (error, _) => Err(error.unwrap_or_else(|| PolicyError::of(Vec::new()))),
    }
}

/// The tables at the top of a policy; the lines that a refusal suggests begin with one of them.
pub(super) const SECTIONS: [&str; 3] = ["limits", "grants", "trust"];

/// The position where a document is nested deeper than [`MAX_DEPTH`], found by its tokens alone.
fn too_deep(text: &str) -> Option<usize> {
    let (mut open, mut dots) = (Vec::new(), 0);
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            // These are the parts of a key, and the blanks between them.
            TokenKind::Atom
            | TokenKind::BasicString
            | TokenKind::LiteralString
            | TokenKind::Whitespace => {}
            kind => {
                dots = 0;
                match kind {
                    TokenKind::LeftSquareBracket => open.push(TokenKind::RightSquareBracket),
                    TokenKind::LeftCurlyBracket => open.push(TokenKind::RightCurlyBracket),
                    // A bracket that closes nothing is a mistake, and the parser stays inside.
                    closing if open.last() == Some(&closing) => _ = open.pop(),
                    _ => {}
                }
            }
        }
        if dots > MAX_DEPTH || open.len() > MAX_DEPTH {
            return Some(token.span().start());
        }
    }
    None
}

impl<'d> Node<'d> {
    /// Its line, counted from 1.
    pub(crate) fn line(&self) -> usize {
        position(self.document.text, self.span.start).0
    }

    /// An error about this value, at its position.
    pub(crate) fn error(&self, message: impl Into<String>) -> Flaw {
        Flaw::Mistake {
            span: self.span.clone(),
            key: self.key.clone(),
            message: message.into(),
        }
    }

    /// The value, or nothing after its mistake was noted, so that the rest of the text is read.
    pub(crate) fn keep<T>(&self, result: Result<T, Flaw>) -> Option<T> {
        self.document.keep(result)
    }

    /// The number of mistakes that are noted in the whole text.
    pub(crate) fn noted(&self) -> usize {
        self.document.noted()
    }

    /// Turns the error of a rule into an error about this value: `rule(…).map_err(node.refused())`.
    pub(crate) fn refused(&self) -> impl Fn(ValueError) -> Flaw {
        |error| self.error(error.message)
    }

    /// An error about a value of the wrong type: the type found, and the value to write.
    pub(crate) fn mistyped(&self, wanted: &str) -> Flaw {
        let article = match self.value {
            DeValue::Integer(_) | DeValue::Array(_) => "an",
            _ => "a",
        };
        let found = self.value.type_str();
        self.error(format!("found {article} {found}; write {wanted}"))
    }

    pub(crate) fn value(&self) -> &'d DeValue<'d> {
        self.value
    }

    /// The entries of a table with any keys, in the order of the text.
    pub(crate) fn entries(&self, wanted: &str) -> Result<Vec<(&'d str, Node<'d>)>, Flaw> {
        let DeValue::Table(table) = self.value else {
            return Err(self.mistyped(wanted));
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let nodes = entries.into_iter().map(|(key, value)| {
            let name: &str = key.get_ref();
            (name, self.child(dotted(&self.key, name), value))
        });
        Ok(nodes.collect())
    }

    /// The entries of a table whose keys are known, in the order of the text. Each other key is noted as a mistake.
    pub(crate) fn table(
        &self,
        known: &[&str],
        wanted: &str,
    ) -> Result<Vec<(&'d str, Node<'d>)>, Flaw> {
        self.table_after(known, &[], wanted)
    }

    /// The same for a table that had the keys of `former` once, each with the line that replaces it.
    pub(crate) fn table_after(
        &self,
        known: &[&str],
        former: &[(&str, &str)],
        wanted: &str,
    ) -> Result<Vec<(&'d str, Node<'d>)>, Flaw> {
        let mut entries = self.entries(wanted)?;
        entries.retain(|(name, node)| {
            if known.contains(name) {
                return true;
            }
            let message = match former.iter().find(|(former, _)| former == name) {
                Some((_, message)) => (*message).to_owned(),
                None => node.unknown(name, known),
            };
            self.keep::<()>(Err(Flaw::Mistake {
                span: self.span_of_key(name).unwrap_or(node.span.clone()),
                key: node.key.clone(),
                message,
            }));
            false
        });
        Ok(entries)
    }

    /// The message about a key with this value in a table that does not know it.
    fn unknown(&self, name: &str, known: &[&str]) -> String {
        if SECTIONS.contains(&name) && !self.document.tables.is_empty() {
            return match self.key == name {
                // A list of the name of a table is no table of it.
                true => format!("unknown key{}", suggestion(name, known)),
                false => format!(
                    "unknown key; a line that begins with `{name}.` belongs above the first `[…]`, or \
                     without `{name}.` below `[{name}]`"
                ),
            };
        }
        unknown_key(name, known, |typed| self.homes(name, typed))
    }

    /// The headers of the tables that a key of this name belongs under: those in which this value is of the right type. If
    /// there are none of those, and it need not be `typed`, all that know the key.
    fn homes(&self, name: &str, typed: bool) -> Vec<&'static str> {
        let tables = self.document.tables;
        let limit = Limits::KEYS.iter().find(|key| key.name == name);
        let limit = limit.filter(|_| !tables.is_empty());
        let limit = limit.map(|key| ("[limits]", ValueType::Number(key.unit)));
        let keys = tables.iter().filter_map(|table| {
            let key = table.key(name)?;
            Some((table.header, key.value))
        });
        let homes: Vec<(&str, ValueType)> = limit.into_iter().chain(keys).collect();
        let fits = |(_, kind): &&(&str, ValueType)| kind.admits(self.value);
        let choosy = typed || homes.iter().any(|home| fits(&home));
        let homes = homes.iter().filter(|home| !choosy || fits(home));
        homes.map(|(header, _)| *header).collect()
    }

    /// The elements of an array.
    pub(crate) fn array(&self, wanted: &str) -> Result<Vec<Node<'d>>, Flaw> {
        let DeValue::Array(array) = self.value else {
            return Err(self.mistyped(wanted));
        };
        let elements = array.iter().enumerate();
        let nodes = elements.map(|(i, value)| self.child(format!("{}[{i}]", self.key), value));
        Ok(nodes.collect())
    }

    /// The whole of a table, whose keys are another's.
    pub(crate) fn parameters(&self) -> Result<toml::Table, Flaw> {
        if !matches!(self.value, DeValue::Table(_)) {
            return Err(self.mistyped("a table of its parameters, such as {}"));
        }
        let value = Spanned::new(0..0, self.value.clone());
        let read = toml::Table::deserialize(ValueDeserializer::from(value));
        read.map_err(|error| self.error(shown(error.message())))
    }

    pub(crate) fn string(&self, wanted: &str) -> Result<&'d str, Flaw> {
        self.value.as_str().ok_or_else(|| self.mistyped(wanted))
    }

    pub(crate) fn boolean(&self) -> Result<bool, Flaw> {
        let boolean = self.value.as_bool();
        boolean.ok_or_else(|| self.mistyped("true or false"))
    }

    /// A number of this unit.
    pub(crate) fn number(&self, unit: Unit) -> Result<u64, Flaw> {
        let wanted = unit.example();
        match (self.value, unit) {
            (DeValue::Integer(integer), Unit::Count | Unit::Bytes) => {
                match i64::from_str_radix(integer.as_str(), integer.radix()) {
                    Ok(value) => u64::try_from(value)
                        .map_err(|_| self.error(format!("{value} is negative; write {wanted}"))),
                    Err(_) => Err(self.error(format!("does not fit 64 bits; write {wanted}"))),
                }
            }
            (DeValue::Integer(integer), Unit::Duration) if integer.radix() == 10 => {
                // `parse` refuses a duration without a unit, with a message that names one.
                unit.parse(integer.as_str()).map_err(self.refused())
            }
            (DeValue::String(text), Unit::Bytes | Unit::Duration) => {
                unit.parse(text).map_err(self.refused())
            }
            _ => Err(self.mistyped(wanted)),
        }
    }

    /// The entry of this name among `entries`, those of this table.
    pub(crate) fn required<'e>(
        &self,
        entries: &'e [(&'d str, Node<'d>)],
        name: &str,
    ) -> Result<&'e Node<'d>, Flaw> {
        if let Some((_, node)) = entries.iter().find(|(key, _)| *key == name) {
            return Ok(node);
        }
        // For a misspelt key, one message is enough.
        let written = self
            .value
            .as_table()
            .into_iter()
            .flat_map(|table| table.keys());
        let mut unknown =
            written.filter(|key| entries.iter().all(|(known, _)| known != key.get_ref()));
        match unknown.any(|key| super::messages::is_near(key.get_ref(), name)) {
            true => Err(Flaw::Told),
            false => Err(self.error(format!("`{name}` is missing here; add it"))),
        }
    }

    fn child(&self, key: String, value: &'d Spanned<DeValue<'d>>) -> Node<'d> {
        Node {
            document: self.document,
            key,
            span: value.span(),
            value: value.get_ref(),
        }
    }

    fn span_of_key(&self, name: &str) -> Option<Range<usize>> {
        let (key, _) = self.value.as_table()?.get_key_value(name)?;
        Some(key.span())
    }
}

fn dotted(parent: &str, name: &str) -> String {
    match parent {
        "" => shown_key(name),
        parent => format!("{parent}.{}", shown_key(name)),
    }
}
