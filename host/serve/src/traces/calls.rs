//! The spans of loads and calls, with the decisions of a call as its events.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _};
use opentelemetry_sdk::trace::Span;
use tollgate::observe::{
    CallEnd, CallEnded, CallStarted, Decision, Follower, Loaded, Observer, Outgoing,
};
use tollgate::report::{Denial, Usage};
use tollgate::{CallError, LoadError};

use super::outgoing::{MAX_REQUESTS, Sent};
use super::{MAX_EVENTS, Traces, names, shown, under};
use crate::origin;

/// The calls under way, by their numbers.
#[derive(Default)]
pub(super) struct Calls(Mutex<HashMap<u64, Live>>);

struct Live {
    span: Span,
    decisions: u64,
    requests: u32,
}

impl Calls {
    fn all(&self) -> MutexGuard<'_, HashMap<u64, Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Traces {
    fn loaded(&self, load: &Loaded<'_>) {
        let component = load.component;
        let result = match load.result {
            Ok(_) => "loaded",
            Err(LoadError::Refused(_)) => "refused",
            Err(_) => "error",
        };
        let tracer = &self.0.tracer;
        let now = SystemTime::now();
        let mut span = tracer
            .span_builder(names::LOAD)
            .with_kind(SpanKind::Internal)
            .with_start_time(now.checked_sub(load.elapsed).unwrap_or(now))
            .with_attributes(vec![
                KeyValue::new(names::PROVIDER, shown(component.name())),
                KeyValue::new(names::DIGEST, component.digest().to_owned()),
                KeyValue::new(names::LOAD_RESULT, result),
            ])
            .start_with_context(tracer, &under(None));
        if let Err(error) = load.result {
            span.set_attribute(KeyValue::new(names::ERROR, result));
            span.set_status(Status::error(shown(&error.to_string())));
        }
        span.end_with_timestamp(now);
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        let origin = origin::current();
        let parent = origin.as_ref().and_then(|origin| origin.span.as_ref());
        let tracer = &self.0.tracer;
        let number = i64::try_from(call.call).unwrap_or(i64::MAX);
        let span = tracer
            .span_builder(names::CALL)
            .with_kind(SpanKind::Internal)
            .with_attributes(vec![
                KeyValue::new(names::PROVIDER, shown(&call.provider.name)),
                KeyValue::new(names::DIGEST, call.provider.digest.clone()),
                KeyValue::new(names::CALL_NUMBER, number),
            ])
            .start_with_context(tracer, &under(parent));
        let live = Live {
            span,
            decisions: 0,
            requests: 0,
        };
        self.0.calls.all().insert(call.call, live);
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let Some(Live {
            mut span,
            decisions,
            ..
        }) = self.0.calls.all().remove(&call.call)
        else {
            return;
        };
        let end = match call.end {
            CallEnd::Error(CallError::Busy) => "busy",
            other => other.label(),
        };
        span.set_attributes([
            KeyValue::new(names::CALL_END, end),
            number(names::CALL_DECISIONS, decisions),
        ]);
        let failed = match call.end {
            CallEnd::Returned(usage) => {
                used(&mut span, usage);
                None
            }
            CallEnd::Failed(usage) => {
                used(&mut span, usage);
                Some((end, String::new()))
            }
            CallEnd::Faulted(usage, fault) => {
                used(&mut span, usage);
                Some((fault.label(), shown(&fault.to_string())))
            }
            CallEnd::Error(error) => Some((end, shown(&error.to_string()))),
            _ => Some((end, String::new())),
        };
        if let Some((kind, text)) = failed {
            span.set_attribute(KeyValue::new(names::ERROR, kind));
            span.set_status(Status::error(text));
        }
        span.end();
    }

    fn decided(&self, decision: &Decision<'_>) {
        let mut calls = self.0.calls.all();
        let Some(live) = calls.get_mut(&decision.call) else {
            return;
        };
        live.decisions = live.decisions.saturating_add(1);
        if !live.span.is_recording() {
            return;
        }
        if live.decisions > u64::from(MAX_EVENTS) {
            // It is counted, and not kept.
            live.span.add_event(names::DECISION, Vec::new());
            return;
        }
        let mut attributes = vec![
            KeyValue::new(names::CAPABILITY, decision.capability),
            KeyValue::new(names::TARGET, shown(decision.target)),
        ];
        if let Some(reason) = decision.denied {
            attributes.push(KeyValue::new(names::DENIED, reason.label()));
            let denial = Denial {
                capability: decision.capability,
                target: decision.target.to_owned(),
                reason,
                address: decision.address,
            };
            let remedy = denial.remedy();
            attributes.extend(remedy.map(|it| KeyValue::new(names::REMEDY, shown(&it))));
        }
        live.span.add_event(names::DECISION, attributes);
    }

    fn requested(&self, request: &Outgoing<'_>) -> Option<Box<dyn Follower>> {
        let mut calls = self.0.calls.all();
        // One that a call left behind belongs to no trace.
        let live = calls.get_mut(&request.call);
        Some(Box::new(match live {
            Some(live) if live.requests < MAX_REQUESTS => {
                live.requests = live.requests.saturating_add(1);
                let of_call = live.span.span_context().clone();
                drop(calls);
                self.outgoing(request, &of_call)
            }
            Some(live) => Sent::beyond(live.span.span_context()),
            None => Sent::default(),
        }))
    }
}

fn used(span: &mut Span, usage: &Usage) {
    span.set_attributes([
        number(names::CALL_FUEL, usage.fuel),
        number(names::CALL_MEMORY, usage.memory_peak),
        number(names::CALL_HOST_CALLS, usage.host_calls),
    ]);
}

fn number(name: &'static str, value: u64) -> KeyValue {
    KeyValue::new(name, i64::try_from(value).unwrap_or(i64::MAX))
}
