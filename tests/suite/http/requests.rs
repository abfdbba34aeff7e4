//! HTTP through the one way out: A33-endless-body to A38-odd-urls.

use std::time::Duration;

use support::harness::{policy, returned, source};
use support::http_client::{Client, all_of, url, with_http};
use support::http_server::{Names, Server, response};

#[test]
fn a_granted_url_is_fetched() {
    let server = Server::saying(response("200 OK", "x-answer: 42\r\n", "hello"));
    let answer = Client::new().answer(&all_of(&server), &url(&server, "/a?b=c"));
    assert!(
        answer.contains("200") && answer.contains("x-answer"),
        "{answer}"
    );
    let seen = &server.requests()[0];
    assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{seen}");
    assert!(
        seen.contains(&format!("host: 127.0.0.1:{}\r\n", server.port())),
        "{seen}"
    );
}

#[test]
fn what_is_not_granted_is_not_even_looked_up() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let client = Client::new();
    let grant = format!(
        "{{ url = \"http://127.0.0.1:{}/a/**\", networks = [\"loopback\"] }}",
        server.port()
    );
    for (path, reason) in [
        ("/b", "not-granted"),
        ("/ab/c", "not-granted"),
        ("/a/../b", "bad-url"),
        ("/a/%2e%2e/b", "bad-url"),
    ] {
        let input = format!("http-get {}", url(&server, path));
        assert_eq!(client.denied(&grant, &input), reason, "{path}");
    }
    assert_eq!(
        client.denied(&grant, "http-get http://other.example/"),
        "not-granted"
    );
    let post = grant.replace("networks", "methods = [\"POST\"], networks");
    let input = format!("http-get {}", url(&server, "/a/b"));
    assert_eq!(client.denied(&post, &input), "method");
    assert!(server.requests().is_empty() && client.names.lookups() == 0);
}

/// A38-odd-urls.
#[test]
fn odd_urls_and_headers_are_refused_before_anything_is_sent() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let client = Client::new();
    let port = server.port();
    for bad in [
        format!("http://0x7f.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://127.0.0.1.:{port}/"),
        format!("http://127.0.0.1:{port}\\@example.com/"),
        format!("http://127.0.0.1:{port}/\r\nx: y"),
        format!("http://127.0.0.1:{port}/#x"),
    ] {
        let input = format!("http-get {bad}");
        assert_eq!(
            client.denied(&all_of(&server), &input),
            "bad-url",
            "{bad:?}"
        );
    }
    for header in [
        "host evil.example",
        "Host evil.example",
        "connection close",
        "content-length 5",
        "transfer-encoding chunked",
        "te trailers",
        "bad:name x",
        "x-injected a\r\nb: c",
    ] {
        let input = format!("http-header {} {header}", url(&server, "/"));
        let report = client.run(&all_of(&server), &input);
        let [denial] = &report.denials[..] else {
            panic!("{header:?}: {:?}", report.denials)
        };
        assert_eq!(denial.reason.label(), "bad-header", "{header:?}");
        // It says which, and no line of a policy would help.
        let (_, name) = denial.target.split_once("/ header ").unwrap();
        assert!(
            header.to_lowercase().starts_with(&name.to_lowercase()),
            "{}",
            denial.target
        );
        assert_eq!(denial.remedy(), None);
    }
    assert!(server.requests().is_empty());
}

/// A38-odd-urls: a server could take the request for another than was decided on.
#[test]
fn a_header_that_servers_take_for_another_is_not_sent() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let client = Client::new();
    for (header, reason) in [
        ("transfer_encoding chunked", "bad-header"),
        ("Content_Length 5", "bad-header"),
        ("X-HTTP-Method-Override DELETE", "header"),
        ("x_method_override DELETE", "header"),
        ("x-original-url /admin", "header"),
        ("x-forwarded-host evil.example", "header"),
    ] {
        let input = format!("http-header {} {header}", url(&server, "/"));
        assert_eq!(client.denied(&all_of(&server), &input), reason, "{header}");
    }
    assert!(server.requests().is_empty());
    let named = all_of(&server).replace("networks", "headers = [\"x-forwarded-host\"], networks");
    let input = format!(
        "http-header {} x-forwarded-host a.example",
        url(&server, "/")
    );
    client.run(&named, &input);
    assert!(server.requests()[0].contains("x-forwarded-host: a.example\r\n"));
}

