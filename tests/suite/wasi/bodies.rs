//! Bodies of `wasi:http`, and their lifetimes: A27-handles, A33-endless-body and A34-false-length by a guest
//! that streams.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tollgate::Outcome;

use support::harness::alone;
use support::http_client::url;
use support::http_server::{Server, response};
use support::invariant;
use support::wasi_client::{Client, all_of, run};
use support::wasi_command::stdout;

/// Answers with how many bytes of a body it got, and whether the body came to its end.
fn counting() -> Server {
    Server::start(|head, stream| {
        let (bytes, ended) = read_body(head, stream);
        let text = response("200 OK", "", &format!("{bytes} bytes, whole: {ended}"));
        stream.write_all(text.as_bytes())
    })
}

fn read_body(head: &str, stream: &mut TcpStream) -> (usize, bool) {
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    if let Some(length) = header("content-length: ") {
        let length: u64 = length.parse().unwrap();
        let mut body = Vec::new();
        let _ = stream.take(length).read_to_end(&mut body);
        return (body.len(), body.len() as u64 == length);
    }
    if header("transfer-encoding: ").is_none() {
        return (0, true);
    }
    let mut body = Vec::new();
    let mut byte = [0];
    while !body.ends_with(b"0\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        body.extend(byte);
    }
    let bytes = body.iter().filter(|byte| **byte == b'x').count();
    (bytes, body.ends_with(b"0\r\n\r\n"))
}

#[test]
fn trailers_come_after_the_body() {
    let server = Server::saying(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
         5\r\nhello\r\n0\r\nx-sum: 42\r\n\r\n",
    );
    let said = Client::new().prints(&all_of(&server, ""), &["trailers", &url(&server, "/")]);
    assert!(said.contains("x-sum"), "{said}");
}

/// A33-endless-body and A34-false-length: nothing is read past the cap, for true and false declared lengths.
#[test]
fn responses_over_the_cap_are_cut_off() {
    let client = Client::new();
    let capped = |server: &Server| all_of(server, ", max-body = 100_000");
    let honest = Server::saying(response("200 OK", "", &"x".repeat(100_001)));
    let said = client.fails(&capped(&honest), &["get", &url(&honest, "/")]);
    assert!(said.contains("HttpResponseBodySize"), "{said}");
    let endless = Server::endless_body();
    let said = client.fails(&capped(&endless), &["get", &url(&endless, "/")]);
    assert!(said.contains("response body size exceeds limit"), "{said}");
    endless.wait_for_end(1);
    let exact = Server::saying(response("200 OK", "", &"x".repeat(100_000)));
    let said = client.prints(&capped(&exact), &["get", &url(&exact, "/")]);
    assert!(said.ends_with(&"x".repeat(100_000)));
}

#[test]
fn requests_have_bodies_up_to_the_cap() {
    let client = Client::new();
    let server = counting();
    let grants = all_of(&server, ", methods = [\"POST\"], max-body = 100_000");
    let here = url(&server, "/");
    let said = client.prints(&grants, &["send", "POST", &here, "100000"]);
    assert!(said.ends_with("100000 bytes, whole: true"), "{said}");
    let said = client.fails(&grants, &["send", "POST", &here, "100001"]);
    assert!(said.contains("error: "), "{said}");
    let said = client.fails(&grants, &["lie", &here, "100001", "100001"]);
    assert!(said.contains("HttpRequestBodySize"), "{said}");
    // The second request ended at its last byte: its connection may be gone before the server has read its head.
    let declared = |head: &String| head.contains("content-length: 100001");
    assert!(
        !server.requests().iter().any(declared),
        "a body that declares too much is not sent"
    );
    // No connection is made either: this address has no server that answers.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let there = format!("http://{}/", nobody.local_addr().unwrap());
    let nowhere = format!(
        "grants.http = [{{ url = \"{there}**\", networks = [\"loopback\"], methods = [\"POST\"], max-body = 100_000 }}]"
    );
    drop(nobody);
    let said = client.fails(&nowhere, &["lie", &there, "100001", "100001"]);
    assert!(said.contains("HttpRequestBodySize"), "{said}");
    let said = client.fails(&nowhere, &["lie", &there, "100000", "100000"]);
    assert!(said.contains("DestinationUnavailable"), "{said}");
    for action in ["send", "lie"] {
        let args = match action {
            "send" => ["send", "POST", &here, "100001"],
            _ => ["lie", &here, "100001", "100001"],
        };
        let report = client.run(&grants, &args);
        let reasons: Vec<_> = report.denials.iter().map(|d| d.reason.label()).collect();
        assert_eq!(reasons, ["quota"], "{action}");
    }
    // The same when the answer came first, and the guest waits for none any more.
    let hasty = Server::start(|head, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        read_body(head, stream);
        Ok(())
    });
    let grants = all_of(&hasty, ", methods = [\"POST\"], max-body = 100_000");
    let report = client.run(&grants, &["early", &url(&hasty, "/"), "1000000"]);
    let reasons: Vec<_> = report.denials.iter().map(|d| d.reason.label()).collect();
    assert_eq!(reasons, ["quota"], "{}", stdout(&report));
}

