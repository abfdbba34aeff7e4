//! `wasi:http` through the same way out as `tollgate:provider/http`: rows 33 to 38 and 43 of ATTACKS.md once
//! more, by a guest that streams, and what only it can do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tollgate::blocking::{Provider, Runtime as Blocking};
use tollgate::{CommandInput, ExitCode, Outcome, Report, Runtime};

use crate::harness::{Footprint, alone, policy, source};
use crate::server::{Names, Server, response};
use crate::wasi::stdout;

const CANARY: &str = "canary-1679091c5a880faf6fb5e6087eb1b2dc";

struct Client {
    runtime: Blocking,
    names: Names,
}

impl Client {
    fn new() -> Client {
        let names = Names::default();
        let builder = Runtime::builder().concurrency(4).resolver(names.clone());
        Client {
            runtime: builder.build().into(),
            names,
        }
    }

    fn load(&self, grants: &str) -> Provider {
        let policy = policy(&format!("grants.wasi = \"inert\"\n{grants}"));
        self.runtime.load(&source("http-client"), &policy).unwrap()
    }

    fn run(&self, grants: &str, args: &[&str]) -> Report<(), ExitCode> {
        run(&self.load(grants), args)
    }

    /// What it prints when all goes well.
    fn prints(&self, grants: &str, args: &[&str]) -> String {
        let report = self.run(grants, args);
        let text = stdout(&report);
        assert_eq!(report.outcome, Outcome::Returned(()), "{args:?}: {text}");
        text
    }

    /// What it prints when it fails by itself.
    fn fails(&self, grants: &str, args: &[&str]) -> String {
        let report = self.run(grants, args);
        let text = stdout(&report);
        let failed = Outcome::Failed(ExitCode(1));
        assert_eq!(report.outcome, failed, "{args:?}: {text}");
        text
    }

    /// The reason with which its one request is denied.
    fn denied(&self, grants: &str, args: &[&str]) -> &'static str {
        let report = self.run(grants, args);
        let text = stdout(&report);
        let [denial] = &report.denials[..] else {
            panic!("{args:?}: {text} {:?}", report.denials)
        };
        assert!(text.contains("error: "), "{args:?}: {text}");
        assert_eq!(denial.capability, "http");
        denial.reason.label()
    }
}

fn run(provider: &Provider, args: &[&str]) -> Report<(), ExitCode> {
    let args = std::iter::once(&"http-client").chain(args);
    let input = CommandInput {
        args: args.map(|arg| (*arg).to_owned()).collect(),
        stdin: Vec::new(),
    };
    provider.session().command(input).unwrap()
}

/// A grant of everything on a server, which is on loopback, with more said of it.
fn all_of(server: &Server, more: &str) -> String {
    let port = server.port();
    format!("grants.http = [{{ url = \"http://127.0.0.1:{port}/**\", private = true{more} }}]")
}

fn url(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port())
}

fn hello() -> Server {
    Server::saying(response("200 OK", "x-answer: 42\r\n", "hello"))
}

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
fn a_granted_url_is_fetched() {
    let server = hello();
    let answer = Client::new().prints(
        &all_of(&server, ""),
        &["get", &url(&server, "/a?b=c"), "accept:text/plain"],
    );
    assert!(answer.starts_with("200\n"), "{answer}");
    assert!(answer.contains("x-answer: 42\n"), "{answer}");
    assert!(answer.ends_with("\n\nhello"), "{answer}");
    let seen = &server.requests()[0];
    assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{seen}");
    let host = format!("host: 127.0.0.1:{}\r\n", server.port());
    assert_eq!(seen.matches(&host).count(), 1, "{seen}");
    assert!(seen.contains("accept: text/plain\r\n"), "{seen}");
}

/// `inert` links the interface, so that what imports it loads; behind it is nothing.
#[test]
fn without_a_grant_every_request_is_denied() {
    let server = hello();
    let client = Client::new();
    for host in [&*url(&server, "/"), "http://name.example/"] {
        assert_eq!(client.denied("", &["get", host]), "not-granted");
        let said = client.fails("", &["get", host]);
        assert!(said.contains("HttpRequestDenied"), "{said}");
    }
    assert!(server.requests().is_empty() && client.names.lookups() == 0);
}

