//! The path of a URL, as a server may decode it: a path that means something else after a decoding is refused.

/// The layers of percent-encoding that are decoded. A real path has one, and a path inside another has two; the limit
/// bounds the work for a path of nested escapes.
const LAYERS: usize = 4;

/// The ways in which servers read a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// All read the same parts, however often they decode it.
    Same,
    /// A part has an escaped `/`, which some servers keep inside the part and some take for a separator.
    EscapedSlash,
}

/// The ways in which servers read `path`; none if one of them could read a path that no grant can name.
///
/// The path is decoded until nothing changes, and judged at each step: no control character, backslash, `?` or `#`, and
/// no part that climbs; no more parts than at the beginning, or than the first decoding brings forth. Each `%` begins an
/// escape of two digits, also where a decoding brings it forth, and the bytes of escapes are UTF-8: overlong forms and
/// single bytes are not.
pub(super) fn reading(path: &str) -> Option<Reading> {
    let parts = |text: &str| text.split('/').count();
    let written = parts(path);
    let decoded = parts(&decode(path)?);
    let is_clean = |text: &str| !text.contains(is_odd) && !text.split('/').any(climbs);
    holds_in_each_form(path, |text| {
        is_clean(text) && (text == path || parts(text) == decoded)
    })
    .then_some(match written == decoded {
        true => Reading::Same,
        false => Reading::EscapedSlash,
    })
}

/// Whether a part of a path is still one for every server, however often it decodes it: in each form it has a visible
/// character of ASCII, other than a dot, before a `;`. A server that drops parameters, spaces and dots at the end,
/// invisible characters or characters outside of ASCII would otherwise take the path for a shorter one.
pub(super) fn remains(part: &str) -> bool {
    holds_in_each_form(part, |text| {
        let name = text.split(';').next().unwrap_or_default();
        name.chars().any(|c| c.is_ascii_graphic() && c != '.')
    })
}

/// Whether something holds for a text and for each of its decodings, until nothing changes.
fn holds_in_each_form(text: &str, holds: impl Fn(&str) -> bool) -> bool {
    let mut text = text.to_owned();
    for _ in 0..=LAYERS {
        if !holds(&text) {
            return false;
        }
        match decode(&text) {
            Some(next) if next == text => return true,
            Some(next) => text = next,
            None => return false,
        }
    }
    false
}

/// The text with one layer of escapes decoded; none if an escape is truncated or the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut decoded = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let digit = |at: usize| char::from(*piece.as_bytes().get(at)?).to_digit(16);
        let byte = digit(0)? << 4 | digit(1)?;
        decoded.push(u8::try_from(byte).ok()?);
        decoded.extend_from_slice(piece.as_bytes().get(2..)?);
    }
    String::from_utf8(decoded).ok()
}

/// A character that ends a path or a part for some system, or that some system replaces with one that does: the
/// full-width and small forms of `.`, `/`, `\`, `%`, `;`, `?` and `#`, and characters that look like a slash.
fn is_odd(c: char) -> bool {
    const LOOKALIKES: &str = "\u{2024}\u{2025}\u{2026}\u{2044}\u{2215}\u{2216}\u{29f5}\u{29f8}\u{29f9}\u{fe52}\u{fe54}\
                              \u{fe56}\u{fe5f}\u{fe68}\u{fe6a}\u{ff03}\u{ff05}\u{ff0e}\u{ff0f}\u{ff1b}\u{ff1f}\u{ff3c}\
                              \u{ff61}\u{3002}";
    c.is_control() || matches!(c, '\\' | '?' | '#') || LOOKALIKES.contains(c)
}

