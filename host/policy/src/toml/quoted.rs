//! Text as a TOML string, for the text that this crate writes.

/// A TOML basic string on one line. Characters that are not printable are escaped, so that nothing in it is hidden.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\'' => out.push(c),
            // `escape_debug` returns more than one character if it escapes.
            _ if c.escape_debug().nth(1).is_some() => {
                out.push_str(&format!("\\U{:08X}", u32::from(c)))
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_on_one_line() {
        assert_eq!(quoted("it's é"), "\"it's é\"");
        assert_eq!(quoted("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(quoted("\n\0\u{7f}"), r#""\U0000000A\U00000000\U0000007F""#);
        assert_eq!(quoted("\u{202e}"), r#""\U0000202E""#);
    }
}