#[test]
fn a_body_is_as_long_as_the_guest_says() {
    let client = Client::new();
    let server = counting();
    let grants = all_of(&server, ", methods = [\"POST\"]");
    let here = url(&server, "/");
    let said = client.prints(&grants, &["lie", &here, "5000", "5000"]);
    assert!(said.ends_with("5000 bytes, whole: true"), "{said}");
    // Of a body that is too long, the declared length is sent; a body that is too short is never a whole message.
    let said = stdout(&client.run(&grants, &["lie", &here, "5000", "6000"]));
    assert!(said.contains("HttpRequestBodySize"), "{said}");
    assert!(said.ends_with("5000 bytes, whole: true"), "{said}");
    let said = client.fails(&grants, &["lie", &here, "5000", "10"]);
    assert!(said.contains("HttpRequestBodySize"), "{said}");
}

#[test]
fn a_body_may_go_up_when_the_answer_has_come() {
    let (told, heard) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let server = Server::start(move |head, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")?;
        let body = read_body(head, stream);
        let _ = told.lock().unwrap().send(body);
        stream.write_all(b"0\r\n\r\n")
    });
    let grants = all_of(&server, ", methods = [\"POST\"]");
    let said = Client::new().prints(&grants, &["early", &url(&server, "/"), "50000"]);
    assert!(said.ends_with("first"), "{said}");
    let body = heard.recv_timeout(Duration::from_secs(5));
    assert_eq!(body, Ok((50_000, true)));
}

/// A34-false-length.
#[test]
fn false_lengths_and_nonsense_are_the_servers_failure() {
    let client = Client::new();
    for (says, error) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
            "incomplete HTTP response",
        ),
        ("", "HttpProtocolError"),
        ("hello", "HttpProtocolError"),
        ("HTTP/9.9 200 OK\r\n\r\n", "HttpProtocolError"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HttpProtocolError",
        ),
    ] {
        let server = Server::saying(says);
        let said = client.fails(&all_of(&server, ""), &["get", &url(&server, "/")]);
        assert!(said.contains(error), "{says:?}: {said}");
    }
    let endless = Server::endless_head();
    let said = client.fails(&all_of(&endless, ""), &["get", &url(&endless, "/")]);
    assert!(said.contains("HttpProtocolError"), "{said}");
    endless.wait_for_end(1);
}

/// The options of a request are kept: they are the guest's own deadlines, within the call's.
#[test]
fn a_guest_need_not_wait() {
    let client = Client::new();
    let silent = Server::silent();
    let said = client.fails(
        &all_of(&silent, ""),
        &["wait", &url(&silent, "/"), "first-byte", "50"],
    );
    assert!(said.contains("ConnectionReadTimeout"), "{said}");
    let stuck = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome")?;
        stream.read(&mut [0]).map(drop)
    });
    let said = client.fails(
        &all_of(&stuck, ""),
        &["wait", &url(&stuck, "/"), "between-bytes", "50"],
    );
    assert!(said.contains("4 bytes came"), "{said}");
    assert!(said.contains("ErrorCode::ConnectionReadTimeout"), "{said}");
    // A name that is looked up for long is a connection that takes long.
    client
        .names
        .set_slow("slow.example", Duration::from_secs(5));
    let at = "http://slow.example/";
    let grants = format!("grants.http = [{{ url = \"{at}**\" }}]");
    let said = client.fails(&grants, &["wait", at, "connect", "50"]);
    assert!(said.contains("ConnectionTimeout"), "{said}");
}