/// Row 38.
#[test]
fn methods_and_odd_urls_are_denied_before_anything_is_sent() {
    let server = hello();
    let client = Client::new();
    let grants = all_of(&server, ", methods = [\"GET\"]");
    let here = url(&server, "/");
    for method in ["POST", "CONNECT", "TRACE", "get", "OWN"] {
        let denied = client.denied(&grants, &["send", method, &here, "0"]);
        assert_eq!(denied, "method", "{method}");
    }
    let port = server.port();
    for bad in [
        format!("http://0x7f.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://127.0.0.1.:{port}/"),
        format!("http://127.0.0.1:{port}/a/%2e%2e/b"),
        format!("http://127.0.0.1:{port}/a/../b"),
    ] {
        assert_eq!(client.denied(&grants, &["get", &bad]), "bad-url", "{bad}");
    }
    // Not even a request: the guest is told so when it puts one together.
    for bad in [
        format!("http://127.0.0.1:{port}\\@example.com/"),
        format!("http://127.0.0.1:{port}/\r\nx: y"),
        format!("http://:{port}/"),
        "ftp://127.0.0.1/".to_owned(),
    ] {
        client.fails(&grants, &["get", &bad]);
    }
    assert!(server.requests().is_empty());
}

/// Row 37.
#[test]
fn addresses_are_decided_on_and_looked_up_once() {
    let server = hello();
    let client = Client::new();
    let port = server.port();
    let names = &client.names;
    names.set("inside.example", &[&["127.0.0.1"]]);
    names.set("mixed.example", &[&["93.184.216.34", "127.0.0.1"]]);
    names.set("nat.example", &[&["64:ff9b::7f00:1"]]);
    names.set("metadata.example", &[&["169.254.169.254"]]);
    for host in ["inside", "mixed", "nat", "metadata"] {
        let at = format!("http://{host}.example:{port}/");
        let grants = format!("grants.http = [{{ url = \"{at}**\" }}]");
        assert_eq!(client.denied(&grants, &["get", &at]), "private-address");
        let said = client.fails(&grants, &["get", &at]);
        assert!(said.contains("DestinationIpProhibited"), "{said}");
    }
    assert!(server.requests().is_empty(), "nothing was dialled");
    let client = Client::new();
    let answers: &[&[&str]] = &[&["127.0.0.1"], &["169.254.169.254"]];
    client.names.set("rebind.example", answers);
    let at = format!("http://rebind.example:{port}/");
    let grants = format!("grants.http = [{{ url = \"{at}**\", private = true }}]");
    client.prints(&grants, &["get", &at]);
    assert_eq!((client.names.lookups(), server.requests().len()), (1, 1));
}

/// Row 36: the guest gets the redirect, and what it makes of it is a request like any other.
#[test]
fn a_redirect_is_the_guests_to_follow() {
    let to = "location: http://169.254.169.254/\r\n";
    let server = Server::saying(response("302 Found", to, ""));
    let answer = Client::new().prints(&all_of(&server, ""), &["get", &url(&server, "/")]);
    assert!(answer.starts_with("302\n"), "{answer}");
    assert_eq!(server.requests().len(), 1);
}

/// Row 38: what frames the message is not for the guest to set.
#[test]
fn reserved_headers_are_forbidden() {
    let said = Client::new().prints("", &["headers"]);
    let expected = "host: Err(HeaderError::Forbidden)
connection: Err(HeaderError::Forbidden)
transfer-encoding: Err(HeaderError::Forbidden)
upgrade: Err(HeaderError::Forbidden)
proxy-authorization: Err(HeaderError::Forbidden)
te: Err(HeaderError::Forbidden)
expect: Err(HeaderError::Forbidden)
content-length: Ok(())
x-own: Ok(())
two lines: Err(HeaderError::InvalidSyntax)
two lengths: Ok(())
two lengths: Err(HeaderError::InvalidSyntax)
";
    assert_eq!(said, expected);
}

#[test]
fn a_grant_says_which_headers_may_be_set() {
    let server = hello();
    let client = Client::new();
    let grants = all_of(&server, ", headers = [\"accept\"]");
    let here = url(&server, "/");
    client.prints(&grants, &["get", &here, "accept:a"]);
    let denied = client.denied(&grants, &["get", &here, "accept:a", "x-own:1"]);
    assert_eq!(denied, "bad-header");
    assert_eq!(server.requests().len(), 1);
}

