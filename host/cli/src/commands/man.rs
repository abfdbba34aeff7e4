//! `tollgate man`: a manual page for each command.

use std::path::PathBuf;

use crate::output::status::{ExitReason, RETURNED};
use crate::output::text;
use crate::output::ui::Ui;

const AFTER_HELP: &str = "\
Examples:
  tollgate man ~/.local/share/man/man1
  man tollgate-run";

/// Write the manual pages, one for each command, into a folder
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The folder, which exists; pages in it are replaced
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(opts: &Opts, command: clap::Command, ui: &Ui) -> Result<u8, ExitReason> {
    let folder = text::path(&opts.folder);
    clap_mangen::generate_to(command, &opts.folder)
        .map_err(|error| ExitReason::Usage(format!("{folder}: {error}")))?;
    ui.note(&format!("the manual pages are in {folder}"));
    Ok(RETURNED)
}
