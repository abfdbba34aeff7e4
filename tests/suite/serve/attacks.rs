//! Requests that are meant to be read in two ways, or to cost more than they do.

use std::io::Write;

use super::{Served, is_ended, post, reply};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A front proxy and this server would see different ends of the first request.
#[test]
fn a_request_with_two_ends_hides_no_second_one() {
    let served = Served::of(&[("counter", "")]);
    let head = "POST /v1/providers/counter/next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let hidden = format!("2\r\n{{}}\r\n0\r\n\r\n{HEALTH}");
    let length = hidden.len();
    for (ends, status) in [
        (
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
            200,
        ),
        (
            format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
            200,
        ),
        (
            format!("Content-Length: {length}\r\nContent-Length: 2\r\n"),
            400,
        ),
        (format!("Content-Length: +{length}\r\n"), 400),
        (format!("Content-Length: {length}, 2\r\n"), 400),
        ("Transfer-Encoding: chunked, identity\r\n".to_owned(), 400),
        ("Transfer-Encoding: xchunked\r\n".to_owned(), 400),
        ("Transfer-Encoding : chunked\r\n".to_owned(), 400),
    ] {
        let mut stream = served.sent(format!("{head}{ends}\r\n{hidden}"));
        let first = reply_or_status(&mut stream);
        assert_eq!(first, Some(status), "{ends}");
        assert_eq!(reply_or_status(&mut stream), None, "{ends}");
    }
    // Bytes behind a whole request are the next request.
    let mut stream = served.sent(format!("{}{HEALTH}", post("counter/next", "", "{}")));
    assert_eq!(reply(&mut stream).unwrap().status, 200);
    assert_eq!(reply(&mut stream).unwrap().status, 200);
}

/// The status of the next answer; hyper's own have no body.
fn reply_or_status(stream: &mut std::net::TcpStream) -> Option<u16> {
    reply(stream).map(|reply| reply.status)
}

#[test]
fn a_name_in_a_path_is_no_path() {
    let served = Served::of(&[("counter", "")]);
    for (path, status) in [
        ("../counter/next", 404),
        ("..%2fcounter/next", 404),
        ("%2e%2e/next", 404),
        ("counter%00/next", 404),
        ("counter/next%00", 404),
        ("counter.wasm/next", 404),
        ("./counter/next", 404),
        ("counter//next", 404),
        ("counter/next/", 404),
        ("/counter/next", 404),
        ("c\u{f6}unter/next", 404),
        ("%63ounter/%6eext", 200),
        ("%ff/next", 400),
        ("counter/%c0%af", 400),
        ("coun%E2%80%AEter/next", 404),
    ] {
        let reply = served.answer(post(path, "", "{}"));
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        assert!(!reply.body.contains('\u{202e}'), "{reply:?}");
    }
    let long = served.answer(post(&format!("{}/next", "x".repeat(4_000)), "", "{}"));
    assert!(long.body.len() < 1_000, "{long:?}");
}

#[test]
fn json_bombs_are_refused() {
    let policy = "limits.host-data = \"64KiB\"";
    let served = Served::of(&[("counter", policy), ("echo", policy)]);
    let deep = |open: &str, times: usize| format!("{{\"args\":{}", open.repeat(times));
    for body in [
        deep("[", 100_000),
        deep("{\"a\":", 60_000),
        r#"{"args":[1],"args":[1]}"#.to_owned(),
        r#"{"args":{"pages":1,"\u0070ages":2}}"#.to_owned(),
        r#"{"args":[1],"input":"x"}"#.to_owned(),
        r#"{"args":[4294967296]}"#.to_owned(),
        r#"{"args":[-1]}"#.to_owned(),
        r#"{"args":[1.5]}"#.to_owned(),
        r#"{"args":[1e99999]}"#.to_owned(),
        format!("{{\"args\":[{}]}}", "9".repeat(300_000)),
        r#"{"args":[1,2]}"#.to_owned(),
        r#"{"args":[NaN]}"#.to_owned(),
        "{\"args\":[\"\\ud800\"]}".to_owned(),
        "{\"args\":".to_owned(),
    ] {
        let short: String = body.chars().take(40).collect();
        assert_eq!(
            served.post("counter/grow", &body).kind(400),
            "arguments",
            "{short}"
        );
    }
    // More than the guest may be given, in few bytes of text.
    let numbers = format!("{{\"args\":[[{}0]]}}", "0,".repeat(70_000));
    assert_eq!(served.post("echo/run", &numbers).kind(400), "arguments");
    // A problem quotes a part.
    let long = format!("{{\"args\":{{\"{}\":1}}}}", "n".repeat(200_000));
    let reply = served.post("counter/grow", &long);
    assert_eq!(reply.kind(400), "arguments");
    assert!(reply.body.len() < 5_000, "{}", reply.body.len());
}

#[test]
fn noise_ends_a_connection_and_not_the_server() {
    let served = Served::of(&[]);
    for noise in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = served.sent(noise);
        let _ = stream.write_all(b"\r\n\r\n");
        assert!(is_ended(&mut stream));
    }
    assert_eq!(served.get("/healthz").status, 200);
}
