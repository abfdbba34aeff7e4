//! Credentials that the host adds and the guest never sees: A43-secrets.

use tollgate::LoadError;

use support::harness::{policy, returned, source};
use support::http_client::{CANARY, Client, all_of, url, with_credential, with_http};
use support::http_server::{Server, response};

/// Only the server sees the credential.
#[test]
fn a_credential_reaches_the_server_and_nobody_else() {
    let folder = tempfile::TempDir::new().unwrap();
    let client = Client::new();
    let server = Server::saying(response("200 OK", "", "hello"));
    let grant = with_credential(&server, folder.path());
    let report = client.run(&grant, &format!("http-get {}", url(&server, "/")));
    assert!(server.requests()[0].contains(&format!("authorization: Bearer {CANARY}\r\n")));
    assert!(!format!("{report:?}{}", report.to_json()).contains(CANARY));
    // The guest cannot set the header itself,
    let input = format!("http-header {} authorization mine", url(&server, "/"));
    assert_eq!(client.denied(&grant, &input), "bad-header");
    // The guest cannot have it sent back either.
    for echo in [
        |head: &str| response("200 OK", "", head),
        |head: &str| {
            let value = head
                .lines()
                .find(|line| line.starts_with("authorization"))
                .unwrap();
            response(
                "200 OK",
                &format!("x-echo: {}\r\n", &value["authorization: ".len()..]),
                "",
            )
        },
    ] {
        let server = Server::answering(echo);
        let grant = with_credential(&server, folder.path());
        let report = client.run(&grant, &format!("http-get {}", url(&server, "/")));
        assert_eq!(report.denials[0].reason.label(), "secret-in-response");
        assert!(!format!("{report:?}{}{}", report.to_json(), returned(&report)).contains(CANARY));
    }
}

/// A server that gives it back in another spelling, in a form that cannot be searched, or in part.
#[test]
fn a_credential_is_found_in_what_servers_make_of_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let client = Client::new();
    let escaped: String = CANARY.bytes().map(|b| format!("%{b:02X}")).collect();
    let json: String = CANARY.bytes().map(|b| format!("\\u{b:04x}")).collect();
    let hex: String = CANARY.bytes().map(|b| format!("{b:02x}")).collect();
    for (headers, body) in [
        ("", CANARY.to_uppercase()),
        ("", escaped),
        ("", json),
        ("", hex),
        ("content-encoding: gzip\r\n", "x".to_owned()),
        ("content-range: bytes 0-0/9\r\n", "x".to_owned()),
    ] {
        let server = Server::saying(response("200 OK", headers, &body));
        let grant = with_credential(&server, folder.path());
        for asked in [
            "accept-encoding gzip",
            "range bytes=0-0",
            "accept_encoding gzip",
        ] {
            let input = format!("http-header {} {asked}", url(&server, "/"));
            assert_eq!(
                client.denied(&grant, &input),
                "secret-in-response",
                "{body}"
            );
        }
        for head in server.requests() {
            assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
            assert!(!head.contains("gzip") && !head.contains("range"), "{head}");
        }
    }
}

/// Redirects to the same origin carry it, others do not.
#[test]
fn a_credential_stays_with_its_origin() {
    let folder = tempfile::TempDir::new().unwrap();
    let client = Client::new();
    let other = Server::saying(response("200 OK", "", "hello"));
    let to = format!("http://127.0.0.1:{}/", other.port());
    let first = Server::answering(move |head| {
        let location = if head.starts_with("GET /same") {
            "/away"
        } else {
            &to
        };
        response("302 Found", &format!("location: {location}\r\n"), "")
    });
    let grants = format!(
        "{}, {}",
        with_credential(&first, folder.path()),
        with_credential(&other, folder.path())
    );
    let answer = client.answer(&grants, &url(&first, "/same"));
    assert!(answer.contains("200"), "{answer}");
    let carried: Vec<bool> = first
        .requests()
        .iter()
        .map(|head| head.contains(CANARY))
        .collect();
    assert_eq!(carried, [true, true]);
    assert!(
        !other.requests()[0].contains("authorization"),
        "another origin"
    );
}

#[test]
fn a_credential_that_is_not_there_is_the_operators_mistake() {
    let credential = |source: &str| {
        policy(&with_http(&format!(
            "{{ url = \"https://a.example/**\", credential = {{ header = \"x-token\", {source} }} }}"
        )))
    };
    for (source_text, place) in [
        ("from-env = \"TOLLGATE_NO_SUCH\"", "TOLLGATE_NO_SUCH"),
        ("from-file = \"/no/such\"", "/no/such"),
    ] {
        match Client::new()
            .runtime
            .load(&source("hostile"), &credential(source_text))
        {
            Err(error @ LoadError::Grant(tollgate::load::GrantError::Secret { .. })) => {
                assert!(error.to_string().contains(place), "{error}");
            }
            other => panic!("{:?}", other.err()),
        }
    }
}

