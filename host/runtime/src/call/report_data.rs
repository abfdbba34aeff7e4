//! Reports as data: the JSON of docs/guide/report.md, written and read through one set of structs.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use tollgate_capability::{Answered, LogLine};
use tollgate_component::{ProviderInfo, escape};
use tollgate_policy::Denial;

use crate::call::fault::{Fault, FaultKind};
use crate::call::report::{ErrorReport, Outcome, Report, Stdio, Usage};
use crate::call::report_fields;
use crate::engine::metering::Metering;

/// The error of a provider as a report has it, without the type of the error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedError {
    /// A stable name for programs.
    pub kind: String,
    /// Text for people, as the guest wrote it: escape it before showing it.
    pub message: String,
}

impl ErrorReport for ReportedError {
    fn kind(&self) -> String {
        self.kind.clone()
    }

    fn message(&self) -> String {
        self.message.clone()
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Called {
    Returned,
    Failed,
    Faulted,
}

/// The report of a call. The order of its fields is that of the JSON.
#[derive(Serialize, Deserialize)]
struct CallData<'a> {
    #[serde(with = "report_fields::provider")]
    provider: Arc<ProviderInfo>,
    outcome: Called,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metering: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<ReportedError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<FaultData>,
    usage: UsageData,
    limits: Map<String, Value>,
    denials: Cow<'a, [Denial]>,
    /// Reports of calls without questions do not have it.
    #[serde(default, skip_serializing_if = "no_questions")]
    questions: Cow<'a, [Answered]>,
    logs: Cow<'a, [LogLine]>,
    #[serde(default, skip_serializing_if = "is_zero")]
    logs_dropped: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timed_out: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdout: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stderr: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    stdio_dropped: u64,
}

#[derive(Serialize, Deserialize)]
struct FaultData {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trap: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    backtrace: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct UsageData {
    fuel: Option<u64>,
    memory_peak: u64,
    table_peak: u64,
    /// Reports of before do not have it.
    #[serde(default)]
    host_memory_peak: u64,
    elapsed_us: u64,
    host_us: u64,
    host_calls: u64,
    host_bytes: u64,
    /// Reports of before do not have it.
    #[serde(default)]
    syncs: u64,
    log_bytes: u64,
    output_bytes: Option<u64>,
}

#[expect(clippy::ptr_arg, reason = "serde passes it so")]
fn no_questions(questions: &Cow<'_, [Answered]>) -> bool {
    questions.is_empty()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The JSON of docs/guide/report.md. The result of the call is not part of it.
impl<T, E: ErrorReport> Serialize for Report<T, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counted = self.metering.counts_fuel();
        let fault = self.outcome.fault();
        let (outcome, error) = match &self.outcome {
            Outcome::Returned(_) => (Called::Returned, None),
            Outcome::Failed(error) => {
                let (kind, message) = (error.kind(), error.message());
                (Called::Failed, Some(ReportedError { kind, message }))
            }
            Outcome::Faulted(_) => (Called::Faulted, None),
        };
        let usage = &self.usage;
        let stdio = self.stdio.as_ref();
        let is_late = fault.is_some_and(|fault| matches!(fault.kind, FaultKind::Deadline(_)));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut limits = report_fields::limits::to_map(&self.limits);
        if !counted {
            limits.insert("fuel".to_owned(), Value::Null);
        }
        CallData {
            provider: Arc::clone(&self.provider),
            outcome,
            metering: (!counted).then(|| self.metering.label().to_owned()),
            error,
            fault: fault.map(FaultData::from),
            usage: UsageData {
                fuel: counted.then_some(usage.fuel),
                memory_peak: usage.memory_peak,
                table_peak: usage.table_peak,
                host_memory_peak: usage.host_memory_peak,
                elapsed_us: micros(usage.elapsed),
                host_us: micros(usage.host_time),
                host_calls: usage.host_calls,
                host_bytes: usage.host_bytes,
                syncs: usage.syncs,
                log_bytes: usage.log_bytes,
                output_bytes: usage.output_bytes,
            },
            limits,
            denials: Cow::Borrowed(&self.denials),
            questions: Cow::Borrowed(&self.questions),
            logs: Cow::Borrowed(&self.logs),
            logs_dropped: self.logs_dropped,
            timed_out: (stdio.is_some() && is_late).then_some(true),
            stdout: stdio.map(|stdio| text(&stdio.stdout)),
            stderr: stdio.map(|stdio| text(&stdio.stderr)),
            stdio_dropped: stdio.map_or(0, |stdio| {
                stdio.stdout_dropped.saturating_add(stdio.stderr_dropped)
            }),
        }
        .serialize(serializer)
    }
}

/// Reads the JSON of docs/guide/report.md. The parts that the JSON lacks are not read back: the result, the type of the
/// error, times finer than a microsecond, output that was not UTF-8, and to which of the two outputs the dropped bytes
/// belong (all are counted as standard output). A limit that is missing, as in the report of an older host, has its
/// default.
impl<'de> Deserialize<'de> for Report<(), ReportedError> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let data = CallData::deserialize(deserializer)?;
        let outcome = match (data.outcome, data.error, data.fault) {
            (Called::Returned, None, None) => Outcome::Returned(()),
            (Called::Failed, Some(error), None) => Outcome::Failed(error),
            (Called::Faulted, None, Some(fault)) => {
                Outcome::Faulted(Fault::try_from(fault).map_err(D::Error::custom)?)
            }
            _ => {
                return Err(D::Error::custom(
                    "`outcome` does not agree with `error` and `fault`",
                ));
            }
        };
        let metering = match data.metering {
            None => Metering::Fuel,
            Some(label) => Metering::of(&label)
                .ok_or_else(|| D::Error::custom("`metering` is none that this host knows"))?,
        };
        let usage = data.usage;
        if usage.fuel.is_some() != metering.counts_fuel() {
            return Err(D::Error::custom(
                "`usage.fuel` does not agree with `metering`",
            ));
        }
        if data.stdout.is_none() && (data.stderr.is_some() || data.stdio_dropped > 0) {
            return Err(D::Error::missing_field("stdout"));
        }
        // A report from elsewhere is not trusted to have been escaped.
        let mut denials = data.denials.into_owned();
        for denial in &mut denials {
            denial.target = escape::whole(&denial.target).into_owned();
        }
        let mut questions = data.questions.into_owned();
        for question in &mut questions {
            question.target = escape::whole(&question.target).into_owned();
        }
        let stdio = data.stdout.map(|stdout| Stdio {
            stdout: stdout.into_bytes(),
            stdout_dropped: data.stdio_dropped,
            stderr: data.stderr.unwrap_or_default().into_bytes(),
            stderr_dropped: 0,
        });
        Ok(Report {
            provider: data.provider,
            outcome,
            usage: Usage {
                fuel: usage.fuel.unwrap_or_default(),
                memory_peak: usage.memory_peak,
                table_peak: usage.table_peak,
                host_memory_peak: usage.host_memory_peak,
                elapsed: Duration::from_micros(usage.elapsed_us),
                host_time: Duration::from_micros(usage.host_us),
                host_calls: usage.host_calls,
                host_bytes: usage.host_bytes,
                syncs: usage.syncs,
                log_bytes: usage.log_bytes,
                output_bytes: usage.output_bytes,
            },
            limits: report_fields::limits::of_map(&data.limits)
                .map_err(D::Error::custom)?
                .into(),
            metering,
            denials,
            questions,
            logs: data.logs.into_owned(),
            logs_dropped: data.logs_dropped,
            stdio,
        })
    }
}

