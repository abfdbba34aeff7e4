//! The requests that `wasi:http` allows: the same as `tollgate:provider/http`. A36-redirects to
//! A38-odd-urls once more; `http_credentials.rs` has A43-secrets.

use std::io::{Read, Write};

use support::http_client::url;
use support::http_server::{Server, response};
use support::wasi_client::{Client, all_of, hello};
use support::wasi_command::stdout;

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
    // A request without a body declares no length.
    assert!(
        !seen.contains("transfer-encoding") && !seen.contains("content-length"),
        "{seen}"
    );
}

/// `inert` links the interface, so that components that import it load; behind it is nothing.
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
    // No request is made: the guest gets the error when it builds one.
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

/// A36-redirects: the guest gets the redirect, and may follow it with a request like any other.
#[test]
fn a_redirect_is_the_guests_to_follow() {
    let to = "location: http://169.254.169.254/\r\n";
    let server = Server::saying(response("302 Found", to, ""));
    let answer = Client::new().prints(&all_of(&server, ""), &["get", &url(&server, "/")]);
    assert!(answer.starts_with("302\n"), "{answer}");
    assert_eq!(server.requests().len(), 1);
}

/// A38-odd-urls: the guest cannot set the headers that frame the message.
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
    // A length of 0 that a guest declares is not sent with a method that takes no body.
    client.prints(&grants, &["get", &here, "content-length:0"]);
    let head = &server.requests()[1];
    assert!(!head.contains("content-length"), "{head}");
    // The length of a body is the guest's, and the host's spelling of it.
    let grants = all_of(&server, ", methods = [\"POST\"]");
    client.run(&grants, &["lie", &here, "0005", "5"]);
    let head = &server.requests()[2];
    assert!(head.contains("content-length: 5\r\n"), "{head}");
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

/// The program supplies the runtime of the library for it, and a denial names the grant that allows it.
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
            "private-address: its host has an address that is not public; `networks = [\"loopback\"]` in its `[[grants.http]]` allows it"
        ),
        "{said}"
    );
}
