//! Credentials in requests, and their search in responses.

use super::*;
use crate::meter::Meter;

fn secret(text: &str) -> Secret {
    Secret {
        header: HeaderName::from_static("authorization"),
        value: value("Bearer ", text).unwrap(),
        spellings: Arc::new(Spellings::of("Bearer ", text)),
    }
}

/// The secrets of a server that knows these, and as much fuel as is asked for.
fn known(texts: &[&str]) -> Known {
    let secrets = texts.iter().map(|text| Some(secret(text))).collect();
    let meter = rich(u64::MAX);
    let all: Vec<usize> = (0..texts.len()).collect();
    Credentials::sharing(secrets).known(&all, &meter.background)
}

fn rich(fuel: u64) -> Meter {
    let mut meter = Meter::new(Arc::default());
    meter.enter_host(fuel);
    meter
}

/// Whether the search of a stream finds one of the secrets in pieces of `size` bytes.
fn finds(known: &Known, stream: &[u8], size: usize) -> bool {
    let mut scanner = known.scanner().unwrap();
    let mut pieces = stream.chunks(size);
    pieces.any(|piece| scanner.finds(piece).unwrap()) || scanner.finds_at_end()
}

#[test]
fn a_secret_is_found_however_the_stream_is_cut() {
    let known = known(&["another-one", "aabaabaac"]);
    for (stream, holds) in [
        (&b"so aabaab aabaabaabaac and on"[..], true),
        (b"so aabaab aabaabaaba and on", false),
        (b"aabaabaa", false),
        (b"another-one", true),
        (b"aabaabaa&#99", true),
        (b"", false),
    ] {
        for size in 1..=stream.len().max(1) {
            assert_eq!(finds(&known, stream, size), holds, "in pieces of {size}");
        }
    }
}

/// The price does not depend on the values of the bytes. It is paid for each secret and each piece, before the search.
#[test]
fn a_search_is_paid_for_by_the_byte() {
    let cost = |texts: &[&str], pieces: &[&[u8]]| {
        let secrets = texts.iter().map(|text| Some(secret(text))).collect();
        let meter = rich(u64::MAX);
        let all: Vec<usize> = (0..texts.len()).collect();
        let known = Credentials::sharing(secrets).known(&all, &meter.background);
        let mut scanner = known.scanner().unwrap();
        for piece in pieces {
            scanner.finds(piece).unwrap();
        }
        meter.unpaid()
    };
    let (plain, begun) = ([b'x'; 1000], [b'a'; 1000]);
    assert_eq!(cost(&["aaaaaaab"], &[&plain]), 1000 * SEARCH_PRICE);
    assert_eq!(cost(&["aaaaaaab"], &[&begun]), 1000 * SEARCH_PRICE);
    assert_eq!(
        cost(&["aaaaaaab"], &[b"x", b"&"]),
        2 * SEARCH_LEAST * SEARCH_PRICE
    );
    assert_eq!(
        cost(&["aaaaaaab", "b-secret"], &[&plain]),
        2000 * SEARCH_PRICE
    );
    // Grants with the same secret search for it once.
    assert_eq!(
        cost(&["aaaaaaab", "aaaaaaab"], &[&plain]),
        1000 * SEARCH_PRICE
    );
    let poor = rich(1000 * SEARCH_PRICE - 1);
    let known = Credentials::sharing(vec![Some(secret("aaaaaaab"))]).known(&[0], &poor.background);
    let mut scanner = known.scanner().unwrap();
    assert!(matches!(scanner.finds(&plain), Err(LimitReached::Fuel)));
}

#[test]
fn it_is_found_in_headers() {
    let known = known(&["abc"]);
    let mut headers = HeaderMap::new();
    let text = HeaderValue::from_static;
    headers.try_append("x-a", text("is ab c")).unwrap();
    assert!(!known.withholds(&headers).unwrap());
    headers.try_append("x-a", text("is abc")).unwrap();
    assert!(known.withholds(&headers).unwrap());
}

