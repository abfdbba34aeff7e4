//! Networks that a grant names, and the addresses that belong to none of them.

use support::http_client::{CANARY, Client};
use support::http_server::{Server, response};

/// A37-addresses: a network by its name, or the block that has the address, and no other one.
#[test]
fn networks_are_reached_by_their_own_names() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let client = Client::new();
    let port = server.port();
    client.names.set("inside.example", &[&["127.0.0.1"]]);
    let grant = |networks: &str| {
        format!("{{ url = \"http://inside.example:{port}/**\", networks = [{networks}] }}")
    };
    let url = format!("http://inside.example:{port}/");
    for networks in [
        "\"loopback\"",
        "\"127.0.0.1/32\"",
        "\"private\", \"127.0.0.0/24\"",
    ] {
        let answer = client.answer(&grant(networks), &url);
        assert!(answer.contains("200"), "{networks}: {answer}");
    }
    let before = server.requests().len();
    for networks in [
        "",
        "\"private\", \"link-local\"",
        "\"127.0.0.2/32\"",
        "\"10.0.0.0/8\"",
    ] {
        let report = client.run(&grant(networks), &format!("http-get {url}"));
        let denial = &report.denials[0];
        assert_eq!(denial.reason.label(), "private-address", "{networks}");
        assert_eq!(denial.address, Some("127.0.0.1".parse().unwrap()));
        let line = "`networks = [\"loopback\"]` in its `[[grants.http]]`";
        assert_eq!(denial.remedy().as_deref(), Some(line), "{networks}");
    }
    assert_eq!(server.requests().len(), before, "nothing was dialled");
}

/// A43-secrets: by `http://`, a host of the grant's networks gets the credential, and a public one does not.
#[test]
fn a_credential_goes_unencrypted_to_named_networks_only() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, CANARY).unwrap();
    let server = Server::saying(response("200 OK", "", "hello"));
    let client = Client::new();
    let port = server.port();
    let names = &client.names;
    names.set("inside.example", &[&["127.0.0.1"]]);
    names.set("outside.example", &[&["93.184.216.34"]]);
    names.set("mixed.example", &[&["127.0.0.1", "93.184.216.34"]]);
    let grant = |host: &str| {
        format!(
            "{{ url = \"http://{host}:{port}/**\", networks = [\"loopback\"], credential = {{ \
             header = \"authorization\", from-file = \"{}\" }} }}",
            file.display()
        )
    };
    let answer = client.answer(
        &grant("inside.example"),
        &format!("http://inside.example:{port}/"),
    );
    assert!(answer.contains("200"), "{answer}");
    for host in ["outside.example", "mixed.example"] {
        let report = client.run(&grant(host), &format!("http-get http://{host}:{port}/"));
        let denial = &report.denials[0];
        assert_eq!(denial.reason.label(), "public-address", "{host}");
        assert_eq!(denial.address, Some("93.184.216.34".parse().unwrap()));
        assert!(denial.remedy().unwrap().contains("https://"));
    }
    assert_eq!(server.requests().len(), 1, "nothing more was dialled");
}