/// A37-addresses: a private address needs its own word in the policy, however it is arrived at.
#[test]
fn private_addresses_are_denied_unless_the_grant_says_so() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let client = Client::new();
    let port = server.port();
    client.names.set("inside.example", &[&["127.0.0.1"]]);
    client
        .names
        .set("mixed.example", &[&["93.184.216.34", "127.0.0.1"]]);
    client.names.set("six.example", &[&["::ffff:127.0.0.1"]]);
    client.names.set("nat.example", &[&["64:ff9b::7f00:1"]]);
    client
        .names
        .set("metadata.example", &[&["169.254.169.254"]]);
    for host in [
        "127.0.0.1",
        "inside.example",
        "mixed.example",
        "six.example",
        "nat.example",
        "metadata.example",
    ] {
        let grant = format!("{{ url = \"http://{host}:{port}/**\" }}");
        let input = format!("http-get http://{host}:{port}/");
        assert_eq!(client.denied(&grant, &input), "private-address", "{host}");
    }
    assert!(server.requests().is_empty(), "nothing was dialled");
    let grant =
        format!("{{ url = \"http://inside.example:{port}/**\", networks = [\"loopback\"] }}");
    let answer = client.answer(&grant, &format!("http://inside.example:{port}/"));
    assert!(answer.contains("200"), "{answer}");
    let grant = format!("{{ url = \"http://nat.example:{port}/**\", networks = [\"loopback\"] }}");
    let input = format!("http-get http://nat.example:{port}/");
    assert_eq!(
        client.denied(&grant, &input),
        "private-address",
        "hides where it leads"
    );
}

/// A37-addresses: a name that leads to a cloud's metadata service is denied, also for a grant of the own network.
#[test]
fn metadata_services_are_not_a_part_of_the_own_network() {
    let client = Client::new();
    for address in [
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
    ] {
        client.names.set("inside.example", &[&[address]]);
        let grant = "{ url = \"http://inside.example/**\", networks = [\"loopback\", \"private\", \"link-local\"] }";
        let report = client.run(grant, "http-get http://inside.example/");
        let [denial] = &report.denials[..] else {
            panic!("{address}: {:?}", report.denials)
        };
        assert_eq!(denial.reason.label(), "private-address", "{address}");
        // Its own address is the entry that would allow it, and the guest does not learn the address.
        let own = address.trim_start_matches("::ffff:");
        let remedy = denial.remedy().unwrap();
        assert!(
            remedy.starts_with(&format!("`networks = [\"{own}/")),
            "{remedy}"
        );
        assert!(!returned(&report).contains(own), "{}", returned(&report));
    }
}

/// A37-addresses: the address that was decided on is the one that is dialled; there is no second look-up.
#[test]
fn a_name_is_looked_up_once_for_each_request() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let client = Client::new();
    let port = server.port();
    client
        .names
        .set("rebind.example", &[&["127.0.0.1"], &["169.254.169.254"]]);
    let grant =
        format!("{{ url = \"http://rebind.example:{port}/**\", networks = [\"loopback\"] }}");
    let answer = client.answer(&grant, &format!("http://rebind.example:{port}/"));
    assert!(answer.contains("200"), "{answer}");
    assert_eq!((client.names.lookups(), server.requests().len()), (1, 1));
}

