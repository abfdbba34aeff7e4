//! Reports across the socket: told by the process, and believed by the host as far as it can bound them.

use std::sync::Arc;
use std::time::Duration;

use tollgate_capability::Log;
use tollgate_component::{ProviderInfo, escape};
use tollgate_policy::{Denial, Limits};

use super::message::{Answer, Blob, Ended, Faulted, Outputs, Told};
use crate::call::fault::{Fault, FaultKind};
use crate::call::report::{Outcome, Report, Stdio, Usage};
use crate::engine::FRAMES;
use crate::engine::metering::Metering;
use crate::error::CallError;
use crate::wire;

/// The answer that tells of a call. `ended` encodes a result or an error; a result that cannot be encoded is unknown to
/// the host.
pub(super) fn tell<T, E>(
    result: Result<Report<T, E>, CallError>,
    ended: impl FnOnce(Result<T, E>) -> Option<Ended>,
) -> Answer {
    let report = match result {
        Ok(report) => report,
        Err(CallError::Busy) => return Answer::Busy,
        Err(CallError::Host(error)) => return Answer::failed(error.detail()),
        Err(other) => return Answer::failed(&other.to_string()),
    };
    let ended = match report.outcome {
        Outcome::Returned(value) => ended(Ok(value)),
        Outcome::Failed(error) => ended(Err(error)),
        Outcome::Faulted(fault) => Some(Ended::Faulted(Faulted {
            kind: fault.label().to_owned(),
            message: match &fault.kind {
                FaultKind::Trap(message) => message.clone(),
                _ => String::new(),
            },
            code: match fault.kind {
                FaultKind::Exit(code) => code,
                _ => 0,
            },
            trap: fault.trap,
            backtrace: fault.backtrace,
        })),
    };
    let Some(ended) = ended else {
        return Answer::failed("a result of another type than the function's");
    };
    let usage = report.usage;
    Answer::Report(Box::new(Told {
        ended,
        fuel: usage.fuel,
        memory_peak: usage.memory_peak,
        table_peak: usage.table_peak,
        host_memory_peak: usage.host_memory_peak,
        host_time: usage.host_time,
        host_calls: usage.host_calls,
        host_bytes: usage.host_bytes,
        syncs: usage.syncs,
        logs: report.logs,
        logs_dropped: report.logs_dropped,
        stdio: report.stdio.map(|stdio| Outputs {
            stdout: Blob(stdio.stdout),
            stdout_dropped: stdio.stdout_dropped,
            stderr: Blob(stdio.stderr),
            stderr_dropped: stdio.stderr_dropped,
        }),
    }))
}

/// The facts that the host itself knows of a call.
pub(super) struct Known {
    pub(super) info: Arc<ProviderInfo>,
    pub(super) limits: Arc<Limits>,
    pub(super) metering: Metering,
    pub(super) elapsed: Duration,
    pub(super) denials: Vec<Denial>,
    /// Whether the guest has outputs.
    pub(super) has_stdio: bool,
}

impl Known {
    /// The report of a call that the process said nothing of.
    pub(super) fn faulted<T, E>(&self, kind: FaultKind) -> Report<T, E> {
        let stdio = self.has_stdio.then(Stdio::default);
        self.report(
            Outcome::Faulted(Fault::new(kind)),
            Usage::default(),
            Log::default(),
            stdio,
        )
    }

    /// The report of a call of which the process has told. `is_late` where the message came after the deadline: the
    /// call has no result then. `None` if the message is impossible.
    pub(super) fn told<T, E>(
        &self,
        told: Told,
        is_late: bool,
        finish: impl FnOnce(Ended, &Limits) -> Option<Outcome<T, E>>,
    ) -> Option<Report<T, E>> {
        let limits = Arc::clone(&self.limits);
        let outcome = match told.ended {
            Ended::Faulted(fault) => Outcome::Faulted(of_fault(fault, &limits)?),
            _ if is_late => Outcome::Faulted(Fault::new(FaultKind::Deadline(limits.deadline))),
            ended => finish(ended, &limits)?,
        };
        let mut log = Log::default();
        log.dropped = told.logs_dropped;
        for line in told.logs {
            log.push(line, limits.log);
        }
        let usage = Usage {
            fuel: match self.metering.counts_fuel() {
                true => told.fuel.min(limits.fuel),
                false => 0,
            },
            memory_peak: told.memory_peak.min(limits.memory),
            table_peak: told.table_peak.min(limits.table_elements),
            host_memory_peak: told.host_memory_peak.min(limits.host_memory),
            elapsed: self.elapsed,
            host_time: told.host_time.min(self.elapsed),
            // The call that was one too many is counted.
            host_calls: told.host_calls.min(limits.host_calls.saturating_add(1)),
            host_bytes: told
                .host_bytes
                .min(limits.host_data.saturating_mul(limits.host_calls)),
            syncs: told.syncs.min(limits.host_calls),
            log_bytes: log.bytes,
            output_bytes: None,
        };
        let stdio = self.has_stdio.then(|| match told.stdio {
            Some(outputs) => {
                let (stdout, stdout_dropped) =
                    cut(outputs.stdout, outputs.stdout_dropped, limits.stdio);
                let (stderr, stderr_dropped) =
                    cut(outputs.stderr, outputs.stderr_dropped, limits.stdio);
                Stdio {
                    stdout,
                    stdout_dropped,
                    stderr,
                    stderr_dropped,
                }
            }
            None => Stdio::default(),
        });
        Some(self.report(outcome, usage, log, stdio))
    }

