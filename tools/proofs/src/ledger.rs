//! `--ledger`: the lines that enforce, and the tests that hold them, as a table in Markdown.

use std::path::Path;

use anyhow::Result;

use crate::{
    check::read,
    edit::first_line,
    proofs::{Edit, Proof},
};

/// The table of `selected`, in the order of the file.
pub(crate) fn table(root: &Path, selected: &[&Proof]) -> Result<String> {
    let mut out = String::from("| what | line that enforces it | test |\n|---|---|---|\n");
    for proof in selected {
        let what = proof
            .what
            .clone()
            .unwrap_or_else(|| proof.name.replace('-', " "));
        let mut lines = Vec::new();
        for edit in &proof.edits {
            let line = line(&read(root, &edit.file)?, edit);
            let file = &edit.file;
            lines.push(format!("`{file}`, {}", code(&line)));
        }
        let (what, lines) = (cell(&what), lines.join("; "));
        out.push_str(&format!("| {what} | {lines} | {} |\n", code(&proof.test)));
    }
    Ok(out)
}

/// The first line that an edit changes, whole; the text that the edit looks for if it is stale.
fn line(text: &str, edit: &Edit) -> String {
    // Context lines around the change only make it unique.
    let same = |(a, b): &(char, char)| a == b;
    let common: usize = (edit.find.chars().zip(edit.replace.chars()))
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let changed = text
        .find(&edit.find)
        .map(|at| at + common.min(edit.find.len() - 1));
    let start = |at: usize| text.get(..at)?.rfind('\n').map(|newline| newline + 1);
    let whole = changed.and_then(|at| text.get(start(at).unwrap_or(0)..));
    first_line(whole.unwrap_or(&edit.find)).to_owned()
}

/// Escapes a text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn code(text: &str) -> String {
    if text.contains('`') {
        format!("`` {} ``", cell(text))
    } else {
        format!("`{}`", cell(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(find: &str, replace: &str) -> Edit {
        Edit {
            file: "a.rs".to_owned(),
            find: find.to_owned(),
            replace: replace.to_owned(),
            count: 1,
        }
    }

    #[test]
    fn the_line_is_the_one_that_changes() {
        let text = "fn a() {\n    if b > c || d {\n    }\n}\n";
        assert_eq!(line(text, &edit("b > c", "false")), "if b > c || d {");
        let context = edit("fn a() {\n    if b > c", "fn a() {\n    if false");
        assert_eq!(line(text, &context), "if b > c || d {");
        assert_eq!(line(text, &edit("gone", "")), "gone");
    }

    #[test]
    fn a_cell_stays_a_cell() {
        assert_eq!(code("a || b"), "`a \\|\\| b`");
        assert_eq!(code("a`b"), "`` a`b ``");
    }
}
