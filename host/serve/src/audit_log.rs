//! The audit log: a line of JSON for each load, call and decision.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate::escape;
use tollgate::observe::{CallEnd, CallEnded, Decision, Loaded, Observer};
use tollgate::report::Denial;

/// Writes what a runtime tells its observer, one line of JSON for each event, as it happens. Clones share the writer.
///
/// | `event` | members |
/// |---|---|
/// | `request` | `caller`: the name of its token or null, `method`, `path`, `status`, `ms` |
/// | `load` | `provider`, `digest`, `result`: `loaded` or `failed`, `error` in words, `ms` |
/// | `call` | `call`: its number, `provider`, `digest`, `end`, `fault`: its kind, `fuel`, `ms` |
/// | `decision` | `call`, `provider`, `capability`, `target`, `denied`: the reason or null, `remedy` |
///
/// All have `time`, in UTC. Text of guests is cut to 512 characters, and escaped.
///
/// ```
/// use tollgate::Runtime;
/// use tollgate_serve::AuditLog;
///
/// let runtime = Runtime::builder().observer(AuditLog::new(std::io::stderr())).build();
/// # let _ = runtime;
/// ```
#[derive(Clone)]
pub struct AuditLog(Arc<Mutex<Log>>);

struct Log {
    to: Box<dyn Write + Send>,
    /// Whether the last line could not be written, which is told once.
    is_broken: bool,
}

impl AuditLog {
    /// Writes to `to`, a line with each call of [`Write::write_all`]. A write that takes long holds up the guest. A line
    /// that cannot be written is lost, and the log of the program tells so.
    pub fn new(to: impl Write + Send + 'static) -> AuditLog {
        AuditLog(Arc::new(Mutex::new(Log {
            to: Box::new(to),
            is_broken: false,
        })))
    }

    pub(crate) fn answered(
        &self,
        caller: Option<&str>,
        method: &Method,
        path: &str,
        status: StatusCode,
        elapsed: Duration,
    ) {
        self.write(
            "request",
            json!({
                "caller": caller.map(shown), "method": shown(method.as_str()), "path": shown(path),
                "status": status.as_u16(), "ms": milliseconds(elapsed),
            }),
        );
    }

    fn write(&self, event: &str, mut members: Value) {
        if let Value::Object(members) = &mut members {
            let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
            let _ = members.insert("time".to_owned(), time.into());
            let _ = members.insert("event".to_owned(), event.into());
        }
        let line = members.to_string();
        let line = format!("{}\n", escape::json(&line));
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written: io::Result<()> = log.to.write_all(line.as_bytes());
        let was_broken = std::mem::replace(&mut log.is_broken, written.is_err());
        if let (Err(error), false) = (written, was_broken) {
            tracing::error!(%error, "the audit log cannot be written: its lines are lost");
        }
    }
}

impl Observer for AuditLog {
    fn loaded(&self, load: &Loaded<'_>) {
        let component = load.component;
        let error = load.result.err().map(|error| shown(&error.to_string()));
        self.write(
            "load",
            json!({
                "provider": shown(component.name()), "digest": component.digest(),
                "result": if error.is_none() { "loaded" } else { "failed" }, "error": error,
                "ms": milliseconds(load.elapsed),
            }),
        );
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let (usage, fault) = match call.end {
            CallEnd::Returned(usage) | CallEnd::Failed(usage) => (Some(usage), None),
            CallEnd::Faulted(usage, fault) => (Some(usage), Some(fault.label())),
            _ => (None, None),
        };
        self.write(
            "call",
            json!({
                "call": call.call, "provider": shown(&call.provider.name), "digest": call.provider.digest,
                "end": call.end.label(), "fault": fault, "fuel": usage.map(|usage| usage.fuel),
                "ms": milliseconds(call.elapsed),
            }),
        );
    }

    fn decided(&self, decision: &Decision<'_>) {
        let denial = decision.denied.map(|reason| Denial {
            capability: decision.capability,
            target: decision.target.to_owned(),
            reason,
            address: decision.address,
        });
        let remedy = denial.as_ref().and_then(Denial::remedy);
        self.write(
            "decision",
            json!({
                "call": decision.call, "provider": shown(decision.provider), "capability": decision.capability,
                "target": shown(decision.target), "denied": decision.denied.map(|reason| reason.label()),
                "remedy": remedy.map(|remedy| shown(&remedy)),
            }),
        );
    }
}

fn shown(text: &str) -> String {
    escape::line(text).into_owned()
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").finish_non_exhaustive()
    }
}
