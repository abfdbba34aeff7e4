//! Where the JSON report goes.

use std::path::Path;

use serde_json::Value;

use crate::files::{Target, is_stream};
use crate::output::Ui;
use crate::stop::Stop;

/// Where the report goes.
#[derive(Debug)]
pub(crate) enum Reporter {
    /// Nobody asked for one.
    None,
    /// To stderr. Then nothing else goes there, so that a program can read it.
    Stderr,
    /// To a file.
    File(Target),
}

impl Reporter {
    /// Makes sure that it can be written.
    pub(crate) fn new(path: Option<&Path>) -> Result<Reporter, Stop> {
        Ok(match path {
            None => Reporter::None,
            Some(path) if is_stream(path) => Reporter::Stderr,
            Some(path) => Reporter::File(Target::new(path)?),
        })
    }

    /// Whether stderr is the report's.
    pub(crate) fn is_stderr(&self) -> bool {
        matches!(self, Reporter::Stderr)
    }

    /// Writes it.
    pub(crate) fn write(&self, ui: &Ui, report: impl FnOnce() -> Value) -> Result<(), Stop> {
        match self {
            Reporter::None => Ok(()),
            Reporter::Stderr => {
                ui.stderr(&pretty(&report()));
                Ok(())
            }
            Reporter::File(target) => target.write(pretty(&report()).as_bytes()),
        }
    }
}

/// JSON that a person can look at: indented, and with hostile characters escaped.
pub(crate) fn pretty(value: &Value) -> String {
    // The alternate form is the indented one.
    let mut text = tollgate::escape::json(&format!("{value:#}")).into_owned();
    text.push('\n');
    text
}