    fn report<T, E>(
        &self,
        outcome: Outcome<T, E>,
        usage: Usage,
        log: Log,
        stdio: Option<Stdio>,
    ) -> Report<T, E> {
        Report {
            provider: Arc::clone(&self.info),
            outcome,
            usage: Usage {
                elapsed: self.elapsed,
                ..usage
            },
            limits: Arc::clone(&self.limits),
            metering: self.metering,
            denials: self.denials.clone(),
            // Nobody is asked there.
            questions: Vec::new(),
            logs: log.lines,
            logs_dropped: log.dropped,
            stdio,
        }
    }
}

/// An output of at most `most` bytes, and the bytes of it that were dropped.
fn cut(Blob(mut bytes): Blob, dropped: u64, most: u64) -> (Vec<u8>, u64) {
    let before = bytes.len();
    bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let cut = before.saturating_sub(bytes.len()) as u64;
    (bytes, dropped.saturating_add(cut))
}

/// The fault that the process names, with the limits that the host knows. A process cannot report a crash.
fn of_fault(told: Faulted, limits: &Limits) -> Option<Fault> {
    let kind = match &*told.kind {
        "fuel" => FaultKind::Fuel(limits.fuel),
        "deadline" => FaultKind::Deadline(limits.deadline),
        "memory" => FaultKind::Memory(limits.memory),
        "table" => FaultKind::Table(limits.table_elements),
        "instances" => FaultKind::Instances(limits.instances),
        "stack" => FaultKind::Stack(limits.stack),
        // A sentence of the engine's, or one of ours with a line of it.
        "trap" => FaultKind::Trap(bounded(&told.message, escape::MAX_LINE + 64)),
        "output" => FaultKind::Output(limits.output),
        "host-calls" => FaultKind::HostCalls(limits.host_calls),
        "host-data" => FaultKind::HostData(limits.host_data),
        "handles" => FaultKind::Handles(limits.handles),
        "stdio" => FaultKind::Stdio(limits.stdio),
        "host-memory" => FaultKind::HostMemory(limits.host_memory),
        "exit" => FaultKind::Exit(told.code),
        _ => return None,
    };
    let line = |text: &String| bounded(text, escape::MAX_LINE);
    Some(Fault {
        kind,
        trap: told.trap.as_ref().map(line),
        backtrace: told.backtrace.iter().take(FRAMES).map(line).collect(),
    })
}

