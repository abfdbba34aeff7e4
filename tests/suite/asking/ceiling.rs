//! The rule is the ceiling: nobody is asked about a request beyond it.

use support::approver::Scripted;
use support::http_client::{all_of, url, with_http};
use support::http_server::{Server, response};
use tollgate::approve::Answer;

use super::{answer, files, reasons, session};

#[test]
fn a_request_outside_of_the_rule_is_denied_without_a_question() {
    let approver = Scripted::says(Answer::Session);
    let mut session = session(&files(""), &approver);
    for (attack, reason) in [
        ("read-file other README.txt", "unknown-root"),
        ("write-file data 3 new.txt", "read-only"),
        ("path-escape ../secret", "outside-root"),
        ("read-file data a//b", "bad-path"),
        ("http-get https://other.example/", "not-granted"),
    ] {
        let report = session.run(attack.as_bytes()).unwrap();
        assert_eq!(reasons(&report), [reason], "{attack}");
    }
    assert!(approver.asked().is_empty());
    assert!(answer(&mut session, "read-file data README.txt").starts_with("Ok("));
    // A yes for the session is one to the rule, and no more.
    let report = session.run(b"write-file data 3 new.txt").unwrap();
    assert_eq!(reasons(&report), ["read-only"]);
    assert_eq!(approver.asked().len(), 1);
}

#[test]
fn a_request_over_http_outside_of_the_rule_is_denied_without_a_question() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let asks = all_of(&server)
        .replace("/**", "/in/*")
        .replace(" }", ", ask = true }");
    // The same without the network that the address belongs to.
    let nowhere = "{ url = 'http://127.0.0.2/**', ask = true }";
    let approver = Scripted::says(Answer::Session);
    let mut session = session(&with_http(&format!("{asks}, {nowhere}")), &approver);
    let (inside, outside) = (url(&server, "/in/a"), url(&server, "/a"));
    for (attack, reason) in [
        (format!("http-get {outside}"), "not-granted"),
        (format!("http-header {inside} host x"), "bad-header"),
        ("http-get http://127.0.0.2/".to_owned(), "private-address"),
    ] {
        let report = session.run(attack.as_bytes()).unwrap();
        assert_eq!(reasons(&report), [reason], "{attack}");
    }
    assert!(approver.asked().is_empty());
    assert!(answer(&mut session, &format!("http-get {inside}")).starts_with("Ok("));
    assert_eq!((approver.asked().len(), server.requests().len()), (1, 1));
}

/// A rule that allows the request without `ask` allows it.
#[test]
fn a_rule_that_does_not_ask_wins() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let all = all_of(&server);
    let asks = all.replace(" }", ", ask = true }");
    let free = all.replace("/**", "/free");
    let approver = Scripted::says(Answer::No);
    let mut session = session(&with_http(&format!("{asks}, {free}")), &approver);
    let got = answer(&mut session, &format!("http-get {}", url(&server, "/free")));
    assert!(got.starts_with("Ok("), "{got}");
    assert!(approver.asked().is_empty());
    let got = answer(
        &mut session,
        &format!("http-get {}", url(&server, "/other")),
    );
    assert!(got.contains("not-approved"), "{got}");
}
