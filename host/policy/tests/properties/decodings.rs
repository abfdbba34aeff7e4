//! The servers behind a grant: each decodes a path in its own way, some of them more than once.

use tollgate_policy::{Grants, HttpGrant, Target, decide};

use crate::random::Random;

/// A step of a server between the request line and the file: bytes, since some do not look for UTF-8.
type Decoding = fn(&[u8]) -> Vec<u8>;

const DECODINGS: &[(&str, Decoding)] = &[
    ("percent", percent),
    ("percent, of Windows", percent_u),
    ("overlong UTF-8", overlong),
    ("full width", full_width),
    ("parameters", |path| each_part(path, |part| cut(part, b";"))),
    ("backslash", |path| replace(path, b'\\', b'/')),
    ("NUL", |path| cut(path, b"\0")),
    ("query and fragment", |path| cut(path, b"?#")),
    ("controls", |path| {
        path.iter()
            .copied()
            .filter(|b| *b >= b' ' && *b != 0x7f)
            .collect()
    }),
    ("not ASCII", |path| {
        path.iter().copied().filter(u8::is_ascii).collect()
    }),
    ("no width", |path| {
        let text = String::from_utf8_lossy(path);
        text.replace(['\u{ad}', '\u{200b}'], "").into_bytes()
    }),
    ("spaces and dots at the end", |path| {
        each_part(path, windows)
    }),
    ("slashes", |path| {
        let mut path = path.to_vec();
        path.dedup_by(|a, b| *a == b'/' && *b == b'/');
        path
    }),
    ("lower case", |path| path.to_ascii_lowercase()),
];

