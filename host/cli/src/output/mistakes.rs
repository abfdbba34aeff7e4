//! The mistakes of a policy: each with its place, its line, and a mark below the wrong text.

use std::path::Path;

use serde_json::{Value, json};
use tollgate::policy::{Mistake, PolicyError};

use crate::output::text;

/// Every mistake in the file `path`, as a message for people without an excerpt.
pub(crate) fn lines(path: &Path, error: &PolicyError) -> Vec<String> {
    let path = text::path(path);
    let mistakes = error.mistakes().iter();
    mistakes
        .map(|mistake| format!("{path}:{mistake}"))
        .collect()
}

/// Every mistake in the file `path`, as a message with the line of the file.
pub(crate) fn excerpts(path: &Path, error: &PolicyError) -> Vec<String> {
    let lines = lines(path, error).into_iter().zip(error.mistakes());
    lines
        .map(|(line, mistake)| format!("{line}{}", excerpt(mistake)))
        .collect()
}

fn excerpt(mistake: &Mistake) -> String {
    let Some(excerpt) = &mistake.excerpt else {
        return String::new();
    };
    let number = mistake.line.to_string();
    let space = " ".repeat(number.len());
    let (before, marks) = (" ".repeat(excerpt.start), "^".repeat(excerpt.width));
    let line = excerpt.text.trim_end();
    format!("\n{space} |\n{number} | {line}\n{space} | {before}{marks}")
}

/// Every mistake, for programs.
pub(crate) fn as_json(error: &PolicyError) -> Value {
    let object = |mistake: &Mistake| {
        json!({
            "line": mistake.line,
            "column": mistake.column,
            "key": mistake.key,
            "message": mistake.message,
        })
    };
    error.mistakes().iter().map(object).collect()
}
