//! The mistakes of one text, gathered while it is read, and told with their places.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use crate::error::{Excerpt, Mistake, PolicyError};

use super::key::Table;
use super::read_http;

/// The most mistakes that are told of one text: a text with more is no policy, and the rest of them is dropped.
const MAX_MISTAKES: usize = 100;

/// Characters of a line that an excerpt shows before the mistake, of the mistake itself, and behind it.
const BEFORE: usize = 40;
const MARKED: usize = 60;
const BEHIND: usize = 40;

/// The reason why a part of a text gives no value.
#[derive(Clone, Debug)]
pub(crate) enum Flaw {
    /// A mistake at these bytes of the text.
    Mistake {
        span: Range<usize>,
        key: String,
        message: String,
    },
    /// It follows from a mistake that is told already.
    Told,
}

/// A text that is being read.
#[derive(Debug)]
pub(crate) struct Document<'d> {
    pub(super) text: &'d str,
    /// The tables in which a key that is unknown elsewhere may belong.
    pub(super) tables: &'static [&'static Table],
    flaws: RefCell<Vec<(Range<usize>, String, String)>>,
    /// Whether a part of the text gave no value: then the text gives none.
    failed: Cell<bool>,
}

impl<'d> Document<'d> {
    pub(super) fn new(text: &'d str, tables: &'static [&'static Table]) -> Document<'d> {
        Document {
            text,
            tables,
            flaws: RefCell::default(),
            failed: Cell::default(),
        }
    }

    /// The value, or nothing after its mistake was noted.
    pub(super) fn keep<T>(&self, result: Result<T, Flaw>) -> Option<T> {
        let flaw = match result {
            Ok(value) => return Some(value),
            Err(flaw) => flaw,
        };
        self.failed.set(true);
        if let Flaw::Mistake { span, key, message } = flaw {
            let mut flaws = self.flaws.borrow_mut();
            if flaws.len() < MAX_MISTAKES {
                flaws.push((span, key, message));
            }
        }
        None
    }

    /// The number of mistakes that are noted.
    pub(super) fn noted(&self) -> usize {
        self.flaws.borrow().len()
    }

    /// All mistakes in the order of the text, if a part of it gave no value.
    pub(super) fn into_error(self) -> Option<PolicyError> {
        if !self.failed.get() {
            return None;
        }
        let mut flaws = self.flaws.into_inner();
        flaws.sort_by_key(|(span, ..)| span.start);
        let mistakes = flaws.into_iter().map(|(span, key, message)| {
            let (line, column) = position(self.text, span.start);
            let excerpt = excerpt(self.text, &span)
                .filter(|excerpt| !may_show_secret(&key) && !may_hold_secret(&excerpt.text));
            Mistake {
                line,
                column,
                key,
                message,
                excerpt,
            }
        });
        Some(PolicyError::of(mistakes.collect()))
    }

    /// The error about this one flaw.
    pub(super) fn error(self, flaw: Flaw) -> PolicyError {
        self.keep::<()>(Err(flaw));
        self.into_error()
            .unwrap_or_else(|| PolicyError::of(Vec::new()))
    }
}

/// Whether the line of a mistake in this key is not shown: the secret itself may be there, in place of the name of its variable, or
/// a secret key in place of a public one. A key of a credential may be in a wrong place.
pub(super) fn may_show_secret(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key).replace('_', "-");
    let is_strayed = read_http::CREDENTIAL.key(&last).is_some();
    let beside = ["grants.http", "grants.config", "trust"];
    is_strayed || beside.iter().any(|table| key.starts_with(table))
}

/// Whether a line that is shown may hold a secret beside the mistake, by the words in it.
fn may_hold_secret(line: &str) -> bool {
    const WORDS: [&str; 10] = [
        "auth", "bearer", "cred", "from-", "from_", "header", "key", "pass", "prefix", "secret",
    ];
    const MORE: [&str; 3] = ["token", "://", "@"];
    let line = line.to_ascii_lowercase();
    WORDS.iter().chain(&MORE).any(|word| line.contains(word))
}

/// The line and the column of a byte, counted from 1. A byte order mark takes no column: editors do not show it.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let text = text
        .get(..at)
        .unwrap_or(text)
        .trim_start_matches('\u{feff}');
    let line = text.rsplit('\n').next().unwrap_or("");
    (text.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The line in which `span` begins, as far as it is near.
fn excerpt(text: &str, span: &Range<usize>) -> Option<Excerpt> {
    let (above, below) = text.split_at_checked(span.start)?;
    let before = above.rsplit('\n').next()?.trim_start_matches('\u{feff}');
    let line = below.split('\n').next()?.trim_end_matches('\r');
    let (marked, behind) = line.split_at_checked(span.len()).unwrap_or((line, ""));
    if before.trim().is_empty() && line.trim().is_empty() {
        return None;
    }
    let cut = before.chars().count().saturating_sub(BEFORE);
    let before = shown(before.chars().skip(cut));
    let before = if cut > 0 {
        format!("…{before}")
    } else {
        before
    };
    let is_whole = marked.chars().nth(MARKED).is_none();
    let marked = shown(marked.chars().take(MARKED));
    let behind = if is_whole { behind } else { "" };
    let is_whole = is_whole && behind.chars().nth(BEHIND).is_none();
    let behind = shown(behind.chars().take(BEHIND));
    let rest = if is_whole { "" } else { "…" };
    Some(Excerpt {
        start: before.chars().count(),
        width: marked.trim_end().chars().count().max(1),
        text: format!("{before}{marked}{behind}{rest}"),
    })
}

/// Characters of the text, safe on a terminal, a tab as one space.
fn shown(text: impl Iterator<Item = char>) -> String {
    let escape = |c: char| match c {
        '\t' => " ".to_owned(),
        '\'' | '"' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    text.map(escape).collect()
}