/// A36-redirects.
#[test]
fn every_redirect_is_decided_anew() {
    let client = Client::new();
    for (location, reason) in [
        ("http://other.example/", "not-granted"),
        ("http://0x7f.1/", "bad-url"),
        ("//user@other.example/", "bad-url"),
        ("file:///etc/passwd", "bad-url"),
        ("/outside", "not-granted"),
        ("/granted/again", "too-many-redirects"),
    ] {
        let server = Server::saying(response(
            "302 Found",
            &format!("location: {location}\r\n"),
            "",
        ));
        let grant = format!(
            "{{ url = \"http://127.0.0.1:{}/granted/**\", networks = [\"loopback\"] }}",
            server.port()
        );
        let input = format!("http-get {}", url(&server, "/granted/first"));
        assert_eq!(client.denied(&grant, &input), reason, "{location}");
        let hops = if reason == "too-many-redirects" { 6 } else { 1 };
        assert_eq!(server.requests().len(), hops, "{location}");
    }
    // From a public name to a private address: the second grant does not say `private`.
    let inner = Server::saying(response("200 OK", "", "metadata"));
    let to = format!("location: http://inner.example:{}/\r\n", inner.port());
    let outer = Server::saying(response("307 Temporary Redirect", &to, ""));
    client.names.set("inner.example", &[&["127.0.0.1"]]);
    let grants = format!(
        "{}, {{ url = \"http://inner.example:{}/**\" }}",
        all_of(&outer),
        inner.port()
    );
    let input = format!("http-get {}", url(&outer, "/"));
    assert_eq!(client.denied(&grants, &input), "private-address");
    assert!(inner.requests().is_empty());
    // A redirect that is granted is followed.
    let server = Server::answering(|head| {
        if head.starts_with("GET /old") {
            response("301 Moved Permanently", "location: new#part\r\n", "")
        } else {
            response("200 OK", "", "moved")
        }
    });
    let answer = client.answer(&all_of(&server), &url(&server, "/old"));
    assert!(
        answer.contains("200") && server.requests()[1].starts_with("GET /new "),
        "{answer}"
    );
}

/// A33-endless-body: the deadline covers a body that drips, and the socket is closed.
#[test]
fn a_dripping_body_meets_the_deadline() {
    let server = Server::dripping();
    let grant = format!(
        "{}]\nlimits.deadline = \"200ms\"\ngrants.interfaces = [",
        all_of(&server)
    );
    let report = Client::new().run(&grant, &format!("http-get {}", url(&server, "/")));
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    assert!(report.usage.elapsed < Duration::from_secs(3));
    server.wait_for_end(1);
}

/// A33-endless-body and A34-false-length: nothing is buffered past the cap, for true and false declared lengths.
#[test]
fn bodies_over_the_cap_are_cut_off() {
    let client = Client::new();
    let capped = |server: &Server| all_of(server).replace("networks", "max-body = 1000, networks");
    let honest = Server::saying(response("200 OK", "", &"x".repeat(5000)));
    let answer = client.answer(&capped(&honest), &url(&honest, "/"));
    assert!(answer.contains("QuotaExceeded"), "{answer}");
    let endless = Server::endless_body();
    let answer = client.answer(&capped(&endless), &url(&endless, "/"));
    assert!(answer.contains("QuotaExceeded"), "{answer}");
    endless.wait_for_end(1);
    // The guest pays for the bytes that arrived as for those that it gets.
    let large = all_of(&endless).replace("networks", "max-body = 1_000_000, networks");
    let report = client.run(&large, &format!("http-get {}", url(&endless, "/")));
    assert_eq!(report.denials[0].reason.label(), "quota");
    assert!(
        report.usage.host_bytes > 1_000_000,
        "{}",
        report.usage.host_bytes
    );
    let exact = Server::saying(response("200 OK", "", &"x".repeat(1000)));
    assert!(
        client
            .answer(&capped(&exact), &url(&exact, "/"))
            .contains("200")
    );
}

/// A34-false-length.
#[test]
fn false_lengths_and_endless_heads_are_the_servers_failure() {
    let client = Client::new();
    let short = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort");
    let answer = client.answer(&all_of(&short), &url(&short, "/"));
    assert!(answer.contains("Unavailable"), "{answer}");
    let endless = Server::endless_head();
    let answer = client.answer(&all_of(&endless), &url(&endless, "/"));
    assert!(answer.contains("Unavailable"), "{answer}");
    endless.wait_for_end(1);
    for nonsense in [
        "",
        "hello",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    ] {
        let server = Server::saying(nonsense);
        let answer = client.answer(&all_of(&server), &url(&server, "/"));
        assert!(answer.contains("Unavailable"), "{nonsense:?}: {answer}");
    }
}

