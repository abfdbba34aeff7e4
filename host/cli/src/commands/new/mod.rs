//! `tollgate new`: starts a project.

#![expect(
    clippy::indexing_slicing,
    reason = "an id of wit-parser is of the arena that is indexed by it, and no slice is indexed here"
)]

mod c;
mod exports;
mod folder;
mod host;
mod host_charges;
mod host_interfaces;
mod javascript;
mod name;
mod own_world;
mod packages;
mod policy;
mod provider;
mod python;
mod readme;
mod rust;
mod rust_types;
mod value;
mod words;
pub(crate) mod world;

use clap::Subcommand;

use crate::output::status::ExitReason;
use crate::output::ui::Ui;

const AFTER_HELP: &str = "\
Examples:
  tollgate new provider words --lang rust
  tollgate new host report --world acme:report/plugin";

/// Start a project in a new folder
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Provider(provider::Opts),
    Host(host::Opts),
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    match &opts.command {
        Command::Provider(opts) => provider::run(opts, ui),
        Command::Host(opts) => host::run(opts, ui),
    }
}
