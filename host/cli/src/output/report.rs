//! The JSON report and its destination.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::files::input::is_stream;
use crate::files::output::OutputFile;
use crate::output::status::ExitReason;
use crate::output::ui::{Ui, last_words};

/// The destination of the report. A copy has the same destination, which gets one report.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    to: Destination,
    is_written: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
enum Destination {
    /// No report is asked for.
    None,
    /// Standard error, which then holds nothing else, so that a program can parse it.
    Stderr,
    /// A file.
    File(Arc<Mutex<OutputFile>>),
}

impl Reporter {
    /// Checks that the report can be written.
    pub(crate) fn new(path: Option<&Path>) -> Result<Reporter, ExitReason> {
        let to = match path {
            None => Destination::None,
            Some(path) if is_stream(path) => Destination::Stderr,
            Some(path) => Destination::File(Arc::new(Mutex::new(OutputFile::new(path)?))),
        };
        Ok(Reporter {
            to,
            is_written: Arc::default(),
        })
    }

    /// Opens the file that the wall will deny, before it is raised.
    pub(crate) fn prepare_for_wall(&mut self) -> Result<(), ExitReason> {
        match &self.to {
            Destination::None | Destination::Stderr => Ok(()),
            Destination::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.prepare_for_wall()
            }
        }
    }

    /// Whether there is a destination.
    pub(crate) fn is_wanted(&self) -> bool {
        !matches!(self.to, Destination::None)
    }

    /// Whether stderr is reserved for the report.
    pub(crate) fn is_stderr(&self) -> bool {
        matches!(self.to, Destination::Stderr)
    }

    /// Writes the report.
    pub(crate) fn write<R: Serialize>(
        &self,
        ui: &Ui,
        report: impl FnOnce() -> R,
    ) -> Result<(), ExitReason> {
        match &self.to {
            Destination::None => Ok(()),
            Destination::Stderr => {
                self.is_written.store(true, Ordering::Relaxed);
                ui.stderr(&pretty(&report()));
                Ok(())
            }
            Destination::File(file) => {
                let file = file.lock().unwrap_or_else(PoisonError::into_inner);
                self.is_written.store(true, Ordering::Relaxed);
                file.write(pretty(&report()).as_bytes())
            }
        }
    }

    /// Writes the report of an interruption, unless another report is written or being written.
    pub(crate) fn write_last(&self, report: &impl Serialize) {
        if self.is_written.swap(true, Ordering::Relaxed) {
            return;
        }
        match &self.to {
            Destination::None => {}
            Destination::Stderr => last_words(&pretty(report)),
            Destination::File(file) => {
                // No way is left to report a file that cannot be written.
                let _ = file
                    .try_lock()
                    .map(|file| file.write_last(pretty(report).as_bytes()));
            }
        }
    }
}

/// JSON for people: indented, with hostile characters escaped.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    // Nothing that this program shows fails to be serialized: keys are text.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut text = tollgate::escape::json(&text).into_owned();
    text.push('\n');
    text
}
