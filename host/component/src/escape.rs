//! Escapes guest text for display: nothing in it can move a cursor, recolour a terminal, start a new line in a log or
//! turn the reading direction.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The longest piece of guest text shown in one place, in characters. A guest may name a function with
/// 90 KB (A32-hostile-text in docs/security/attacks.md).
pub const SHOWN: usize = 512;

/// The most bytes of a text that [`line()`] made: the escape of a character takes nine, and the mark of the cut three.
pub const MAX_LINE: usize = SHOWN * 9 + '…'.len_utf8();

/// `text` on one line: control, format and bidirectional characters as `\u{…}`, cut after [`SHOWN`] characters.
pub fn line(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        None => whole(text),
        Some((end, _)) => {
            let mut safe = whole(text.get(..end).unwrap_or_default()).into_owned();
            safe.push('…');
            Cow::Owned(safe)
        }
    }
}

/// The same without the cut, for text whose length is bounded elsewhere. Text that [`line()`] made stays as it is.
pub fn whole(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_hostile(c) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// The same for text of several lines, which keeps them.
pub fn lines(text: &str) -> String {
    let lines = text.lines().map(whole);
    lines.collect::<Vec<_>>().join("\n")
}

/// Serialised JSON with every hostile character that JSON itself allows written as `\uXXXX`, so that a report is safe
/// to view on a terminal.
pub fn json(serialised: &str) -> Cow<'_, str> {
    // Newlines between the values belong to JSON; inside strings they are escaped already.
    let bad = |c: char| c != '\n' && is_hostile(c);
    if !serialised.chars().any(bad) {
        return Cow::Borrowed(serialised);
    }
    let mut safe = String::new();
    let mut units = [0u16; 2];
    for c in serialised.chars() {
        if bad(c) {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Control characters (C0, DEL, C1), line and paragraph separators, the format characters that change how the text
/// around them is read, and those that are not seen (Unicode TR 36; `Default_Ignorable_Code_Point`, and the blank of
/// Braille): a text for a model can be hidden in them.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_left_alone() {
        assert!(matches!(line("Überweisung 12,50 € 🙂"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_moves_a_terminal_is_spelt_out() {
        assert_eq!(
            line("a\u{1b}[31mb\r\n\u{202e}c"),
            "a\\u{1b}[31mb\\r\\n\\u{202e}c"
        );
        assert_eq!(line("\u{9b}0m"), "\\u{9b}0m");
        // Text behind a letter that nobody sees.
        assert_eq!(
            lines("a\u{e0141}\u{fe0f}\r\nb\u{3164}"),
            "a\\u{e0141}\\u{fe0f}\nb\\u{3164}"
        );
    }

    #[test]
    fn long_text_is_cut() {
        let long = "x".repeat(90_000);
        assert_eq!(line(&long).chars().count(), SHOWN + 1);
        // Of all characters, these take the longest escapes.
        assert_eq!(line(&"\u{e0001}".repeat(SHOWN + 1)).len(), MAX_LINE);
    }

    #[test]
    fn json_stays_json() {
        let text =
            serde_json::to_string(&serde_json::json!({"m": "a\u{7f}\u{9b}\u{202e}\u{e0001}"}))
                .unwrap();
        let safe = json(&text);
        assert!(!safe.chars().any(is_hostile));
        let back: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(back["m"], "a\u{7f}\u{9b}\u{202e}\u{e0001}");
    }
}
