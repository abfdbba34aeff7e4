//! A question as it is shown on a terminal, and the answers that are understood.

use tollgate::approve::Question;
use tollgate::policy::toml::StoppedAsking;

/// The longest line of a terminal, in bytes.
pub(crate) const LINE: usize = 4096;

/// An answer that a person types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Once,
    Session,
    /// For the session, and in the policy file.
    Always,
    No,
}

/// The question in lines. `change` is the policy file, and the change that "always" makes of it.
pub(crate) fn shown(question: &Question, change: Option<&(String, StoppedAsking)>) -> String {
    let rule_text = &question.rule_text;
    let always = change.map_or_else(String::new, |(path, stopped)| {
        let StoppedAsking { line, written, .. } = stopped;
        format!("  always:  writes `{written}` to {path}:{line}\n")
    });
    format!(
        "question: {question}\n  rule:    {rule_text}\n{always}{}",
        prompt(change.is_some())
    )
}

/// The answers that can be typed.
pub(crate) fn prompt(can_write: bool) -> &'static str {
    match can_write {
        true => "allow? once, session, always, no [no]: ",
        false => "allow? once, session, no [no]: ",
    }
}

/// The answer of a line: a word, its first letter, or nothing for no.
pub(crate) fn read(line: &[u8], can_write: bool) -> Option<Choice> {
    let line = String::from_utf8_lossy(line).trim().to_lowercase();
    match line.as_str() {
        "" | "n" | "no" => Some(Choice::No),
        "o" | "once" => Some(Choice::Once),
        "s" | "session" => Some(Choice::Session),
        "a" | "always" if can_write => Some(Choice::Always),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_answer_or_none() {
        for (line, choice) in [
            ("\n", Some(Choice::No)),
            ("", Some(Choice::No)),
            ("N\n", Some(Choice::No)),
            ("once\n", Some(Choice::Once)),
            (" S \n", Some(Choice::Session)),
            ("always\n", Some(Choice::Always)),
            ("y\n", None),
            ("yes\n", None),
            ("\u{1b}[A\n", None),
        ] {
            assert_eq!(read(line.as_bytes(), true), choice, "{line:?}");
        }
        assert_eq!(read(b"a\n", false), None);
        assert_eq!(read(&[0xff, b'\n'], true), None);
    }
}
