//! Makes the edits of a proof, literally: each `find` occurs as often as the proof says, or the proof is stale.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::proofs::{Edit, Proof};

/// The files that a proof edits, with their text after the edit. `read` gives the text before.
pub(crate) fn edited(
    proof: &Proof,
    read: impl Fn(&str) -> Result<String>,
) -> Result<BTreeMap<String, String>> {
    let mut by_file: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    for edit in &proof.edits {
        by_file.entry(&edit.file).or_default().push(edit);
    }
    by_file
        .into_iter()
        .map(|(file, edits)| Ok((file.to_owned(), apply(file, &read(file)?, &edits)?)))
        .collect()
}

/// Finds all edits in the original text, and then makes them together.
fn apply(file: &str, text: &str, edits: &[&Edit]) -> Result<String> {
    let mut places = Vec::new();
    for edit in edits {
        let found: Vec<_> = text.match_indices(&edit.find).collect();
        ensure!(
            found.len() == edit.count,
            "{file}: `find` occurs {} times, not {}; mend the proof: {}",
            found.len(),
            edit.count,
            first_line(&edit.find),
        );
        places.extend(found.iter().map(|(at, _)| (*at, *edit)));
    }
    places.sort_by_key(|(at, _)| *at);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, edit) in places {
        let kept = text.get(done..at);
        ensure!(
            kept.is_some(),
            "{file}: two edits overlap; make one of them: {}",
            first_line(&edit.find)
        );
        out.push_str(kept.unwrap_or_default());
        out.push_str(&edit.replace);
        done = at + edit.find.len();
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Ok(out)
}

/// The first line of a text, enough to recognise it.
pub(crate) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(find: &str, replace: &str, count: usize) -> Edit {
        Edit {
            file: "a.rs".to_owned(),
            find: find.to_owned(),
            replace: replace.to_owned(),
            count,
        }
    }

    fn made(text: &str, edits: &[Edit]) -> Result<String> {
        apply("a.rs", text, &edits.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_text_is_literal() {
        let text = "if a.b(*c) {\n    $1 \\ & [x]\n}\n";
        assert_eq!(
            made(text, &[edit("a.b(*c)", "false && &", 1)]).unwrap(),
            "if false && & {\n    $1 \\ & [x]\n}\n"
        );
        assert_eq!(
            made(text, &[edit(" {\n    $1", "$0", 1)]).unwrap(),
            "if a.b(*c)$0 \\ & [x]\n}\n"
        );
    }

    #[test]
    fn what_occurs_otherwise_is_stale() {
        for (text, edit) in [
            ("a a", edit("a", "b", 1)),
            ("a", edit("c", "b", 1)),
            ("a a a", edit("a", "b", 2)),
        ] {
            let why = made(text, &[edit]).unwrap_err().to_string();
            assert!(why.starts_with("a.rs: `find` occurs"), "{why}");
        }
        assert_eq!(made("a a", &[edit("a", "b", 2)]).unwrap(), "b b");
    }

    #[test]
    fn edits_are_made_together_in_the_order_of_the_text() {
        let edits = [edit("two", "one", 1), edit("one", "two", 1)];
        assert_eq!(made("one two.", &edits).unwrap(), "two one.");
        let overlap = [edit("one tw", "", 1), edit("two", "", 1)];
        assert!(made("one two", &overlap).is_err());
    }

    #[test]
    fn each_file_is_read_and_edited() {
        let text = "[[proof]]\nname = 'n'\ntest = 't'\nedits = [ { file = 'a', find = 'x', replace = 'X' }, \
                    { file = 'b', find = 'y', replace = 'Y' }, { file = 'a', find = 'z', replace = 'Z' } ]";
        let proofs = crate::proofs::Proofs::parse(text).unwrap();
        let files = edited(&proofs.all[0], |_| Ok("x y z".to_owned())).unwrap();
        assert_eq!(files["a"], "X y Z");
        assert_eq!(files["b"], "x Y z");
    }
}
