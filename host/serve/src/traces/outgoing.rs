//! The spans of requests that guests send. Each carries the name of its span to the server that it is for.

use std::sync::{Mutex, PoisonError};

use http::Uri;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanContext, SpanKind, Status, Tracer as _};
use opentelemetry_sdk::trace::Span;
use tollgate::observe::{Follower, Outgoing};

use super::request::method;
use super::{Traces, names, shown, under};

/// Requests of a call that have spans of their own. Those beyond name the span of the call.
pub(super) const MAX_REQUESTS: u32 = 128;

/// A request under way.
#[derive(Default)]
pub(super) struct Sent {
    traceparent: Option<String>,
    span: Option<Mutex<Live>>,
}

struct Live {
    span: Span,
    is_answered: bool,
}

impl Traces {
    /// Begins the span of a request of this call.
    pub(super) fn outgoing(&self, request: &Outgoing<'_>, call: &SpanContext) -> Sent {
        let method = method(request.method);
        let mut attributes = vec![
            KeyValue::new(names::METHOD, method),
            KeyValue::new(names::URL, shown(request.url)),
        ];
        if let Ok(url) = request.url.parse::<Uri>() {
            let host = url.host().map(shown);
            attributes.extend(host.map(|host| KeyValue::new(names::SERVER, host)));
            let default = if url.scheme_str() == Some("https") {
                443
            } else {
                80
            };
            let port = url.port_u16().unwrap_or(default);
            attributes.push(KeyValue::new(names::PORT, i64::from(port)));
        }
        let tracer = &self.0.tracer;
        let span = tracer
            .span_builder(method)
            .with_kind(SpanKind::Client)
            .with_attributes(attributes)
            .start_with_context(tracer, &under(Some(call)));
        Sent {
            traceparent: Some(traceparent(span.span_context())),
            span: Some(Mutex::new(Live {
                span,
                is_answered: false,
            })),
        }
    }
}

impl Sent {
    /// One that has no span of its own.
    pub(super) fn beyond(call: &SpanContext) -> Sent {
        Sent {
            traceparent: Some(traceparent(call)),
            span: None,
        }
    }
}

impl Follower for Sent {
    fn traceparent(&self) -> Option<String> {
        self.traceparent.clone()
    }

    fn answered(&self, status: u16) {
        let Some(live) = &self.span else { return };
        let mut live = live.lock().unwrap_or_else(PoisonError::into_inner);
        live.is_answered = true;
        let span = &mut live.span;
        span.set_attribute(KeyValue::new(names::STATUS, i64::from(status)));
        if status >= 400 {
            span.set_attribute(KeyValue::new(names::ERROR, status.to_string()));
            span.set_status(Status::error(""));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if !self.is_answered {
            let span = &mut self.span;
            span.set_attribute(KeyValue::new(names::ERROR, "no-answer"));
            span.set_status(Status::error("no response for the guest"));
        }
    }
}

/// A span as the header of W3C writes it.
fn traceparent(span: &SpanContext) -> String {
    let (trace, id) = (span.trace_id(), span.span_id());
    format!("00-{trace}-{id}-{:02x}", span.trace_flags().to_u8())
}