fn percent(path: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(byte) = path.get(at) {
        match hex(path.get(at + 1..at + 3)) {
            Some(value) if *byte == b'%' => {
                out.push(value as u8);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

/// `%u002e` is a dot, too.
fn percent_u(path: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(byte) = path.get(at) {
        let escape = matches!(path.get(at..at + 2), Some(b"%u" | b"%U"));
        match hex(path.get(at + 2..at + 6)).and_then(char::from_u32) {
            Some(value) if escape => {
                out.extend(value.to_string().bytes());
                at += 6;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    percent(&out)
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    let text = std::str::from_utf8(digits?).ok()?;
    let plain = text.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(text, 16).ok())?
}

/// Forms of ASCII that are longer than they may be.
fn overlong(path: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(byte) = path.get(at) {
        let (value, length) = match path.get(at..).unwrap_or_default() {
            [high @ 0xc0..=0xc1, low, ..] => ((high & 1) << 6 | low & 0x3f, 2),
            [0xe0, high @ 0x80..=0x81, low, ..] => ((high & 1) << 6 | low & 0x3f, 3),
            [0xf0, 0x80, high @ 0x80..=0x81, low, ..] => ((high & 1) << 6 | low & 0x3f, 4),
            _ => (*byte, 1),
        };
        out.push(value);
        at += length;
    }
    out
}

fn full_width(path: &[u8]) -> Vec<u8> {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{2024}' | '\u{3002}' | '\u{ff61}' => '.',
        '\u{2215}' | '\u{2044}' => '/',
        _ => c,
    };
    let text = String::from_utf8_lossy(path);
    text.chars().map(narrow).collect::<String>().into_bytes()
}

fn windows(part: &[u8]) -> Vec<u8> {
    let is_end = |b: &u8| *b == b' ' || *b == b'.';
    match part.iter().rposition(|b| !is_end(b)) {
        None if part.contains(&b'.') => b"..".to_vec(),
        last => part
            .get(..last.map_or(0, |at| at + 1))
            .unwrap_or_default()
            .to_vec(),
    }
}

fn cut(path: &[u8], at: &[u8]) -> Vec<u8> {
    let ends = |b: &&u8| !at.contains(b);
    path.iter().take_while(ends).copied().collect()
}

fn replace(path: &[u8], from: u8, to: u8) -> Vec<u8> {
    path.iter()
        .map(|b| if *b == from { to } else { *b })
        .collect()
}

fn each_part(path: &[u8], change: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let parts: Vec<_> = path.split(|b| *b == b'/').map(change).collect();
    parts.join(&b'/')
}

/// The number of parts of a path that are not empty.
fn length(path: &[u8]) -> usize {
    let parts = path.split(|b| *b == b'/');
    parts.filter(|part| !part.is_empty()).count()
}

/// Whether a path is below `/repos` once its parts are walked. Empty parts are none.
fn is_below(path: &[u8]) -> bool {
    let mut at: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => _ = at.pop(),
            part => at.push(part),
        }
        // A path that leaves and comes back has left.
        if at.is_empty() && (part == b"." || part == b"..") {
            return false;
        }
    }
    at.first() == Some(&&b"repos"[..])
}

const PIECES: &[&str] = &[
    "a",
    "repo",
    "%20",
    "%41",
    "%c3%bc",
    "%2541",
    "%2520",
    ";",
    ";x=y",
    "%3b",
    "%253b",
    ".",
    "..",
    "...",
    "%2e",
    "%2E",
    "%252e",
    "%25252e",
    "%2525252e",
    "%252525252e",
    "%25%32%65",
    "%",
    "%25",
    "%u002e",
    "%25u002e",
    "%c0%ae",
    "%c1%9c",
    "%e0%80%ae",
    "%f0%80%80%ae",
    "%25c0%25ae",
    "%ef%bc%8e",
    "%ef%bc%8f",
    "%e2%88%95",
    "%2f",
    "%252f",
    "%5c",
    "%255c",
    "%00",
    "%2500",
    "%0a",
    "%09",
    "%7f",
    "%c2%85",
    "%c2%ad",
    "%e2%80%8b",
    "%ff",
    "%3f",
    "%23",
    "+",
    "@",
    "~",
    "admin",
];

/// No granted URL is turned into a path outside of its grant by any chain of decodings.
#[test]
fn no_chain_of_decodings_leads_out_of_a_grant() {
    leads_out_by_no_chain("/repos/**", &[], is_below);
}

/// A part that `*` stands for is one for every server: dropping it would make the path that of another resource.
#[test]
fn no_chain_of_decodings_leads_out_of_a_wildcard() {
    leads_out_by_no_chain("/repos/*", &[1], |path| is_below(path) && length(path) == 2);
    leads_out_by_no_chain("/repos/*/keys", &[1], |path| {
        is_below(path) && length(path) == 3 && path.ends_with(b"/keys")
    });
}

/// Makes paths below `/repos`, of `lengths` parts or of up to five, and follows those that the pattern grants through
/// chains of decodings.
fn leads_out_by_no_chain(pattern: &str, lengths: &[usize], stays: impl Fn(&[u8]) -> bool) {
    let grants = Grants {
        http: vec![HttpGrant::new(format!("https://api.example.com{pattern}"))],
        ..Grants::default()
    };
    let end = match pattern.strip_suffix("/keys") {
        Some(_) => "/keys",
        None => "",
    };
    let mut random = Random::new(2026);
    let (mut granted, mut changed) = (0, 0);
    for case in 0..300_000 {
        let mut path = "/repos".to_owned();
        let count = match lengths {
            [] => random.below(4) + 1,
            lengths => random.pick(lengths),
        };
        for _ in 0..count {
            path.push('/');
            for _ in 0..random.below(4) {
                path.push_str(random.pick(PIECES));
            }
        }
        path.push_str(end);
        let url = format!("https://api.example.com{path}");
        let Ok(target) = Target::parse(&url) else {
            continue;
        };
        if decide::http(&grants, "GET", &target).is_err() {
            continue;
        }
        granted += 1;
        let mut now = target.path_and_query().into_bytes();
        let mut chain = Vec::new();
        for _ in 0..8 {
            let (name, decoding) = random.pick(DECODINGS);
            chain.push(name);
            let next = decoding(&now);
            changed += usize::from(next != now);
            now = next;
            let shown = String::from_utf8_lossy(&now);
            assert!(stays(&now), "case {case}: {url} is {shown} by {chain:?}");
        }
    }
    // Enough cases, and enough of them that a server changes.
    assert!(granted > 10_000 && changed > 5_000, "{granted}, {changed}");
}

/// The property sees the climbs that it is about.
#[test]
fn each_climb_leads_out_by_some_chain() {
    for (path, chain) in [
        ("/repos/..%3b/admin", &["percent", "parameters"][..]),
        ("/repos/%252e%252e/admin", &["percent", "percent"]),
        ("/repos/%c0%ae%c0%ae/admin", &["percent", "overlong UTF-8"]),
        ("/repos/%ef%bc%8e./admin", &["percent", "full width"]),
        ("/repos/%u002e./admin", &["percent, of Windows"]),
        ("/repos/.%ff./admin", &["percent", "not ASCII"]),
        ("/repos/.%0a./admin", &["percent", "controls"]),
        ("/repos/..%5cadmin", &["percent", "backslash"]),
        ("/repos/..%00/x", &["percent", "NUL"]),
        (
            "/repos/..%20/admin",
            &["percent", "spaces and dots at the end"],
        ),
        ("/repos/.%e2%80%8b./admin", &["percent", "no width"]),
        ("/repos/..%3fx", &["percent", "query and fragment"]),
    ] {
        let decode = |path: Vec<u8>, name: &&str| {
            let (_, decoding) = DECODINGS.iter().find(|(known, _)| known == name).unwrap();
            decoding(&path)
        };
        let led = chain.iter().fold(path.as_bytes().to_vec(), decode);
        assert!(!is_below(&led), "{path} by {chain:?}");
        let url = format!("https://api.example.com{path}");
        assert!(Target::parse(&url).is_err(), "{path}");
    }
}
