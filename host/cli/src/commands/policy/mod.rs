//! `tollgate policy`: work on policies alone, without a component.

mod check;
mod schema;

use clap::Subcommand;

use crate::output::status::ExitReason;
use crate::output::ui::Ui;

const AFTER_HELP: &str = "\
Examples:
  tollgate policy check *.toml
  tollgate policy schema > policy.schema.json";

/// Check policies without a component, or print their schema
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Opts),
    Schema(schema::Opts),
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    match &opts.command {
        Command::Check(opts) => check::run(opts, ui),
        Command::Schema(_) => schema::run(ui),
    }
}
