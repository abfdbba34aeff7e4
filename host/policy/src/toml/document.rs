//! A TOML document as nodes that know their key and their position, so that every error can name both.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use crate::error::{PolicyError, ValueError};

use super::messages::{shown, shown_key, suggestion};
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
    text: &'d str,
    key: String,
    at: usize,
    value: &'d DeValue<'d>,
}

/// Parses `text` and passes the top of the document to `read`.
pub(crate) fn read<T>(
    text: &str,
    read: impl FnOnce(Node<'_>) -> Result<T, PolicyError>,
) -> Result<T, PolicyError> {
    if text.len() > MAX_TEXT {
        let message = format!("the policy is longer than {} KiB", MAX_TEXT >> 10);
        return Err(error_at(text, 0, String::new(), message));
    }
    if let Some(at) = too_deep(text) {
        let message = format!(
            "nested deeper than {MAX_DEPTH}, which no policy needs; use fewer brackets and dots"
        );
        return Err(error_at(text, at, String::new(), message));
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        return Err(syntax_error(text, table.into_inner(), error));
    }
    let top = DeValue::Table(table.into_inner());
    let (key, at, value) = (String::new(), 0, &top);
    read(Node {
        text,
        key,
        at,
        value,
    })
}

/// The tables at the top of a policy; the lines that a refusal suggests begin with one of them.
pub(super) const TABLES: [&str; 3] = ["limits", "grants", "trust"];

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
    /// An error about this value, at its position.
    pub(crate) fn error(&self, message: impl Into<String>) -> PolicyError {
        error_at(self.text, self.at, self.key.clone(), message.into())
    }

    /// Turns the error of a rule into an error about this value: `rule(…).map_err(node.refused())`.
    pub(crate) fn refused(&self) -> impl Fn(ValueError) -> PolicyError {
        |error| self.error(error.message)
    }

    /// An error about a value of the wrong type: the type found, and the value to write.
    pub(crate) fn mistyped(&self, wanted: &str) -> PolicyError {
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
    pub(crate) fn entries(&self, wanted: &str) -> Result<Vec<(&'d str, Node<'d>)>, PolicyError> {
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

    /// The entries of a table whose keys are all known, in the order of the text.
    pub(crate) fn table(
        &self,
        known: &[&str],
        wanted: &str,
    ) -> Result<Vec<(&'d str, Node<'d>)>, PolicyError> {
        let entries = self.entries(wanted)?;
        for (name, node) in &entries {
            if !known.contains(name) {
                let message = match TABLES.contains(name) {
                    true => format!(
                        "unknown key; a line that begins with `{name}.` belongs above the first `[…]`, or \
                         without `{name}.` below `[{name}]`"
                    ),
                    false => format!("unknown key{}", suggestion(name, known)),
                };
                let at = self.place_of_key(name).unwrap_or(node.at);
                return Err(error_at(self.text, at, node.key.clone(), message));
            }
        }
        Ok(entries)
    }

    /// Refuses a key that earlier policies had, with the line that replaces it.
    pub(crate) fn reject_former(
        &self,
        name: &str,
        wanted: &str,
        message: &str,
    ) -> Result<(), PolicyError> {
        let former = self
            .entries(wanted)?
            .into_iter()
            .find(|(key, _)| *key == name);
        match former {
            None => Ok(()),
            Some((_, node)) => {
                let at = self.place_of_key(name).unwrap_or(node.at);
                Err(error_at(
                    self.text,
                    at,
                    node.key.clone(),
                    message.to_owned(),
                ))
            }
        }
    }

    /// The elements of an array.
    pub(crate) fn array(&self, wanted: &str) -> Result<Vec<Node<'d>>, PolicyError> {
        let DeValue::Array(array) = self.value else {
            return Err(self.mistyped(wanted));
        };
        let elements = array.iter().enumerate();
        let nodes = elements.map(|(i, value)| self.child(format!("{}[{i}]", self.key), value));
        Ok(nodes.collect())
    }

    pub(crate) fn string(&self, wanted: &str) -> Result<&'d str, PolicyError> {
        self.value.as_str().ok_or_else(|| self.mistyped(wanted))
    }

    pub(crate) fn boolean(&self) -> Result<bool, PolicyError> {
        let boolean = self.value.as_bool();
        boolean.ok_or_else(|| self.mistyped("true or false"))
    }

    /// A number of this unit.
    pub(crate) fn number(&self, unit: Unit) -> Result<u64, PolicyError> {
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
    ) -> Result<&'e Node<'d>, PolicyError> {
        let found = entries.iter().find(|(key, _)| *key == name);
        let missing = || self.error(format!("`{name}` is missing here; add it"));
        found.map(|(_, node)| node).ok_or_else(missing)
    }

    fn child(&self, key: String, value: &'d Spanned<DeValue<'d>>) -> Node<'d> {
        Node {
            text: self.text,
            key,
            at: value.span().start,
            value: value.get_ref(),
        }
    }

    fn place_of_key(&self, name: &str) -> Option<usize> {
        let (key, _) = self.value.as_table()?.get_key_value(name)?;
        Some(key.span().start)
    }
}

