//! Counts of loads, calls, decisions and requests, for Prometheus.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tollgate::observe::{CallEnd, CallEnded, CallStarted, Decision, Loaded, Observer};
use tollgate::report::Usage;
use tollgate::{CallError, LoadError};

use crate::fleet_numbers::{FleetNumbers, Queue};
use crate::problem::{Answer, Problem, json_answer};
use crate::recent::Recent;

/// Providers that have numbers of their own; those beyond share the name [`OTHERS`]. Each has about ten rows.
const MAX_PROVIDERS: usize = 1_000;

const OTHERS: &str = "(others)";

/// Seconds: from a fresh call of a small guest to the longest deadline that is usual.
const BUCKETS: [f64; 12] = [
    0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0,
];

/// The numbers of a runtime and of the server before it.
///
/// The runtime is to be built with it as its observer; [`Server::metrics`](crate::Server::metrics) then serves it at
/// `/metrics`, as OpenMetrics text. Clones share the numbers.
///
/// ```
/// use tollgate::Runtime;
/// use tollgate_serve::Metrics;
///
/// let metrics = Metrics::new();
/// let runtime = Runtime::builder().observer(metrics.clone()).build();
/// # let _ = runtime;
/// assert!(metrics.text().contains("tollgate_connections 0"));
/// ```
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    calls: Family<Call, Counter>,
    faults: Family<Fault, Counter>,
    denials: Family<Denial, Counter>,
    under_way: Family<Provider, Gauge>,
    fuel: Family<Provider, Counter>,
    memory: Family<Provider, Gauge<u64, AtomicU64>>,
    seconds: Family<Provider, Histogram, fn() -> Histogram>,
    loads: Family<Load, Counter>,
    requests: Family<Request, Counter>,
    connections: Gauge,
    spans: Family<Spans, Counter>,
    fleet: FleetNumbers,
    known: Mutex<HashSet<Arc<str>>>,
    recent: Mutex<Recent>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Provider {
    provider: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Call {
    provider: Arc<str>,
    end: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Fault {
    provider: Arc<str>,
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Denial {
    provider: Arc<str>,
    capability: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Load {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    door: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Spans {
    result: &'static str,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Metrics {
    /// All numbers at zero.
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("tollgate");
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut inner = Inner {
            registry: Registry::default(),
            calls: Family::default(),
            faults: Family::default(),
            denials: Family::default(),
            under_way: Family::default(),
            fuel: Family::default(),
            memory: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            loads: Family::default(),
            requests: Family::default(),
            connections: Gauge::default(),
            spans: Family::default(),
            fleet: FleetNumbers::default(),
            known: Mutex::default(),
            recent: Mutex::default(),
        };
        registry.register(
            "calls",
            "Calls that ended, by their end",
            inner.calls.clone(),
        );
        registry.register(
            "faults",
            "Calls that ended with a fault, by its kind",
            inner.faults.clone(),
        );
        registry.register(
            "denials",
            "Requests of guests that the policy denied",
            inner.denials.clone(),
        );
        registry.register(
            "calls_under_way",
            "Calls under way, those that wait for a slot included",
            inner.under_way.clone(),
        );
        registry.register(
            "fuel",
            "Fuel that calls used, host work included",
            inner.fuel.clone(),
        );
        registry.register_with_unit(
            "memory_peak",
            "The most linear memory that a call had",
            Unit::Bytes,
            inner.memory.clone(),
        );
        registry.register_with_unit(
            "call_duration",
            "The time of a call, the wait for a slot included",
            Unit::Seconds,
            inner.seconds.clone(),
        );
        registry.register(
            "loads",
            "Loads of components, by their result",
            inner.loads.clone(),
        );
        registry.register(
            "requests",
            "Requests that were answered",
            inner.requests.clone(),
        );
        registry.register("connections", "Connections now", inner.connections.clone());
        registry.register(
            "spans",
            "Spans for the collector: those that it took, and those that were lost",
            inner.spans.clone(),
        );
        inner.fleet.register(&mut registry);
        inner.registry = registry;
        Metrics(Arc::new(inner))
    }

    /// All numbers, as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A `String` takes all text.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    /// The numbers in the form that the client takes: OpenMetrics, or the older one of Prometheus.
    pub(crate) fn answer(&self, head: &Parts) -> Result<Answer, Problem> {
        let accept = head.headers.get(ACCEPT).and_then(|it| it.to_str().ok());
        let is_open = accept.is_some_and(|it| it.contains("application/openmetrics-text"));
        let (text, kind) = match is_open {
            true => (
                self.text(),
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
            false => (
                older(&self.text()),
                "text/plain; version=0.0.4; charset=utf-8",
            ),
        };
        let mut answer = json_answer(StatusCode::OK, text);
        let kind = http::HeaderValue::from_static(kind);
        let _ = answer.headers_mut().try_insert(CONTENT_TYPE, kind);
        Ok(answer)
    }

    /// A connection, for as long as the guard is there.
    pub(crate) fn connected(&self) -> impl Drop + use<> {
        struct Connected(Gauge);
        impl Drop for Connected {
            fn drop(&mut self) {
                self.0.dec();
            }
        }
        self.0.connections.inc();
        Connected(self.0.connections.clone())
    }

    /// The queue of a fleet is like this now, or cannot be read.
    pub fn queue(&self, queue: Option<&Queue>) {
        self.0.fleet.set(queue);
    }

    /// A version of a fleet was refused before the runtime saw it.
    pub fn refused(&self) {
        let result = "refused";
        self.0.loads.get_or_create(&Load { result }).inc();
    }

    /// A worker of a fleet gave a call back, for one of a few reasons.
    pub fn given_back(&self, reason: &'static str) {
        self.0.fleet.given_back(reason);
    }

    /// A request was answered, or its client has gone away.
    pub(crate) fn answered(&self, door: &'static str, status: Option<StatusCode>) {
        let status = status.map_or(0, |status| status.as_u16());
        let requests = &self.0.requests;
        requests.get_or_create(&Request { door, status }).inc();
    }

    /// Spans were sent or lost.
    #[cfg(feature = "otlp")]
    pub(crate) fn spans(&self, result: &'static str, spans: u64) {
        let all = &self.0.spans;
        all.get_or_create(&Spans { result }).inc_by(spans);
    }

    /// The name, or that of all others: a folder that gets new names for ever holds no more rows.
    fn known(&self, name: &Arc<str>) -> Arc<str> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(name) {
            return Arc::clone(name);
        }
        if known.len() >= MAX_PROVIDERS {
            return OTHERS.into();
        }
        known.insert(Arc::clone(name));
        Arc::clone(name)
    }

    /// Calls of the provider of this name that are under way.
    pub(crate) fn under_way(&self, name: &Arc<str>) -> i64 {
        let provider = Arc::clone(name);
        let calls = self.0.under_way.get(&Provider { provider });
        calls.map_or(0, |calls| calls.get())
    }

    /// The last denials, and the fuel of the last hour.
    pub(crate) fn recent(&self) -> MutexGuard<'_, Recent> {
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self, provider: &Provider, usage: &Usage) {
        self.0.fuel.get_or_create(provider).inc_by(usage.fuel);
        let memory = self.0.memory.get_or_create(provider);
        let peak = memory.inner();
        peak.fetch_max(usage.memory_peak, std::sync::atomic::Ordering::Relaxed);
    }
}

/// OpenMetrics text in the older form, in which a counter is described by the name of its rows.
fn older(text: &str) -> String {
    let described = |line| str::strip_prefix(line, "# TYPE ")?.strip_suffix(" counter");
    let counters: HashSet<&str> = text.lines().filter_map(described).collect();
    let mut older = String::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("UNIT" | "EOF"), ..) => continue,
            (Some("#"), Some(kind), Some(name), Some(rest)) if counters.contains(name) => {
                older.extend(["# ", kind, " ", name, "_total ", rest]);
            }
            _ => older.push_str(line),
        }
        older.push('\n');
    }
    older
}

