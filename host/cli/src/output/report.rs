//! The JSON report and its destination.

use std::path::Path;

use serde::Serialize;

use crate::files::input::is_stream;
use crate::files::output::OutputFile;
use crate::output::status::ExitReason;
use crate::output::ui::Ui;

/// The destination of the report.
#[derive(Debug)]
pub(crate) enum Reporter {
    /// No report is asked for.
    None,
    /// Standard error, which then holds nothing else, so that a program can parse it.
    Stderr,
    /// A file.
    File(OutputFile),
}

impl Reporter {
    /// Checks that the report can be written.
    pub(crate) fn new(path: Option<&Path>) -> Result<Reporter, ExitReason> {
        Ok(match path {
            None => Reporter::None,
            Some(path) if is_stream(path) => Reporter::Stderr,
            Some(path) => Reporter::File(OutputFile::new(path)?),
        })
    }

    /// Opens what the wall will deny, before it is raised.
    pub(crate) fn prepare_for_wall(&mut self) -> Result<(), ExitReason> {
        match self {
            Reporter::None | Reporter::Stderr => Ok(()),
            Reporter::File(file) => file.prepare_for_wall(),
        }
    }

    /// Whether stderr is reserved for the report.
    pub(crate) fn is_stderr(&self) -> bool {
        matches!(self, Reporter::Stderr)
    }

    /// Writes the report.
    pub(crate) fn write<R: Serialize>(
        &self,
        ui: &Ui,
        report: impl FnOnce() -> R,
    ) -> Result<(), ExitReason> {
        match self {
            Reporter::None => Ok(()),
            Reporter::Stderr => {
                ui.stderr(&pretty(&report()));
                Ok(())
            }
            Reporter::File(file) => file.write(pretty(&report()).as_bytes()),
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
