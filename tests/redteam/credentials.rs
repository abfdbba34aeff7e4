//! A credential reaches only the server of its grant: no guest.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use tempfile::TempDir;

use support::harness::returned;
use support::http_client::{CANARY, Client, all_of, url, with_credential};
use support::http_server::{Server, response};
use support::wasi_client;
use support::wasi_command::stdout;

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

/// The bytes that the host holds back, since they may begin a spelling of the secret, tell the guest whether they do.
#[test]
fn a_guest_learns_no_credential_from_what_is_held_back() {
    let folder = TempDir::new().unwrap();
    let server = echo();
    let grant = with_credential(&server, folder.path());
    let grant = grant.replace(" }", ", methods = [\"POST\"] }");
    let grant = grant.replacen(", methods = [\"POST\"] }", " }", 1);
    let grants = format!("limits.deadline = \"60s\"\ngrants.http = [{grant}]");
    let report = wasi_client::Client::new().run(&grants, &["oracle", &url(&server, "/")]);
    let said = stdout(&report);
    let hex: String = CANARY.bytes().map(|b| format!("{b:02x}")).collect();
    println!("{said}");
    assert!(
        !said.contains(&hex),
        "the guest has the credential: {said} {:?}",
        report.denials
    );
    assert!(
        !said.contains(&hex[..16]),
        "the guest has a part of the credential: {said}"
    );
}

/// A server that gives the credential back in its answer to a request by another grant, which has none.
#[test]
fn a_server_that_gives_a_credential_back_by_another_grant_is_withheld() {
    let folder = TempDir::new().unwrap();
    let last = std::sync::Mutex::new(String::new());
    let server = Server::answering(move |head| {
        let mut last = last.lock().unwrap();
        if head.contains("authorization") {
            *last = head.to_owned();
        }
        response("200 OK", "", &last)
    });
    let with = with_credential(&server, folder.path()).replace("/**\"", "/private/**\"");
    let grants = format!("{with}, {}", all_of(&server));
    let client = Client::new();
    let report = client.run(&grants, &format!("http-get {}", url(&server, "/private/a")));
    assert_eq!(report.denials[0].reason.label(), "secret-in-response");
    let report = client.run(
        &grants,
        &format!("http-get {}", url(&server, "/last-request")),
    );
    assert!(!returned(&report).contains(CANARY), "{}", returned(&report));
}

/// The same by one request of the guest, with a redirect.
#[test]
fn a_server_that_gives_a_credential_back_behind_a_redirect_is_withheld() {
    let folder = TempDir::new().unwrap();
    let last = std::sync::Mutex::new(String::new());
    let server = Server::answering(move |head| {
        let mut last = last.lock().unwrap();
        if head.contains("authorization") {
            *last = head.to_owned();
            return response("302 Found", "location: /last-request\r\n", "");
        }
        response("200 OK", "", &last)
    });
    let with = with_credential(&server, folder.path()).replace("/**\"", "/private/**\"");
    let grants = format!("{with}, {}", all_of(&server));
    let report = Client::new().run(&grants, &format!("http-get {}", url(&server, "/private/a")));
    assert!(!returned(&report).contains(CANARY), "{}", returned(&report));
}

/// The search for the secret in a response is work of the host: the guest pays for it as for its own.
#[test]
fn the_search_for_a_credential_costs_fuel() {
    let folder = TempDir::new().unwrap();
    let body = "a&am&#".repeat((4 << 20) / 6);
    let server = Server::saying(response("200 OK", "", &body));
    let run = |grant: &str| {
        let policy = support::harness::policy(&format!(
            "{}\nlimits.deadline = \"120s\"",
            support::http_client::with_http(grant)
        ));
        let provider = Client::new()
            .runtime
            .load(&support::harness::source("hostile"), &policy)
            .unwrap();
        let report = provider
            .session()
            .run(format!("http-get {}", url(&server, "/")).as_bytes())
            .unwrap();
        let usage = &report.usage;
        println!(
            "{:?} fuel {} host time {:?} elapsed {:?}",
            report.outcome.fault(),
            usage.fuel,
            usage.host_time,
            usage.elapsed
        );
        (usage.fuel, usage.elapsed)
    };
    let (fuel, time) = run(&all_of(&server));
    let (searched_fuel, searched_time) = run(&with_credential(&server, folder.path()));
    let more = searched_time.as_secs_f64() / time.as_secs_f64();
    assert!(
        more < 4.0 || searched_fuel > 2 * fuel,
        "{more:.0} times the work for the same fuel, {searched_fuel}"
    );
}
