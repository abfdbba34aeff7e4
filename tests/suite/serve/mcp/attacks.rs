//! Clients that send what no client should, and too much of it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate::{Catalog, Provider};
use tollgate_serve::{Bounds, Mcp};

use support::clock::CLOCK;
use support::harness::alone;

use super::super::PATIENCE;
use super::super::calls::asleep;
use super::{Session, call, request};

/// The code of the error that answers these bytes, and whether it has an id.
fn refused(session: &mut Session, text: &str) -> (i64, bool) {
    session.write(text);
    session.write("\n");
    let answer = session.next();
    let code = answer["error"]["code"].as_i64();
    (
        code.unwrap_or_else(|| panic!("{answer}")),
        !answer["id"].is_null(),
    )
}

#[test]
fn noise_is_answered_and_ends_nothing() {
    let mut session = Session::of(&[("counter", "")]);
    let ping = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
    let arguments = |text: &str| {
        let params = format!(r#"{{"name":"counter.next","arguments":{text}}}"#);
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#)
    };
    for (text, code) in [
        ("nonsense".to_owned(), -32700),
        ("\u{0}\u{1}\u{2}".to_owned(), -32700),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,".to_owned(), -32700),
        (
            format!("{}\n", ping("1")).repeat(2).replace('\n', " "),
            -32700,
        ),
        ("[".repeat(100_000), -32700),
        (arguments(&"{\"a\":".repeat(60_000)), -32700),
        (
            arguments(&format!("{}1{}", "{\"a\":".repeat(190), "}".repeat(190))),
            0,
        ),
        (format!("[{},{}]", ping("1"), ping("2")), -32600),
        (ping("1e999"), -32700),
        (ping(&"9".repeat(40)), -32600),
        (ping(&"9".repeat(100_000)), -32700),
        (ping(&format!("\"{}\"", "x".repeat(1 << 20))), -32600),
        (ping("null"), -32600),
        (ping("{\"a\":1}"), -32600),
        (
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.to_owned(),
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#.to_owned(),
            -32600,
        ),
        (
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#,
                "m".repeat(100_000)
            ),
            -32600,
        ),
        (arguments("[1]"), -32602),
        (
            arguments(&format!("{{\"a\":{}}}", "9".repeat(300_000))),
            -32700,
        ),
    ] {
        let short: String = text.chars().take(60).collect();
        if code == 0 {
            session.write(format!("{text}\n"));
            let answer = session.next();
            assert_eq!(
                super::failed(&answer["result"]),
                ["error", "arguments"],
                "{short}"
            );
            continue;
        }
        assert_eq!(refused(&mut session, &text), (code, false), "{short}");
        session.is_alive();
    }
    let unknown = session.ask("tools/none", json!({}));
    assert_eq!(unknown["error"]["code"], -32601);
    for method in [
        "resources/list",
        "prompts/get",
        "logging/setLevel",
        "tasks/get",
    ] {
        let answer = session.ask(method, json!({}));
        assert!(answer["error"]["code"].is_i64(), "{answer}");
    }
}

/// Text of a client that comes back to it, or into a log, moves no terminal.
#[test]
fn an_answer_is_escaped() {
    let mut session = Session::of(&[]);
    session.send(&request(1, "x\u{202e}\u{9b}y", json!({})));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut session.lines, &mut line).unwrap();
    assert!(line.contains("\\u202e\\u009by"), "{line}");
    assert!(!line.contains('\u{202e}'), "{line}");
}

#[test]
fn a_line_without_an_end_comes_to_one() {
    let bounds = Bounds {
        body: 100_000,
        ..Bounds::default()
    };
    let mut session = Session::bounded(&[("echo", "")], bounds);
    let piece = "x".repeat(1 << 20);
    for _ in 0..10 {
        session.write(&piece);
    }
    assert_eq!(refused(&mut session, ""), (-32600, false));
    session.is_alive();
    let whole = session.call("echo.run", json!({ "input": "x".repeat(20_000) }));
    assert_ne!(
        whole["result"]["isError"], true,
        "{}",
        whole["result"]["content"]
    );
}

#[test]
fn half_a_message_ends_with_its_stream() {
    let mut session = Session::of(&[]);
    session.write("{\"jsonrpc\":\"2.0\",\"id\":1,\"me");
    session.close().unwrap();
    let answer = session.next();
    assert_eq!(answer["error"]["code"], -32700, "{answer}");
    // A whole one needs no end of its line.
    let mut session = Session::of(&[]);
    session.write(request(9, "ping", json!({})).to_string());
    session.close().unwrap();
    assert_eq!(session.next()["id"], 9);
}

