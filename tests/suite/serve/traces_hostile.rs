//! Traces under attack: by guests, by clients, and by a collector that does not take them.

use std::time::{Duration, Instant};

use tollgate::escape;
use tollgate_serve::{Metrics, Traces};

use support::collector::{self, Answers, Collector, all_text};
use support::harness::ALL;

use super::traces::traced;
use super::{PATIENCE, post};

/// A guest may ask without end: its span has the first of its requests, and the number of the others.
#[test]
fn a_guest_of_100_000_requests_has_a_small_span() {
    let collector = Collector::start(Answers::Takes);
    let limits = "limits.host-calls = 1_000_000\nlimits.deadline = \"60s\"\nlimits.fuel = 1_000_000_000_000\n";
    let policy = format!("{limits}{ALL}");
    let (served, _traces) = traced(&collector.url(), &[("hostile", &policy)], |it| it);
    let long = format!("http-get https://b.example/{}", "x".repeat(5_000));
    let told = served.post("hostile/run", &format!("{{\"input\":\"{long}\"}}"));
    assert_eq!(told.status, 200, "{told:?}");
    let told = served.post("hostile/run", "{\"input\":\"store-loop get 100000\"}");
    assert_eq!(told.status, 200, "{told:?}");
    let call = collector.span("call", |it| it.dropped_events_count > 0);
    assert_eq!(call.events.len(), 128);
    assert!(call.dropped_events_count >= 99_000, "{call:?}");
    let decisions = collector::of(&call, "tollgate.call.decisions").unwrap();
    assert!(decisions.parse::<u64>().unwrap() >= 100_000, "{decisions}");
    for span in collector.spans() {
        let text = all_text(&span);
        assert!(text.len() < 64 << 10, "{} bytes", text.len());
        assert!(!text.contains(&"x".repeat(300)));
    }
}

/// Text of guests and clients that a terminal, or a page that shows a trace, would act on.
#[test]
fn text_in_spans_is_safe() {
    let collector = Collector::start(Answers::Takes);
    let (served, traces) = traced(&collector.url(), &[("hostile", ALL)], |it| it);
    for target in ["\\u202e", "\\u0007\\u001b[31m", "\\n\\u0085\\u2028"] {
        let input = format!("{{\"input\":\"http-get https://b.example/{target}\"}}");
        assert_eq!(served.post("hostile/run", &input).status, 200);
    }
    let told = served.answer("BREW /%0a\u{7f} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_ne!(told.status, 200);
    assert_ne!(
        served
            .answer("BREW /%0a HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .status,
        200
    );
    assert!(traces.flush(PATIENCE));
    let spans = collector.spans();
    assert!(spans.iter().any(|it| it.events.len() == 1));
    assert!(spans.iter().any(|it| it.name == "_OTHER"), "{spans:?}");
    for span in &spans {
        let text = all_text(span);
        assert!(!text.contains(escape::is_hostile), "{text:?}");
    }
}

/// None of these holds up a call or the end; the spans are lost, and counted.
#[test]
fn a_collector_that_takes_nothing_holds_up_nothing() {
    let gone = Collector::start(Answers::Takes)
        .url()
        .replace("127.0.0.1", "127.9.9.9");
    let never = Collector::start(Answers::Never);
    let failing = Collector::start(Answers::Status(500));
    for url in [gone, never.url(), failing.url()] {
        let metrics = Metrics::new();
        let (served, traces) = traced(&url, &[("counter", "")], |it| it.metrics(metrics.clone()));
        let start = Instant::now();
        // More than wait at once.
        let mut stream = served.connect();
        for _ in 0..1_500 {
            std::io::Write::write_all(&mut stream, post("counter/next", "", "{}").as_bytes())
                .unwrap();
            assert_eq!(super::reply(&mut stream).unwrap().status, 200);
        }
        assert!(start.elapsed() < PATIENCE, "{:?} at {url}", start.elapsed());
        drop(stream);
        let start = Instant::now();
        assert_eq!(served.end().cut, 0);
        traces.flush(Duration::from_secs(2));
        assert!(
            start.elapsed() < Duration::from_secs(6),
            "{:?}",
            start.elapsed()
        );
        if url == never.url() {
            // The message ends, too.
            let start = Instant::now();
            while traces.lost() < 3_001 - 2_048 {
                assert!(start.elapsed() < PATIENCE, "{} are lost", traces.lost());
                std::thread::sleep(Duration::from_millis(50));
            }
        } else {
            assert!(traces.flush(PATIENCE), "{url}");
            assert_eq!(traces.lost(), 3_001, "{url}");
            let text = metrics.text();
            let lost = "tollgate_spans_total{result=\"lost\"} 3001";
            assert!(
                text.contains(lost) || text.contains("\"lost\"} 3000"),
                "{text}"
            );
            assert!(!text.contains("exported"), "{text}");
        }
    }
}

/// An answer to spans is short: a longer one is not held.
#[test]
fn an_answer_of_a_collector_has_a_size() {
    for (bytes, lost) in [(64 << 10, 0), ((64 << 10) + 1, 1)] {
        let collector = Collector::start(Answers::Talks(bytes));
        // The load of the guest is the only span.
        let (_served, traces) = traced(&collector.url(), &[("counter", "")], |it| it);
        assert!(traces.flush(PATIENCE));
        assert_eq!(traces.lost(), lost, "{bytes}");
    }
}

/// Spans that wait take little memory: those beyond 2,048 are lost at once.
#[test]
fn few_spans_wait() {
    let never = Collector::start(Answers::Never);
    let (served, traces) = traced(&never.url(), &[("counter", "")], |it| it);
    let mut stream = served.connect();
    let mut calls = 0;
    while traces.lost() == 0 {
        std::io::Write::write_all(&mut stream, post("counter/next", "", "{}").as_bytes()).unwrap();
        assert_eq!(super::reply(&mut stream).unwrap().status, 200);
        calls += 1;
        // Each has two.
        assert!(calls < 2_000, "no span is lost");
    }
}

/// A span with all its events takes 70 KiB.
#[test]
fn spans_that_wait_take_few_bytes() {
    let never = Collector::start(Answers::Never);
    let (served, traces) = traced(&never.url(), &[("hostile", ALL)], |it| it);
    let mut stream = served.connect();
    let mut calls = 0;
    let input = "{\"input\":\"store-loop get 200\"}";
    while traces.lost() == 0 {
        std::io::Write::write_all(&mut stream, post("hostile/run", "", input).as_bytes()).unwrap();
        assert_eq!(super::reply(&mut stream).unwrap().status, 200);
        calls += 1;
        assert!(calls < 900, "no span is lost");
    }
}

/// A password in an address is in lists of processes and in messages.
#[test]
fn an_address_with_a_password_is_refused() {
    let told = Traces::otlp("http://ci:hunter2@127.0.0.1:4318").unwrap_err();
    assert!(!format!("{told} {told:?}").contains("hunter2"));
    let run = support::cli::run(&["serve", ".", "--otlp", "http://ci:hunter2@127.0.0.1:4318"]);
    assert_eq!(run.status.code(), Some(2));
    let text = String::from_utf8(run.stderr).unwrap();
    assert!(text.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