/// Row 43.
#[test]
fn a_credential_reaches_the_server_and_nobody_else() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, CANARY).unwrap();
    let credential = format!(
        ", credential = {{ header = \"authorization\", from-file = \"{}\", prefix = \"Bearer \" }}",
        file.display()
    );
    let client = Client::new();
    let server = hello();
    let grants = all_of(&server, &credential);
    client.prints(&grants, &["get", &url(&server, "/")]);
    let sent = format!("authorization: Bearer {CANARY}\r\n");
    assert!(server.requests()[0].contains(&sent));
    let own = ["get", &url(&server, "/"), "authorization:mine"];
    assert_eq!(client.denied(&grants, &own), "bad-header");

    // Sent back whole, in two pieces, after much else, in a header, behind the body.
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (left, right) = CANARY.split_at(20);
    let piece = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let echoes = [
        response("200 OK", "", &format!("so {CANARY} it is")),
        format!("{chunked}{}{}0\r\n\r\n", piece(left), piece(right)),
        response("200 OK", "", &format!("{}{CANARY}", "c".repeat(200_000))),
        response("200 OK", &format!("x-echo: {CANARY}\r\n"), ""),
        format!("{chunked}{}0\r\nx-echo: {CANARY}\r\n\r\n", piece("hello")),
    ];
    for echo in echoes {
        let server = Server::start(move |_, stream| {
            // The pieces apart, so that they are read apart.
            for part in echo.as_bytes().split_inclusive(|byte| *byte == b'\n') {
                stream.write_all(part)?;
                std::thread::sleep(Duration::from_millis(2));
            }
            Ok(())
        });
        let report = client.run(
            &all_of(&server, &credential),
            &["trailers", &url(&server, "/")],
        );
        assert_eq!(report.denials[0].reason.label(), "secret-in-response");
        assert!(!format!("{report:?}{}", report.to_json()).contains(CANARY));
        let report = client.run(&all_of(&server, &credential), &["get", &url(&server, "/")]);
        assert!(!stdout(&report).contains(right), "{}", stdout(&report));
    }
    // What only begins like it comes through whole, its end included.
    let server = Server::saying(response("200 OK", "", &format!("so {left}")));
    let answer = client.prints(&all_of(&server, &credential), &["get", &url(&server, "/")]);
    assert!(answer.ends_with(&format!("\n\nso {left}")), "{answer}");
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

/// Rows 33 and 34: nothing is read past the cap, whatever the server says of the length.
#[test]
fn responses_over_the_cap_are_cut_off() {
    let client = Client::new();
    let capped = |server: &Server| all_of(server, ", max-body = 100_000");
    let honest = Server::saying(response("200 OK", "", &"x".repeat(100_001)));
    let said = client.fails(&capped(&honest), &["get", &url(&honest, "/")]);
    assert!(said.contains("HttpResponseBodySize"), "{said}");
    let endless = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        for _ in 0..1_000_000 {
            stream.write_all(b"400\r\n")?;
            stream.write_all(&[b'x'; 0x400])?;
            stream.write_all(b"\r\n")?;
        }
        Ok(())
    });
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
    assert_eq!(
        server.requests().len(),
        2,
        "what says it is too long is not sent"
    );
}

#[test]
fn a_body_is_as_long_as_the_guest_says() {
    let client = Client::new();
    let server = counting();
    let grants = all_of(&server, ", methods = [\"POST\"]");
    let here = url(&server, "/");
    let said = client.prints(&grants, &["lie", &here, "5000", "5000"]);
    assert!(said.ends_with("5000 bytes, whole: true"), "{said}");
    // Of what is too long, what was said is sent; what is too short is never a whole message.
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

/// Row 34.
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
    let endless = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        for i in 0..1_000_000 {
            stream.write_all(format!("x-{i}: {}\r\n", "y".repeat(1000)).as_bytes())?;
        }
        Ok(())
    });
    let said = client.fails(&all_of(&endless, ""), &["get", &url(&endless, "/")]);
    assert!(said.contains("HttpProtocolError"), "{said}");
    endless.wait_for_end(1);
}

