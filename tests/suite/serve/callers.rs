//! The callers that are let in, and the pages of a browser that are not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tollgate_serve::{AuditLog, Metrics, ServeError, Server, Tokens};

use support::clock::{CLOCK, clock};
use support::harness::{alone, builder, policy, source, wait};
use support::http2::{self, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Wire};

use super::calls::asleep;
use super::proxy::whole;
use super::{PATIENCE, Served, catalog, is_ended, post, reply};

/// Of the word `test`.
pub(crate) const TOKENS: &str =
    "ci sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// Of the word `other`.
pub(crate) const OTHER: &str =
    "other sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";

fn get(served: &Served, headers: &str) -> super::Reply {
    served.answer(format!("GET /v1/providers HTTP/1.1\r\n{headers}\r\n"))
}

/// A name of another site that was made to point to this machine: DNS rebinding.
#[test]
fn a_request_for_another_host_is_refused() {
    let served = Served::of(&[]);
    for host in [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1:8080",
        "127.9.9.9",
        "[::1]:8080",
    ] {
        assert_eq!(
            get(&served, &format!("Host: {host}\r\n")).status,
            200,
            "{host}"
        );
    }
    for headers in [
        "",
        "Host: evil.example\r\n",
        "Host: localhost.evil.example\r\n",
        "Host: 127.0.0.1.evil.example\r\n",
        "Host: 10.0.0.1\r\n",
        "Host: 0.0.0.0\r\n",
        "Host: [::]\r\n",
        "Host: evil@localhost.example\r\n",
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host: \r\n",
    ] {
        assert_eq!(get(&served, headers).kind(421), "host", "{headers}");
    }
    let absolute = "GET http://evil.example/v1/providers HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(served.answer(absolute).kind(421), "host");
}

/// A page of another site sends such a request without asking.
#[test]
fn a_body_that_is_not_json_by_its_type_is_refused() {
    let served = Served::of(&[("counter", "")]);
    let of = |kind: &str| {
        served.answer(format!(
            "POST /v1/providers/counter/next HTTP/1.1\r\nHost: localhost\r\n{kind}Content-Length: 2\r\n\r\n{{}}"
        ))
    };
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
    ] {
        let kind = format!("Content-Type: {kind}\r\n");
        assert_eq!(of(&kind).kind(415), "content-type", "{kind}");
    }
    assert_eq!(of("").kind(415), "content-type");
    let encoded = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    assert_eq!(of(encoded).kind(415), "content-type");
    assert_eq!(
        of("Content-Type: Application/JSON; charset=utf-8\r\n").status,
        200
    );
}

#[test]
fn with_tokens_a_caller_needs_one() {
    let tokens = Tokens::parse(TOKENS).unwrap();
    let served = Served::with(Server::new(catalog(&[])).tokens(tokens));
    let of = |authorization: &str| get(&served, &format!("Host: example.com\r\n{authorization}"));
    for authorization in [
        "",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer tesu\r\n",
        "Authorization: Basic test\r\n",
        "Authorization: test\r\n",
        "Authorization: Bearer test\r\nAuthorization: Bearer test\r\n",
    ] {
        let reply = of(authorization);
        assert_eq!(reply.kind(401), "unauthorized", "{authorization}");
        assert!(reply.head.contains("www-authenticate: bearer"));
    }
    assert_eq!(of("Authorization: bearer test\r\n").status, 200);
    // A probe has none.
    assert_eq!(served.get("/healthz").status, 200);
    assert_eq!(served.get("/openapi.json").status, 401);
}

#[test]
fn an_open_address_needs_tokens() {
    wait(async {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let served = Server::new(catalog(&[]))
            .run(listener, std::future::ready(()))
            .await;
        assert!(matches!(served, Err(ServeError::Open { .. })));
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let server = Server::new(catalog(&[])).tokens(Tokens::parse(TOKENS).unwrap());
        assert!(server.run(listener, std::future::ready(())).await.is_ok());
    });
}

#[test]
fn a_caller_has_a_quota() {
    // A call of `next` uses less than a thousand, and is paid for with all that the policy gives it.
    let tokens = Tokens::parse(&format!("{TOKENS} calls=3 fuel=2_500 at-once=5")).unwrap();
    let log = Log::default();
    let audit = AuditLog::new(log.clone());
    let server = Server::new(catalog(&[("counter", "limits.fuel = 1_000")]))
        .tokens(tokens)
        .audit(audit.clone());
    let served = Served::with(server);
    let call = || served.answer(post("counter/next", "Authorization: Bearer test\r\n", "{}"));
    for _ in 0..3 {
        assert_eq!(call().status, 200);
    }
    let told = call();
    assert_eq!(told.kind(429), "quota");
    assert!(told.head.contains("retry-after: 20\r\n"), "{told:?}");
    assert!(told.body.contains("3 calls in a minute"), "{told:?}");
    drop(served);
    assert!(audit.flush(PATIENCE));
    let last = log.last("request");
    assert_eq!(last["caller"], "ci");
    assert_eq!(last["path"], "/v1/providers/counter/next");
    assert_eq!(last["status"], 429);
}

