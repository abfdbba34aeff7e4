//! What a call did, in numbers and in words.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_capability::{LogLine, ProviderError};
use tollgate_component::{ProviderInfo, Signer};
use tollgate_policy::{Denial, Limits};

use crate::call::fault::{Fault, FaultKind};
use crate::engine::metering::Metering;
use crate::error::HostError;
use crate::interface::provider_0_2::bindings::provider::types::Error;
use tollgate_component::Refusal;

/// How a call ended, and all that it used on the way.
///
/// ```
/// use tollgate::{Limits, Policy, Source, blocking::Runtime};
///
/// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/counter.wasm"));
/// let source = Source::file(path, &Limits::default())?;
/// let report = Runtime::new().load(&source, &Policy::default())?.session().wave("grow(3)")?;
///
/// assert_eq!(report.outcome.label(), "returned");
/// assert_eq!(report.usage.memory_peak, 5 * 65_536);
/// assert_eq!(report.to_json()["usage"]["host_calls"], 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report<T, E = ProviderError> {
    /// Which component was called.
    pub provider: Arc<ProviderInfo>,
    /// How it ended.
    pub outcome: Outcome<T, E>,
    /// What it used.
    pub usage: Usage,
    /// What it might have used.
    pub limits: Arc<Limits>,
    /// What its work was measured in; without fuel, neither of the two above says anything of fuel.
    pub metering: Metering,
    /// What it tried and was not allowed, the first hundred.
    pub denials: Vec<Denial>,
    /// What it logged, as the guest wrote it: escape it before showing it.
    pub logs: Vec<LogLine>,
    /// Log lines that did not fit under the `log` limit.
    pub logs_dropped: u64,
    /// What a WASI guest wrote to its outputs.
    pub stdio: Option<Stdio>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T, E = ProviderError> {
    /// The provider's result.
    Returned(T),
    /// The error the provider chose to return.
    Failed(E),
    /// A limit was reached, or the guest trapped. The session is over.
    Faulted(Fault),
}

impl<T, E> Outcome<T, E> {
    /// The stable name, as in the report.
    pub fn label(&self) -> &'static str {
        match self {
            Outcome::Returned(_) => "returned",
            Outcome::Failed(_) => "failed",
            Outcome::Faulted(_) => "faulted",
        }
    }

    /// The result, if there is one.
    pub fn returned(self) -> Option<T> {
        match self {
            Outcome::Returned(value) => Some(value),
            _ => None,
        }
    }

    /// The fault, if it was one.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Outcome::Faulted(fault) => Some(fault),
            _ => None,
        }
    }
}

/// What one call used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Fuel, host work included. 0 in the metering [`DeadlineOnly`](Metering::DeadlineOnly), which counts none.
    pub fuel: u64,
    /// The most bytes that all linear memories together had.
    pub memory_peak: u64,
    /// The most elements that all tables together had.
    pub table_peak: u64,
    /// From the start of the call to its end, waiting included.
    pub elapsed: Duration,
    /// The part of it in host functions.
    pub host_time: Duration,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Bytes those calls moved between guest and host, as far as the host functions are ours.
    pub host_bytes: u64,
    /// Bytes of log lines kept, 32 for each line included.
    pub log_bytes: u64,
    /// Bytes of the result: of the list for `run`, of the text for a call in WAVE. `None` for typed
    /// calls, whose results the host never sees as bytes.
    pub output_bytes: Option<u64>,
}

/// What a WASI guest wrote, each up to the `stdio` limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stdio {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Bytes of it that did not fit.
    pub stdout_dropped: u64,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Bytes of it that did not fit.
    pub stderr_dropped: u64,
}

/// An error of the provider's own, as a report shows it.
pub trait ErrorReport {
    /// A stable name for programs.
    fn kind(&self) -> String;
    /// Text for people.
    fn message(&self) -> String;
}

impl ErrorReport for ProviderError {
    fn kind(&self) -> String {
        self.kind.label().to_owned()
    }

    fn message(&self) -> String {
        self.message.clone()
    }
}

/// The error of `tollgate:provider` as bindings have it.
impl ErrorReport for Error {
    fn kind(&self) -> String {
        ErrorReport::kind(&ProviderError::from(self.clone()))
    }

    fn message(&self) -> String {
        ProviderError::from(self.clone()).message
    }
}

impl<T, E> Report<T, E> {
    /// The same report of another result and another error.
    pub(crate) fn map<U, F, X>(
        self,
        returned: impl FnOnce(T) -> Result<U, X>,
        failed: impl FnOnce(E) -> F,
    ) -> Result<Report<U, F>, X> {
        Ok(Report {
            outcome: match self.outcome {
                Outcome::Returned(value) => Outcome::Returned(returned(value)?),
                Outcome::Failed(error) => Outcome::Failed(failed(error)),
                Outcome::Faulted(fault) => Outcome::Faulted(fault),
            },
            provider: self.provider,
            usage: self.usage,
            limits: self.limits,
            metering: self.metering,
            denials: self.denials,
            logs: self.logs,
            logs_dropped: self.logs_dropped,
            stdio: self.stdio,
        })
    }
}

