//! Text as a TOML string.

/// A TOML basic string on one line. What is not printable is escaped, so that the text shows what it says.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\'' => out.push(c),
            // More than one character comes back for whatever Rust would escape in a string of its own.
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
