//! The options of every command that examines one component.

use std::path::PathBuf;

use crate::files::input::is_stream;
use crate::options::policy::PolicyOpts;

/// The options of a command that examines one component.
#[derive(clap::Args)]
pub(crate) struct ComponentOpts {
    /// The component, a .wasm file
    #[arg(value_name = "COMPONENT")]
    pub(crate) component: PathBuf,
    #[command(flatten)]
    pub(crate) policy: PolicyOpts,
    /// Write the JSON report to a file, or with `-` to stderr, which then holds nothing else
    #[arg(long, value_name = "FILE|-")]
    pub(crate) report: Option<PathBuf>,
    /// Print JSON in place of text
    #[arg(long)]
    pub(crate) json: bool,
}

impl ComponentOpts {
    /// Whether messages may go to stderr: the report does not.
    pub(crate) fn has_stderr(&self) -> bool {
        !self.report.as_deref().is_some_and(is_stream)
    }
}
