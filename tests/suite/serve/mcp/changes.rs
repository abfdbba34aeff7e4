//! Clients over HTTP that wait to be told that the tools have changed.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;
use tollgate_serve::{Bounds, Server, Tokens};

use support::harness::guest_file;
use support::processes::until;

use super::super::callers::{OTHER, TOKENS};
use super::super::process::Program;
use super::super::{Served, catalog, reply};
use super::http::{alone_of, ask, newer, post};
use super::{initialize, request};

/// The request of a client of 2025-11-25.
fn get(headers: &str) -> String {
    format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{headers}\r\n")
}

/// The request of a client of 2026-07-28.
fn listen() -> (String, Value) {
    let params = json!({ "notifications": { "toolsListChanged": true } });
    let message = request(7, "subscriptions/listen", alone_of(params));
    (newer("subscriptions/listen", ""), message)
}

/// A stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    /// Once its head is there.
    fn of(stream: TcpStream) -> Events {
        let mut events = Events(BufReader::new(stream));
        let head: Vec<String> = std::iter::repeat_with(|| events.line().unwrap())
            .take_while(|line| !line.is_empty())
            .collect();
        assert_eq!(head.first().unwrap(), "HTTP/1.1 200 OK", "{head:?}");
        assert!(
            head.contains(&"content-type: text/event-stream".to_owned()),
            "{head:?}"
        );
        events
    }

    /// The next line; none once the server has ended the stream.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).unwrap();
        (read > 0).then(|| line.trim_end().to_owned())
    }

    fn next(&mut self) -> Value {
        // Comments come as long as there is no event, each 15 s.
        let event = std::iter::repeat_with(|| self.line().unwrap())
            .take(5)
            .find_map(|line| line.strip_prefix("data:").map(ToOwned::to_owned));
        serde_json::from_str(&event.unwrap()).unwrap()
    }

    fn is_told(&mut self) -> Value {
        let told = self.next();
        assert_eq!(told["method"], "notifications/tools/list_changed", "{told}");
        told
    }
}

fn served(bounds: Bounds) -> (watch::Sender<()>, Served) {
    let (changed, changes) = watch::channel(());
    let server = Server::new(catalog(&[("counter", "")])).bounds(bounds);
    (changed, Served::with(server.changes(changes)))
}

#[test]
fn clients_of_both_revisions_are_told() {
    let (changed, served) = served(Bounds::default());
    let opened = ask(&served, "", &request(1, "initialize", initialize()));
    let tools = &opened.json()["result"]["capabilities"]["tools"];
    assert_eq!(tools["listChanged"], true, "{opened:?}");
    let mut older = Events::of(served.sent(get("")));
    let (headers, message) = listen();
    let mut newer = Events::of(served.sent(post(&headers, &message.to_string())));
    let begun = newer.next();
    assert_eq!(begun["method"], "notifications/subscriptions/acknowledged");
    for _ in 0..2 {
        changed.send_replace(());
        assert_eq!(older.is_told().get("params"), None);
        let told = newer.is_told();
        let of = &told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        assert_eq!(*of, 7, "{told}");
    }
    // Of a client that comes later it is not known which tools it knows.
    Events::of(served.sent(get(""))).is_told();
}

#[test]
fn a_get_of_no_stream_is_told_so() {
    let (_changed, served) = served(Bounds::default());
    let plain = get("").replace("text/event-stream", "text/html");
    assert_eq!(served.answer(plain).kind(406), "accept");
    let delete = served.answer(get("").replace("GET", "DELETE"));
    assert!(delete.head.contains("allow: get, post"), "{delete:?}");
    assert_eq!(delete.kind(405), "method");
    // A page of another site would hold a place.
    for origin in [
        "https://example.com",
        "null",
        "http://localhost.example.com",
    ] {
        let page = served.answer(get(&format!("Origin: {origin}\r\n")));
        assert_eq!(page.kind(403), "origin", "{origin}");
    }
    Events::of(served.sent(get("Origin: http://localhost:3000\r\n")));
}