fn dotted(parent: &str, name: &str) -> String {
    match parent {
        "" => shown_key(name),
        parent => format!("{parent}.{}", shown_key(name)),
    }
}

fn error_at(text: &str, at: usize, key: String, message: String) -> PolicyError {
    // A byte order mark takes no column: editors do not show it.
    let text = text
        .get(..at)
        .unwrap_or(text)
        .trim_start_matches('\u{feff}');
    let line = text.rsplit('\n').next().unwrap_or("");
    PolicyError {
        line: text.matches('\n').count() + 1,
        column: line.chars().count() + 1,
        key,
        message,
    }
}

/// An error of the TOML parser, with the key at its position if that is known.
fn syntax_error(text: &str, table: DeTable<'_>, error: &toml::de::Error) -> PolicyError {
    let span = error.span().unwrap_or(0..0);
    let found = text.get(span.clone()).unwrap_or("");
    let message = shown(error.message());
    // The parser's errors have no kinds. If a version of it words this error differently, only the hint below is lost.
    if message == "duplicate key" {
        let key = key_of_duplicate(text, &span).unwrap_or_else(|| shown_key(found));
        let before = text.get(..span.start).unwrap_or("");
        let line = before.rsplit('\n').next().unwrap_or("");
        let message = match line.trim_start().strip_prefix('[') {
            Some(_) => format!(
                "set twice; put all of it below one `[{key}]`, without `{key}.` in front of its lines"
            ),
            None => "set twice; keep one of the two".to_owned(),
        };
        return error_at(text, span.start, key, message);
    }
    let key = key_at(table, span.start).unwrap_or_default();
    let message = match found.trim() {
        "" => message,
        found => format!("{message}, found `{}`", shown(found)),
    };
    error_at(text, span.start, key, message)
}

/// The dotted key of the key or value that covers the byte `at`.
fn key_at(table: DeTable<'_>, at: usize) -> Option<String> {
    let key = key_below(&DeValue::Table(table), at, MAX_KEY)?;
    Some(key.trim_start_matches('.').to_owned())
}

/// The most parts of a key that an error names. A policy has keys of four; the parser accepts thousands, which would use
/// up the stack.
const MAX_KEY: usize = 16;

/// Does the same below `value`, at most `steps` deep, with a dot in front of each key.
fn key_below(value: &DeValue<'_>, at: usize, steps: usize) -> Option<String> {
    let steps = steps.checked_sub(1)?;
    let covers = |span: Range<usize>| span.start <= at && at <= span.end;
    let below = |value: &Spanned<DeValue<'_>>, key: Option<Range<usize>>| {
        let here = covers(value.span()) || key.is_some_and(covers);
        key_below(value.get_ref(), at, steps).or_else(|| here.then(String::new))
    };
    match value {
        DeValue::Table(table) => table.iter().find_map(|(name, value)| {
            let rest = below(value, Some(name.span()))?;
            Some(format!(".{}{rest}", shown_key(name.get_ref())))
        }),
        DeValue::Array(array) => array.iter().enumerate().find_map(|(i, value)| {
            let rest = below(value, None)?;
            Some(format!("[{i}]{rest}"))
        }),
        _ => None,
    }
}

/// The dotted key of a duplicate. The parser drops it, so the text is parsed again with another name in its place, which
/// is then found in the tree.
fn key_of_duplicate(text: &str, span: &Range<usize>) -> Option<String> {
    let (before, name, after) = (
        text.get(..span.start)?,
        text.get(span.clone())?,
        text.get(span.end..)?,
    );
    let renamed = format!("{before}{STAND_IN}{after}");
    let (table, _) = DeTable::parse_recoverable(&renamed);
    let key = key_at(table.into_inner(), span.start)?;
    let name = name.trim_matches(['"', '\'']);
    Some(key.replacen(STAND_IN, &shown_key(name), 1))
}

/// A name that no policy has.
const STAND_IN: &str = "stand-in-for-a-duplicate";
