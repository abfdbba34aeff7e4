//! `tollgate completions`: a script by which a shell completes command lines.

use clap_complete::Shell;

use crate::output::status::{ExitReason, RETURNED};
use crate::output::ui::Ui;

const AFTER_HELP: &str = "\
Examples:
  tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate
  tollgate completions fish > ~/.config/fish/completions/tollgate.fish";

/// Print the script by which a shell completes commands and options
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(opts: &Opts, mut command: clap::Command, ui: &Ui) -> Result<u8, ExitReason> {
    let mut script = Vec::new();
    clap_complete::generate(opts.shell, &mut command, "tollgate", &mut script);
    ui.result(script)?;
    Ok(RETURNED)
}
