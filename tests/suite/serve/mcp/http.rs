//! `/mcp` of a server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_serve::{Bounds, Server, Tokens};

use support::clock::CLOCK;
use support::harness::alone;
use support::processes::until;

use super::super::calls::asleep;
use super::super::{Reply, Served, catalog, reply};
use super::{call, failed, initialize, request, returned};

const ACCEPT: &str = "Accept: application/json, text/event-stream\r\n";
const OLDER: &str = "MCP-Protocol-Version: 2025-11-25\r\n";

pub(super) fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{ACCEPT}{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(super) fn ask(served: &Served, headers: &str, message: &Value) -> Reply {
    served.answer(post(headers, &message.to_string()))
}

fn result(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["result"].clone()
}

/// A list takes work, too, and a body takes room and time.
#[test]
fn each_request_of_a_caller_counts() {
    let text = format!("{} calls=2", super::super::callers::TOKENS);
    let tokens = Tokens::parse(&text).unwrap();
    let served = Served::with(Server::new(catalog(&[("counter", "")])).tokens(tokens));
    let token = "Authorization: Bearer test\r\n";
    let list = request(1, "tools/list", json!({}));
    for _ in 0..2 {
        let told = ask(&served, &format!("{OLDER}{token}"), &list);
        assert!(!result(&told)["tools"].as_array().unwrap().is_empty());
    }
    // The body does not even come.
    let told = served.answer(format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{ACCEPT}{token}Content-Length: 9\r\n\r\n"
    ));
    assert_eq!(told.kind(429), "quota");
}

#[test]
fn the_older_revision_is_spoken_without_a_session() {
    let served = Served::of(&[("counter", "")]);
    let opened = ask(&served, "", &request(1, "initialize", initialize()));
    assert_eq!(result(&opened)["protocolVersion"], "2025-11-25");
    assert!(!opened.head.contains("mcp-session-id"), "{opened:?}");
    assert!(
        opened.head.contains("cache-control: no-store"),
        "{opened:?}"
    );
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let told = served.sent(post(OLDER, &told.to_string()));
    let mut first = String::new();
    BufReader::new(told).read_line(&mut first).unwrap();
    assert_eq!(first, "HTTP/1.1 202 Accepted\r\n");
    let list = result(&ask(&served, OLDER, &request(2, "tools/list", json!({}))));
    assert!(list["tools"].as_array().unwrap().len() > 3, "{list}");
    let params = call("counter.grow", json!({ "pages": 3 }));
    let grown = ask(&served, OLDER, &request(3, "tools/call", params));
    assert_eq!(returned(&result(&grown)), 5);
    let params = call("counter.trap", json!({}));
    let trapped = ask(&served, OLDER, &request(4, "tools/call", params));
    assert_eq!(failed(&result(&trapped)), ["faulted", "trap"]);
    let unknown = ask(&served, OLDER, &request(5, "none", json!({})));
    assert_eq!(unknown.json()["error"]["code"], -32601);
    for method in ["GET", "DELETE"] {
        let other = format!("{method} /mcp HTTP/1.1\r\nHost: localhost\r\n{ACCEPT}\r\n");
        assert_eq!(served.answer(other).kind(405), "method");
    }
}

pub(super) fn alone_of(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

pub(super) fn newer(method: &str, name: &str) -> String {
    let name = match name {
        "" => String::new(),
        name => format!("Mcp-Name: {name}\r\n"),
    };
    format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}")
}

#[test]
fn the_newer_revision_is_spoken_beside_it() {
    let served = Served::of(&[("counter", "")]);
    let ask = |headers: &str, method: &str, params: Value| {
        ask(&served, headers, &request(1, method, alone_of(params)))
    };
    let found = ask(&newer("server/discover", ""), "server/discover", json!({}));
    let versions = result(&found)["supportedVersions"].clone();
    assert!(versions.as_array().unwrap().contains(&json!("2026-07-28")));
    let list = result(&ask(&newer("tools/list", ""), "tools/list", json!({})));
    assert_eq!(list["resultType"], "complete", "{list}");
    assert!(list["ttlMs"].is_u64(), "{list}");
    let grow = || call("counter.grow", json!({ "pages": 1 }));
    let grown = ask(&newer("tools/call", "counter.grow"), "tools/call", grow());
    assert_eq!(returned(&result(&grown)), 3);
    // A proxy that goes by the headers must not be told another thing than the server.
    for headers in [
        newer("tools/call", "counter.next"),
        newer("tools/list", ""),
        OLDER.to_owned(),
    ] {
        let other = ask(&headers, "tools/call", grow());
        assert_eq!(other.status, 400, "{other:?}");
        assert_eq!(other.json()["error"]["code"], -32020, "{other:?}");
    }
    let listen = json!({ "notifications": { "toolsListChanged": true } });
    let listen = ask(
        &newer("subscriptions/listen", ""),
        "subscriptions/listen",
        listen,
    );
    assert_eq!(listen.json()["error"]["code"], -32601, "{listen:?}");
}