impl<T, E: ErrorReport> Report<T, E> {
    /// The report as docs/guide/report.md describes it. Guest text is in it as the guest wrote it; use
    /// [`escape::json`](tollgate_component::escape::json) on the serialised form before a person looks at it.
    pub fn to_json(&self) -> Value {
        let mut report = json!({
            "provider": provider_json(&self.provider),
            "outcome": self.outcome.label(),
        });
        let usage = &self.usage;
        let counted = self.metering.counts_fuel();
        let mut limits = limits_json(&self.limits);
        if !counted {
            put(&mut report, "metering", Some(json!(self.metering.label())));
            put(&mut limits, "fuel", Some(Value::Null));
        }
        let parts = [
            (
                "error",
                match &self.outcome {
                    Outcome::Failed(error) => {
                        Some(json!({ "kind": error.kind(), "message": error.message() }))
                    }
                    _ => None,
                },
            ),
            ("fault", self.outcome.fault().map(Fault::to_json)),
            (
                "usage",
                Some(json!({
                    "fuel": counted.then_some(usage.fuel),
                    "memory_peak": usage.memory_peak,
                    "table_peak": usage.table_peak,
                    "elapsed_us": micros(usage.elapsed),
                    "host_us": micros(usage.host_time),
                    "host_calls": usage.host_calls,
                    "host_bytes": usage.host_bytes,
                    "log_bytes": usage.log_bytes,
                    "output_bytes": usage.output_bytes,
                })),
            ),
            ("limits", Some(limits)),
            (
                "denials",
                Some(self.denials.iter().map(denial_json).collect()),
            ),
            ("logs", Some(self.logs.iter().map(log_json).collect())),
            (
                "logs_dropped",
                (self.logs_dropped > 0).then(|| json!(self.logs_dropped)),
            ),
        ];
        for (key, value) in parts {
            put(&mut report, key, value);
        }
        if let Some(stdio) = &self.stdio {
            let late = |fault: &Fault| matches!(fault.kind, FaultKind::Deadline(_));
            let late = self.outcome.fault().is_some_and(late);
            put(&mut report, "timed_out", late.then(|| json!(true)));
            let text = |bytes: &[u8]| json!(String::from_utf8_lossy(bytes));
            put(&mut report, "stdout", Some(text(&stdio.stdout)));
            put(&mut report, "stderr", Some(text(&stdio.stderr)));
            let dropped = stdio.stdout_dropped + stdio.stderr_dropped;
            put(
                &mut report,
                "stdio_dropped",
                (dropped > 0).then(|| json!(dropped)),
            );
        }
        report
    }
}

/// The report of a component that was refused.
pub fn refused_json(provider: &ProviderInfo, refusal: &Refusal, limits: &Limits) -> Value {
    let imports: Vec<Value> = refusal
        .imports
        .iter()
        .map(|import| {
            let mut value = json!({ "name": import.name, "verdict": import.judgement.label() });
            use tollgate_component::Judgement;
            let more = match &import.judgement {
                Judgement::Denied { line, .. } => Some(("grant", json!(line))),
                Judgement::UnsupportedVersion { have } => Some(("have", json!(have.join(", ")))),
                Judgement::Unknown { note: Some(note) } => Some(("note", json!(note))),
                _ => None,
            };
            if let Some((key, more)) = more {
                put(&mut value, key, Some(more));
            }
            value
        })
        .collect();
    let mut value = json!({ "kind": refusal.kind.label(), "message": refusal.message });
    let reason = refusal.signature.map(|fault| json!(fault.label()));
    put(&mut value, "reason", reason);
    put(
        &mut value,
        "imports",
        (!imports.is_empty()).then(|| json!(imports)),
    );
    json!({
        "provider": provider_json(provider),
        "outcome": "refused",
        "refusal": value,
        "limits": limits_json(limits),
    })
}

/// The report of a host that failed: an id, and nothing of what is inside.
pub fn host_error_json(provider: &ProviderInfo, error: &HostError) -> Value {
    json!({
        "provider": provider_json(provider),
        "outcome": "host-error",
        "host_error": { "id": error.id(), "message": error.to_string() },
    })
}

fn provider_json(provider: &ProviderInfo) -> Value {
    json!({
        "name": *provider.name,
        "digest": provider.digest,
        "size": provider.size,
        "world": provider.world,
        "signature": provider.signer.as_ref().map(signer_json),
    })
}

fn signer_json(signer: &Signer) -> Value {
    json!({ "key_id": signer.key_id.to_string(), "comment": signer.comment })
}

fn limits_json(limits: &Limits) -> Value {
    let mut value = json!({});
    for key in Limits::KEYS {
        let name = match key.unit {
            tollgate_policy::Unit::Duration => format!("{}_us", key.name),
            _ => key.name.to_owned(),
        };
        put(
            &mut value,
            &name.replace('-', "_"),
            limits.get(key.name).map(|n| json!(n)),
        );
    }
    value
}

fn denial_json(denial: &Denial) -> Value {
    json!({
        "capability": denial.capability,
        "target": denial.target,
        "reason": denial.reason.label(),
    })
}

fn log_json(line: &LogLine) -> Value {
    json!({ "level": line.level.label(), "message": line.message })
}

fn put(object: &mut Value, key: &str, value: Option<Value>) {
    if let (Value::Object(map), Some(value)) = (object, value) {
        map.insert(key.to_owned(), value);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
