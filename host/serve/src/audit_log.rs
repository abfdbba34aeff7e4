//! The audit log: a line of JSON for each load, call and decision.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate::approve::Answer;
use tollgate::escape;
use tollgate::observe::{CallEnd, CallEnded, CallStarted, Decision, Loaded, Observer};
use tollgate::report::Denial;

use crate::flush::flush;
use crate::origin;

/// Writes what a runtime tells its observer, one line of JSON for each event, as it happens. Clones share the writer.
///
/// | `event` | members |
/// |---|---|
/// | `request` | `caller`: the name of its token, `cert:` and the digest of its certificate, or null; `method`, `path`, `status`: null for a client that went away, `ms` |
/// | `load` | `provider`, `digest`, `result`: `loaded` or `failed`, `error` in words, `ms` |
/// | `call` | `call`: its number, `caller`, `provider`, `digest`, `end`, `fault`: its kind, `fuel`, `decisions`: their number, `ms` |
/// | `decision` | `call`, `provider`, `capability`, `target`, `denied`: the reason or null, `remedy`; the first 1,000 of a call |
/// | `lost` | `lines`: that could not be written, or waited behind 10,000 others |
///
/// All but the last have `time`, in UTC. Text of guests is cut to 512 characters, and escaped.
///
/// ```
/// use tollgate::Runtime;
/// use tollgate_serve::AuditLog;
///
/// let runtime = Runtime::builder().observer(AuditLog::new(std::io::stderr())).build();
/// # let _ = runtime;
/// ```
#[derive(Clone)]
pub struct AuditLog(Arc<Log>);

/// Lines that wait to be written. Beyond them a line is lost, and the next one that is written tells how many were.
const WAITING: usize = 10_000;

/// Decisions of one call that have a line each: a guest may make millions.
const MAX_DECISIONS: u32 = 1_000;

struct Log {
    lines: SyncSender<Message>,
    lost: Arc<AtomicU64>,
    /// The decisions of each call under way.
    decisions: Mutex<HashMap<u64, u32>>,
}

enum Message {
    Line(String),
    /// To be answered once all before it are written.
    Flush(SyncSender<()>),
}

impl AuditLog {
    /// Writes to `to`, on a thread of its own, so that a slow disk holds up no call.
    pub fn new(to: impl Write + Send + 'static) -> AuditLog {
        let (lines, waiting) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let log = Arc::clone(&lost);
        // It ends with the last clone.
        let thread = std::thread::Builder::new().name("audit-log".to_owned());
        if let Err(error) = thread.spawn(move || write(to, &waiting, &log)) {
            tracing::error!(%error, "the audit log has no thread: its lines are lost");
        }
        AuditLog(Arc::new(Log {
            lines,
            lost,
            decisions: Mutex::default(),
        }))
    }

    /// Waits until all lines so far are written, and at most for this time. Whether they are.
    pub fn flush(&self, most: Duration) -> bool {
        flush(most, Message::Flush, |message| {
            match self.0.lines.try_send(message) {
                Err(TrySendError::Full(message)) => Err(message),
                // A thread that is gone gives no answer.
                _ => Ok(()),
            }
        })
    }

    /// Writes that a version of a fleet was refused before the runtime saw it, as for a load. `digest` is the SHA-256 of its component in
    /// hexadecimal digits.
    pub fn refused(&self, provider: &str, digest: &str, why: &str) {
        self.write(
            "load",
            json!({
                "provider": shown(provider), "digest": format!("sha256:{}", shown(digest)), "result": "failed",
                "error": shown(why), "ms": 0,
            }),
        );
    }

    pub(crate) fn answered(
        &self,
        caller: Option<&str>,
        method: &Method,
        path: &str,
        status: Option<StatusCode>,
        elapsed: Duration,
    ) {
        self.write(
            "request",
            json!({
                "caller": caller.map(shown), "method": shown(method.as_str()), "path": shown(path),
                "status": status.map(|status| status.as_u16()), "ms": milliseconds(elapsed),
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
        let line = Message::Line(format!("{}\n", escape::json(&line)));
        if self.0.lines.try_send(line).is_err() {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a decision of a call. Whether it has a line of its own.
    fn has_line(&self, call: u64) -> bool {
        let mut decisions = self.decisions();
        // Late decisions of a call that has ended are few.
        let Some(count) = decisions.get_mut(&call) else {
            return true;
        };
        *count = count.saturating_add(1);
        *count <= MAX_DECISIONS
    }

    fn decisions(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        let decisions = &self.0.decisions;
        decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes lines until no more can come.
fn write(mut to: impl Write, lines: &Receiver<Message>, lost: &AtomicU64) {
    let mut is_broken = false;
    for message in lines {
        let mut written = tell_lost(&mut to, lost);
        match message {
            Message::Line(line) => {
                written = written.and_then(|()| to.write_all(line.as_bytes()));
                if written.is_err() {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            Message::Flush(tell) => {
                let _ = to.flush();
                let _ = tell.try_send(());
            }
        }
        if let (Err(error), false) = (&written, is_broken) {
            tracing::error!(%error, "the audit log cannot be written: its lines are lost");
        }
        is_broken = written.is_err();
    }
}

/// Writes how many lines were lost, if some were.
fn tell_lost(to: &mut impl Write, lost: &AtomicU64) -> std::io::Result<()> {
    let count = lost.swap(0, Ordering::Relaxed);
    if count == 0 {
        return Ok(());
    }
    let told = to.write_all(format!("{{\"event\":\"lost\",\"lines\":{count}}}\n").as_bytes());
    if told.is_err() {
        lost.fetch_add(count, Ordering::Relaxed);
    }
    told
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

    fn call_started(&self, call: &CallStarted<'_>) {
        self.decisions().insert(call.call, 0);
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let decisions = self.decisions().remove(&call.call).unwrap_or(0);
        let origin = origin::current();
        let caller = origin.and_then(|origin| origin.caller.clone());
        let (usage, fault) = match call.end {
            CallEnd::Returned(usage) | CallEnd::Failed(usage) => (Some(usage), None),
            CallEnd::Faulted(usage, fault) => (Some(usage), Some(fault.label())),
            _ => (None, None),
        };
        self.write(
            "call",
            json!({
                "call": call.call, "caller": caller.as_deref().map(shown), "provider": shown(&call.provider.name),
                "digest": call.provider.digest, "decisions": decisions,
                "end": call.end.label(), "fault": fault, "fuel": usage.map(|usage| usage.fuel),
                "ms": milliseconds(call.elapsed),
            }),
        );
    }

    fn decided(&self, decision: &Decision<'_>) {
        if !self.has_line(decision.call) {
            return;
        }
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
                "approved": decision.approved.map(Answer::label),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_few_lines_of_decisions() {
        let log = AuditLog::new(std::io::sink());
        log.decisions().insert(1, 0);
        let lines = (0..5_000).filter(|_| log.has_line(1)).count();
        assert_eq!(lines, 1_000);
        assert_eq!(log.decisions().get(&1), Some(&5_000));
        assert!(log.has_line(2));
    }
}