impl From<&Fault> for FaultData {
    fn from(fault: &Fault) -> FaultData {
        FaultData {
            kind: fault.label().to_owned(),
            limit: fault.limit(),
            code: match fault.kind {
                FaultKind::Exit(code) => Some(code),
                _ => None,
            },
            signal: match fault.kind {
                FaultKind::Crash(signal) => signal,
                _ => None,
            },
            message: fault.to_string(),
            trap: fault.trap.clone(),
            backtrace: fault.backtrace.clone(),
        }
    }
}

impl TryFrom<FaultData> for Fault {
    type Error = &'static str;

    fn try_from(data: FaultData) -> Result<Fault, &'static str> {
        let limit = || data.limit.ok_or("a fault of this kind has a `limit`");
        let small = || u32::try_from(limit()?).map_err(|_| "`limit` is too large for its kind");
        let kind = match &*data.kind {
            "fuel" => FaultKind::Fuel(limit()?),
            "deadline" => FaultKind::Deadline(Duration::from_micros(limit()?)),
            "memory" => FaultKind::Memory(limit()?),
            "table" => FaultKind::Table(limit()?),
            "instances" => FaultKind::Instances(small()?),
            "stack" => FaultKind::Stack(limit()?),
            "output" => FaultKind::Output(limit()?),
            "host-calls" => FaultKind::HostCalls(limit()?),
            "host-data" => FaultKind::HostData(limit()?),
            "handles" => FaultKind::Handles(small()?),
            "stdio" => FaultKind::Stdio(limit()?),
            "host-memory" => FaultKind::HostMemory(limit()?),
            "exit" => FaultKind::Exit(data.code.ok_or("a fault of this kind has a `code`")?),
            "crash" => FaultKind::Crash(data.signal),
            "trap" => FaultKind::Trap(escape::whole(&data.message).into_owned()),
            _ => return Err("`fault.kind` is none that this host knows"),
        };
        Ok(Fault {
            kind,
            trap: data.trap.map(|trap| escape::whole(&trap).into_owned()),
            backtrace: data
                .backtrace
                .iter()
                .map(|line| escape::whole(line).into_owned())
                .collect(),
        })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
