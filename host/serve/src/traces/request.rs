//! The span of a request.

use http::request::Parts;
use http::{StatusCode, Version};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::Span;

use super::{Context, Traces, names, shown, under};

/// A request under way. Its span ends when it is dropped.
pub(crate) struct RequestSpan(Span);

impl Traces {
    /// Begins the span of a request whose caller is let in: the trace that it names is taken up. `route` is its place in this
    /// server, if it is one of the server's own.
    pub(crate) fn request(
        &self,
        head: &Parts,
        caller: Option<&str>,
        route: Option<&'static str>,
    ) -> Option<RequestSpan> {
        let method = method(head.method.as_str());
        let mut attributes = vec![
            KeyValue::new(names::METHOD, method),
            KeyValue::new(names::PATH, shown(head.uri.path())),
        ];
        let mut add = |name, value: Option<Value>| {
            attributes.extend(value.map(|value| KeyValue::new(name, value)));
        };
        add(names::ROUTE, route.map(Value::from));
        add(names::PROTOCOL, version(head.version).map(Value::from));
        add(names::CALLER, caller.map(|caller| shown(caller).into()));
        let parent = TraceContextPropagator::new().extract(&Parent(head));
        let parent = parent.span().span_context().clone();
        let name = match route {
            Some(route) => format!("{method} {route}"),
            None => method.to_owned(),
        };
        let tracer = &self.0.tracer;
        let span = tracer
            .span_builder(name)
            .with_kind(SpanKind::Server)
            .with_attributes(attributes)
            .start_with_context(tracer, &under(parent.is_valid().then_some(&parent)));
        Some(RequestSpan(span))
    }
}

impl RequestSpan {
    /// The span, to which the calls of the request belong.
    pub(crate) fn context(&self) -> Context {
        self.0.span_context().clone()
    }

    /// The request was answered, or its client has gone away.
    pub(crate) fn answered(&mut self, status: Option<StatusCode>) {
        let span = &mut self.0;
        match status.map(|status| status.as_u16()) {
            Some(status) => {
                span.set_attribute(KeyValue::new(names::STATUS, i64::from(status)));
                if status >= 500 {
                    span.set_attribute(KeyValue::new(names::ERROR, status.to_string()));
                    span.set_status(Status::error(""));
                }
            }
            None => {
                span.set_attribute(KeyValue::new(names::ERROR, "client-gone"));
                span.set_status(Status::error("the client has gone away"));
            }
        }
    }
}

/// The header that names a trace. `tracestate` of others is not passed on.
struct Parent<'h>(&'h Parts);

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.0.headers.get(key)?.to_str().ok(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// A method, if OpenTelemetry knows it.
pub(super) fn method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT",
    ];
    let known = KNOWN.into_iter().find(|known| *known == method);
    known.unwrap_or("_OTHER")
}

fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}
