//! Traces: a request, its call and the decisions of the call are one trace, at a collector of OpenTelemetry.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate::Provider;
use tollgate_serve::{Metrics, Server, Tokens, Traces};

use support::collector::{self, Answers, Collector, attribute, hex};
use support::harness::{ALL, builder, policy, source, wait};

use super::callers::TOKENS;
use super::proxy::WEB;
use super::{PATIENCE, Served, post};

/// A trace and a span of another program, as W3C writes them.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A traced server of these guests, and its traces.
pub(super) fn traced(
    url: &str,
    guests: &[(&str, &str)],
    set_up: impl FnOnce(Server) -> Server,
) -> (Served, Traces) {
    let traces = Traces::otlp(url).unwrap();
    let runtime = builder().observer(traces.clone()).build();
    let loaded = guests.iter().map(|(guest, text)| {
        let provider = wait(runtime.load(&source(guest), &policy(text))).unwrap();
        (guest.to_string(), provider)
    });
    let catalog: BTreeMap<String, Provider> = loaded.collect();
    let server = set_up(Server::new(catalog).traces(traces.clone()));
    (Served::with(server), traces)
}

fn traceparent(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{PARENT}-{flags}\r\n")
}

#[test]
fn a_request_its_call_and_its_decisions_are_one_trace() {
    let collector = Collector::start(Answers::Takes);
    let metrics = Metrics::new();
    let (served, traces) = traced(&collector.url(), &[("hostile", ALL)], |server| {
        server.metrics(metrics.clone())
    });
    let input = "{\"input\":\"http-get https://b.example/x\"}";
    let headers = traceparent("01") + "tracestate: a=b\r\n";
    let sent = post("hostile/run", &headers, input);
    assert_eq!(served.answer(sent).status, 200);
    let load = collector.named("tollgate.load");
    assert_eq!(
        collector::of(&load, "tollgate.load.result").as_deref(),
        Some("loaded")
    );
    assert!(load.end_time_unix_nano > load.start_time_unix_nano);
    let request = collector.named("POST /v1/providers/{provider}/{export}");
    assert_eq!(hex(&request.trace_id), TRACE);
    assert_eq!(hex(&request.parent_span_id), PARENT);
    assert_eq!(request.trace_state, "");
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("url.path", "/v1/providers/hostile/run"),
        ("network.protocol.version", "1.1"),
    ] {
        assert_eq!(collector::of(&request, name).as_deref(), Some(value));
    }
    let call = collector.named("tollgate.call");
    assert_eq!(call.trace_id, request.trace_id);
    assert_eq!(call.parent_span_id, request.span_id);
    assert_eq!(
        collector::of(&call, "tollgate.call.end").as_deref(),
        Some("returned")
    );
    let fuel = collector::of(&call, "tollgate.call.fuel").unwrap();
    assert!(fuel.parse::<u64>().is_ok(), "{fuel}");
    let [decision] = &call.events[..] else {
        panic!("{:?}", call.events);
    };
    assert_eq!(decision.name, "tollgate.decision");
    for (name, value) in [
        ("tollgate.decision.capability", "http"),
        ("tollgate.decision.target", "https://b.example/x"),
        ("tollgate.decision.denied", "not-granted"),
        (
            "tollgate.decision.remedy",
            "a `[[grants.http]]` with its `url`",
        ),
    ] {
        let told = attribute(&decision.attributes, name);
        assert_eq!(told.as_deref(), Some(value), "{:?}", decision.attributes);
    }
    assert_eq!(collector.resource("service.name"), "tollgate");
    assert!(collector.heads()[0].starts_with("POST /v1/traces HTTP/1.1\r\n"));
    assert!(traces.flush(PATIENCE));
    assert_eq!(traces.lost(), 0);
    let text = metrics.text();
    assert!(
        text.contains("tollgate_spans_total{result=\"exported\"}"),
        "{text}"
    );
}

#[test]
fn a_fault_and_a_refusal_are_errors_of_their_spans() {
    let collector = Collector::start(Answers::Takes);
    let (served, _traces) = traced(&collector.url(), &[("hostile", ALL)], |it| it);
    let told = served.post("hostile/run", "{\"input\":\"unreachable\"}");
    assert_eq!(told.kind(502), "trap");
    let call = collector.named("tollgate.call");
    assert_eq!(collector::of(&call, "error.type").as_deref(), Some("trap"));
    assert_eq!(call.status.unwrap().code, 2);
    let request = collector.named("POST /v1/providers/{provider}/{export}");
    assert_eq!(
        collector::of(&request, "error.type").as_deref(),
        Some("502")
    );
    assert_ne!(hex(&request.trace_id), TRACE);
    assert!(request.parent_span_id.is_empty());
}