/// A `location` that holds the secret would carry it to another origin, or into the report of a denial.
#[test]
fn a_redirect_does_not_carry_the_credential_away() {
    let (folder, client) = (tempfile::TempDir::new().unwrap(), Client::new());
    let other = Server::answering(|head| response("200 OK", "", head));
    let to = other.port();
    let first = Server::answering(move |head| {
        let mut lines = head.lines();
        let secret = lines.find_map(|line| line.strip_prefix("authorization: Bearer "));
        let to = format!("location: http://127.0.0.1:{to}/?{}\r\n", secret.unwrap());
        response("302 Found", &to, "")
    });
    let own = with_credential(&first, folder.path());
    for grants in [
        format!("{own}, {}", support::http_client::all_of(&other)),
        own,
    ] {
        let report = client.run(&grants, &format!("http-get {}", url(&first, "/")));
        assert_eq!(report.denials[0].reason.label(), "secret-in-response");
        let seen = format!("{report:?}{}{}", report.to_json(), returned(&report));
        assert!(!seen.contains(CANARY), "{seen}");
        assert!(!other.requests().concat().contains(CANARY));
    }
}

/// A server that knows a credential of another grant: its answer to any request is searched.
fn forgetful() -> Server {
    let last = std::sync::Mutex::new(String::new());
    Server::answering(move |head| {
        let mut last = last.lock().unwrap();
        if head.contains("authorization") {
            *last = head.to_owned();
            let to = "location: /last-request\r\n";
            return match head.starts_with("GET /private/moved") {
                true => response("302 Found", to, ""),
                false => response("200 OK", "", "hello"),
            };
        }
        response("200 OK", "", &last)
    })
}

/// The grants of such a server: one with the credential, and one without.
fn with_and_without(server: &Server, folder: &std::path::Path) -> String {
    let with = with_credential(server, folder).replace("/**\"", "/private/**\"");
    format!("{with}, {}", all_of(server))
}

#[test]
fn a_credential_is_found_in_the_answer_to_another_grants_request() {
    let folder = tempfile::TempDir::new().unwrap();
    let (server, client) = (forgetful(), Client::new());
    let grants = with_and_without(&server, folder.path());
    let answer = client.answer(&grants, &url(&server, "/private/a"));
    assert!(answer.contains("hello"), "{answer}");
    let input = format!("http-header {} accept-encoding gzip", url(&server, "/last"));
    assert_eq!(client.denied(&grants, &input), "secret-in-response");
    let asked = server.requests().pop().unwrap();
    assert!(asked.contains("accept-encoding: identity\r\n"), "{asked}");
    assert!(!asked.contains("authorization"), "{asked}");
}

#[test]
fn a_credential_is_found_behind_a_redirect() {
    let folder = tempfile::TempDir::new().unwrap();
    let (server, client) = (forgetful(), Client::new());
    let grants = with_and_without(&server, folder.path());
    let report = client.run(
        &grants,
        &format!("http-get {}", url(&server, "/private/moved")),
    );
    assert_eq!(report.denials[0].reason.label(), "secret-in-response");
    assert!(!returned(&report).contains(CANARY), "{}", returned(&report));
    assert_eq!(server.requests().len(), 2);
}

/// The search is work of the host, and the guest pays for it: the same for each byte of any value.
#[test]
fn the_search_for_a_credential_costs_fuel() {
    if !support::skip::fuel_is_counted() {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let client = Client::new();
    let fuel = |body: &str, limits: &str, with: bool| {
        let server = Server::saying(response("200 OK", "", body));
        let grant = match with {
            true => with_credential(&server, folder.path()),
            false => all_of(&server),
        };
        let policy = policy(&format!("{}\n{limits}", with_http(&grant)));
        let provider = client.runtime.load(&source("hostile"), &policy).unwrap();
        let input = format!("http-get {}", url(&server, "/"));
        let report = provider.session().run(input.as_bytes()).unwrap();
        (
            report.usage.fuel,
            report.outcome.fault().map(|fault| fault.label()),
        )
    };
    let bodies = ["a&am&#".repeat(50_000), "x".repeat(300_000)];
    let mut costs = Vec::new();
    for body in &bodies {
        let (searched, _) = fuel(body, "", true);
        let (plain, _) = fuel(body, "", false);
        let cost = searched - plain;
        assert!(cost >= 20 * 300_000, "{cost}");
        costs.push(searched);
        let little = format!("limits.fuel = {}", searched - 300_000);
        assert_eq!(fuel(body, &little, true).1, Some("fuel"));
    }
    // No more than the pieces that the network makes of it can change.
    assert!(costs[0].abs_diff(costs[1]) < 500_000, "{costs:?}");
}
