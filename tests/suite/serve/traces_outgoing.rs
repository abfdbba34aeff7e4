//! Traces beyond this program: the requests of guests name them to the servers that they are for.

use std::collections::BTreeSet;

use tollgate::Outcome;
use tollgate_serve::Traces;

use support::collector::{self, Answers, Collector, Span, hex};
use support::harness::{builder, policy, run, source, wait};
use support::http_client::{all_of, url, with_http};
use support::http_server::{Server, response};

use super::post;
use super::traces::traced;

const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The headers of this name in a head.
fn headers(head: &str, name: &str) -> Vec<String> {
    let start = format!("{name}: ");
    let lines = head.lines().filter_map(|line| line.strip_prefix(&start));
    lines.map(str::to_owned).collect()
}

fn traceparent(span: &Span) -> String {
    format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id))
}

/// A guest would put the spans of others into a trace of its own, or data for others into `tracestate`.
#[test]
fn a_request_of_a_guest_names_its_trace_and_no_other() {
    let server = Server::saying(response("404 Not Found", "", "hello"));
    let collector = Collector::start(Answers::Takes);
    let guests = [("hostile", &*with_http(&all_of(&server)))];
    let (served, _traces) = traced(&collector.url(), &guests, |it| it);
    for header in [format!("traceparent {OWN}"), "tracestate a=b".to_owned()] {
        let input = format!("http-header {} {header}", url(&server, "/a"));
        let told = served.post("hostile/run", &format!("{{\"input\":\"{input}\"}}"));
        assert_eq!(told.status, 200, "{told:?}");
    }
    for head in server.requests() {
        let [named] = &headers(&head, "traceparent")[..] else {
            panic!("{head}");
        };
        assert!(headers(&head, "tracestate").is_empty(), "{head}");
        let span = collector.span("request", |it| traceparent(it) == *named);
        assert_eq!((&*span.name, span.kind), ("GET", 3), "{span:?}");
        let port = server.port().to_string();
        for (name, value) in [
            ("http.request.method", "GET"),
            ("url.full", &url(&server, "/a")),
            ("server.address", "127.0.0.1"),
            ("server.port", &port),
            ("http.response.status_code", "404"),
            ("error.type", "404"),
        ] {
            assert_eq!(collector::of(&span, name).as_deref(), Some(value));
        }
        let call = collector.span("call", |it| it.span_id == span.parent_span_id);
        assert_eq!(call.name, "tollgate.call");
        let request = collector.span("request", |it| it.span_id == call.parent_span_id);
        assert_eq!(request.trace_id, span.trace_id);
        assert_eq!(call.trace_id, span.trace_id);
    }
}

/// Without traces a guest sends what it likes.
#[test]
fn a_guest_that_is_not_traced_names_its_own_trace() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let input = format!("http-header {} traceparent {OWN}", url(&server, "/a"));
    run("hostile", &with_http(&all_of(&server)), &input);
    assert_eq!(headers(&server.requests()[0], "traceparent"), [OWN]);
}

#[test]
fn each_hop_of_a_redirect_has_a_span() {
    let server = Server::answering(|head| match head.starts_with("GET /a ") {
        true => response("302 Found", "location: /b\r\n", ""),
        false => response("200 OK", "", "hello"),
    });
    let collector = Collector::start(Answers::Takes);
    let guests = [("hostile", &*with_http(&all_of(&server)))];
    let (served, _traces) = traced(&collector.url(), &guests, |it| it);
    let input = format!("http-get {}", url(&server, "/a"));
    served.answer(post(
        "hostile/run",
        "",
        &format!("{{\"input\":\"{input}\"}}"),
    ));
    let heads = server.requests();
    assert_eq!(heads.len(), 2, "{heads:?}");
    for (head, status) in heads.iter().zip(["302", "200"]) {
        let named = &headers(head, "traceparent")[0];
        let span = collector.span("hop", |it| traceparent(it) == *named);
        let told = collector::of(&span, "http.response.status_code");
        assert_eq!(told.as_deref(), Some(status));
    }
}

/// Of `wasi:http`, of a request that nobody answers, and of those beyond the first 128.
#[test]
fn requests_by_wasi_http_are_traced_and_few_have_spans() {
    let server = Server::saying(response("200 OK", "", "hello"));
    let collector = Collector::start(Answers::Takes);
    let traces = Traces::otlp(&collector.url()).unwrap();
    let runtime = builder().observer(traces.clone()).build();
    // Nothing listens there.
    let gone = format!("http://127.0.0.1:{}/", free_port());
    let grants = [url(&server, "/**"), format!("{gone}**")]
        .map(|url| format!("{{ url = \"{url}\", networks = [\"loopback\"], max-requests = 400, max-connections = 64 }}"));
    let grants = format!(
        "grants.wasi = \"inert\"\ngrants.http = [{}]",
        grants.join(",")
    );
    let client = wait(runtime.load(&source("http-client"), &policy(&grants))).unwrap();
    let client = tollgate::blocking::Provider::from(client);
    let run = |args: &[&str]| support::wasi_client::run(&client, args).outcome;
    let outcome = run(&["get", &url(&server, "/a"), &format!("traceparent:{OWN}")]);
    assert_eq!(outcome, Outcome::Returned(()));
    let named = headers(&server.requests()[0], "traceparent");
    let span = collector.span("request", |it| named == [traceparent(it)]);
    let told = collector::of(&span, "http.response.status_code");
    assert_eq!(told.as_deref(), Some("200"));

    run(&["get", &gone]);
    let span = collector.span("request", |it| {
        collector::of(it, "url.full").as_deref() == Some(&gone)
    });
    assert_eq!(
        collector::of(&span, "error.type").as_deref(),
        Some("no-answer")
    );

    assert_eq!(
        run(&["heads", &url(&server, "/many"), "140"]),
        Outcome::Returned(())
    );
    let many = server.requests().into_iter();
    let many: Vec<_> = many.filter(|head| head.contains(" /many ")).collect();
    assert_eq!(many.len(), 140);
    let named: BTreeSet<_> = many.iter().map(|it| headers(it, "traceparent")).collect();
    // The others name the call.
    assert_eq!(named.len(), 129);
    assert!(traces.flush(super::PATIENCE));
    let spans = collector.spans();
    let spans: Vec<_> = spans
        .iter()
        .filter(|it| collector::of(it, "url.full").is_some_and(|it| it.ends_with("/many")))
        .collect();
    assert_eq!(spans.len(), 128);
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