#[test]
fn a_policy_with_more_fuel_than_the_quota_is_refused() {
    let tokens = Tokens::parse(&format!("{TOKENS} fuel=999")).unwrap();
    let server = Server::new(catalog(&[("counter", "limits.fuel = 1_000")])).tokens(tokens);
    let served = Served::with(server);
    // The body does not even come.
    let head = "POST /v1/providers/counter/next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let told = served.answer(format!(
        "{head}Authorization: Bearer test\r\nContent-Length: 2\r\n\r\n"
    ));
    assert_eq!(told.kind(403), "quota");
    assert!(told.body.contains("1000 fuel"), "{told:?}");
}

/// Through no door does it find the others, or their names.
#[test]
fn a_caller_of_some_providers_knows_no_other() {
    let tokens = format!("{TOKENS} providers=counter,none calls=100\n{OTHER}");
    let metrics = Metrics::new();
    let web = "grants.wasi = { clocks = 'real' }";
    let server = Server::new(catalog(&[("counter", ""), ("echo", ""), ("web", web)]))
        .tokens(Tokens::parse(&tokens).unwrap())
        .metrics(metrics);
    let served = Served::with(server);
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
    let tool = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo.run","arguments":{"input":"a"}}}"#;
    let of = |token: &str| {
        let token = format!("Authorization: Bearer {token}\r\n");
        let get = |path: &str| {
            served.answer(format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\n{token}\r\n"
            ))
        };
        let mcp = |message: &str| {
            served.answer(format!(
                "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{token}\
                 Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{message}",
                message.len()
            ))
        };
        let told = [
            get("/v1/providers"),
            get("/openapi.json"),
            mcp(list),
            get("/"),
            get("/metrics"),
        ];
        let called = [
            post("echo/run", &token, "{\"input\":\"a\"}"),
            format!("GET /http/web/hello HTTP/1.1\r\nHost: localhost\r\n{token}\r\n"),
        ];
        let called = called.map(|call| {
            let call = call.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            whole(&mut served.sent(call))
        });
        assert_eq!(
            served.answer(post("counter/next", &token, "{}")).status,
            200
        );
        (told, called, mcp(tool))
    };
    // Documents that were made for one are not for the other.
    for _ in 0..2 {
        let (told, called, tool) = of("other");
        assert!(told.iter().all(|it| it.status == 200), "{told:?}");
        assert!(
            told[..4].iter().all(|it| it.body.contains("echo")),
            "{told:?}"
        );
        assert_eq!(called.map(|it| it.status), [200, 200]);
        assert!(tool.body.contains("\"isError\":false"), "{tool:?}");
        let (told, called, tool) = of("test");
        let [list, openapi, tools, page, metrics] = told;
        for known in [list, openapi, tools] {
            assert_eq!(known.status, 200, "{known:?}");
            assert!(known.body.contains("counter"), "{known:?}");
            assert!(!known.body.contains("echo"), "{known:?}");
            assert!(!known.body.contains("web"), "{known:?}");
        }
        for hidden in [page, metrics] {
            assert_eq!(hidden.kind(403), "forbidden");
        }
        for unknown in called {
            assert_eq!(unknown.kind(404), "no-provider");
        }
        assert!(tool.body.contains("\"error\":"), "{tool:?}");
        assert!(!tool.body.contains("isError"), "{tool:?}");
    }
}

/// The policies of all callers do not apply to it. A caller whose policies are not there has no providers.
#[test]
fn a_caller_runs_providers_under_policies_of_its_own() {
    let third = "third sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let tokens = format!("{TOKENS} policies=small\n{OTHER}\n{third} policies=small");
    let tokens = Tokens::parse(&tokens).unwrap();
    assert_eq!(tokens.policies(), BTreeSet::from(["small"]));
    let few = "limits.output = \"1KiB\"";
    let served = |own: bool| {
        let server = Server::new(catalog(&[("counter", ""), ("echo", "")])).tokens(tokens.clone());
        Served::with(match own {
            true => server.policies("small", catalog(&[("echo", few)])),
            false => server.policies("large", catalog(&[("echo", "")])),
        })
    };
    let mcp = |served: &Served, token: &str| {
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
        served.answer(format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{token}\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{list}",
            list.len()
        ))
    };
    let get = |served: &Served, path: &str, token: &str| {
        served.answer(format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\n{token}\r\n"
        ))
    };
    let [its, of_other] =
        ["test", "other"].map(|token| format!("Authorization: Bearer {token}\r\n"));
    let both = served(true);
    let [short, long] =
        ["a", &*"b".repeat(2_000)].map(|input| format!("{{\"input\":\"{input}\"}}"));
    // Documents that were made for one are not for the other.
    for _ in 0..2 {
        let echo = |token: &str, input: &str| both.answer(post("echo/run", token, input));
        assert_eq!(echo(&of_other, &long).status, 200);
        assert_eq!(echo(&its, &short).status, 200);
        assert_eq!(echo(&its, &long).kind(502), "output");
        let unknown = both.answer(post("counter/next", &its, "{}"));
        assert_eq!(unknown.kind(404), "no-provider");
        for told in [
            get(&both, "/v1/providers", &its),
            get(&both, "/openapi.json", &its),
            mcp(&both, &its),
        ] {
            assert!(
                told.body.contains("echo") && !told.body.contains("counter"),
                "{told:?}"
            );
        }
        assert!(
            get(&both, "/v1/providers", &of_other)
                .body
                .contains("counter")
        );
        for hidden in ["/", "/metrics"] {
            assert_eq!(get(&both, hidden, &its).kind(403), "forbidden");
        }
    }
    // Not those of all, which allow more.
    let without = served(false);
    let unknown = without.answer(post("echo/run", &its, &short));
    assert_eq!(unknown.kind(404), "no-provider");
    assert_eq!(
        get(&without, "/v1/providers", &its).body,
        "{\"providers\":[]}"
    );
    assert!(!mcp(&without, &its).body.contains("echo"));
    assert_eq!(
        without.answer(post("counter/next", &of_other, "{}")).status,
        200
    );
}

