//! Requests with a method and a body: `http.send` of `tollgate:provider@0.2.0`. The tests that it shares with `get` are
//! in http.rs.

use std::io::{Read, Write};

use tollgate::{Outcome, Report};

use support::harness::{policy, returned, source};
use support::http_client::{CANARY, with_credential};
use support::http_client::{Client, url};
use support::http_server::{Server, response};

/// Answers with the request: its first line and its body.
fn mirror() -> Server {
    Server::start(|head, stream| {
        let body = body(head, stream);
        let first = head.lines().next().unwrap_or_default();
        let text = response("200 OK", "", &format!("{first}|{body}"));
        stream.write_all(text.as_bytes())
    })
}

/// Reads the body, by the length that the head says it has.
fn body(head: &str, stream: &mut impl Read) -> String {
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// A grant of these methods on all of a server.
fn grant(server: &Server, more: &str) -> String {
    format!(
        "{{ url = \"http://127.0.0.1:{}/**\", networks = [\"loopback\"], {more} }}",
        server.port()
    )
}

fn send(grants: &str, input: &str) -> Report<Vec<u8>> {
    send_under(grants, "", input)
}

fn send_under(grants: &str, limits: &str, input: &str) -> Report<Vec<u8>> {
    let policy = policy(&format!("{limits}\ngrants.http = [{grants}]"));
    let provider = Client::new().runtime.load(&source("courier"), &policy);
    provider.unwrap().session().run(input.as_bytes()).unwrap()
}

/// The kind of the provider's error, and the reasons of the denials.
fn refused(report: &Report<Vec<u8>>) -> (String, Vec<&'static str>) {
    let reasons = report.denials.iter().map(|denial| denial.reason.label());
    match &report.outcome {
        Outcome::Failed(error) => (error.kind.label().to_owned(), reasons.collect()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_asked_is_what_arrives() {
    let server = mirror();
    let all = grant(
        &server,
        "methods = [\"GET\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", \"OPTIONS\"]",
    );
    for (method, body) in [
        ("GET", ""),
        ("POST", "hello"),
        ("POST", ""),
        ("PUT", "hello"),
        ("PATCH", "hello"),
        ("DELETE", ""),
        ("DELETE", "hello"),
        ("OPTIONS", ""),
    ] {
        let input = format!("{method} {}\nx-one: 1\n\n{body}", url(&server, "/a?b"));
        let report = send(&all, &input);
        let wanted = format!("{method} /a?b HTTP/1.1|{body}");
        assert_eq!(returned(&report), wanted, "{input}");
    }
    let seen = server.requests();
    assert!(seen.iter().all(|head| head.contains("x-one: 1\r\n")));
    // A GET declares no length; a POST without a body declares 0.
    assert!(!seen[0].contains("content-length"), "{}", seen[0]);
    assert!(seen[2].contains("content-length: 0\r\n"), "{}", seen[2]);
    // The answer to HEAD says how long the body would be, and has none.
    let head = send(
        &grant(&server, "max-body = 4"),
        &format!("HEAD {}", url(&server, "/")),
    );
    assert_eq!(returned(&head), "");
}

/// A grant is for reading, unless it names other methods.
#[test]
fn a_method_is_granted_by_its_name_only() {
    let server = mirror();
    for (methods, granted) in [
        ("max-requests = 1", vec!["GET", "HEAD"]),
        ("methods = [\"POST\"]", vec!["POST"]),
        ("methods = [\"DELETE\", \"PUT\"]", vec!["PUT", "DELETE"]),
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let before = server.requests().len();
            let report = send(
                &grant(&server, methods),
                &format!("{method} {}", url(&server, "/")),
            );
            let sent = server.requests().len() > before;
            assert_eq!(sent, granted.contains(&method), "{method} by {methods}");
            if !sent {
                assert_eq!(refused(&report), ("access-denied".into(), vec!["method"]));
            }
        }
    }
}

#[test]
fn a_get_has_no_body() {
    let server = mirror();
    for method in ["GET", "HEAD"] {
        let report = send(
            &grant(&server, ""),
            &format!("{method} {}\n\nx", url(&server, "/")),
        );
        assert_eq!(refused(&report), ("invalid-input".into(), vec![]));
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_body_over_the_cap_is_not_sent() {
    let server = mirror();
    let capped = grant(&server, "methods = [\"POST\"], max-body = 100");
    let post = |length| format!("POST {}\n\n{}", url(&server, "/"), "x".repeat(length));
    assert_eq!(
        refused(&send(&capped, &post(101))),
        ("quota-exceeded".into(), vec!["quota"])
    );
    assert!(server.requests().is_empty());
    // The response is larger than the request, and over the cap as well.
    let report = send(&capped, &post(100));
    assert_eq!(refused(&report).1, ["quota"]);
    assert_eq!(server.requests().len(), 1);
}

/// A request counts as the bytes of its parts, and 48 more for each header.
#[test]
fn what_a_request_moves_is_counted_to_the_byte() {
    let server = Server::saying("HTTP/1.1 200 OK\r\nx: yy\r\ncontent-length: 3\r\n\r\nabc");
    let post = grant(&server, "methods = [\"POST\"]");
    let to = url(&server, "/");
    let report = send(&post, &format!("POST {to}\nab: c\n\nbody"));
    assert_eq!(returned(&report), "abc");
    let sent = to.len() as u64 + (2 + 1 + 48) + 4;
    let got = (1 + 2 + 48) + (14 + 1 + 48) + 3;
    assert_eq!(report.usage.host_bytes, sent + got);
}

/// Requests are one call's: the next call of the session has them all again.
#[test]
fn requests_are_counted_anew_in_each_call() {
    let server = mirror();
    let policy = policy(&format!(
        "grants.http = [{}]",
        grant(&server, "max-requests = 1")
    ));
    let provider = Client::new().runtime.load(&source("courier"), &policy);
    let mut session = provider.unwrap().session();
    let input = format!("GET {}", url(&server, "/"));
    for _ in 0..3 {
        let report = session.run(input.as_bytes()).unwrap();
        assert_eq!(returned(&report), "GET / HTTP/1.1|");
    }
}

/// A guest can wait after a request too many, and cannot after a forbidden one. So the reasons differ.
#[test]
fn a_request_too_many_is_told_as_a_quota() {
    let server = Server::saying(response("302 Found", "location: /again\r\n", ""));
    let report = send(
        &grant(&server, "max-requests = 1"),
        &format!("GET {}", url(&server, "/")),
    );
    assert_eq!(
        refused(&report),
        ("quota-exceeded".into(), vec!["too-many-requests"])
    );
}

#[test]
fn a_body_is_paid_for() {
    let server = mirror();
    let post = grant(&server, "methods = [\"POST\"]");
    let input = |length| format!("POST {}\n\n{}", url(&server, "/"), "x".repeat(length));
    let (small, large) = (send(&post, &input(10_000)), send(&post, &input(60_000)));
    // It is moved out, and the mirror sends it back.
    assert_eq!(large.usage.host_bytes - small.usage.host_bytes, 100_000);
    // Less than that in the input, and more as the strings that the guest makes of it.
    let head = format!("POST {}\n{}\n", url(&server, "/"), "a: b\n".repeat(200));
    let report = send_under(&post, "limits.host-data = \"8KiB\"", &head);
    let fault = report
        .outcome
        .fault()
        .expect("it is more than a call may move");
    assert_eq!(fault.label(), "host-data");
    assert_eq!(server.requests().len(), 2);
}

/// Some servers read a message with two lengths as two messages.
#[test]
fn the_length_is_not_the_guests_to_say() {
    let server = mirror();
    for header in [
        "content-length: 3",
        "Content-Length: 5",
        "transfer-encoding: chunked",
    ] {
        let input = format!("POST {}\n{header}\n\nhello", url(&server, "/"));
        let report = send(&grant(&server, "methods = [\"POST\"]"), &input);
        assert_eq!(
            refused(&report),
            ("access-denied".into(), vec!["bad-header"])
        );
    }
    assert!(server.requests().is_empty());
}

/// RFC 9110, 15.4: requests that are repeated as they were, and requests that become a GET.
#[test]
fn a_redirect_repeats_the_request_or_fetches_the_answer() {
    for (status, method, then) in [
        ("301 Moved", "POST", "GET"),
        ("302 Found", "POST", "GET"),
        ("303 See Other", "POST", "GET"),
        ("303 See Other", "PUT", "GET"),
        ("303 See Other", "DELETE", "GET"),
        ("301 Moved", "PUT", "PUT"),
        ("302 Found", "PATCH", "PATCH"),
        ("307 Temporary Redirect", "POST", "POST"),
        ("308 Permanent Redirect", "PUT", "PUT"),
    ] {
        let server = Server::start(move |head, stream| {
            let body = body(head, stream);
            let text = match head.split(' ').nth(1) {
                Some("/old") => response(status, "location: /new\r\n", ""),
                _ => response("200 OK", "", &body),
            };
            stream.write_all(text.as_bytes())
        });
        let methods = "methods = [\"GET\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\"]";
        let input = format!(
            "{method} {}\ncontent-type: a/b\n\nhello",
            url(&server, "/old")
        );
        let report = send(&grant(&server, methods), &input);
        let repeated = then == method;
        let case = format!("{status}, {method}");
        assert_eq!(
            returned(&report),
            if repeated { "hello" } else { "" },
            "{case}"
        );
        let second = &server.requests()[1];
        assert!(
            second.starts_with(&format!("{then} /new ")),
            "{case}: {second}"
        );
        assert_eq!(
            second.contains("content-type: a/b"),
            repeated,
            "{case}: {second}"
        );
    }
}

/// Each step by its own method and on its own grant.
#[test]
fn a_redirect_does_not_widen_what_is_granted() {
    let first = |status: &'static str, to: &Server| {
        let to = url(to, "/");
        Server::start(move |head, stream| {
            body(head, stream);
            let text = response(status, &format!("location: {to}\r\n"), "");
            stream.write_all(text.as_bytes())
        })
    };
    for (status, second, reason) in [
        ("303 See Other", "methods = [\"POST\"]", "method"),
        ("307 Temporary Redirect", "methods = [\"GET\"]", "method"),
        (
            "307 Temporary Redirect",
            "methods = [\"POST\"], max-body = 4",
            "quota",
        ),
    ] {
        let to = mirror();
        let from = first(status, &to);
        let grants = format!(
            "{}, {}",
            grant(&from, "methods = [\"POST\"]"),
            grant(&to, second)
        );
        let report = send(&grants, &format!("POST {}\n\nhello", url(&from, "/")));
        assert_eq!(refused(&report).1, [reason], "{status} with {second}");
        assert!(to.requests().is_empty());
    }
}

/// A request is decided on as it is sent: without the headers of the first origin.
#[test]
fn what_stays_with_its_origin_is_asked_of_no_other_grant() {
    let (to, back) = (mirror(), mirror());
    for name in ["authorization", "cookie"] {
        for (at, second, sent) in [
            (&to, "headers = [\"x-one\"]", Ok(())),
            (&back, "headers = []", Err("header")),
        ] {
            let location = format!("location: {}\r\n", url(at, "/"));
            let from = Server::saying(response("307 Temporary Redirect", &location, ""));
            let listed = format!("headers = [\"x-one\", \"{name}\"]");
            let grants = format!("{}, {}", grant(&from, &listed), grant(at, second));
            let input = format!("GET {}\n{name}: canary\nx-one: 1\n\n", url(&from, "/"));
            let report = send(&grants, &input);
            assert!(from.requests()[0].contains("canary"));
            match sent {
                Ok(()) => assert!(returned(&report).starts_with("GET /"), "{name}"),
                Err(reason) => {
                    assert_eq!(refused(&report).1, [reason], "{name}");
                    let denial = &report.denials[0];
                    assert_eq!(denial.target, format!("{} header x-one", url(at, "/")));
                    assert!(denial.remedy().unwrap().contains("`headers`"));
                }
            }
        }
    }
    assert_eq!(to.requests().len(), 2);
    assert!(to.requests().iter().all(|head| !head.contains("canary")));
    assert!(back.requests().is_empty());
}

#[test]
fn a_credential_goes_with_any_method_and_stays_with_its_origin() {
    let folder = tempfile::TempDir::new().unwrap();
    let (server, other) = (mirror(), mirror());
    let to = url(&other, "/");
    let away = Server::start(move |head, stream| {
        body(head, stream);
        let text = response("307 Temporary Redirect", &format!("location: {to}\r\n"), "");
        stream.write_all(text.as_bytes())
    });
    let methods = |grant: String| grant.replace("networks", "methods = [\"POST\"], networks");
    let own = methods(with_credential(&server, folder.path()));
    let report = send(&own, &format!("POST {}\n\nhello", url(&server, "/")));
    assert!(server.requests()[0].contains(CANARY));
    assert!(returned(&report).ends_with("|hello"));
    let grants = format!(
        "{}, {}",
        methods(with_credential(&away, folder.path())),
        methods(with_credential(&other, folder.path()))
    );
    let report = send(&grants, &format!("POST {}\n\nhello", url(&away, "/")));
    assert!(returned(&report).ends_with("|hello"));
    assert!(!other.requests()[0].contains(CANARY), "another origin");
}
