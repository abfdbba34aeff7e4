//! Endless requests and responses: each is bounded in bytes. A33-endless-body and A34-false-length.

use support::harness::returned;
use support::http_client::{Client, all_of, url};
use support::http_server::{Server, response};
use support::wasi_client;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// Far more than is read of any of these.
const ENDLESS: usize = 100_000_000;

/// The parts of a response that are no body, and have no end: they are the server's failure, long before the deadline.
#[test]
fn what_comes_beside_the_body_ends() {
    let client = Client::new();
    for (first, then) in [
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
        (
            "",
            "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n",
        ),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\n", "x: y\r\n"),
        ("HTTP/1.1 200 ", "OK"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            "x: y\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;",
            "extension",
        ),
        (CHUNKED, "1;e=f\r\nx\r\n"),
    ] {
        let server = Server::repeating(first, then, ENDLESS);
        let answer = client.answer(&all_of(&server), &url(&server, "/"));
        assert!(answer.contains("Unavailable"), "{first}{then}: {answer}");
        server.wait_for_end(1);
    }
}

/// The same holds for `wasi:http`, which reads in the same way.
#[test]
fn so_it_is_for_guests_of_wasi() {
    let server = Server::repeating("", "HTTP/1.1 103 Early Hints\r\n\r\n", ENDLESS);
    let grants = wasi_client::all_of(&server, "");
    let said = wasi_client::Client::new().fails(&grants, &["get", &url(&server, "/")]);
    assert!(said.contains("HttpProtocolError"), "{said}");
    server.wait_for_end(1);
}

/// Some of them are common.
#[test]
fn informational_responses_come_before_the_response() {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
    let text = format!("{}{}", hints.repeat(100), response("200 OK", "", "hello"));
    let server = Server::saying(text);
    let answer = Client::new().answer(&all_of(&server), &url(&server, "/"));
    assert!(
        answer.contains("200") && answer.contains("hello"),
        "{answer}"
    );
}

/// A map of headers panics at its 24,577th.
#[test]
fn a_request_has_so_many_headers_and_bytes_of_them() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let client = Client::new();
    for (count, bytes) in [(129, 1), (24_576, 1), (40_000, 0), (1, 70_000), (100, 700)] {
        let input = format!("http-headers {} {count} {bytes}", url(&server, "/"));
        let report = client.run(&all_of(&server), &input);
        let [denial] = &report.denials[..] else {
            panic!("{count}: {:?}", report.denials)
        };
        assert_eq!(
            denial.reason.label(),
            "head-too-large",
            "{count} of {bytes}"
        );
        assert_eq!(denial.remedy(), None);
        let answer = returned(&report);
        assert!(
            answer.contains("QuotaExceeded(\"head-too-large\")"),
            "{answer}"
        );
    }
    assert!(server.requests().is_empty());
    let input = format!("http-headers {} 128 400", url(&server, "/"));
    let answer = returned(&client.run(&all_of(&server), &input));
    assert!(answer.contains("200"), "{answer}");
}

/// One `fields` of `wasi:http` holds 16 KiB, which is room for more headers than a request has.
#[test]
fn a_request_of_wasi_has_so_many_headers() {
    let server = wasi_client::hello();
    let client = wasi_client::Client::new();
    let grants = wasi_client::all_of(&server, "");
    let here = url(&server, "/");
    let headers: Vec<String> = (0..129).map(|n| format!("x-{n}:v")).collect();
    let args = |count: usize| {
        let headers = headers.iter().take(count).map(String::as_str);
        ["get", &here]
            .into_iter()
            .chain(headers)
            .collect::<Vec<_>>()
    };
    assert_eq!(client.denied(&grants, &args(129)), "head-too-large");
    assert!(server.requests().is_empty());
    let told = client.fails(&grants, &args(129));
    assert!(told.contains("HttpRequestHeaderSectionSize"), "{told}");
    client.prints(&grants, &args(128));
}
