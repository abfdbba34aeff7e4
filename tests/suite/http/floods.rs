//! Endless requests and responses: each is bounded in bytes. A33-endless-body and A34-false-length.

use support::harness::{load, returned};
use support::http_client::{Client, all_of, url};
use support::http_server::{Server, response};
use support::skip::fuel_is_counted;
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

/// The server chooses the pieces of a body: each takes time, however small it is.
#[test]
fn many_small_pieces_are_paid_for() {
    const PIECES: usize = 4_000;
    let of = |body: &str| Server::saying(format!("{CHUNKED}{body}0\r\n\r\n"));
    let small = of(&"1\r\nx\r\n".repeat(PIECES));
    let whole = of(&format!("{PIECES:x}\r\n{}\r\n", "x".repeat(PIECES)));
    let most = PIECES as u64 * 499;
    let own = |server: &Server| {
        let input = format!("http-get {}", url(server, "/"));
        let report = Client::new().run(&all_of(server), &input);
        assert!(report.outcome.fault().is_none(), "{:?}", report.outcome);
        report.usage.fuel
    };
    let by_wasi = |server: &Server| {
        let arguments = ["get", &url(server, "/")];
        let report = wasi_client::Client::new().run(&wasi_client::all_of(server, ""), &arguments);
        assert!(report.outcome.fault().is_none(), "{:?}", report.outcome);
        report.usage.fuel
    };
    if !fuel_is_counted() {
        return;
    }
    for fuel in [own as fn(&Server) -> u64, by_wasi] {
        let more = fuel(&small).saturating_sub(fuel(&whole));
        assert!(more >= most, "{more}");
    }
    // One that cannot pay gets no more.
    let poor = format!(
        "{}\n[limits]\nfuel = 1_500_000",
        support::http_client::with_http(&all_of(&small))
    );
    let report = load("hostile", &poor)
        .session()
        .run(format!("http-get {}", url(&small, "/")).as_bytes());
    assert_eq!(report.unwrap().outcome.fault().unwrap().label(), "fuel");
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
