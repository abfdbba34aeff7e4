//! Clients that send or take the bodies of a guest's requests wrongly, slowly or without end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http_body_util::Full;
use tollgate::CallError;
use tollgate_serve::{Bounds, Server};

use support::harness::{load, wait};

use super::proxy::{WEB, alone, get, get_with, web, whole};
use super::{PATIENCE, Served};

/// `host-data` bounds what a guest reads of a body, whether its length is declared or not.
#[test]
fn a_body_that_is_too_large_is_not_given_to_a_guest() {
    let served = web("limits.host-data = '64KiB'");
    let head = "POST /http/web/read HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let told = whole(&mut served.sent(format!("{head}Content-Length: 100000\r\n\r\n")));
    assert_eq!(told.kind(413), "body-size");
    let body = |path: &str| {
        let head = head.replace("/read", path);
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(4_096));
        let body = chunk.repeat(17);
        whole(&mut served.sent(format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n"
        )))
    };
    let told = body("/read");
    assert!(
        told.told()
            .starts_with("65536 bytes, Some(ErrorCode::HttpRequestBodySize(Some(65536)"),
        "{told:?}"
    );
    // A guest that has begun its answer and then traps.
    assert!(!body("/echo").is_whole);
    let exact = "x".repeat(64 << 10);
    let told = whole(&mut served.sent(format!("{head}Content-Length: 65536\r\n\r\n{exact}")));
    assert_eq!(told.told(), "65536 bytes");
    let long = "x".repeat(12_000);
    let small = web("limits.host-data = '8KiB'");
    let told = get_with(&small, "/http/web/hello", &format!("X-Long: {long}\r\n"));
    assert_eq!(told.kind(400), "arguments");
    let provider = load("web", &format!("{WEB}\nlimits.host-data = '8KiB'"))
        .as_async()
        .clone();
    let request = hyper::Request::post("http://host.test/hello").body(Full::new(long.into()));
    let done = wait(async { provider.session().handle(request.unwrap(), |_| {}).await });
    assert!(matches!(done, Err(CallError::Arguments(_))), "{done:?}");
}

#[test]
fn a_client_that_trickles_its_body_is_too_slow() {
    let bounds = Bounds {
        body_time: Duration::from_millis(400),
        ..Bounds::default()
    };
    let served = Served::bounded(
        &[("web", &format!("{WEB}\nlimits.deadline = '60s'"))],
        bounds,
    );
    let head = "POST /http/web/read HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n";
    let mut stream = served.sent(head);
    let mut writes = stream.try_clone().unwrap();
    let trickle = std::thread::spawn(move || {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) && writes.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
        start.elapsed()
    });
    let told = whole(&mut stream);
    assert!(told.body.contains("ConnectionReadTimeout"), "{told:?}");
    drop(stream);
    assert!(trickle.join().unwrap() < Duration::from_secs(5));
}

/// A body that ends before its length, and one whose chunks are none.
#[test]
fn a_body_that_does_not_come_to_its_end_is_an_error_of_the_guests_stream() {
    let served = web("limits.deadline = '5s'");
    let head = "POST /http/web/read HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let mut stream = served.sent(format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"
    ));
    let told = whole_text(&mut stream);
    assert!(
        told.contains("3 bytes, Some(ErrorCode::ConnectionTerminated)"),
        "{told}"
    );
}

fn whole_text(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let bounds = Bounds {
        write_time: Duration::from_millis(300),
        ..Bounds::default()
    };
    let served = Served::with(Server::new(alone()).bounds(bounds));
    let path = "GET /http/web/bytes/900000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    // Pipelined answers fill the buffers of the system.
    let mut greedy = served.connect();
    greedy
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let _ = greedy.write_all(path.repeat(100).as_bytes());
    let start = Instant::now();
    while get(&served, "/http/web/hello").status != 200 {
        assert!(start.elapsed() < PATIENCE, "the call goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(greedy);
}

/// A front proxy and this server would see different ends of the request.
#[test]
fn a_request_with_two_ends_hides_no_second_one() {
    let served = web("");
    let hidden = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let head = "POST /http/web/read HTTP/1.1\r\nHost: localhost\r\n";
    for ends in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 6\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
    ] {
        let told = whole(&mut served.sent(format!("{head}{ends}\r\nhello{hidden}")));
        assert_eq!(told.status, 400, "{ends}");
        assert!(!told.body.contains("ok"), "{ends}: {told:?}");
    }
    // Of two, the chunks count, and the connection ends with them.
    let both =
        format!("{head}Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}");
    let told = whole(&mut served.sent(both));
    assert_eq!(told.told(), "0 bytes");
    assert_eq!(told.head.matches("http/1.1").count(), 1, "{told:?}");
}

#[test]
fn a_request_that_is_none_for_a_guest_is_refused() {
    let served = web("");
    for (request, status) in [
        ("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n", 404),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n", 404),
        (
            "GET /http/web/hello HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n",
            421,
        ),
        (
            "GET http://evil.test/http/web/hello HTTP/1.1\r\nHost: localhost\r\n",
            421,
        ),
        ("GET /http/%ff/ HTTP/1.1\r\nHost: localhost\r\n", 400),
        ("GET /http/..%2fweb/ HTTP/1.1\r\nHost: localhost\r\n", 404),
        ("GET /http//web/ HTTP/1.1\r\nHost: localhost\r\n", 404),
        (
            "GET http://localhost/http/web/hello HTTP/1.1\r\nHost: localhost\r\n",
            200,
        ),
    ] {
        let told = whole(&mut served.sent(format!("{request}Connection: close\r\n\r\n")));
        assert_eq!(told.status, status, "{request}: {told:?}");
    }
}

/// HTTP/1.0 ends a body with the connection: one that is cut would look whole.
#[test]
fn a_client_of_http_1_0_is_refused() {
    let served = web("");
    let told = served.answer("GET /http/web/hello HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert_eq!(told.kind(505), "version");
}