#[test]
fn places_of_listeners_are_bounded() {
    let (changed, served) = served(Bounds {
        listeners: 2,
        ..Bounds::default()
    });
    let first = Events::of(served.sent(get("")));
    let mut second = Events::of(served.sent(get("")));
    let third = || served.sent(get(""));
    assert_eq!(reply(&mut third()).unwrap().kind(503), "busy");
    let (headers, message) = listen();
    let mut newer = Events::of(served.sent(post(&headers, &message.to_string())));
    newer.next();
    assert_eq!(newer.next()["error"]["code"], -32000);
    // One that has gone leaves its place.
    drop(first);
    until("a place is free", || {
        let mut stream = third();
        let mut status = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut status).unwrap();
        status == *b"HTTP/1.1 200"
    });
    changed.send_replace(());
    second.is_told();
}

/// One caller takes no others' places, and none of its own turns, and does not wait for a place: it would hold its connection.
#[test]
fn a_caller_has_a_quarter_of_the_places() {
    let (_changed, changes) = watch::channel(());
    let tokens = Tokens::parse(&format!("{TOKENS} calls=4\n{OTHER}")).unwrap();
    let server = Server::new(catalog(&[("counter", "")])).tokens(tokens);
    let server = server.changes(changes).bounds(Bounds {
        listeners: 8,
        turns: 1,
        ..Bounds::default()
    });
    let served = Served::with(server);
    let token = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let of = |name: &str| get(&token(name));
    let first = Events::of(served.sent(of("test")));
    let _second = Events::of(served.sent(of("test")));
    let start = Instant::now();
    assert_eq!(served.answer(of("test")).kind(503), "busy");
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "of 10 s for a turn"
    );
    let _others = [(), ()].map(|()| Events::of(served.sent(of("other"))));
    assert_eq!(served.answer(of("other")).kind(503), "busy");
    let list = request(1, "tools/list", json!({})).to_string();
    let called = served.answer(post(&token("test"), &list));
    assert_eq!(called.status, 200, "{called:?}");
    drop(first);
    until("a place is free", || {
        // Refused ones do not count.
        let mut stream = served.sent(of("test"));
        let mut status = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut status).unwrap();
        status == *b"HTTP/1.1 200"
    });
    assert_eq!(served.answer(of("test")).kind(429), "quota");
    assert_eq!(served.answer(get("")).kind(401), "unauthorized");
}

/// Each holds a connection, which others wait for.
#[test]
fn listeners_leave_connections_to_others() {
    let (_changed, served) = served(Bounds {
        connections: 8,
        ..Bounds::default()
    });
    let _held = [(), ()].map(|()| Events::of(served.sent(get(""))));
    assert_eq!(served.answer(get("")).kind(503), "busy");
}

#[test]
fn a_listener_does_not_hold_up_the_end() {
    let (_changed, served) = served(Bounds::default());
    let mut older = Events::of(served.sent(get("")));
    let (headers, message) = listen();
    let mut newer = Events::of(served.sent(post(&headers, &message.to_string())));
    newer.next();
    let start = Instant::now();
    assert_eq!(served.end().cut, 0);
    // They may have 20 s.
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(older.line().as_deref(), Some("0"), "the end of its chunks");
    assert_eq!(newer.next()["id"], 7);
}

#[test]
fn clients_of_the_program_are_told_what_the_folder_does() {
    let (folder, program) = Program::of(&[("counter", "")], &[]);
    let mut events = Events::of(program.sent(&get("")));
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("echo.toml"), "").unwrap();
    std::fs::copy(guest_file("echo"), path("new")).unwrap();
    std::fs::rename(path("new"), path("echo.wasm")).unwrap();
    events.is_told();
    let list = request(1, "tools/list", json!({})).to_string();
    let list = reply(&mut program.sent(&post("", &list))).unwrap().body;
    assert!(list.contains("echo.run"), "{list}");
    assert_eq!(program.end().code(), Some(0));
}
