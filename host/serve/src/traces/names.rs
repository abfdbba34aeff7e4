//! The names of spans, events and attributes. Each is in docs/guide/telemetry.md, and stays as it is.

/// A call of a provider.
pub(super) const CALL: &str = "tollgate.call";
/// A load of a component.
pub(super) const LOAD: &str = "tollgate.load";
/// A decision on a request of a guest: an event of its call.
pub(super) const DECISION: &str = "tollgate.decision";

pub(super) const METHOD: &str = "http.request.method";
pub(super) const ROUTE: &str = "http.route";
pub(super) const STATUS: &str = "http.response.status_code";
pub(super) const PATH: &str = "url.path";
pub(super) const PROTOCOL: &str = "network.protocol.version";
pub(super) const URL: &str = "url.full";
pub(super) const SERVER: &str = "server.address";
pub(super) const PORT: &str = "server.port";
pub(super) const ERROR: &str = "error.type";

pub(super) const CALLER: &str = "tollgate.caller";
pub(super) const PROVIDER: &str = "tollgate.provider";
pub(super) const DIGEST: &str = "tollgate.digest";
pub(super) const CALL_NUMBER: &str = "tollgate.call.number";
pub(super) const CALL_END: &str = "tollgate.call.end";
pub(super) const CALL_FUEL: &str = "tollgate.call.fuel";
pub(super) const CALL_MEMORY: &str = "tollgate.call.memory_peak";
pub(super) const CALL_HOST_CALLS: &str = "tollgate.call.host_calls";
pub(super) const CALL_DECISIONS: &str = "tollgate.call.decisions";
pub(super) const LOAD_RESULT: &str = "tollgate.load.result";
pub(super) const CAPABILITY: &str = "tollgate.decision.capability";
pub(super) const TARGET: &str = "tollgate.decision.target";
pub(super) const DENIED: &str = "tollgate.decision.denied";
pub(super) const REMEDY: &str = "tollgate.decision.remedy";