/// Whether a part is `.` or `..` for some server. Java's servers drop the text after a `;`, Windows drops spaces and dots
/// at the end, and some systems drop characters that are not visible or not ASCII.
fn climbs(part: &str) -> bool {
    let name = part.split(';').next().unwrap_or_default();
    name.contains('.') && name.chars().all(|c| c == '.' || !c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::{Reading, reading, remains};

    fn is_unambiguous(path: &str) -> bool {
        reading(path) == Some(Reading::Same)
    }

    /// The path with every character escaped, this often.
    fn escaped(text: &str, layers: usize) -> String {
        let once = |text: String| text.bytes().map(|b| format!("%{b:02x}")).collect();
        (0..layers).fold(text.to_owned(), |text, _| once(text))
    }

    #[test]
    fn a_path_is_decoded_to_its_end_and_judged_at_each_step() {
        for climb in [
            "..",
            ".",
            "..;",
            "..;x=y",
            ".;",
            "...",
            ".. ",
            " ..",
            ". .",
            "..\t",
            "a\\b",
            "a/b",
            "a?b",
            "a#b",
            "a\0",
            "a\r\nb",
            "a\u{7f}",
            "a\u{85}",
            ".\u{200b}.",
            ".\u{fc}",
            "\u{ff0e}\u{ff0e}",
            "a\u{ff0f}b",
            "a\u{2215}b",
            "\u{2025}",
        ] {
            for layers in 1..4 {
                let part = escaped(climb, layers);
                assert!(
                    !is_unambiguous(&format!("/x/{part}/y")),
                    "{climb:?}: {part}"
                );
                assert!(!is_unambiguous(&format!("/x/{part}")), "{climb:?}: {part}");
            }
        }
        for path in [
            "/x/..%3b/y",
            "/x/..%3B/y",
            "/x/..%253b/y",
            "/x/%252e%252e/y",
            "/x/%252e./y",
            "/x/.%25252e/y",
            "/x/%c0%ae/y",
            "/x/%c0%ae%c0%ae/y",
            "/x/%e0%80%ae/y",
            "/x/%25c0%25ae/y",
            "/x/%c0%af/y",
            "/x/%ff",
            "/x/%e9",
            "/x/.%ff.",
            "/x/%09",
            "/x/%0d%0aset-cookie:a",
            "/x/%7f",
            "/x/%5c..%5c",
            "/x/%u002e",
            "/x/%25u002e",
            "/x/%",
            "/x/%2",
            "/x/100%25",
            "/x/%25zz",
            "/x/%2525252520",
        ] {
            assert!(!is_unambiguous(path), "{path}");
        }
    }

    /// One layer of escape, and nothing else that servers differ on.
    #[test]
    fn an_escaped_slash_is_told_apart() {
        for path in [
            "/a%2fb",
            "/a%2Fb/c",
            "/@scope%2fname",
            "/%2f",
            "/a%2f%2fb",
            "/a%2f%252541",
        ] {
            assert_eq!(reading(path), Some(Reading::EscapedSlash), "{path}");
        }
        for path in [
            "/a%252fb",
            "/a%2f%252fb",
            "/a%2f..",
            "/a%2f..%2fb",
            "/..%2fb",
            "/a/%2e%2e%2fb",
            "/a%2f%252e%252e",
            "/a%2f..;x",
            "/a%2f%5cb",
            "/a%2f%00",
            "/a%2f%",
        ] {
            assert_eq!(reading(path), None, "{path}");
        }
    }

    #[test]
    fn a_path_that_decodes_cleanly_is_left_alone() {
        for path in [
            "",
            "/",
            "/a//b",
            "/a%20b",
            "/a%2520b",
            "/%C3%BC",
            "/b\u{fc}cher",
            "/a.b",
            "/.a",
            "/..a",
            "/a..",
            "/a;b=c",
            "/;/x",
            "/a%3bb",
            "/%d9%87%e2%80%8c%d8%a7",
            "/@scope",
            "/a:b",
            "/a%2b+b",
            "/%41",
            "/%252525252541a",
        ] {
            let deep = path.contains("%2525252525");
            assert_eq!(is_unambiguous(path), !deep, "{path}");
        }
    }

    #[test]
    fn a_part_that_a_server_drops_does_not_remain() {
        for dropped in [
            "",
            ";",
            ";x",
            ";x=y",
            " ",
            "  ",
            ". ",
            "\u{ad}",
            "\u{200b}",
            "\u{2060}",
            "\u{fc}",
            " ;x",
            "\u{200b};x",
        ] {
            for layers in 0..4 {
                let part = escaped(dropped, layers);
                assert!(!remains(&part), "{dropped:?}: {part}");
            }
        }
        for kept in ["a", "-", "a;x", "a ", "\u{fc}a", "b\u{fc}cher", "@", "a.b"] {
            for layers in 1..4 {
                assert!(remains(&escaped(kept, layers)), "{kept}");
            }
        }
    }

    /// The work is bounded at every depth of nesting.
    #[test]
    fn layers_are_bounded() {
        for (layers, fits) in [(1, true), (3, true), (4, true), (5, false), (4000, false)] {
            let path = format!("/%{}41", "25".repeat(layers - 1));
            assert_eq!(is_unambiguous(&path), fits, "{layers}");
        }
    }
}