#[test]
fn a_request_with_a_secret_asks_for_a_response_that_can_be_searched() {
    let mut headers = HeaderMap::new();
    for name in [
        "accept-encoding",
        "accept_encoding",
        "accept-charset",
        "range",
        "if-range",
        "if_range",
        "a-im",
        "accept",
    ] {
        let value = HeaderValue::from_static("gzip");
        headers.try_append(name, value).unwrap();
    }
    let value = HeaderValue::from_static("br");
    headers.try_append("accept-encoding", value).unwrap();
    known(&["abc"]).prepare(&mut headers).unwrap();
    secret("abc").add_to(&mut headers).unwrap();
    let mut sent: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    sent.sort_unstable();
    let expected: [(&str, &[u8]); 3] = [
        ("accept", b"gzip"),
        ("accept-encoding", b"identity"),
        ("authorization", b"Bearer abc"),
    ];
    assert_eq!(sent, expected);
}

#[test]
fn a_response_that_cannot_be_searched_is_withheld() {
    let known = known(&["aabaabaac"]);
    for (name, value, withheld) in [
        ("content-encoding", "gzip", true),
        ("content-encoding", "br", true),
        ("content-encoding", "identity, gzip", true),
        ("content-encoding", "x-own", true),
        ("content-encoding", "Identity", false),
        ("content-encoding", "", false),
        ("transfer-encoding", "gzip, chunked", true),
        ("transfer-encoding", "chunked", false),
        ("content-range", "bytes 0-3/9", true),
        ("content-type", "Multipart/ByteRanges; boundary=x", true),
        ("content-type", "text/plain", false),
        ("x-echo", "%61abaabaac", true),
        ("x-echo", "YWFiYWFiYWFj", true),
        ("x-aabaabaac", "1", true),
        ("x-echo", "aabaabaa", false),
    ] {
        let mut headers = HeaderMap::new();
        let text = HeaderValue::from_static;
        headers.try_append("x-first", text("identity")).unwrap();
        headers.try_append(name, text(value)).unwrap();
        let found = known.withholds(&headers).unwrap();
        assert_eq!(found, withheld, "{name}: {value}");
    }
    let mut headers = HeaderMap::new();
    for value in ["identity", "gzip"] {
        let value = HeaderValue::from_static(value);
        headers.try_append("content-encoding", value).unwrap();
    }
    assert!(known.withholds(&headers).unwrap());
}

#[test]
#[cfg(target_os = "linux")]
fn a_secret_leaves_no_trace_in_memory() {
    let secret = memory::masked(b"a secret of a test, 0123456789abcdefghijklmnop");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, Zeroizing::new(memory::masked(&secret)).as_slice()).unwrap();
    let credential = Credential {
        header: "authorization".to_owned(),
        prefix: "Bearer ".to_owned(),
        source: SecretSource::File(path),
    };
    let read = Secret::read(&credential).unwrap();
    let mut headers = HeaderMap::new();
    read.add_to(&mut headers).unwrap();
    let value = &headers[header::AUTHORIZATION];
    assert_eq!(&value.as_bytes()[..9], b"Bearer a ");
    assert_eq!(format!("{value:?}"), "Sensitive");
    // The allocator writes over the beginning of freed memory.
    let end = &secret[24..];
    assert!(memory::places_of(end) > 0);
    drop((read, headers));
    assert_eq!(memory::places_of(end), 0);
}

#[test]
fn a_secret_is_in_a_regular_file_of_at_most_8_kib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for (length, fits) in [(1, true), (8 << 10, true), ((8 << 10) + 1, false)] {
        std::fs::write(&path, vec![b'x'; length]).unwrap();
        assert_eq!(read_file(&path).is_ok(), fits, "{length}");
    }
    // Reading a pipe would wait for a writer. Windows has no pipes among files.
    if cfg!(unix) {
        std::fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success() && read_file(&path).is_err());
    }
}
