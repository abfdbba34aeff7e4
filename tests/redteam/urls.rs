//! No request leaves its grant, however often a server decodes its path.

use support::http_client::{Client, url};
use support::http_server::{Server, response};

/// `*` stands for a part of a path that is not empty. A part that is empty once a server has dropped its parameters (Java's),
/// its spaces (Windows) or what is not visible is none: the request is for the folder above, or for another path.
#[test]
fn a_wildcard_stands_for_no_part_that_a_server_drops() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let client = Client::new();
    let port = server.port();
    let grant = |path: &str| {
        format!("{{ url = \"http://127.0.0.1:{port}{path}\", networks = [\"loopback\"] }}")
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
    ] {
        for (granted, asked) in [
            ("/users/*", format!("/users/{part}")),
            ("/users/*/keys", format!("/users/{part}/keys")),
        ] {
            let report = client.run(
                &grant(granted),
                &format!("http-get {}", url(&server, &asked)),
            );
            println!(
                "{granted} {asked}: {:?}",
                report.denials.first().map(|it| it.reason)
            );
        }
    }
    assert!(
        server.requests().is_empty(),
        "{:?}",
        server
            .requests()
            .iter()
            .map(|head| head.lines().next().unwrap_or("").to_owned())
            .collect::<Vec<_>>()
    );
}
