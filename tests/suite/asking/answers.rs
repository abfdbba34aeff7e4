//! Yes once, yes for the session, no, and nobody there.

use support::approver::{Reaction, Scripted};
use support::harness::{load, run};
use support::http_client::{all_of, url, with_http};
use support::http_server::{Server, response};
use support::wasi_client;
use tollgate::approve::Answer;

use super::{answer, files, reasons, session};

const READ: &str = "read-file data README.txt";
const DENIED: &str = "Err(Error::AccessDenied(\"not-approved\"))";

/// Without an approver nothing that asks is allowed, for whichever interface, and no request leaves the host.
#[test]
fn where_nobody_can_be_asked_it_is_denied() {
    let report = run("hostile", &files(""), READ);
    assert_eq!(reasons(&report), ["not-approved"]);
    assert!(report.questions.is_empty());
    let server = Server::saying(response("200 OK", "", "hello"));
    let asks = all_of(&server).replace(" }", ", ask = true }");
    let report = run(
        "hostile",
        &with_http(&asks),
        &format!("http-get {}", url(&server, "/")),
    );
    assert_eq!(reasons(&report), ["not-approved"]);
    let client = wasi_client::Client::new();
    let grant = wasi_client::all_of(&server, ", ask = true");
    let here = url(&server, "/");
    assert_eq!(client.denied(&grant, &["get", &here]), "not-approved");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn once_is_one_request() {
    let approver = Scripted::says(Answer::Once);
    let mut session = session(&files(""), &approver);
    for asked in 1..=2 {
        assert!(answer(&mut session, READ).starts_with("Ok("));
        assert_eq!(approver.asked().len(), asked);
    }
}

#[test]
fn a_session_is_asked_for_once_and_each_session_anew() {
    let approver = Scripted::says(Answer::Session);
    for asked in 1..=2 {
        let mut session = session(&files(""), &approver);
        assert!(answer(&mut session, READ).starts_with("Ok("));
        assert!(answer(&mut session, "stat-file data README.txt").starts_with("Ok("));
        assert_eq!(approver.asked().len(), asked);
    }
}

#[test]
fn no_is_remembered_for_the_session() {
    let approver = Scripted::says(Answer::No);
    let mut session = session(&files(""), &approver);
    for _ in 0..2 {
        assert_eq!(answer(&mut session, READ), DENIED);
    }
    assert_eq!(approver.asked().len(), 1);
}

/// Each hop of a redirect is a request of its own.
#[test]
fn a_redirect_is_asked_for_as_well() {
    let server = Server::answering(|head| match head.starts_with("GET /a ") {
        true => response("302 Found", "location: /b\r\n", ""),
        false => response("200 OK", "", "there"),
    });
    let asks = all_of(&server).replace(" }", ", ask = true }");
    let approver = Scripted::says(Answer::Once);
    let mut session = session(&with_http(&asks), &approver);
    let got = answer(&mut session, &format!("http-get {}", url(&server, "/a")));
    assert!(got.contains("there"), "{got}");
    let asked = approver.asked();
    let asked: Vec<_> = asked.iter().map(|it| (&*it.action, &*it.target)).collect();
    let (first, second) = (url(&server, "/a"), url(&server, "/b"));
    assert_eq!(asked, [("GET", &*first), ("GET", &*second)]);
}

/// The question of `wasi:http` is asked beside the guest, which waits for its response.
#[test]
fn wasi_http_asks() {
    let server = wasi_client::hello();
    let client = wasi_client::Client::new();
    let grant = wasi_client::all_of(&server, ", ask = true");
    let here = url(&server, "/");
    for (says, reason) in [(Answer::Once, None), (Answer::No, Some("not-approved"))] {
        let approver = Scripted::says(says);
        let session = client
            .load(&grant)
            .session()
            .with_approver(approver.clone());
        let args = ["http-client", "get", &here].map(str::to_owned).to_vec();
        let input = tollgate::embed::CommandInput {
            args,
            ..Default::default()
        };
        let report = session.command(input).unwrap();
        let denial = report.denials.first().map(|denial| denial.reason.label());
        assert_eq!(denial, reason, "{report:?}");
        assert_eq!(approver.asked().len(), 1);
    }
    assert_eq!(server.requests().len(), 1);
}

/// A guest that ends while its request waits for an answer leaves nobody asked and no request behind.
#[test]
fn a_guest_that_ends_is_not_asked_about() {
    let server = wasi_client::hello();
    let client = wasi_client::Client::new();
    let grant = wasi_client::all_of(&server, ", ask = true");
    let approver = Scripted::new(Reaction::Sleeps);
    let session = client
        .load(&grant)
        .session()
        .with_approver(approver.clone());
    let args = ["http-client", "leave", &url(&server, "/")];
    let args = args.map(str::to_owned).to_vec();
    let input = tollgate::embed::CommandInput {
        args,
        ..Default::default()
    };
    let start = std::time::Instant::now();
    session.command(input).unwrap();
    assert!(start.elapsed() < std::time::Duration::from_secs(20));
    assert_eq!((approver.open(), server.requests().len()), (0, 0));
}

/// Sessions in a process of their own have nobody to ask, with an approver or without.
#[cfg(target_os = "linux")]
#[test]
fn a_session_in_another_process_asks_nobody() {
    use support::harness::{builder, policy, source};
    use tollgate::blocking::Runtime;
    use tollgate::{Compiler, Isolation};
    let program = support::cli::tollgate().to_owned();
    let builder = builder()
        .compiler(Compiler::Worker { program })
        .isolation(Isolation::Process);
    let runtime: Runtime = builder.build().into();
    let policy = policy(&files("").replace("grants.store = true\n", ""));
    let provider = runtime.load(&source("checksums"), &policy);
    let approver = Scripted::says(Answer::Session);
    let mut session = provider.unwrap().session().with_approver(approver.clone());
    let report = session.run(b"").unwrap();
    assert_eq!(reasons(&report), ["not-approved"], "{report:?}");
    assert!(approver.asked().is_empty());
}

/// A provider that does not use the rule is not asked about.
#[test]
fn nothing_is_asked_of_other_requests() {
    let approver = Scripted::says(Answer::No);
    let mut session = session(&files(""), &approver);
    assert!(answer(&mut session, "config-get region").contains("eu"));
    assert!(load("hostile", &files("")).session().run(b"ping").is_ok());
    assert!(approver.asked().is_empty());
}
