//! The program `tollgate`: parses the command line, runs one command, exits with its status.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::string_slice))]

mod commands;
mod files;
mod options;
mod output;
#[cfg(test)]
mod reference;
mod target;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::commands::{
    cache, call, check, compile, demo, inspect, keygen, list, run, sign, verify,
};
use crate::files::interrupt;
use crate::output::status::ExitReason;
use crate::output::ui::{DisplayOpts, Ui};

/// The package's version and the major version of wasmtime inside.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (wasmtime 48)");

const AFTER_HELP: &str = "\
Exit status: 0 the provider returned, 1 it returned its own error (a WASI command: its own code),
2 usage or policy, 3 refused before any of its code ran, 4 a limit was reached or it trapped,
5 the host failed.

Example: tollgate demo";

/// The time a guest's last output may take after its call has ended.
const LAST_OUTPUT: std::time::Duration = std::time::Duration::from_millis(500);

/// Runs WebAssembly components without trusting them.
#[derive(Parser)]
#[command(name = "tollgate", version = VERSION, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    display: DisplayOpts,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Opts),
    Call(call::Opts),
    Inspect(inspect::Opts),
    Check(check::Opts),
    List(list::Opts),
    Compile(compile::Opts),
    Cache(cache::Opts),
    Demo(demo::Opts),
    Keygen(keygen::Opts),
    Sign(sign::Opts),
    Verify(verify::Opts),
}

fn main() -> ExitCode {
    tollgate::run_if_worker();
    files::writer::run_if_writer(files::output::write_whole);
    let matches = Cli::command().color(colors()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let ui = Ui::new(&cli.display);
    interrupt::watch();
    ExitCode::from(dispatch(cli.command, &ui).unwrap_or_else(|reason| {
        ui.show(&reason);
        reason.status()
    }))
}

/// The value of `--color`, for output that precedes parsing: usage errors and help.
fn colors() -> ColorChoice {
    let arguments: Vec<_> = std::env::args_os()
        .take_while(|word| word != "--")
        .collect();
    let given = |when: &str| {
        let in_one_word = format!("--color={when}");
        let in_two_words =
            |pair: &[OsString]| matches!(pair, [flag, word] if flag == "--color" && word == when);
        arguments.iter().any(|word| *word == *in_one_word) || arguments.windows(2).any(in_two_words)
    };
    match (given("never"), given("always")) {
        (true, _) => ColorChoice::Never,
        (_, true) => ColorChoice::Always,
        _ => ColorChoice::Auto,
    }
}

fn dispatch(command: Command, ui: &Ui) -> Result<u8, ExitReason> {
    match command {
        Command::Run(opts) => run::run(opts, ui),
        Command::Call(opts) => call::run(&opts, ui),
        Command::Inspect(opts) => in_tokio(inspect::run(&opts, ui)),
        Command::Check(opts) => in_tokio(check::run(&opts, ui)),
        Command::List(opts) => in_tokio(list::run(&opts, ui)),
        Command::Compile(opts) => in_tokio(compile::run(&opts, ui)),
        Command::Cache(opts) => cache::run(&opts, ui),
        Command::Demo(opts) => demo::run(&opts, ui),
        Command::Keygen(opts) => keygen::run(&opts, ui),
        Command::Sign(opts) => sign::run(&opts, ui),
        Command::Verify(opts) => verify::run(&opts, ui),
    }
}

/// Does one part of a command in an async runtime of its own. Its threads end with it, so that the wall is raised
/// between two parts while one thread runs.
fn in_tokio<T>(work: impl Future<Output = Result<T, ExitReason>>) -> Result<T, ExitReason> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ExitReason::Host(format!("cannot start: {error}")))?;
    let done = tokio.block_on(work);
    // A guest's output may be blocked by a reader that does not read.
    tokio.shutdown_timeout(LAST_OUTPUT);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_version_names_the_wasmtime_that_is_inside() {
        let lock = include_str!("../../../Cargo.lock");
        let (_, after) = lock
            .split_once("name = \"wasmtime\"\nversion = \"")
            .unwrap();
        let (major, _) = after.split_once('.').unwrap();
        assert!(VERSION.ends_with(&format!("(wasmtime {major})")), "{major}");
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().unwrap().to_string();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
    }
}