/// Headers of a stranger would put its requests into the traces of others, and its requests their spans out of the queue.
#[test]
fn a_stranger_chooses_no_trace() {
    let collector = Collector::start(Answers::Takes);
    let (served, traces) = traced(&collector.url(), &[("counter", "")], |server| {
        server.tokens(Tokens::parse(TOKENS).unwrap())
    });
    let sent = |headers: &str| served.answer(post("counter/next", headers, "{}")).status;
    assert_eq!(sent(&traceparent("01")), 401);
    let wrong = format!("Authorization: Bearer wrong\r\n{}", traceparent("01"));
    assert_eq!(sent(&wrong), 401);
    let probe = format!(
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        traceparent("01")
    );
    assert_eq!(served.answer(probe).status, 200);
    assert!(traces.flush(PATIENCE));
    let names: Vec<_> = collector.spans().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["tollgate.load"]);
    let known = format!("Authorization: Bearer test\r\n{}", traceparent("01"));
    assert_eq!(sent(&known), 200);
    let request = collector.named("POST /v1/providers/{provider}/{export}");
    assert_eq!(hex(&request.trace_id), TRACE);
    assert_eq!(
        collector::of(&request, "tollgate.caller").as_deref(),
        Some("ci")
    );
}

/// The program before this one keeps no such trace.
#[test]
fn a_trace_that_is_not_sampled_has_no_spans() {
    let collector = Collector::start(Answers::Takes);
    let (served, traces) = traced(&collector.url(), &[("counter", "")], |it| it);
    let sent = post("counter/next", &traceparent("00"), "{}");
    assert_eq!(served.answer(sent).status, 200);
    // Not a trace at all.
    for wrong in [
        "00-0-0-01",
        "x",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    ] {
        let sent = post("counter/next", &format!("traceparent: {wrong}\r\n"), "{}");
        assert_eq!(served.answer(sent).status, 200);
    }
    assert!(traces.flush(PATIENCE));
    let spans = collector.spans();
    let calls: Vec<_> = spans
        .iter()
        .filter(|it| it.name == "tollgate.call")
        .collect();
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|it| hex(&it.trace_id) != TRACE));
}

/// Each of these runs its call in another task than that of the request.
#[test]
fn calls_of_tools_and_of_wasi_http_belong_to_their_requests() {
    let collector = Collector::start(Answers::Takes);
    let guests = [("counter", ""), ("web", WEB)];
    let (served, _traces) = traced(&collector.url(), &guests, |it| it);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"counter.next","arguments":{}}}"#;
    let told = served.answer(format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{}\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{call}",
        traceparent("01"),
        call.len()
    ));
    assert_eq!(told.status, 200, "{told:?}");
    let get = format!(
        "GET /http/web/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n",
        traceparent("01")
    );
    let told = super::proxy::whole(&mut served.sent(get));
    assert_eq!(told.status, 200, "{told:?}");
    for (name, provider) in [
        ("POST /mcp", "counter"),
        ("GET /http/{provider}/{path}", "web"),
    ] {
        let request = collector.named(name);
        assert_eq!(hex(&request.trace_id), TRACE);
        let call = collector.span("call", |it| it.parent_span_id == request.span_id);
        assert_eq!(
            collector::of(&call, "tollgate.provider").as_deref(),
            Some(provider)
        );
    }
}

/// The end of a client is the end of its spans.
#[test]
fn a_client_that_goes_away_ends_its_spans() {
    let collector = Collector::start(Answers::Takes);
    let guests = [("web", WEB)];
    let (served, _traces) = traced(&collector.url(), &guests, |it| it);
    let stream = served.sent("GET /http/web/sleep/60000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::thread::sleep(Duration::from_millis(500));
    drop(stream);
    let call = collector.named("tollgate.call");
    assert_eq!(
        collector::of(&call, "tollgate.call.end").as_deref(),
        Some("dropped")
    );
    let request = collector.named("GET /http/{provider}/{path}");
    assert_eq!(
        collector::of(&request, "error.type").as_deref(),
        Some("client-gone")
    );
}
