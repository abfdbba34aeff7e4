//! Traces of requests, loads and calls, for a collector of OpenTelemetry. The crates `opentelemetry…` are named here and nowhere
//! else ([ADR 21](../../../../docs/adr/0021-traces.md)).

mod calls;
mod client;
mod names;
mod outgoing;
mod queue;
mod request;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use thiserror::Error;
use tollgate::escape;

use crate::metrics::Metrics;
use client::Client;
use queue::{Feed, Queue};

pub(crate) use request::RequestSpan;

/// The span of a request, to which its calls belong.
pub(crate) type Context = SpanContext;

/// The time of an attempt to send a message, and that in which another one is begun.
const EXPORT: Duration = Duration::from_secs(5);

/// Events of a span, which are the first decisions of a call. OpenTelemetry counts the others.
const MAX_EVENTS: u32 = 128;

/// Bytes of a text in a span: a guest may name a file with 4 KiB.
const MAX_TEXT: usize = 256;

/// Spans of requests, loads and calls, which a thread of its own sends to a collector by OTLP (HTTP, protobuf). Clones share them.
///
/// The runtime of the providers is to have it as its observer, and [`Server::traces`](crate::Server::traces) gives it the
/// requests. A span that the collector does not take, or that finds 2,048 others waiting, is lost and counted; no call waits.
///
/// The variables `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and
/// `OTEL_TRACES_SAMPLER_ARG` mean what OpenTelemetry says.
///
/// ```
/// use tollgate::Runtime;
/// use tollgate_serve::Traces;
///
/// let traces = Traces::otlp("http://127.0.0.1:4318")?;
/// let runtime = Runtime::builder().observer(traces.clone()).build();
/// # let _ = runtime;
/// assert_eq!(traces.lost(), 0);
/// # Ok::<(), tollgate_serve::TracesError>(())
/// ```
#[derive(Clone)]
pub struct Traces(Arc<Inner>);

struct Inner {
    tracer: SdkTracer,
    queue: Arc<Queue>,
    calls: calls::Calls,
}

/// The reason why there are no traces.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TracesError {
    /// The address of the collector is none.
    #[error("no address of a collector: {0}; write one such as `http://127.0.0.1:4318`")]
    Address(&'static str),
    /// It has a user and a password, which would be in messages and lists of processes.
    #[error(
        "the address has a user or a password; set `OTEL_EXPORTER_OTLP_HEADERS=Authorization=…` instead"
    )]
    Credentials,
    /// The variables of the environment do not fit.
    #[error("traces cannot be set up: {0}")]
    SetUp(String),
}

impl Traces {
    /// Sends spans to the collector at this address, of the scheme `http` or `https`, at its path `/v1/traces`.
    ///
    /// # Errors
    ///
    /// The address is none, or has a user; a variable of the environment does not fit; there is no thread.
    pub fn otlp(address: &str) -> Result<Traces, TracesError> {
        let endpoint = endpoint(address)?;
        let set_up = |why: String| TracesError::SetUp(escape::line(&why).into_owned());
        let client = Client::default();
        let trouble = client.trouble();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(endpoint)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(EXPORT)
            .build();
        let exporter = exporter.map_err(|error: ExporterBuildError| set_up(error.to_string()))?;
        let resource = resource();
        let queue = Queue::start(exporter, &resource, trouble);
        let queue = queue.map_err(|error| set_up(error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Feed(Arc::clone(&queue)))
            .with_resource(resource)
            .with_max_events_per_span(MAX_EVENTS)
            .build();
        Ok(Traces(Arc::new(Inner {
            tracer: provider.tracer("tollgate"),
            queue,
            calls: calls::Calls::default(),
        })))
    }

    /// Sends what waits, and waits for at most this time. Whether all of it is sent or lost.
    pub fn flush(&self, most: Duration) -> bool {
        self.0.queue.flush(most)
    }

    /// Spans that were lost.
    pub fn lost(&self) -> u64 {
        self.0.queue.lost()
    }

    /// Counts spans among these numbers, too.
    pub(crate) fn count_in(&self, metrics: &Metrics) {
        self.0.queue.count_in(metrics);
    }
}

/// The URL to which spans are sent.
fn endpoint(address: &str) -> Result<String, TracesError> {
    let uri: Uri = address
        .parse()
        .map_err(|_| TracesError::Address("it is no URL"))?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err(TracesError::Credentials);
    }
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(TracesError::Address(
            "it does not begin with `http://` or `https://` and a host",
        ));
    }
    if uri.query().is_some() {
        return Err(TracesError::Address("it has a query"));
    }
    let scheme = uri.scheme_str().unwrap_or_default();
    let path = uri.path().trim_end_matches('/');
    Ok(format!("{scheme}://{authority}{path}/v1/traces"))
}

fn resource() -> Resource {
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder();
    let is_named = std::env::var_os("OTEL_SERVICE_NAME").is_some_and(|name| !name.is_empty())
        || std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|it| it.contains("service.name="));
    let resource = match is_named {
        true => resource,
        false => resource.with_service_name("tollgate"),
    };
    resource.with_attribute(version).build()
}

/// The parent of a span: `None` begins a trace.
fn under(parent: Option<&SpanContext>) -> opentelemetry::Context {
    let none = opentelemetry::Context::new();
    match parent {
        Some(parent) => none.with_remote_span_context(parent.clone()),
        None => none,
    }
}

/// Text of a guest or a client, safe to show and not long.
fn shown(text: &str) -> String {
    let shown = escape::line(text);
    match shown.get(..shown.floor_char_boundary(MAX_TEXT)) {
        Some(start) if start.len() < shown.len() => format!("{start}…"),
        _ => shown.into_owned(),
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_a_collector() {
        for (address, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            (
                "https://otel.example/in/",
                "https://otel.example/in/v1/traces",
            ),
        ] {
            assert_eq!(endpoint(address).ok().as_deref(), Some(expected));
        }
        for address in [
            "",
            "127.0.0.1:4318",
            "ftp://otel.example",
            "http://",
            "/v1",
            "http://a/?b",
        ] {
            assert!(
                matches!(endpoint(address), Err(TracesError::Address(_))),
                "{address}"
            );
        }
    }

    #[test]
    fn an_address_with_a_password_is_refused_and_not_told() {
        let error = endpoint("http://user:hunter2@127.0.0.1:4318").unwrap_err();
        assert!(matches!(error, TracesError::Credentials));
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn text_is_short_and_safe() {
        assert_eq!(shown("a\u{202e}\n"), "a\\u{202e}\\n");
        assert!(shown(&"ü".repeat(500)).len() <= MAX_TEXT + '…'.len_utf8());
    }
}
