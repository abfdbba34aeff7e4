//! Credentials of requests of `wasi:http`: the server gets them and the guest does not. A43-secrets once more.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::time::Duration;

use support::http_client::url;
use support::http_server::{Server, response};
use support::wasi_client::{Client, all_of, hello};
use support::wasi_command::stdout;

const CANARY: &str = "canary-1679091c5a880faf6fb5e6087eb1b2dc";

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
    // Text that only begins like the credential passes whole, with its end.
    let server = Server::saying(response("200 OK", "", &format!("so {left}")));
    let answer = client.prints(&all_of(&server, &credential), &["get", &url(&server, "/")]);
    assert!(answer.ends_with(&format!("\n\nso {left}")), "{answer}");
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

/// The bytes that the guest sees before the end of a body do not depend on whether they begin the secret: it sees none.
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
            said.contains("\n0 bytes came\nerror: ErrorCode::ConnectionReadTimeout"),
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
