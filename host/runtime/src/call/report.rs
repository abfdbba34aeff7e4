//! The result of a call, in numbers and in words.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tollgate_capability::{Answered, LogLine, ProviderError};
use tollgate_component::ProviderInfo;
use tollgate_policy::{Denial, Limits};

use crate::call::fault::Fault;
use crate::engine::metering::Metering;
use crate::interface::provider_0_2::bindings::provider::types::Error;

/// The account of a call: its outcome, its usage, its denials and its logs.
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
    /// The component that was called.
    pub provider: Arc<ProviderInfo>,
    /// The outcome of the call.
    pub outcome: Outcome<T, E>,
    /// The resources that the call used.
    pub usage: Usage,
    /// The resources that the call could have used.
    pub limits: Arc<Limits>,
    /// The metering of the call. Without fuel, the fuel of `usage` and of `limits` has no meaning.
    pub metering: Metering,
    /// The requests that were denied, the first hundred.
    pub denials: Vec<Denial>,
    /// The questions that were put to an approver, with their answers.
    pub questions: Vec<Answered>,
    /// The log lines of the guest, unchanged: escape them before showing them.
    pub logs: Vec<LogLine>,
    /// Log lines that did not fit under the `log` limit.
    pub logs_dropped: u64,
    /// The output of a WASI guest.
    pub stdio: Option<Stdio>,
}

impl<T, E> Report<T, E> {
    /// The same report of another outcome: for a result that came beside a report that was read as JSON.
    pub fn with_outcome<U, F>(self, outcome: Outcome<U, F>) -> Report<U, F> {
        Report {
            provider: self.provider,
            outcome,
            usage: self.usage,
            limits: self.limits,
            metering: self.metering,
            denials: self.denials,
            questions: self.questions,
            logs: self.logs,
            logs_dropped: self.logs_dropped,
            stdio: self.stdio,
        }
    }
}

/// The outcome of a call.
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

/// The resources that one call used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Fuel, host work included. 0 in the metering [`DeadlineOnly`](Metering::DeadlineOnly), which counts none.
    pub fuel: u64,
    /// The most bytes that all linear memories together had.
    pub memory_peak: u64,
    /// The most elements that all tables together had.
    pub table_peak: u64,
    /// The most bytes of memory that the host held for the guest at once, tables included.
    pub host_memory_peak: u64,
    /// From the start of the call to its end, waiting included.
    pub elapsed: Duration,
    /// The part of it in host functions.
    pub host_time: Duration,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Bytes those calls moved between guest and host, as far as the host functions are ours.
    pub host_bytes: u64,
    /// Times that the guest paid for making data durable: `sync` and `sync-data`, files that are replaced as a whole, changes of
    /// a store in a file. Those that are then denied, or have nothing to do, count as well.
    pub syncs: u64,
    /// Bytes of log lines kept, 32 for each line included.
    pub log_bytes: u64,
    /// Bytes of the result: of the list for `run`, of the text for a call in WAVE. `None` for typed
    /// calls, whose results the host never sees as bytes.
    pub output_bytes: Option<u64>,
}

/// The output of a WASI guest, each stream up to the `stdio` limit.
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

impl<T, E: ErrorReport> Report<T, E> {
    /// The report as docs/guide/report.md describes it, which is how it is serialized; `Report<(), ReportedError>` reads
    /// it back. Guest text is in it as the guest wrote it; use [`escape::json`](tollgate_component::escape::json) on the
    /// serialized form before a person looks at it.
    pub fn to_json(&self) -> Value {
        // Nothing in a report fails to be serialized: its keys are text, and no number in it is a float.
        serde_json::to_value(self).unwrap_or_default()
    }
}