impl Observer for Metrics {
    fn loaded(&self, load: &Loaded<'_>) {
        let result = match load.result {
            Ok(_) => "loaded",
            Err(LoadError::Refused(_)) => "refused",
            Err(_) => "error",
        };
        self.0.loads.get_or_create(&Load { result }).inc();
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        let provider = self.known(&call.provider.name);
        self.0.under_way.get_or_create(&Provider { provider }).inc();
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let provider = self.known(&call.provider.name);
        let end = match call.end {
            CallEnd::Error(CallError::Busy) => "busy",
            other => other.label(),
        };
        let calls = &self.0.calls;
        let ended = Call {
            provider: Arc::clone(&provider),
            end,
        };
        calls.get_or_create(&ended).inc();
        let provider = Provider { provider };
        self.0.under_way.get_or_create(&provider).dec();
        let seconds = self.0.seconds.get_or_create(&provider);
        seconds.observe(call.elapsed.as_secs_f64());
        drop(seconds);
        self.recent().ended(&provider.provider, call.end);
        match call.end {
            CallEnd::Returned(usage) | CallEnd::Failed(usage) => self.used(&provider, usage),
            CallEnd::Faulted(usage, fault) => {
                self.used(&provider, usage);
                let fault = Fault {
                    provider: provider.provider,
                    kind: fault.label(),
                };
                self.0.faults.get_or_create(&fault).inc();
            }
            _ => {}
        }
    }

    fn decided(&self, decision: &Decision<'_>) {
        let Some(reason) = decision.denied else {
            return;
        };
        self.recent().denied(decision);
        let denial = Denial {
            provider: self.known(&decision.provider.into()),
            capability: decision.capability,
            reason: reason.label(),
        };
        self.0.denials.get_or_create(&denial).inc();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_describes_counters_by_their_rows() {
        let metrics = Metrics::new();
        metrics.answered("calls", None);
        let text = older(&metrics.text());
        assert!(text.contains("# HELP tollgate_requests_total Requests"));
        assert!(text.contains("# TYPE tollgate_requests_total counter\ntollgate_requests_total{"));
        assert!(text.contains("# TYPE tollgate_connections gauge\n"));
        assert!(!text.contains("UNIT") && !text.contains("EOF"));
    }

    #[test]
    fn names_without_end_have_one_row() {
        let metrics = Metrics::new();
        for name in 0..MAX_PROVIDERS + 100 {
            metrics.known(&name.to_string().into());
        }
        assert_eq!(&*metrics.known(&"7".into()), "7");
        assert_eq!(&*metrics.known(&"new".into()), OTHERS);
        assert_eq!(metrics.0.known.lock().unwrap().len(), MAX_PROVIDERS);
    }
}