/// A text that the process has escaped, or not: an honest one stays as it is, and of another no more is escaped.
fn bounded(told: &str, most: usize) -> String {
    escape::whole(wire::cut(told, most)).into_owned()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests {
    use tollgate_capability::{LogLevel, LogLine};

    use super::*;

    fn known() -> Known {
        let limits = Limits {
            fuel: 10,
            log: 40,
            stdio: 3,
            ..Limits::default()
        };
        Known {
            info: Arc::new(ProviderInfo {
                name: "guest".into(),
                digest: String::new(),
                size: 0,
                world: None,
                signer: None,
            }),
            limits: Arc::new(limits),
            metering: Metering::Fuel,
            elapsed: Duration::from_millis(5),
            denials: Vec::new(),
            has_stdio: true,
        }
    }

    fn told(ended: Ended) -> Told {
        let line = |message: &str| LogLine {
            level: LogLevel::Info,
            message: message.into(),
        };
        let output = || Blob(b"12345".to_vec());
        Told {
            ended,
            fuel: u64::MAX,
            memory_peak: u64::MAX,
            table_peak: u64::MAX,
            host_memory_peak: u64::MAX,
            host_time: Duration::MAX,
            host_calls: u64::MAX,
            host_bytes: u64::MAX,
            syncs: u64::MAX,
            logs: vec![line("kept"), line("one too many")],
            logs_dropped: 0,
            stdio: Some(Outputs {
                stdout: output(),
                stdout_dropped: 0,
                stderr: output(),
                stderr_dropped: u64::MAX,
            }),
        }
    }

    fn finish(ended: Ended, _: &Limits) -> Option<Outcome<(), ()>> {
        matches!(ended, Ended::Exit(0)).then_some(Outcome::Returned(()))
    }

    /// A guest may have taken over the process: no number from it is over its limit.
    #[test]
    fn what_a_process_tells_is_cut_to_the_limits() {
        let known = known();
        let limits = Arc::clone(&known.limits);
        let report = known.told(told(Ended::Exit(0)), false, finish).unwrap();
        assert_eq!(report.outcome, Outcome::Returned(()));
        let Usage {
            fuel,
            memory_peak,
            table_peak,
            host_memory_peak,
            elapsed,
            host_time,
            host_calls,
            host_bytes,
            syncs,
            log_bytes,
            ..
        } = report.usage;
        assert_eq!(
            (fuel, memory_peak, table_peak),
            (10, limits.memory, limits.table_elements)
        );
        assert_eq!(host_memory_peak, limits.host_memory);
        assert_eq!((elapsed, host_time), (Duration::from_millis(5), elapsed));
        assert_eq!(host_calls, limits.host_calls + 1);
        assert_eq!(host_bytes, limits.host_data * limits.host_calls);
        assert_eq!(syncs, limits.host_calls);
        assert_eq!(
            (report.logs.len(), report.logs_dropped, log_bytes),
            (1, 1, 36)
        );
        let stdio = report.stdio.unwrap();
        assert_eq!((&*stdio.stdout, stdio.stdout_dropped), (&b"123"[..], 2));
        assert_eq!(
            (&*stdio.stderr, stdio.stderr_dropped),
            (&b"123"[..], u64::MAX)
        );
    }

    /// An escape takes nine times the bytes of its character, and is not cut or escaped again.
    #[test]
    fn the_texts_of_a_fault_are_cut() {
        let fault = |text: &str| Faulted {
            kind: "trap".into(),
            message: format!("the guest broke the component model's rules: {text}"),
            code: 0,
            trap: Some(text.into()),
            backtrace: vec![text.into(); FRAMES],
        };
        let honest = escape::line(&"\u{e0001}".repeat(1_000)).into_owned();
        let read = of_fault(fault(&honest), &known().limits).unwrap();
        let told = fault(&honest);
        assert_eq!(read.kind, FaultKind::Trap(told.message));
        assert_eq!((read.trap, read.backtrace), (told.trap, told.backtrace));
        let read = of_fault(fault(&"\u{1b}".repeat(1 << 20)), &known().limits).unwrap();
        let longest = 8 * escape::MAX_LINE;
        assert!(read.to_string().len() < longest);
        assert!(read.trap.unwrap().len() < longest && read.backtrace[0].len() < longest);
    }

    #[test]
    fn a_result_after_the_deadline_is_none() {
        let report = known().told(told(Ended::Exit(0)), true, finish).unwrap();
        assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    }

    /// Every fault that a guest can cause is told and read back, and no other.
    #[test]
    fn a_fault_has_the_limits_of_the_host() {
        let limits = known().limits;
        for kind in [
            FaultKind::Fuel(1),
            FaultKind::Deadline(Duration::ZERO),
            FaultKind::Memory(1),
            FaultKind::Table(1),
            FaultKind::Instances(1),
            FaultKind::Stack(1),
            FaultKind::Trap("text\u{1b}".into()),
            FaultKind::Output(1),
            FaultKind::HostCalls(1),
            FaultKind::HostData(1),
            FaultKind::Handles(1),
            FaultKind::Stdio(1),
            FaultKind::HostMemory(1),
            FaultKind::Exit(3),
        ] {
            let fault = Fault {
                kind: kind.clone(),
                trap: Some("\u{1b}".into()),
                backtrace: vec!["f\n".into(); FRAMES + 1],
            };
            let report: Report<(), ()> = known().faulted(kind.clone());
            let report = Report {
                outcome: Outcome::Faulted(fault.clone()),
                ..report
            };
            let Answer::Report(told) = tell(Ok(report), |_| None) else {
                panic!("not told");
            };
            let read = known().told(*told, false, finish).unwrap();
            let read = read.outcome.fault().unwrap().clone();
            assert_eq!(read.label(), fault.label());
            assert_eq!(read.trap.as_deref(), Some("\\u{1b}"));
            assert_eq!(read.backtrace.len(), FRAMES);
            match read.kind {
                FaultKind::Fuel(n) => assert_eq!(n, limits.fuel),
                FaultKind::Trap(text) => assert_eq!(text, "text\\u{1b}"),
                FaultKind::Exit(code) => assert_eq!(code, 3),
                _ => assert_ne!(read.limit(), fault.limit()),
            }
        }
        for kind in ["crash", "", "Fuel"] {
            let told = told(Ended::Faulted(Faulted {
                kind: kind.into(),
                message: String::new(),
                code: 0,
                trap: None,
                backtrace: Vec::new(),
            }));
            assert!(known().told(told, false, finish).is_none(), "{kind}");
        }
    }
}