/// A33-endless-body: the deadline covers all of it, and open connections are closed with the call.
#[test]
fn the_deadline_ends_what_drips_and_what_is_left() {
    let _alone = alone();
    let client = Client::new();
    let dripping = Server::dripping();
    let grants = format!("limits.deadline = \"200ms\"\n{}", all_of(&dripping, ""));
    let patient = client.load(&grants);
    let drip = || {
        let report = run(&patient, &["get", &url(&dripping, "/")]);
        assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    };
    let silent = Server::silent();
    let leaving = client.load(&all_of(&silent, ""));
    let left = || {
        let report = run(&leaving, &["leave", &url(&silent, "/")]);
        assert_eq!(report.outcome, Outcome::Returned(()));
    };
    // The servers' threads are of this process, and have allocators of their own.
    invariant::holds(|| {
        drip();
        left();
        dripping.wait_for_end(dripping.requests().len());
        silent.wait_for_end(silent.requests().len());
    });
}

/// The memory that a guest can have the host hold is bounded, and gone with the call.
#[test]
fn floods_are_stopped_and_leave_nothing() {
    let _alone = alone();
    let provider = Client::new().load("");
    let flood = |what: &str, kind: &str| {
        let report = run(&provider, &["flood", what]);
        let fault = report.outcome.fault();
        assert_eq!(fault.unwrap().label(), kind, "{what}: {fault:?}");
        let said = stdout(&report);
        match what {
            "fields" => assert!(said.lines().count() < 200, "{said}"),
            "parked" => assert!(said.starts_with("32768\n"), "{said}"),
            // 8 KiB of each: longer texts are refused, as the interface has it.
            "texts" => assert!(said.starts_with("16384\n"), "{said}"),
            _ => {}
        }
    };
    for (what, kind) in [
        ("fields", "trap"),
        ("copies", "host-memory"),
        ("parked", "host-memory"),
        ("texts", "host-memory"),
        ("requests", "host-memory"),
    ] {
        invariant::holds(|| flood(what, kind));
    }
}

/// The headers of a response outlive it, and hold the head of up to 64 KiB that they came in.
#[test]
fn headers_of_responses_are_counted_as_they_are_held() {
    let many: String = (0..60)
        .map(|n| format!("x-{n}: {}\r\n", "v".repeat(1000)))
        .collect();
    // One that the guest has not, in the same bytes as one that it has.
    let hidden = format!("keep-alive: {}\r\nx-a: 1\r\n", "v".repeat(60_000));
    for head in [many, hidden] {
        let server = Server::saying(response("200 OK", &head, ""));
        headers_are_counted(&server);
    }
}

fn headers_are_counted(server: &Server) {
    let client = Client::new();
    let provider = client.load(&all_of(server, ", max-requests = 1000"));
    let _alone = alone();
    let before = support::counting::held();
    let done = std::sync::atomic::AtomicBool::new(false);
    let (peak, report) = std::thread::scope(|scope| {
        let sampled = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                peak = peak.max(support::counting::held() - before);
                std::thread::sleep(std::time::Duration::from_micros(500));
            }
            peak
        });
        let report = run(&provider, &["heads", &url(server, "/"), "240"]);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        (sampled.join().unwrap(), report)
    });
    let counted = report.usage.host_memory_peak as i64;
    println!(
        "{:?} held {} KiB, counted {} KiB",
        report.outcome,
        peak >> 10,
        counted >> 10
    );
    assert!(
        peak < 2 * counted,
        "{} KiB are held, {} KiB are counted",
        peak >> 10,
        counted >> 10
    );
}
