//! Which requests `wasi:http` lets through: the same as `tollgate:provider/http`. A36-redirects to A38-odd-urls and
//! A43-secrets once more.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::time::Duration;

use support::http_client::url;
use support::http_server::{Server, response};
use support::wasi_client::{Client, all_of, hello};
use support::wasi_command::stdout;

const CANARY: &str = "canary-1679091c5a880faf6fb5e6087eb1b2dc";

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
    // Of a body that there is not, nothing is said.
    assert!(
        !seen.contains("transfer-encoding") && !seen.contains("content-length"),
        "{seen}"
    );
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

/// A38-odd-urls.
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

/// A37-addresses.
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
    let grants = format!("grants.http = [{{ url = \"{at}**\", networks = [\"loopback\"] }}]");
    client.prints(&grants, &["get", &at]);
    assert_eq!((client.names.lookups(), server.requests().len()), (1, 1));
}

/// A36-redirects: the guest gets the redirect, and what it makes of it is a request like any other.
#[test]
fn a_redirect_is_the_guests_to_follow() {
    let to = "location: http://169.254.169.254/\r\n";
    let server = Server::saying(response("302 Found", to, ""));
    let answer = Client::new().prints(&all_of(&server, ""), &["get", &url(&server, "/")]);
    assert!(answer.starts_with("302\n"), "{answer}");
    assert_eq!(server.requests().len(), 1);
}

/// A38-odd-urls: what frames the message is not for the guest to set.
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
    let report = client.run(&grants, &["get", &here, "accept:a", "x-own:1"]);
    let [denial] = &report.denials[..] else {
        panic!("{:?}", report.denials)
    };
    assert_eq!(denial.reason.label(), "header");
    assert_eq!(denial.target, format!("{here} header x-own"));
    assert!(denial.remedy().unwrap().contains("`headers`"));
    assert_eq!(server.requests().len(), 1);
}

/// The body of a method that defines none could be read as a request that no grant has. Nothing of it is sent.
#[test]
fn a_method_without_a_body_carries_no_second_request() {
    let server = hello();
    let client = Client::new();
    let grants = all_of(&server, ", methods = [\"GET\", \"HEAD\", \"OPTIONS\"]");
    let here = url(&server, "/");
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert_eq!(
            client.denied(&grants, &["send", method, &here, "38"]),
            "method"
        );
    }
    // The length alone is refused by the engine, or here.
    let report = client.run(&grants, &["get", &here, "content-length:38"]);
    assert!(stdout(&report).starts_with("error: "), "{report:?}");
    assert!(server.requests().is_empty());
    // A guest may make a body and write nothing to it.
    let said = client.prints(&grants, &["send", "GET", &here, "0"]);
    assert!(said.starts_with("200\n"), "{said}");
    let head = &server.requests()[0];
    assert!(!head.contains("content-length") && !head.contains("transfer-encoding"));
    assert!(head.contains("connection: close\r\n"), "{head}");
    // The length of a body is the guest's, and the host's spelling of it.
    let grants = all_of(&server, ", methods = [\"POST\"]");
    client.run(&grants, &["lie", &here, "0005", "5"]);
    let head = &server.requests()[1];
    assert!(head.contains("content-length: 5\r\n"), "{head}");
}

/// A43-secrets.
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

#[test]
fn its_functions_are_host_calls() {
    let report = Client::new().run("limits.host-calls = 80", &["flood", "copies"]);
    assert_eq!(report.outcome.fault().unwrap().label(), "host-calls");
}

/// A component that speaks it loads without an HTTP grant, so that the least policy has one as a comment.
#[test]
fn the_least_policy_proposes_a_grant_for_it() {
    let emit = |grant: &[&str]| {
        let guest = support::harness::guest_file("http-client");
        let mut command = support::cli::program();
        command.args(["inspect", "--emit-policy", guest.to_str().unwrap()]);
        String::from_utf8(command.args(grant).output().unwrap().stdout).unwrap()
    };
    let proposed = emit(&[]);
    assert!(
        proposed.contains("\n# [[grants.http]]\n# url = "),
        "{proposed}"
    );
    assert!(support::harness::policy(&proposed).grants.http.is_empty());
    let given = emit(&["--grant", "http=https://a.example/x"]);
    let [grant] = &support::harness::policy(&given).grants.http[..] else {
        panic!("{given}")
    };
    assert_eq!(grant.url, "https://a.example/x");
}

/// The program has what the library needs for it, and says of a denial what would allow it.
#[test]
fn the_program_sends_requests_too() {
    let server = hello();
    let at = format!("{}**", url(&server, "/"));
    let guest = support::harness::guest_file("http-client");
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("policy.toml");
    let ask = |grant: &str| {
        let text = format!("grants.wasi = \"inert\"\ngrants.http = [{{ url = \"{at}\"{grant} }}]");
        std::fs::write(&file, text).unwrap();
        let mut command = support::cli::program();
        command.args(["run", guest.to_str().unwrap(), "--policy"]);
        command.arg(&file).args(["--", "get", &url(&server, "/")]);
        command.output().unwrap()
    };
    let output = ask(", networks = [\"loopback\"]");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.ends_with(b"\n\nhello"), "{output:?}");
    let output = ask("");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains(
            "private-address; `networks = [\"loopback\"]` in its `[[grants.http]]` allows it"
        ),
        "{said}"
    );
}