/// The same callers as everywhere, and no page of another site.
#[test]
fn callers_are_let_in_as_everywhere() {
    let served = Served::of(&[]);
    let ping = request(1, "ping", json!({})).to_string();
    let whole = post(OLDER, &ping);
    assert_eq!(served.answer(&whole).status, 200);
    let elsewhere = whole.replace("Host: localhost", "Host: example.com");
    assert_eq!(served.answer(elsewhere).kind(421), "host");
    let plain = whole.replace("Content-Type: application/json", "Content-Type: text/plain");
    assert_eq!(served.answer(plain).kind(415), "content-type");
    for (origin, status) in [
        ("http://localhost:3000", 200),
        ("http://127.0.0.1", 200),
        ("https://example.com", 403),
        ("http://localhost.example.com", 403),
        ("null", 403),
    ] {
        let reply = served.answer(post(&format!("{OLDER}Origin: {origin}\r\n"), &ping));
        assert_eq!(reply.status, status, "{origin}: {reply:?}");
    }
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let tokens = Tokens::parse(&format!("ci sha256:{hash}")).unwrap();
    let served = Served::with(Server::new(catalog(&[])).tokens(tokens));
    assert_eq!(served.answer(&whole).kind(401), "unauthorized");
    let known = post(&format!("{OLDER}Authorization: Bearer test\r\n"), &ping);
    assert_eq!(served.answer(known).status, 200);
}

#[test]
fn a_caller_has_its_quota_here_too() {
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let tokens = Tokens::parse(&format!("ci sha256:{hash} fuel=1_000")).unwrap();
    // The whole quota for one call, which uses a part of it.
    let providers = catalog(&[("counter", "limits.fuel = 1_000")]);
    let served = Served::with(Server::new(providers).tokens(tokens));
    let headers = format!("{OLDER}Authorization: Bearer test\r\n");
    let next = request(1, "tools/call", call("counter.next", json!({})));
    assert_eq!(returned(&result(&ask(&served, &headers, &next))), 1);
    let second = ask(&served, &headers, &next);
    assert_eq!(failed(&result(&second)), ["error", "quota"]);
}

#[test]
fn a_request_that_is_closed_drops_its_call() {
    let _alone = alone();
    let policy = format!("{CLOCK}\nlimits.deadline = \"60s\"");
    let served = Served::of(&[("sleeper", &policy)]);
    let params = || call("sleeper.once", json!({ "ms": 60_000 }));
    let older = request(1, "tools/call", params()).to_string();
    let newer = (
        newer("tools/call", "sleeper.once"),
        request(1, "tools/call", alone_of(params())).to_string(),
    );
    let mut told = params();
    told["_meta"] = json!({ "progressToken": 1 });
    let told = request(1, "tools/call", told).to_string();
    for (headers, body) in [(OLDER.to_owned(), older), newer, (OLDER.to_owned(), told)] {
        let stream = served.sent(post(&headers, &body));
        asleep(1);
        // The third has begun its answer by then.
        std::thread::sleep(Duration::from_millis(1_200));
        drop(stream);
        asleep(0);
    }
}

#[test]
fn progress_comes_as_events() {
    let _alone = alone();
    let policy = format!("{CLOCK}\nlimits.deadline = \"60s\"");
    let served = Served::of(&[("sleeper", &policy)]);
    let mut params = call("sleeper.once", json!({ "ms": 1_500 }));
    params["_meta"] = json!({ "progressToken": "a\u{202e}b" });
    let stream = served.sent(post(OLDER, &request(1, "tools/call", params).to_string()));
    let mut events = Vec::new();
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        assert!(!line.contains('\u{202e}'), "{line}");
        if let Some(event) = line.strip_prefix("data:") {
            events.push(serde_json::from_str::<Value>(event).unwrap());
        }
        if events.last().is_some_and(|event| event["id"] == 1) {
            break;
        }
    }
    assert_eq!(events[0]["method"], "notifications/progress");
    assert_eq!(events[0]["params"]["progressToken"], "a\u{202e}b");
    assert_eq!(events.len(), 2, "{events:?}");
}

#[test]
fn a_body_has_the_bounds_of_all_bodies() {
    let bounds = Bounds {
        body: 10_000,
        body_time: Duration::from_secs(1),
        bodies: 15_000,
        ..Bounds::default()
    };
    let served = Served::bounded(&[("echo", "")], bounds);
    let ping = request(1, "ping", json!({})).to_string();
    let long = format!("{ping}{}", " ".repeat(20_000));
    assert_eq!(served.answer(post(OLDER, &long)).kind(413), "body-size");
    let whole = post(OLDER, &ping);
    let (half, _) = whole.split_at(whole.len() - 5);
    assert_eq!(served.answer(half).kind(408), "slow-body");
    let near = format!("{ping}{}", " ".repeat(9_000));
    let whole = post(OLDER, &near);
    let (half, rest) = whole.split_at(whole.len() - 5);
    until("two bodies at once", || {
        let mut first = served.sent(half);
        let second = served.answer(&whole);
        if second.status == 200 {
            // It came first, and the other one may have been refused.
            return false;
        }
        assert_eq!(second.kind(503), "busy");
        first.write_all(rest.as_bytes()).unwrap();
        assert_eq!(reply(&mut first).unwrap().status, 200);
        true
    });
}

#[test]
fn a_body_that_is_no_message_is_told_so() {
    let served = Served::of(&[("counter", "")]);
    let deep = "[".repeat(100_000);
    let id = format!(
        r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#,
        "x".repeat(1_000)
    );
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        (&deep, -32700),
        ("[]", -32600),
        (&id, -32600),
    ] {
        let reply = served.answer(post(OLDER, body));
        assert_eq!(reply.status, 400, "{reply:?}");
        assert_eq!(reply.json()["error"]["code"], code, "{reply:?}");
    }
    // A page of the protocol's crate is one of ours.
    let unknown = ask(
        &served,
        "MCP-Protocol-Version: 1999-01-01\r\n",
        &request(1, "ping", json!({})),
    );
    assert_eq!(unknown.kind(400), "mcp");
}
