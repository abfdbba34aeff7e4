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

/// Whether the search finds the stream in pieces of this size, and the bytes that were let go before.
fn found(spellings: &Spellings, stream: &[u8], size: usize) -> (bool, usize) {
    let mut search = Search::default();
    let mut sent = 0;
    for (index, piece) in stream.chunks(size).enumerate() {
        if search.finds(spellings, piece) {
            return (true, sent);
        }
        sent = index * size + piece.len() - search.undecided();
    }
    (false, sent)
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

/// However the stream is cut, and nothing that belongs to the secret is let go before.
#[test]
fn a_secret_is_found_in_each_spelling() {
    let spellings = Spellings::of(SECRET);
    for (name, text) in spelled() {
        let stream = format!("{{\"said\": \"{text}\", \"and\": 1}}");
        for size in (1..20).chain([64, stream.len()]) {
            let (found, sent) = found(&spellings, stream.as_bytes(), size);
            assert!(found, "{name} in pieces of {size}: {stream}");
            assert!(
                sent <= 10 + 10,
                "{name} in pieces of {size}: {sent} of {stream}"
            );
        }
    }
}

/// Text that resembles a secret is let through, except for an end that may still become one.
#[test]
fn what_resembles_a_secret_is_let_through() {
    let spellings = Spellings::of(SECRET);
    for (name, text) in spelled() {
        // Without its middle, no spelling is whole.
        let middle = text.len() / 2;
        let at = text.floor_char_boundary(middle - 3);
        let stream = format!("{}#{}", &text[..at], &text[at + 6..]);
        for size in [1, 7, stream.len()] {
            let (found, sent) = found(&spellings, stream.as_bytes(), size);
            assert!(!found, "{name} in pieces of {size}: {stream}");
            assert!(sent <= stream.len());
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
        "%%%%&&&&\\\\\\",
        "",
    ] {
        assert!(!found(&spellings, text.as_bytes(), 1).0, "{text}");
    }
}

/// Decoding once too often would lose a secret that looks like an escape.
#[test]
fn a_secret_that_looks_like_an_escape_is_found() {
    for (secret, said) in [
        ("tok%41en-123", "tok%2541en-123"),
        ("a\\u0041b-&lt;", "a\\\\u0041b-&amp;lt;"),
    ] {
        let spellings = Spellings::of(secret);
        for size in [1, 5, 100] {
            assert!(found(&spellings, secret.as_bytes(), size).0, "{secret}");
            assert!(found(&spellings, said.as_bytes(), size).0, "{said}");
        }
    }
}

/// The spellings of a short secret would be found in any text; the secret itself is still found.
#[test]
fn a_short_secret_is_found_as_it_is() {
    let spellings = Spellings::of("abc");
    assert!(found(&spellings, b"so abc", 1).0 && found(&spellings, b"so %61\\u0062C", 2).0);
    let lengths: Vec<_> = spellings.needles.iter().map(Needle::len).collect();
    assert_eq!(lengths, [3, 6], "as it is, and in hexadecimal");
}

/// The text that is held back is bounded, also for a secret that repeats itself.
#[test]
fn a_secret_that_repeats_itself_holds_little_back() {
    let spellings = Spellings::of("aaaaaaab");
    let mut search = Search::default();
    assert!(!search.finds(&spellings, &[b'a'; 100_000]));
    assert!(
        search.undecided() <= 7 * ESCAPE * 3,
        "{}",
        search.undecided()
    );
    assert!(search.finds(&spellings, b"b"));
}