/// A grant's key for a credential of this text.
fn credential(folder: &std::path::Path, text: &str) -> String {
    let file = folder.join("token");
    std::fs::write(&file, text).unwrap();
    format!(
        ", credential = {{ header = \"authorization\", from-file = \"{}\", prefix = \"Bearer \" }}",
        file.display()
    )
}

/// An honest server that sends back each piece of a body as it comes.
fn echo() -> Server {
    Server::start(|_, stream| {
        stream.set_nodelay(true)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        let mut pieces = BufReader::new(stream.try_clone()?);
        loop {
            let mut size = String::new();
            pieces.read_line(&mut size)?;
            let length = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
            let mut piece = vec![0; length + 2];
            pieces.read_exact(&mut piece)?;
            let whole = [format!("{length:x}\r\n").as_bytes(), &piece].concat();
            stream.write_all(&whole)?;
            if length == 0 {
                return Ok(());
            }
        }
    })
}

/// What the guest sees before the end of a body does not depend on whether bytes begin the secret: it sees nothing.
#[test]
fn a_guest_sees_nothing_of_a_body_that_is_not_yet_searched() {
    let folder = tempfile::TempDir::new().unwrap();
    let client = Client::new();
    for begun in [&CANARY[..CANARY.len() - 1], "nothing of it"] {
        let server = Server::start(move |_, stream| {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
            stream.write_all(format!("{head}so {begun}").as_bytes())?;
            // Until the other side closes.
            let _ = stream.read(&mut [0]);
            Ok(())
        });
        let wait = ["wait", &url(&server, "/"), "between-bytes", "300"];
        let secret = credential(folder.path(), CANARY);
        let said = client.fails(&all_of(&server, &secret), &wait);
        assert!(
            said.contains("\n0 bytes came\nerror: connection read timeout"),
            "{said}"
        );
        let said = client.fails(&all_of(&server, ""), &wait);
        let came = 3 + begun.len();
        assert!(said.contains(&format!("\n{came} bytes came\n")), "{said}");
    }
}

/// The guest that guesses the secret digit by digit, with the help of an honest server, learns none.
#[test]
fn a_credential_is_not_learnt_from_an_echo() {
    let folder = tempfile::TempDir::new().unwrap();
    let server = echo();
    let more = credential(folder.path(), CANARY) + ", methods = [\"POST\"]";
    let grants = format!("limits.deadline = \"60s\"\n{}", all_of(&server, &more));
    let report = Client::new().run(&grants, &["oracle", &url(&server, "/")]);
    let hex: String = CANARY.bytes().map(|b| format!("{b:02x}")).collect();
    // The guest waits for an echo until the server has waited long enough.
    assert!(!stdout(&report).contains(&hex[..4]), "{}", stdout(&report));
}

/// Its server gives it back in the answer to a request by a grant that has none.
#[test]
fn a_credential_is_found_in_the_answer_to_another_grants_request() {
    let folder = tempfile::TempDir::new().unwrap();
    let server = Server::answering(|head| match head.starts_with("GET /echo") {
        true => response("200 OK", "", &format!("so {CANARY} it is")),
        false => response("200 OK", &format!("x-echo: {CANARY}\r\n"), ""),
    });
    let (with, without) = (
        all_of(&server, &credential(folder.path(), CANARY)).replace("/**", "/private/**"),
        all_of(&server, ""),
    );
    let other = without.trim_start_matches("grants.http = [");
    let grants = format!("{}, {other}", with.trim_end_matches(']'));
    for path in ["/echo", "/header"] {
        let ask = ["get", &url(&server, path), "accept-encoding:gzip"];
        assert_eq!(Client::new().denied(&grants, &ask), "secret-in-response");
        let asked = server.requests().pop().unwrap();
        assert!(asked.contains("accept-encoding: identity\r\n"), "{asked}");
    }
}

/// A body that is read whole is memory that the host holds, and its search is paid for.
#[test]
fn a_body_that_is_searched_is_held_and_paid_for() {
    let folder = tempfile::TempDir::new().unwrap();
    let server = Server::saying(response("200 OK", "", &"x".repeat(2 << 20)));
    let secret = credential(folder.path(), CANARY);
    let run = |limits: &str, secret: &str| {
        let grants = format!("{limits}\n{}", all_of(&server, secret));
        Client::new().run(&grants, &["get", &url(&server, "/")])
    };
    let (searched, plain) = (run("", &secret), run("", ""));
    let held =
        |report: &tollgate::Report<(), tollgate::report::ExitCode>| report.usage.host_memory_peak;
    assert!(
        held(&searched) > held(&plain) + (1 << 20),
        "{} {}",
        held(&searched),
        held(&plain)
    );
    let little = run(
        "limits.host-memory = \"1MiB\"\nlimits.stdio = \"64KiB\"",
        &secret,
    );
    assert_eq!(little.outcome.fault().unwrap().label(), "host-memory");
    if support::skip::fuel_is_counted() {
        let (more, less) = (searched.usage.fuel, plain.usage.fuel);
        assert!(more > less + 20 * (2 << 20), "{more} {less}");
    }
}