/// A client could act through a guest, go away, and be named nowhere.
#[test]
fn a_client_that_goes_away_is_in_the_audit_log() {
    let _alone = alone();
    let log = Log::default();
    let audit = AuditLog::new(log.clone());
    let runtime = builder()
        .observer(audit.clone())
        .interface("acme:clock/sleep@0.1.0", clock)
        .unwrap()
        .build();
    let policy = policy(&format!("{CLOCK}\nlimits.deadline = \"60s\""));
    let sleeper = wait(runtime.load(&source("sleeper"), &policy)).unwrap();
    let server = Server::new(BTreeMap::from([("sleeper".to_owned(), sleeper)]))
        .tokens(Tokens::parse(TOKENS).unwrap())
        .audit(audit.clone());
    let served = Served::with(server);
    let stream = served.sent(post(
        "sleeper/once",
        "Authorization: Bearer test\r\n",
        "{\"args\":[60000]}",
    ));
    asleep(1);
    drop(stream);
    asleep(0);
    drop(served);
    assert!(audit.flush(PATIENCE));
    for event in ["call", "request"] {
        let line = log.last(event);
        assert_eq!(line["caller"], "ci", "{line}");
        let end = if event == "call" { "end" } else { "status" };
        let expected = if event == "call" {
            "dropped".into()
        } else {
            serde_json::Value::Null
        };
        assert_eq!(line[end], expected, "{line}");
    }
}

#[test]
fn a_call_over_mcp_names_its_caller() {
    let log = Log::default();
    let audit = AuditLog::new(log.clone());
    let runtime = builder().observer(audit.clone()).build();
    let counter = wait(runtime.load(&source("counter"), &policy(""))).unwrap();
    let server = Server::new(BTreeMap::from([("counter".to_owned(), counter)]))
        .tokens(Tokens::parse(TOKENS).unwrap());
    let served = Served::with(server);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"counter.next","arguments":{}}}"#;
    let told = served.answer(format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer test\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{call}",
        call.len()
    ));
    assert_eq!(told.status, 200, "{told:?}");
    assert!(audit.flush(PATIENCE));
    assert_eq!(log.last("call")["caller"], "ci");
}

/// A pipe whose reader does not read, a disk that is full.
#[test]
fn an_audit_log_that_blocks_holds_up_no_call() {
    struct Blocks(std::sync::mpsc::Receiver<()>);
    impl std::io::Write for Blocks {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Ok(line.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (go_on, blocks) = std::sync::mpsc::channel();
    let audit = AuditLog::new(Blocks(blocks));
    let server = Server::new(catalog(&[("counter", "")])).audit(audit.clone());
    let served = Served::with(server);
    for _ in 0..3 {
        assert_eq!(served.post("counter/next", "{}").status, 200);
    }
    assert!(!audit.flush(Duration::from_millis(50)));
    drop(go_on);
    assert!(audit.flush(PATIENCE));
}

/// Each could hold a connection for as long as it asks.
#[test]
fn a_caller_that_is_not_let_in_loses_its_connection() {
    let tokens = Tokens::parse(TOKENS).unwrap();
    let served = Served::with(Server::new(catalog(&[])).tokens(tokens));
    let mut stream = served.sent("GET /v1/providers HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(reply(&mut stream).unwrap().status, 401);
    assert!(is_ended(&mut stream));
    let mut wire = Wire::new(&served, &[]);
    wire.send(
        HEADERS,
        END_STREAM | END_HEADERS,
        1,
        &http2::get("/v1/providers"),
    )
    .unwrap();
    let start = Instant::now();
    wire.next_of(GOAWAY);
    // An idle connection would end after 10 s.
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The last line of this event.
    fn last(&self, event: &str) -> serde_json::Value {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let mut lines = log
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.rfind(|line| line["event"] == event).expect(event)
    }
}

impl std::io::Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
