//! `--ledger`: the lines that enforce, and the tests that hold them, as a table in Markdown.

use std::path::Path;

use anyhow::Result;

use crate::{
    check::read,
    edit::first_line,
    proofs::{Edit, PACKAGE, Proof},
};

/// The table of `selected`, in the order of the file.
pub(crate) fn table(root: &Path, selected: &[&Proof]) -> Result<String> {
    let mut out = String::from(
        "| proof | enforces | line | test that fails without it |\n|---|---|---|---|\n",
    );
    for proof in selected {
        let what = proof.what.as_deref().unwrap_or_default();
        let mut lines = Vec::new();
        for edit in &proof.edits {
            let (file, text) = (&edit.file, read(root, &edit.file)?);
            let (function, line) = line(&text, edit);
            let function = function.map_or_else(String::new, |name| format!(", `{name}`"));
            lines.push(format!("`{file}`{function}: {}", code(line)));
        }
        let (name, what, lines) = (&proof.name, cell(what), lines.join("; "));
        let mut test = code(&proof.test);
        if proof.package != PACKAGE {
            test.push_str(&format!(" in `{}`", proof.package));
        }
        out.push_str(&format!("| `{name}` | {what} | {lines} | {test} |\n"));
    }
    Ok(out)
}

/// A table for each group of `selected`, under its heading.
pub(crate) fn groups(root: &Path, selected: &[&Proof]) -> Result<String> {
    let mut out = String::new();
    for group in selected.chunk_by(|one, next| one.group == next.group) {
        let heading = group.first().map_or("", |proof| &proof.group);
        out.push_str(&format!("\n### {heading}\n\n{}", table(root, group)?));
    }
    Ok(out)
}

/// The first line that an edit changes, whole, and the function around it; the text that the edit looks for if it is
/// stale.
fn line<'a>(text: &'a str, edit: &'a Edit) -> (Option<&'a str>, &'a str) {
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
    let parts = changed.and_then(|at| text.split_at_checked(start(at).unwrap_or(0)));
    let Some((before, from)) = parts else {
        return (None, first_line(&edit.find));
    };
    let inner = indent(from);
    let functions = before.lines().rev().filter(|line| indent(line) < inner);
    (functions.filter_map(function).next(), first_line(from))
}

/// The name of the function that begins on this line.
fn function(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "fn");
    let name = words.nth(1)?;
    let is_code = !line.trim_start().starts_with("//");
    is_code.then(|| name.split(['(', '<']).next().unwrap_or(name))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Escapes a text for a cell of a table.
pub(crate) fn cell(text: &str) -> String {
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
        let text = "fn a() {\n    if b > c || d {\n    }\n}\nconst E: u8 = 1;\n";
        let condition = (Some("a"), "if b > c || d {");
        assert_eq!(line(text, &edit("b > c", "false")), condition);
        let context = edit("fn a() {\n    if b > c", "fn a() {\n    if false");
        assert_eq!(line(text, &context), condition);
        let constant = (None, "const E: u8 = 1;");
        assert_eq!(line(text, &edit("u8 = 1", "u8 = 2")), constant);
        assert_eq!(line(text, &edit("gone", "")), (None, "gone"));
    }

    #[test]
    fn a_function_has_a_name() {
        assert_eq!(function("    pub(crate) async fn a<T>(t: T) {"), Some("a"));
        assert_eq!(function("fn a() {"), Some("a"));
        assert_eq!(function("// a fn that is not here"), None);
        assert_eq!(function("let f = |fn_name| 1;"), None);
    }

    #[test]
    fn a_cell_stays_a_cell() {
        assert_eq!(code("a || b"), "`a \\|\\| b`");
        assert_eq!(code("a`b"), "`` a`b ``");
    }
}