/// A35-decompression: nothing is decompressed, so nothing can swell.
#[test]
fn a_compressed_body_stays_as_it_is() {
    let server = Server::saying(response(
        "200 OK",
        "content-encoding: gzip\r\n",
        "not really gzip",
    ));
    let answer = Client::new().answer(&all_of(&server), &url(&server, "/"));
    assert!(
        answer.contains("200") && answer.contains("gzip"),
        "{answer}"
    );
    assert!(!server.requests()[0].contains("accept-encoding"));
}

#[test]
fn requests_are_counted_for_each_grant() {
    let server = Server::saying(response("302 Found", "location: /again\r\n", ""));
    let grant = all_of(&server).replace("networks", "max-requests = 3, networks");
    let input = format!("http-get {}", url(&server, "/"));
    assert_eq!(Client::new().denied(&grant, &input), "too-many-requests");
    assert_eq!(server.requests().len(), 3);
}

/// A loop is a loop under every `max-requests`, so the report does not advise to raise it.
#[test]
fn more_redirects_than_are_followed_have_no_remedy() {
    let away = format!("location: /again\r\nx-pad: {}\r\n", "p".repeat(10_000));
    let server = Server::saying(response("302 Found", &away, ""));
    let grant = all_of(&server).replace("networks", "max-requests = 1000, networks");
    let report = Client::new().run(&grant, &format!("http-get {}", url(&server, "/")));
    assert!(returned(&report).contains("QuotaExceeded(\"too-many-redirects\")"));
    assert_eq!(report.denials[0].reason.label(), "too-many-redirects");
    assert_eq!(report.denials[0].remedy(), None);
    // The heads of the redirects that were followed are paid for, too.
    assert!(
        report.usage.host_bytes > 60_000,
        "{}",
        report.usage.host_bytes
    );
}

/// TLS: a certificate that the host trusts, and one that it does not.
#[test]
fn certificates_are_verified() {
    let (port, certificate) = super::tls::serve("tls.example");
    let names = Names::default();
    names.set("tls.example", &[&["127.0.0.1"]]);
    let grant = format!("{{ url = \"https://tls.example:{port}/**\", networks = [\"loopback\"] }}");
    let input = format!("https://tls.example:{port}/");
    let builder = || support::harness::builder().resolver(names.clone());
    let trusting = Client::of(builder().root_certificate(certificate.der().to_vec()));
    let answer = trusting.answer(&grant, &input);
    assert!(answer.contains("200"), "{answer}");
    let answer = Client::of(builder()).answer(&grant, &input);
    assert!(answer.contains("encrypted connection"), "{answer}");
}

/// `*` stands for a part of a path that is not empty. A part that is empty once a server has dropped its parameters (Java's),
/// its spaces (Windows) or its invisible characters is no part: the request is for the folder above, or for another
/// path.
#[test]
fn a_wildcard_stands_for_no_part_that_a_server_drops() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let client = Client::new();
    let grant = |path: &str| all_of(&server).replace("/**", path);
    let grants = format!("{}, {}", grant("/users/*"), grant("/users/*/keys"));
    let policy = policy(&with_http(&grants));
    let provider = client.runtime.load(&source("hostile"), &policy).unwrap();
    let ask = |path: &str| {
        let input = format!("http-get {}", url(&server, path));
        provider.session().run(input.as_bytes()).unwrap()
    };
    for part in [
        "",
        ";",
        ";x",
        "%3bx",
        "%253bx",
        "%20",
        "%C2%AD",
        "%E2%80%8B",
        "%C3%BC",
    ] {
        for path in [format!("/users/{part}"), format!("/users/{part}/keys")] {
            let report = ask(&path);
            assert_eq!(report.denials.len(), 1, "{path}: {}", returned(&report));
            assert_eq!(report.denials[0].reason.label(), "not-granted", "{path}");
        }
    }
    assert!(server.requests().is_empty());
    for part in ["a", "a;x", "b%C3%BCcher"] {
        let report = ask(&format!("/users/{part}/keys"));
        assert!(returned(&report).contains("hello"), "{part}");
    }
}