#[test]
fn requests_and_open_connections_are_counted_for_each_grant() {
    let client = Client::new();
    let open = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")?;
        // Until the other side closes.
        let _ = stream.read(&mut [0]);
        Ok(())
    });
    let report = client.run(
        &all_of(&open, ", max-connections = 3"),
        &["many", &url(&open, "/"), "5"],
    );
    let reasons: Vec<&str> = report.denials.iter().map(|d| d.reason.label()).collect();
    assert_eq!(reasons, ["too-many-connections"; 2]);
    assert!(
        stdout(&report).ends_with("3 answered\n"),
        "{}",
        stdout(&report)
    );
    assert!(stdout(&report).contains("ConnectionLimitReached"));
    assert_eq!(open.requests().len(), 3);
    open.wait_for_end(3);

    let server = hello();
    let report = client.run(
        &all_of(&server, ", max-requests = 2"),
        &["many", &url(&server, "/"), "4"],
    );
    let reasons: Vec<&str> = report.denials.iter().map(|d| d.reason.label()).collect();
    assert_eq!(reasons, ["too-many-requests"; 2]);
    assert_eq!(server.requests().len(), 2);
}

/// The options of a request are kept: they are the guest's own deadlines, within the call's.
#[test]
fn a_guest_need_not_wait() {
    let client = Client::new();
    let silent = Server::start(|_, stream| stream.read(&mut [0]).map(drop));
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
    assert!(said.contains("connection read timeout"), "{said}");
    // A name that is looked up for long is a connection that takes long.
    client
        .names
        .set_slow("slow.example", Duration::from_secs(5));
    let at = "http://slow.example/";
    let grants = format!("grants.http = [{{ url = \"{at}**\" }}]");
    let said = client.fails(&grants, &["wait", at, "connect", "50"]);
    assert!(said.contains("ConnectionTimeout"), "{said}");
}

/// Row 33: the deadline covers all of it, and what was open is closed with the call.
#[test]
fn the_deadline_ends_what_drips_and_what_is_left() {
    let _alone = alone();
    let client = Client::new();
    let dripping = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
        for _ in 0..400 {
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(b"x")?;
        }
        Ok(())
    });
    let grants = format!("limits.deadline = \"200ms\"\n{}", all_of(&dripping, ""));
    let patient = client.load(&grants);
    let drip = || {
        let report = run(&patient, &["get", &url(&dripping, "/")]);
        assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    };
    let silent = Server::start(|_, stream| stream.read(&mut [0]).map(drop));
    let leaving = client.load(&all_of(&silent, ""));
    let left = || {
        let report = run(&leaving, &["leave", &url(&silent, "/")]);
        assert_eq!(report.outcome, Outcome::Returned(()));
    };
    // The servers' threads are of this process, and have allocators of their own.
    let rounds = |from: usize, to: usize| {
        for _ in from..to {
            drip();
            left();
        }
        dripping.wait_for_end(to);
        silent.wait_for_end(silent.requests().len());
    };
    rounds(0, 3);
    let before = Footprint::now();
    rounds(3, 6);
    Footprint::now().assert_back_at(&before);
}

#[test]
fn its_functions_are_host_calls() {
    let report = Client::new().run("limits.host-calls = 80", &["flood", "copies"]);
    assert_eq!(report.outcome.fault().unwrap().label(), "host-calls");
}

/// The program has what the library needs for it, and says of a denial what would allow it.
#[test]
fn the_program_sends_requests_too() {
    let server = hello();
    let at = format!("{}**", url(&server, "/"));
    let guest = crate::harness::guest_file("http-client");
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("policy.toml");
    let ask = |grant: &str| {
        let text = format!("grants.wasi = \"inert\"\ngrants.http = [{{ url = \"{at}\"{grant} }}]");
        std::fs::write(&file, text).unwrap();
        let mut command = std::process::Command::new(crate::cli::tollgate());
        command.args(["run", guest.to_str().unwrap(), "--policy"]);
        command.arg(&file).args(["--", "get", &url(&server, "/")]);
        command.output().unwrap()
    };
    let output = ask(", private = true");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.ends_with(b"\n\nhello"), "{output:?}");
    let output = ask("");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("private-address; `private = true` in its `[[grants.http]]` allows it"),
        "{said}"
    );
}

/// What a guest can park in the host is bounded by its handles, each of them small, and gone with the call.
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
            _ => {}
        }
    };
    for (what, kind) in [
        ("fields", "trap"),
        ("copies", "handles"),
        ("parked", "handles"),
        ("requests", "handles"),
    ] {
        // What the allocator keeps after the first rounds is not the guest's.
        for _ in 0..4 {
            flood(what, kind);
        }
        let before = Footprint::now();
        for _ in 0..3 {
            flood(what, kind);
        }
        Footprint::now().assert_back_at(&before);
    }
}
