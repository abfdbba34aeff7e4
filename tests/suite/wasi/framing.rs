//! Requests of `wasi:http` as they are sent: its length, its query, its escaped separators.

use support::http_client::url;
use support::wasi_client::{Client, all_of, hello};

/// Servers answer 411 to a method that defines a body and says nothing of one.
#[test]
fn a_post_without_a_body_says_so() {
    let server = hello();
    let grants = all_of(&server, ", methods = [\"POST\", \"DELETE\"]");
    let client = Client::new();
    client.prints(&grants, &["bare", "POST", &url(&server, "/")]);
    client.prints(&grants, &["bare", "DELETE", &url(&server, "/")]);
    let seen = server.requests();
    assert!(seen[0].contains("content-length: 0\r\n"), "{}", seen[0]);
    assert!(!seen[1].contains("content-length"), "{}", seen[1]);
}

/// Characters that no URL may contain and that programs write into queries are sent as a browser sends them.
#[test]
fn odd_characters_of_a_query_are_escaped() {
    let server = hello();
    let odd = "/a?q={a:[1|2]}^`";
    Client::new().prints(&all_of(&server, ""), &["get", &url(&server, odd)]);
    let seen = &server.requests()[0];
    let line = "GET /a?q=%7Ba:[1%7C2]%7D%5E%60 HTTP/1.1\r\n";
    assert!(seen.starts_with(line), "{seen}");
}

/// `%2F` inside a part, as GitLab and npm have it.
#[test]
fn an_escaped_slash_needs_a_grant_that_says_so() {
    let server = hello();
    let client = Client::new();
    let at = url(&server, "/projects/group%2Fname/files");
    assert_eq!(
        client.denied(&all_of(&server, ""), &["get", &at]),
        "escaped-slash"
    );
    let grants = all_of(&server, ", escaped-slashes = true");
    client.prints(&grants, &["get", &at]);
    let seen = server.requests();
    assert_eq!(seen.len(), 1);
    assert!(
        seen[0].starts_with("GET /projects/group%2Fname/files HTTP/1.1\r\n"),
        "{seen:?}"
    );
    for climb in [
        "/projects/a%2F..%2Fb",
        "/projects/..%2Fb",
        "/projects/a%252Fb",
    ] {
        let at = url(&server, climb);
        assert_eq!(client.denied(&grants, &["get", &at]), "bad-url", "{climb}");
    }
}
