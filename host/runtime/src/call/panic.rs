//! Panics of guests, which end as a trap without words: the message that the guest wrote before.

use tollgate_capability::{LogLevel, LogLine};
use tollgate_component::escape;

use crate::call::fault::{Fault, FaultKind};
use crate::call::report::Stdio;

/// The beginning of the message of a Rust panic: on standard error behind the name of the thread, and in a log line of
/// `tollgate_guest::log_panics` alone.
const BEGINS: &str = "panicked at ";

/// The text that the standard library writes behind the message.
const NOTE: &str = "\nnote: run with";

impl Fault {
    /// The same fault; a trap has the message of the panic it came from, if the guest wrote one. It is the guest's
    /// text, and the guest can write any text.
    pub(super) fn with_panic(mut self, logs: &[LogLine], stdio: Option<&Stdio>) -> Fault {
        if let FaultKind::Trap(message) = &mut self.kind
            && let Some(said) = said(logs, stdio)
        {
            message.push_str("; the guest says: ");
            message.push_str(&said);
        }
        self
    }
}

/// The last panic that the guest wrote of, on one line.
fn said(logs: &[LogLine], stdio: Option<&Stdio>) -> Option<String> {
    let logged = logs
        .iter()
        .rev()
        .find(|line| line.level == LogLevel::Error && line.message.starts_with(BEGINS));
    let text = match logged {
        Some(line) => line.message.clone(),
        None => {
            // A message is short, and stderr may be long.
            let stderr = &stdio?.stderr;
            let tail = stderr.len().saturating_sub(4 * escape::SHOWN);
            let tail = String::from_utf8_lossy(stderr.get(tail..)?);
            let at = tail.rfind(BEGINS)?;
            let (_, text) = tail.split_at_checked(at)?;
            text.split(NOTE).next()?.to_owned()
        }
    };
    let words: Vec<&str> = text.lines().map(str::trim).collect();
    Some(escape::line(words.join(" ").trim()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: LogLevel, message: &str) -> LogLine {
        LogLine {
            level,
            message: message.to_owned(),
        }
    }

    fn told(logs: &[LogLine], stderr: &str) -> String {
        let stdio = Stdio {
            stderr: stderr.as_bytes().to_vec(),
            ..Stdio::default()
        };
        let fault = Fault::new(FaultKind::Trap("unreachable".to_owned()));
        fault.with_panic(logs, Some(&stdio)).to_string()
    }

    #[test]
    fn a_trap_has_the_message_of_the_panic() {
        let rust = "working\nthread 'main' (1) panicked at src/main.rs:3:5:\nno\nsuch \u{1b}[2Jkey\nnote: run with \
                    `RUST_BACKTRACE=1` …\n";
        assert_eq!(
            told(&[], rust),
            "unreachable; the guest says: panicked at src/main.rs:3:5: no such \\u{1b}[2Jkey"
        );
        let logs = [
            line(LogLevel::Error, "panicked at a.rs:1:1:\nfirst"),
            line(LogLevel::Error, "panicked at b.rs:1:1:\nsecond"),
            line(LogLevel::Error, "something else"),
            line(LogLevel::Info, "panicked at c.rs"),
        ];
        assert_eq!(
            told(&logs, rust),
            "unreachable; the guest says: panicked at b.rs:1:1: second"
        );
        for (logs, stderr) in [(&logs[2..], "panicked"), (&[], "")] {
            assert_eq!(told(logs, stderr), "unreachable");
        }
        let long = format!("panicked at {}", "x".repeat(100_000));
        assert!(told(&[line(LogLevel::Error, &long)], "").len() < 1_000);
    }

    #[test]
    fn other_faults_stay_as_they_are() {
        let logs = [line(LogLevel::Error, "panicked at a.rs:1:1:\nno memory")];
        let fault = Fault::new(FaultKind::Memory(1));
        assert_eq!(fault.clone().with_panic(&logs, None), fault);
    }
}
