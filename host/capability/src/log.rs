//! Log lines of one call, up to the `log` limit.

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::error::LimitReached;
use crate::held::Held;
use crate::prices::MOVE_PRICE;

/// The importance of a log line, as the provider states it. Labels are the names in WIT and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// The finest detail.
    Trace,
    /// A line for the author of the component.
    Debug,
    /// Normal events.
    Info,
    /// A possible mistake.
    Warn,
    /// A mistake.
    Error,
}

impl LogLevel {
    /// The stable name, as in WIT and in the report.
    pub fn label(self) -> &'static str {
        match self {
            LogLevel::Trace => "trace",
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }
}

/// One line that the provider logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Its importance, as the provider states it.
    pub level: LogLevel,
    /// The text of the guest: escape it before you show it.
    pub message: String,
}

/// Log lines of one call, up to the `log` limit.
#[derive(Default)]
pub struct Log {
    /// Lines kept.
    pub lines: Vec<LogLine>,
    /// Their size, in bytes.
    pub bytes: u64,
    /// Lines that did not fit.
    pub dropped: u64,
    /// What counts them as host memory, with the room for lines to come.
    held: Option<Held>,
}

/// The size of a kept line beside its text, so that a million empty lines are counted.
const LINE_OVERHEAD: u64 = 32;

impl Log {
    /// Keeps the line if the whole of it fits under `cap` bytes, else counts it.
    pub fn push(&mut self, line: LogLine, cap: u64) {
        if self.admit(&line, cap) {
            self.lines.push(line);
        }
    }

    /// Counts a line; whether it is to be kept.
    fn admit(&mut self, line: &LogLine, cap: u64) -> bool {
        let size = line.message.len() as u64 + LINE_OVERHEAD;
        if self.bytes.saturating_add(size) > cap {
            self.dropped = self.dropped.saturating_add(1);
            return false;
        }
        self.bytes += size;
        true
    }
}

impl Call {
    /// Keeps a log line for the report.
    ///
    /// # Errors
    ///
    /// The limit that ends the call.
    pub async fn write_log(
        &mut self,
        level: LogLevel,
        message: String,
    ) -> Result<(), LimitReached> {
        self.enter(message.len() as u64, MOVE_PRICE).await?;
        let line = LogLine { level, message };
        if self.log.admit(&line, self.meter.limits.log) {
            let memory = &self.meter.host_memory;
            let log = &mut self.log;
            let held = log.held.get_or_insert_with(|| Held::new(memory.clone()));
            held.hold(line.message.len() as u64)?;
            held.make_room(&mut log.lines)?;
            log.lines.push(line);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_fit_to_the_byte_are_kept() {
        let mut log = Log::default();
        for (message, kept) in [("full", true), ("", false)] {
            let level = LogLevel::Info;
            let message = message.to_owned();
            log.push(LogLine { level, message }, 4 + LINE_OVERHEAD);
            assert_eq!(log.dropped == 0, kept);
        }
        assert_eq!((log.lines.len(), log.bytes), (1, 4 + LINE_OVERHEAD));
    }
}
