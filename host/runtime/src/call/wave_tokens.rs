//! The tokens of an expression in WAVE notation, as far as finding strings and bounding them needs.

/// Bytes of a token. The lexer of WAVE takes a step of recursion for each, some 32 bytes of stack where it is compiled without
/// optimisation: half a megabyte, which every thread has.
pub(super) const MAX_TOKEN: usize = 16 << 10;

/// The bytes up to the end of the string, character or comment at the start of `text`, or of its first character.
pub fn token_length(text: &str) -> usize {
    let within = |open: usize, close: &str| {
        let rest = text.get(open..).unwrap_or_default();
        rest.find(close).map_or(text.len(), |at| {
            open.saturating_add(at).saturating_add(close.len())
        })
    };
    match text.chars().next() {
        Some('"') if is_multiline(text) => within(3, "\"\"\""),
        Some('/') if text.starts_with("//") => within(2, "\n"),
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            let end = text.char_indices().skip(1).find(|(_, c)| {
                let ends = *c == quote && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            });
            end.map_or(text.len(), |(at, _)| at.saturating_add(1))
        }
        Some(other) => other.len_utf8(),
        None => 0,
    }
}

/// Whether `text` begins with a string of several lines, which the lexer finds the end of without recursion.
fn is_multiline(text: &str) -> bool {
    text.starts_with("\"\"\"")
}

/// The place of the first token of more than [`MAX_TOKEN`] bytes. Words and blanks beside each other count as one.
pub(super) fn too_long(text: &str) -> Option<usize> {
    let (mut at, mut begin) = (0_usize, 0_usize);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = token_length(rest);
        let end = at.saturating_add(length);
        // Brackets and the like are tokens of their own.
        let is_word = length == 1 && !rest.starts_with(|c| "()[]{},:\"'".contains(c));
        let start = if is_word { begin } else { at };
        if end.saturating_sub(start) > MAX_TOKEN && !is_multiline(rest) {
            return Some(start);
        }
        if !is_word {
            begin = end;
        }
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_token_is_found_and_a_long_list_is_none() {
        let long = "x".repeat(MAX_TOKEN + 1);
        let short = "x".repeat(MAX_TOKEN - 2);
        for (text, place) in [
            (format!("f(\"{short}\", \"{short}\")"), None),
            (format!("f({}1)", "1, ".repeat(MAX_TOKEN)), None),
            (format!("f(\"\"\"\n{long}\n\"\"\")"), None),
            (format!("f(\"{long}\")"), Some(2)),
            (format!("f('{long}')"), Some(2)),
            (format!("f({long})"), Some(2)),
            (format!("f(1,{}2)", " ".repeat(MAX_TOKEN)), Some(4)),
            (format!("f(//{long}\n)"), Some(2)),
            (format!("f(\"{long}"), Some(2)),
            (format!("f(\"{}\")", "é".repeat(MAX_TOKEN)), Some(2)),
        ] {
            assert_eq!(too_long(&text), place, "{}", &text[..20]);
        }
    }
}
