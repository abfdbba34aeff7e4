//! Rules that ask: a client of a session is asked by elicitation, and all others are not.

use serde_json::{Value, json};

use support::harness::all_but;
use tollgate_serve::Mcp;

use super::super::catalog;
use super::{Session, call, initialize, returned};

/// The guest `hostile`, whose root asks.
fn policy(more: &str) -> String {
    format!(
        "{}{more}\ngrants.files = [{{ root = 'data', path = 'samples/files', access = 'read', ask = true }}]",
        all_but("files")
    )
}

/// A session of a client with these capabilities.
fn session(capabilities: Value, more: &str) -> Session {
    let policy = policy(more);
    let mut session = Session::with(Mcp::new(catalog(&[("hostile", &policy)])));
    let mut params = initialize();
    params["capabilities"] = capabilities;
    session.ask("initialize", params);
    session.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    session
}

fn attack(text: &str) -> Value {
    call("hostile.run", json!({ "input": text }))
}

const READ: &str = "read-file data README.txt";

/// The text that the guest returned.
fn text(answer: &Value) -> String {
    let bytes = returned(&answer["result"]);
    let bytes = bytes.as_array().unwrap().iter();
    let bytes = bytes.map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
}

impl Session {
    /// Calls the guest and answers the question, which is returned, with the answer to the call.
    fn asked(&mut self, attack_text: &str, answer: Value) -> (Value, Value) {
        let id = self.begin("tools/call", attack(attack_text));
        let question = self.next();
        assert_eq!(question["method"], "elicitation/create", "{question}");
        self.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer }));
        let done = self.next();
        assert_eq!(done["id"], id, "{done}");
        (question, done)
    }
}

fn accept(answer: &str) -> Value {
    json!({ "action": "accept", "content": { "answer": answer } })
}

#[test]
fn a_client_is_asked_and_its_answer_counts() {
    let mut session = session(json!({ "elicitation": {} }), "");
    let (question, done) = session.asked(READ, accept("once"));
    assert!(text(&done).starts_with("Ok("), "{done}");
    let params = &question["params"];
    assert_eq!(
        params["message"],
        "hostile asks: read \"data/README.txt\" (rule: [[grants.files]] root = \"data\", access = \"read\")"
    );
    let field = &params["requestedSchema"]["properties"]["answer"];
    assert_eq!(
        field["enum"],
        json!(["no", "once", "session"]),
        "{question}"
    );
    // Once was once, and a yes for the session holds for all calls of it.
    let (_, done) = session.asked(READ, accept("session"));
    assert!(text(&done).starts_with("Ok("), "{done}");
    for _ in 0..2 {
        let done = session.ask("tools/call", attack(READ));
        assert!(text(&done).starts_with("Ok("), "{done}");
    }
}

#[test]
fn whatever_is_no_yes_is_a_no_and_is_remembered() {
    for answer in [
        accept("no"),
        accept("always"),
        json!({ "action": "decline" }),
        json!({ "action": "cancel", "content": { "answer": "session" } }),
        json!({ "action": "accept" }),
        json!("once"),
    ] {
        let mut session = session(json!({ "elicitation": { "form": {} } }), "");
        let (_, done) = session.asked(READ, answer.clone());
        assert!(text(&done).contains("not-approved"), "{answer}: {done}");
        let done = session.ask("tools/call", attack(READ));
        assert!(text(&done).contains("not-approved"), "{answer}: {done}");
    }
}

/// A client that did not say that it can be asked is not, and gets the denial.
#[test]
fn a_client_without_elicitation_is_not_asked() {
    for capabilities in [json!({}), json!({ "elicitation": { "url": {} } })] {
        let mut session = session(capabilities, "");
        let done = session.ask("tools/call", attack(READ));
        assert!(text(&done).contains("not-approved"), "{done}");
        let denial = &done["result"]["_meta"]["tollgate/denials"][0];
        assert_eq!(denial["reason"], "not-approved", "{done}");
    }
}

/// A request of 2026-07-28 stands alone: a server may not ask its client anything.
#[test]
fn a_request_that_stands_alone_is_not_asked_about() {
    let policy = policy("");
    let mut session = Session::with(Mcp::new(catalog(&[("hostile", &policy)])));
    let mut params = attack(READ);
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {} } },
    });
    let done = session.ask("tools/call", params);
    assert!(text(&done).contains("not-approved"), "{done}");
}

/// A client that does not answer is told that the question is withdrawn, and not asked again.
#[test]
fn a_question_without_an_answer_is_withdrawn() {
    let mut session = session(
        json!({ "elicitation": {} }),
        "limits.question-time = '200ms'",
    );
    session.begin("tools/call", attack(READ));
    let question = session.next();
    let (mut denied, mut cancelled) = (false, false);
    for _ in 0..2 {
        let message = session.next();
        match message["method"].as_str() {
            Some("notifications/cancelled") => {
                assert_eq!(message["params"]["requestId"], question["id"]);
                cancelled = true;
            }
            _ => denied = text(&message).contains("not-approved"),
        }
    }
    assert!(denied && cancelled);
    // It comes too late, and is heard by nobody.
    session.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": accept("session") }));
    let done = session.ask("tools/call", attack(READ));
    assert!(text(&done).contains("not-approved"), "{done}");
}

/// Answers to what was not asked go nowhere.
#[test]
fn answers_without_a_question_are_dropped() {
    let mut session = session(json!({ "elicitation": {} }), "");
    for id in [json!(0), json!(1), json!("x")] {
        let error = json!({ "code": -1, "message": "no" });
        session.send(&json!({ "jsonrpc": "2.0", "id": id, "result": accept("session") }));
        session.send(&json!({ "jsonrpc": "2.0", "id": id, "error": error }));
    }
    session.is_alive();
    let (_, done) = session.asked(READ, accept("no"));
    assert!(text(&done).contains("not-approved"), "{done}");
}

/// The call of a client that cancels it while it is asked ends, and its place is free.
#[test]
fn a_call_that_is_cancelled_withdraws_its_question() {
    let mut session = session(json!({ "elicitation": {} }), "");
    let id = session.begin("tools/call", attack(READ));
    let question = session.next();
    let params = json!({ "requestId": id });
    session
        .send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }));
    loop {
        let message = session.next();
        if message["method"] == "notifications/cancelled" {
            assert_eq!(message["params"]["requestId"], question["id"]);
            break;
        }
    }
    session.is_alive();
}
