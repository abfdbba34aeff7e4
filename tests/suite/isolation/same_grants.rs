//! Grants, through a process and without one: files, logs, requests, credentials.

use support::audit_log::audited;
use support::harness::{self, policy, source};
use support::http_client::{CANARY, with_credential};
use support::http_server::{Server, response};
use tollgate::blocking::Provider;

use super::same::{command, same, told};
use super::{isolating, load};

/// The process gets the folder that was opened at the load, and not the path.
#[test]
fn a_folder_that_was_replaced_stays_the_one_that_was_granted() {
    let folder = tempfile::TempDir::new().unwrap();
    let data = folder.path().join("data");
    let fill = |text: &str| {
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("a.txt"), text).unwrap();
    };
    fill("granted");
    let path = data.display();
    let policy_text = format!(
        "[grants.wasi]\npreopens = ['data']\n[[grants.files]]\nroot = 'data'\npath = '{path}'\naccess = 'read'"
    );
    let provider = load("hello-command", &policy_text);
    std::fs::rename(&data, folder.path().join("before")).unwrap();
    fill("another");
    let session = provider.session();
    let report = session.command(command("hello-command read data/a.txt", ""));
    let said = support::wasi_command::stdout(&report.unwrap());
    assert!(
        said.contains("granted") && !said.contains("another"),
        "{said}"
    );
}

#[test]
fn files_logs_and_denials_are_the_same() {
    let policy_text = "
        grants.log = true
        grants.hash = true
        grants.files = [{ root = 'data', path = 'samples/files', access = 'read' }]";
    for input in ["data", "other", "data/../.."] {
        same("checksums", policy_text, |session| {
            told(session.run(input.as_bytes()))
        });
    }
    let there = load("checksums", policy_text);
    let here = harness::load("checksums", policy_text);
    let audit = |provider: &Provider| {
        audited(|| {
            let _ = provider.session().run(b"data").unwrap();
            let _ = provider.session().run(b"other").unwrap();
        })
    };
    let (there, here) = (audit(&there), audit(&here));
    assert!(!here.is_empty());
    assert_eq!(there, here);
}

#[test]
fn requests_are_the_same() {
    for host in ["127.0.0.1", "localhost"] {
        requests_to(host);
    }
}

/// A name is looked up in the process, behind its wall.
fn requests_to(host: &str) {
    let server = Server::answering(|head| response("200 OK", "", head));
    let url = format!("http://{host}:{}/", server.port());
    let policy_text = format!(
        "grants.wasi = \"inert\"\ngrants.http = [{{ url = \"{url}**\", networks = [\"loopback\"] }}]"
    );
    let (there, here) = (
        load("http-client", &policy_text),
        harness::load("http-client", &policy_text),
    );
    for args in [
        format!("http-client get {url}"),
        format!("http-client get http://{host}:{}/", server.port() ^ 1),
    ] {
        let both = [&there, &here].map(|provider| {
            let session = provider.session();
            told(session.command(command(&args, "")))
        });
        assert_eq!(both[0], both[1], "{args}");
    }
    // Denied for its address, which is told.
    let elsewhere = policy_text.replace("loopback", "link-local");
    let providers = [
        load("http-client", &elsewhere),
        harness::load("http-client", &elsewhere),
    ];
    let [there, here] = providers.each_ref().map(|provider| {
        let args = format!("http-client get {url}");
        told(provider.session().command(command(&args, "")))
    });
    assert_eq!(there, here);
    assert!(there.1["denials"][0]["address"].is_string(), "{}", there.1);
    assert_eq!(server.requests().len(), 2, "{host}: one from each");
}

/// The process has the secret, and the guest does not.
#[test]
fn a_credential_goes_with_the_requests() {
    let folder = tempfile::TempDir::new().unwrap();
    let server = Server::saying(response("200 OK", "", "hello"));
    let grant = with_credential(&server, folder.path());
    let policy_text = format!("grants.wasi = \"inert\"\ngrants.http = [{grant}]");
    let provider = load("http-client", &policy_text);
    let url = format!("http://127.0.0.1:{}/", server.port());
    let report = provider
        .session()
        .command(command(&format!("http-client get {url}"), ""));
    let report = report.unwrap();
    assert_eq!(report.outcome.label(), "returned", "{report:?}");
    let request = &server.requests()[0];
    assert!(
        request.contains(&format!("authorization: Bearer {CANARY}\r\n")),
        "{request}"
    );
    assert!(!format!("{report:?}").contains(CANARY));
}

/// The process trusts the certificate authorities of the runtime.
#[test]
fn a_certificate_of_the_builder_is_trusted() {
    let (port, certificate) = crate::http::tls::serve("127.0.0.1");
    let url = format!("https://127.0.0.1:{port}/");
    let grants = policy(&format!(
        "grants.wasi = \"inert\"\ngrants.http = [{{ url = \"{url}**\", networks = [\"loopback\"] }}]"
    ));
    let builder = isolating(support::cli::tollgate());
    let builder = builder.root_certificate(certificate.der().to_vec());
    let runtime = tollgate::blocking::Runtime::from(builder.build());
    let provider = runtime.load(&source("http-client"), &grants).unwrap();
    let input = command(&format!("http-client get {url}"), "");
    let report = provider.session().command(input).unwrap();
    assert_eq!(report.outcome.label(), "returned", "{report:?}");
    let said = support::wasi_command::stdout(&report);
    assert!(said.contains("sealed"), "{said}");
}

#[test]
fn a_stub_is_denied_in_a_process_too() {
    let provider = load("stubs", "grants.stub = ['acme:telemetry/*']");
    let report = provider.session().wave("quiet()").unwrap();
    assert_eq!(report.outcome.returned().as_deref(), Some("7"));
    let report = provider.session().wave("loop()").unwrap();
    assert_eq!(report.outcome.fault().unwrap().label(), "trap");
    assert_eq!(report.denials.len(), 1);
    assert_eq!(report.denials[0].capability, "stub");
}