#[test]
fn requests_at_once_are_bounded() {
    let _alone = alone();
    let bounds = Bounds {
        requests: 2,
        ..Bounds::default()
    };
    let policy = format!("{CLOCK}\nlimits.deadline = \"60s\"");
    let mut session = Session::bounded(&[("sleeper", &policy)], bounds);
    let long = || call("sleeper.once", json!({ "ms": 60_000 }));
    let under_way = [(); 2].map(|()| session.begin("tools/call", long()));
    asleep(2);
    let third = session.ask("ping", json!({}));
    assert_eq!(third["error"]["data"]["kind"], "busy", "{third}");
    // One that is under way already.
    session.send(&request(under_way[0], "ping", json!({})));
    let twice = session.next();
    assert_eq!(twice["error"]["code"], -32600, "{twice}");
    assert!(twice["id"].is_null(), "{twice}");
    for id in under_way {
        session.send(&json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id },
        }));
    }
    asleep(0);
    session.is_alive();
}

#[test]
fn arguments_of_all_requests_share_a_bound() {
    let _alone = alone();
    let bounds = Bounds {
        bodies: 1_000,
        ..Bounds::default()
    };
    let policy = format!("{CLOCK}\nlimits.deadline = \"60s\"");
    let mut session = Session::bounded(&[("sleeper", &policy), ("echo", "")], bounds);
    let long = format!("{{\"ms\":60000{}}}", " ".repeat(600));
    let params = format!("{{\"name\":\"sleeper.once\",\"arguments\":{long}}}");
    session.write(format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":100,\"method\":\"tools/call\",\"params\":{params}}}\n"
    ));
    asleep(1);
    let second = session.call("echo.run", json!({ "input": "x".repeat(995) }));
    assert_eq!(second["error"]["data"]["kind"], "busy", "{second}");
}

/// A client that sends requests and takes no answer: the server stops to read.
#[test]
fn a_client_that_takes_no_answers_is_not_heard() {
    let mut session = Session::of(&[("counter", "")]);
    session
        .stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let text = format!("{}\n", request(1, "tools/list", json!({}))).repeat(1_000);
    let start = Instant::now();
    let mut sent = 0;
    while session.stream.write_all(text.as_bytes()).is_ok() {
        assert!(start.elapsed() < PATIENCE, "{sent} bytes were taken");
        sent += text.len();
    }
    // It ends all the same.
    session.stop.take().unwrap().send(()).unwrap();
    let thread = session.thread.take().unwrap();
    support::harness::in_time(move || thread.join().unwrap()).unwrap();
}

struct Panics;

impl Catalog for Panics {
    fn get(&self, _: &str) -> Option<Provider> {
        None
    }

    fn list(&self) -> Vec<(Arc<str>, Provider)> {
        panic!("listing, with a canary: hunter2")
    }
}

#[test]
fn a_panic_ends_its_request_and_nothing_else() {
    let mut session = Session::with(Mcp::new(Panics)).opened();
    for (method, params) in [
        ("tools/list", json!({})),
        ("tools/call", call("x.y", json!({}))),
    ] {
        let answer = session.ask(method, params);
        assert_eq!(answer["error"]["code"], -32603, "{answer}");
        assert!(!answer.to_string().contains("hunter2"), "{answer}");
    }
    session.is_alive();
}

/// Notifications and answers that nobody waits for.
#[test]
fn messages_without_a_meaning_are_passed_over() {
    let mut session = Session::of(&[]);
    for message in [
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 55 } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {} }),
        json!({ "jsonrpc": "2.0", "method": "notifications/none" }),
        json!({ "jsonrpc": "2.0", "id": 3, "result": {} }),
        json!({ "jsonrpc": "2.0", "id": 3, "error": { "code": 1, "message": "x" } }),
    ] {
        session.send(&message);
    }
    session.write("\n\r\n   \n");
    session.is_alive();
    let mut early = Session::with(Mcp::new(super::catalog(&[])));
    let cancelled: Value = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    early.send(&cancelled);
    early.send(&json!({ "jsonrpc": "2.0", "id": 3, "result": {} }));
    early.opened().is_alive();
}
