use super::*;

/// A secret with letters in both cases, digits, and characters that URLs, JSON, HTML and base64 escape.
const SECRET: &str = "sK-Live_4f/9\"Q+z&7 <Tt>%=aB";

fn standard_base64(bytes: &[u8]) -> String {
    let output = base64(bytes, 0);
    let mut text = String::from_utf8(output.to_vec()).unwrap();
    // The last digits are partial, and left out of a spelling.
    let rest = bytes.len() % 3;
    if rest > 0 {
        let last = bytes[bytes.len() - rest..]
            .iter()
            .fold(0, |bits, b| bits << 8 | u32::from(*b));
        let digit = (last << (6 - rest * 8 % 6) & 63) as usize;
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        text.push(char::from(digits[digit]));
        text.push_str(&"=="[rest - 1..]);
    }
    text
}

/// The secret as servers give it back.
fn spelled() -> Vec<(&'static str, String)> {
    let each = |write: fn(u8) -> String| SECRET.bytes().map(write).collect::<String>();
    let url = |b: u8| match b.is_ascii_alphanumeric() {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    let json = SECRET.replace('"', "\\\"").replace('/', "\\/");
    let html = SECRET
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let mut all = vec![
        ("raw", SECRET.to_owned()),
        ("upper case", SECRET.to_ascii_uppercase()),
        ("lower case", SECRET.to_ascii_lowercase()),
        ("percent, where needed", each(url)),
        ("percent, of a form", each(url).replace("%20", "+")),
        ("percent, in full", each(|b| format!("%{b:02x}"))),
        ("percent, twice", each(url).replace('%', "%25")),
        ("percent, of old JavaScript", each(|b| format!("%u{b:04X}"))),
        ("JSON", json.clone()),
        ("JSON, in full", each(|b| format!("\\u{b:04x}"))),
        (
            "JSON, in JSON",
            json.replace('\\', "\\\\").replace('"', "\\\""),
        ),
        ("JavaScript", each(|b| format!("\\x{b:02X}"))),
        ("JavaScript, braces", each(|b| format!("\\u{{{b:x}}}"))),
        ("HTML", html),
        ("HTML, decimal", each(|b| format!("&#{b};"))),
        ("HTML, hexadecimal", each(|b| format!("&#x{b:04X};"))),
        ("JavaScript, zeros", each(|b| format!("\\u{{{b:08x}}}"))),
        ("Python", each(|b| format!("\\U{b:08x}"))),
        ("C", each(|b| format!("\\{b:03o}"))),
        ("HTML, zeros", each(|b| format!("&#{b:020};"))),
        (
            "HTML, hexadecimal with zeros",
            each(|b| format!("&#x{b:060X};")),
        ),
        ("HTML, without ends", each(|b| format!("&#{b}"))),
        (
            "HTML, hexadecimal without ends",
            each(|b| format!("&#X{b:x}")),
        ),
        ("quoted-printable", each(|b| format!("={b:02X}"))),
        (
            "quoted-printable, in lines",
            each(|b| format!("={b:02X}=\r\n")),
        ),
        ("hexadecimal", each(|b| format!("{b:02x}"))),
        ("hexadecimal, upper case", each(|b| format!("{b:02X}"))),
        ("UTF-16", each(|b| format!("{}\0", char::from(b)))),
        ("broken into lines", SECRET.replace('9', "9\r\n")),
        ("percent, in JSON", each(url).replace('%', "\\u0025")),
    ];
    for before in ["", "u", "us", "user:"] {
        for after in ["", ":", "::", "more text"] {
            let encoded = standard_base64(format!("{before}{SECRET}{after}").as_bytes());
            all.push((
                "base64, of URLs",
                encoded.replace('+', "-").replace('/', "_"),
            ));
            all.push((
                "base64, escaped",
                encoded.replace('+', "%2B").replace('/', "%2f"),
            ));
            all.push((
                "base64, in lines",
                format!("{}\r\n{}", &encoded[..20], &encoded[20..]),
            ));
            all.push(("base64", encoded));
        }
    }
    all
}

/// Whether the search finds the stream in pieces of this size.
fn found(spellings: &Spellings, stream: &[u8], size: usize) -> bool {
    let mut search = Search::default();
    let mut pieces = stream.chunks(size);
    pieces.any(|piece| search.finds(spellings, piece)) || search.finds_at_end(spellings)
}

#[test]
fn the_base64_of_the_tests_is_the_usual_one() {
    for (text, encoded) in [
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(standard_base64(text.as_bytes()), encoded);
    }
}

/// However the stream is cut, also at its end.
#[test]
fn a_secret_is_found_in_each_spelling() {
    let spellings = Spellings::of("", SECRET);
    for (name, text) in spelled() {
        for stream in [format!("{{\"said\": \"{text}\", \"and\": 1}}"), text] {
            for size in (1..20).chain([64, stream.len()]) {
                let found = found(&spellings, stream.as_bytes(), size);
                assert!(found, "{name} in pieces of {size}: {stream}");
            }
        }
    }
}

/// The two digits in which the alphabets of base64 differ.
#[test]
fn a_secret_is_found_in_both_alphabets_of_base64() {
    for (secret, digit) in [("???-a-key-???", '_'), (">>>-a-key->>>", '-')] {
        let text = standard_base64(secret.as_bytes());
        let url = text.replace('+', "-").replace('/', "_");
        assert!(url.contains(digit), "{url}");
        let spellings = Spellings::of("", secret);
        for text in [text, url] {
            assert!(found(&spellings, text.as_bytes(), 3), "{text}");
        }
    }
}

/// Text that resembles a secret is let through.
#[test]
fn what_resembles_a_secret_is_let_through() {
    let spellings = Spellings::of("", SECRET);
    for (name, text) in spelled() {
        // Without its middle, no spelling is whole.
        let middle = text.len() / 2;
        let at = text.floor_char_boundary(middle - 3);
        let stream = format!("{}#{}", &text[..at], &text[at + 6..]);
        for size in [1, 7, stream.len()] {
            let found = found(&spellings, stream.as_bytes(), size);
            assert!(
                !found || text.len() > 60 * SECRET.len(),
                "{name} in pieces of {size}: {stream}"
            );
        }
    }
    for text in [
        "100% sure \\ & more",
        "%",
        "&",
        "\\",
        "&#",
        "\\u",
        "\\u{",
        "\\1",
        "=",
        "%%%%&&&&\\\\\\",
        "",
    ] {
        assert!(!found(&spellings, text.as_bytes(), 1), "{text}");
    }
}

/// The room of an escape is bounded, and so is the text that waits for its end.
#[test]
fn an_escape_that_does_not_end_is_none() {
    let spellings = Spellings::of("", "a-secret");
    for (escape, holds) in [
        (format!("&#{}97;-secret", "0".repeat(ZEROS_READ)), true),
        (format!("&#{}97;-secret", "0".repeat(9 * ZEROS_READ)), false),
        (
            format!("\\u{{{}61}}-secret", "0".repeat(9 * ZEROS_READ)),
            false,
        ),
        ("&#00000000".repeat(1000) + "&#97-secret", true),
    ] {
        for size in [1, 7, 10_000] {
            assert_eq!(
                found(&spellings, escape.as_bytes(), size),
                holds,
                "{escape}"
            );
        }
    }
}

/// Zeros that an escape may begin with.
const ZEROS_READ: usize = 64;

/// A server may give back a part of a credential whose scheme it knows.
#[test]
fn the_parts_of_a_credential_are_secrets_too() {
    let basic = |text: &str| standard_base64(text.as_bytes());
    for (prefix, secret, said) in [
        ("Basic ", basic("user:pass-word-1"), "user:pass-word-1"),
        ("basic ", basic("user:pass-word-1"), "pass-word-1"),
        (
            "",
            format!("Basic {}", basic("user:pass-word-1")),
            "pass-word-1",
        ),
        (
            "",
            format!("Basic {}", basic("user:pass-word-1")),
            "user%3Apass-word-1",
        ),
        // The password alone is too short to be searched for.
        ("Basic ", basic("user:short"), "user:short"),
        ("Basic ", basic("sk_live_1234:"), "sk_live_1234"),
        (
            "Basic ",
            basic("u:pass-word-12").replace('=', ""),
            "pass-word-12",
        ),
        ("", "Bearer a-token-1".to_owned(), "a-token-1"),
        ("", "token a-token-1".to_owned(), "YS10b2tlbi0x"),
    ] {
        let spellings = Spellings::of(prefix, &secret);
        for text in [said, &secret] {
            assert!(
                found(&spellings, format!("so {text}.").as_bytes(), 3),
                "{secret}: {text}"
            );
        }
    }
    for (prefix, secret, said) in [
        ("Bearer ", basic("user:pass-word-1"), "pass-word-1"),
        ("Basic ", basic("user:short"), "short"),
        ("Basic ", basic("user:pass-word-1"), "user"),
        ("", "pass phrase".to_owned(), "phrase"),
    ] {
        let spellings = Spellings::of(prefix, &secret);
        assert!(!found(&spellings, said.as_bytes(), 3), "{secret}: {said}");
    }
}

/// Decoding once too often would lose a secret that looks like an escape.
#[test]
fn a_secret_that_looks_like_an_escape_is_found() {
    for (secret, said) in [
        ("tok%41en-123", "tok%2541en-123"),
        ("a\\u0041b-&lt;", "a\\\\u0041b-&amp;lt;"),
    ] {
        let spellings = Spellings::of("", secret);
        for size in [1, 5, 100] {
            assert!(found(&spellings, secret.as_bytes(), size), "{secret}");
            assert!(found(&spellings, said.as_bytes(), size), "{said}");
        }
    }
}

/// The spellings of a short secret would be found in any text; the secret itself is still found.
#[test]
fn a_short_secret_is_found_as_it_is() {
    let spellings = Spellings::of("", "abc");
    assert!(found(&spellings, b"so abc", 1) && found(&spellings, b"so %61\\u0062C", 2));
    assert!(found(&spellings, b"so 616263", 1) && !found(&spellings, b"so YWJj", 1));
}

/// Spellings that begin or end each other are all found.
#[test]
fn a_secret_that_repeats_itself_is_found() {
    let spellings = Spellings::of("", "aaaaaaab");
    let mut search = Search::default();
    assert!(!search.finds(&spellings, &[b'a'; 100_000]));
    assert!(search.finds(&spellings, b"b"));
    let digit = Spellings::of("", "6");
    assert!(found(&digit, b"6", 1) && !found(&digit, b"x", 1));
    // The secret ends within its own hexadecimal digits.
    let inside = Spellings::of("", "1313131");
    assert!(found(&inside, b"so 3131313131", 1));
}
