//! HTTP/2: the same answers, and its own attacks.

use std::io::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tollgate_serve::Bounds;

use support::clock::CLOCK;
use support::harness::{alone, wait};
use support::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, WINDOW_UPDATE, Wire,
    get, post_json,
};

use super::calls::asleep;
use super::{PATIENCE, Served, is_ended};

const SHORT: Duration = Duration::from_millis(300);

fn few() -> Bounds {
    Bounds {
        head_time: SHORT,
        write_time: SHORT,
        ..Bounds::default()
    }
}

fn asleep_for_long() -> String {
    format!("{CLOCK}\nlimits.deadline = \"60s\"")
}

#[test]
fn calls_are_answered_over_one_connection() {
    let served = Served::of(&[("counter", "")]);
    wait(async {
        let stream = tokio::net::TcpStream::connect(served.address)
            .await
            .unwrap();
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        for _ in 0..3 {
            let request = Request::post("http://localhost/v1/providers/counter/next")
                .version(Version::HTTP_2)
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from_static(b"{}")))
                .unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.status(), 200);
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "{\"result\":1}");
        }
        let request = Request::get("http://evil.example/v1/providers")
            .body(Full::new(Bytes::new()))
            .unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), 421);
        drop(sender);
        connection.await.unwrap().unwrap();
    });
}

#[test]
fn a_start_that_does_not_come_ends_the_connection() {
    let served = Served::bounded(&[], few());
    for start in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM"] {
        let mut stream = served.sent(start);
        assert!(is_ended(&mut stream), "{start:?}");
    }
    // A part of it is also a part of HTTP/1.1.
    let mut stream = served.sent("P");
    std::thread::sleep(SHORT / 10);
    stream
        .write_all(b"UT /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    assert_eq!(super::reply(&mut stream).unwrap().status, 405);
}

#[test]
fn a_connection_without_a_request_ends() {
    let served = Served::bounded(&[], few());
    let mut wire = Wire::new(&served, &[]);
    wire.send(HEADERS, END_STREAM | END_HEADERS, 1, &get("/healthz"))
        .unwrap();
    wire.next_of(DATA);
    wire.next_of(GOAWAY);
    assert!(is_ended(&mut wire.0));
    // The preface alone.
    let mut stream = served.sent("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(is_ended(&mut stream));
}

#[test]
fn a_request_has_few_header_lines() {
    let served = Served::of(&[]);
    let mut wire = Wire::new(&served, &[]);
    let mut block = get("/healthz");
    // 100 lines `x: y`.
    block.extend([0x00, 1, b'x', 1, b'y'].repeat(100));
    wire.send(HEADERS, END_STREAM | END_HEADERS, 1, &block)
        .unwrap();
    let (_, head) = wire.next_of(HEADERS);
    // The status 431, as a literal with a name of the table, in plain digits or in Huffman's code.
    let (_, body) = wire.next_of(DATA);
    assert!(!head.starts_with(&[0x88]), "{head:?}");
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("too many header lines")
    );
}

#[test]
fn requests_of_one_connection_are_few() {
    let _alone = alone();
    let bounds = Bounds {
        streams: 4,
        ..Bounds::default()
    };
    let served = Served::bounded(&[("sleeper", &asleep_for_long())], bounds);
    let mut wire = Wire::new(&served, &[]);
    for number in 0..8 {
        let stream = 2 * number + 1;
        let head = post_json("/v1/providers/sleeper/once");
        wire.send(HEADERS, END_HEADERS, stream, &head).unwrap();
        wire.send(DATA, END_STREAM, stream, b"{\"args\":[60000]}")
            .unwrap();
    }
    for _ in 0..4 {
        wire.next_of(RST_STREAM);
    }
    asleep(4);
    drop(wire);
    asleep(0);
}

#[test]
fn a_call_ends_with_its_stream_and_its_connection() {
    let _alone = alone();
    let served = Served::of(&[("sleeper", &asleep_for_long())]);
    let mut wire = Wire::new(&served, &[]);
    for stream in [1, 3] {
        wire.send(
            HEADERS,
            END_HEADERS,
            stream,
            &post_json("/v1/providers/sleeper/once"),
        )
        .unwrap();
        wire.send(DATA, END_STREAM, stream, b"{\"args\":[60000]}")
            .unwrap();
    }
    asleep(2);
    wire.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).unwrap();
    asleep(1);
    drop(wire);
    asleep(0);
}

/// CVE-2023-44487: requests that are taken back at once.
#[test]
fn rapid_resets_end_the_connection() {
    let served = Served::of(&[("counter", "")]);
    let mut wire = Wire::new(&served, &[]);
    let mut frames = Vec::new();
    for number in 0..2_000_u32 {
        let stream = 2 * number + 1;
        let block = post_json("/v1/providers/counter/next");
        for (kind, flags, payload) in [
            (HEADERS, END_HEADERS, &block[..]),
            (RST_STREAM, 0, &8_u32.to_be_bytes()[..]),
        ] {
            frames.extend([0, 0, u8::try_from(payload.len()).unwrap(), kind, flags]);
            frames.extend(stream.to_be_bytes());
            frames.extend(payload);
        }
    }
    let _ = wire.0.write_all(&frames);
    let (_, why) = wire.next_of(GOAWAY);
    // ENHANCE_YOUR_CALM (RFC 9113, 7).
    assert_eq!(why[4..8], 11_u32.to_be_bytes());
    assert_eq!(served.post("counter/next", "{}").result(), 1);
}

/// CVE-2024-27316: a header block that never ends.
#[test]
fn a_head_in_continuations_comes_to_an_end() {
    let served = Served::of(&[]);
    let mut wire = Wire::new(&served, &[]);
    wire.send(HEADERS, END_STREAM, 1, &get("/healthz")).unwrap();
    let line = [0x00, 1, b'x', 1, b'y'].repeat(1_000);
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < PATIENCE && wire.send(CONTINUATION, 0, 1, &line).is_ok() {
        sent += line.len();
    }
    assert!(start.elapsed() < PATIENCE, "{sent} bytes are taken");
    assert_eq!(served.get("/healthz").status, 200);
}

/// The window of a stream is the client's.
#[test]
fn answers_are_taken_in_time() {
    let served = Served::bounded(
        &[
            ("hostile", &support::harness::all_but("none")),
            ("counter", ""),
        ],
        few(),
    );
    // SETTINGS_INITIAL_WINDOW_SIZE
    let small = [0, 4, 0, 0, 0, 0];
    let mut wire = Wire::new(&served, &small);
    wire.send(HEADERS, END_STREAM | END_HEADERS, 1, &get("/openapi.json"))
        .unwrap();
    assert!(is_ended(&mut wire.0), "nothing is taken");
    let mut wire = Wire::new(&served, &small);
    for number in 0..30 {
        let block = get("/openapi.json");
        wire.send(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &block)
            .unwrap();
    }
    let start = Instant::now();
    // A byte now and then.
    while start.elapsed() < PATIENCE {
        std::thread::sleep(SHORT / 10);
        if wire
            .send(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())
            .is_err()
        {
            break;
        }
    }
    assert!(start.elapsed() < PATIENCE, "a trickle is enough");
}
