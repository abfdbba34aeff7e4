//! The mistakes of a text that is not TOML, with the keys at their positions.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::messages::{shown, shown_key};
use super::mistakes::{Document, Flaw, may_show_secret, position};

/// The most errors of the parser that are told. An error after the first may be a consequence of that.
const MAX_SYNTAX_ERRORS: usize = 20;

/// Notes the errors of the parser: one of a line, since the rest of it is read in pieces after the first.
pub(super) fn note_errors(document: &Document<'_>, top: &DeValue<'_>, errors: &[toml::de::Error]) {
    let mut lines = Vec::new();
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let at = error.span().unwrap_or(0..0).start;
        let (line, _) = position(document.text, at);
        if !lines.contains(&line) {
            lines.push(line);
            document.keep::<()>(Err(syntax_error(document.text, top, error)));
        }
    }
}

/// An error of the TOML parser, with the key at its position if that is known.
fn syntax_error(text: &str, top: &DeValue<'_>, error: &toml::de::Error) -> Flaw {
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
        return Flaw::Mistake { span, key, message };
    }
    let key = key_at(top, span.start).unwrap_or_default();
    let message = match found.trim() {
        "" => message,
        // Text without quotes may be the secret itself.
        _ if key.is_empty() || may_show_secret(&key) => message,
        found => format!("{message}, found `{}`", shown(found)),
    };
    Flaw::Mistake { span, key, message }
}

/// The dotted key of the key or value that covers the byte `at`.
fn key_at(top: &DeValue<'_>, at: usize) -> Option<String> {
    let key = key_below(top, at, MAX_KEY)?;
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
    let key = key_at(&DeValue::Table(table.into_inner()), span.start)?;
    let name = name.trim_matches(['"', '\'']);
    Some(key.replacen(STAND_IN, &shown_key(name), 1))
}

/// A name that no policy has.
const STAND_IN: &str = "stand-in-for-a-duplicate";
