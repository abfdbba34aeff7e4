//! The program `tollgate`: parses the command line, runs one command, exits with its status.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::string_slice))]

mod commands;
mod files;
mod options;
mod output;
mod preflight;
#[cfg(test)]
mod reference;
mod target;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::commands::{
    attack, cache, call, check, compat, compile, completions, demo, document, inspect, keygen,
    list, man, mcp, new, policy, profile, run, serve, sign, test, verify,
};
#[cfg(feature = "fleet")]
use crate::commands::{deploy, submit, worker};
use crate::files::interrupt;
use crate::output::status::ExitReason;
use crate::output::ui::{self, COLOR, DisplayOpts, Ui};

/// The package's version, the major version of wasmtime inside, and the commit that it was built from if that is known.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (wasmtime 48",
    env!("TOLLGATE_COMMIT_SHOWN"),
    ")"
);

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
    Profile(profile::Opts),
    Inspect(inspect::Opts),
    Check(check::Opts),
    Policy(policy::Opts),
    List(list::Opts),
    Compile(compile::Opts),
    Cache(cache::Opts),
    Demo(demo::Opts),
    New(new::Opts),
    Test(test::Opts),
    Compat(compat::Opts),
    Document(document::Opts),
    Attack(attack::Opts),
    Serve(serve::Opts),
    Mcp(mcp::Opts),
    #[cfg(feature = "fleet")]
    Worker(worker::Opts),
    #[cfg(feature = "fleet")]
    Submit(submit::Opts),
    #[cfg(feature = "fleet")]
    Deploy(deploy::Opts),
    Keygen(keygen::Opts),
    Sign(sign::Opts),
    Verify(verify::Opts),
    Completions(completions::Opts),
    Man(man::Opts),
}

fn main() -> ExitCode {
    tollgate::run_if_worker();
    files::writer::run_if_writer(files::output::write_whole);
    files::policy_writer::run_if_policy_writer();
    let matches = command_line().try_get_matches();
    let matches = matches.unwrap_or_else(|error| ui::misused(&error));
    if let Some((one, other)) = contradiction(&matches) {
        let text = format!("the argument '{one}' cannot be used with '{other}'");
        ui::misused(&command_line().error(ErrorKind::ArgumentConflict, text));
    }
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| ui::misused(&error));
    let ui = Ui::new(&cli.display);
    interrupt::at_interrupt(|signal| ui::last_words(&format!("error: interrupted by {signal}\n")));
    interrupt::watch();
    ExitCode::from(dispatch(cli.command, &ui).unwrap_or_else(|reason| {
        ui.show(&reason);
        reason.status()
    }))
}

/// The command line, with the variables of the environment that stand for options.
fn command_line() -> clap::Command {
    without_empty_variables(Cli::command()).color(colors())
}

/// A variable that is set to the empty string stands for no option: it is not set.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|arg| match arg.get_env().is_some_and(is_empty) {
        true => arg.env(Resettable::Reset),
        false => arg,
    });
    command.mut_subcommands(without_empty_variables)
}

/// Two options of the command line that exclude each other. An option without its value excludes no variable of the
/// environment: `--no-policy` takes back the value of `TOLLGATE_POLICY`.
fn contradiction(matches: &ArgMatches) -> Option<(&'static str, &'static str)> {
    const PAIRS: [[(&str, &str); 2]; 2] = [
        [("policy", "--policy"), ("no_policy", "--no-policy")],
        [("cache", "--cache"), ("no_cache", "--no-cache")],
    ];
    let given = |id: &str| {
        let mut present = matches.ids();
        present.any(|present| present == id)
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    let mut pairs = PAIRS.into_iter();
    let found = pairs.find(|pair| pair.iter().all(|(id, _)| given(id)));
    match (found, matches.subcommand()) {
        (Some([(_, one), (_, other)]), _) => Some((one, other)),
        (None, Some((_, below))) => contradiction(below),
        (None, None) => None,
    }
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
    let said = ["never", "always", "auto"].map(given);
    let variable = std::env::var(COLOR).unwrap_or_default();
    match (said, variable.as_str()) {
        ([true, ..], _) | ([false, false, false], "never") => ColorChoice::Never,
        ([_, true, _], _) | ([false, false, false], "always") => ColorChoice::Always,
        _ => ColorChoice::Auto,
    }
}

fn dispatch(command: Command, ui: &Ui) -> Result<u8, ExitReason> {
    match command {
        Command::Run(opts) => run::run(opts, ui),
        Command::Call(opts) => call::run(&opts, ui),
        Command::Profile(opts) => profile::run(opts, ui),
        Command::Inspect(opts) => in_tokio(inspect::run(&opts, ui)),
        Command::Check(opts) => in_tokio(check::run(&opts, ui)),
        Command::Policy(opts) => policy::run(&opts, ui),
        Command::List(opts) => in_tokio(list::run(&opts, ui)),
        Command::Compile(opts) => in_tokio(compile::run(&opts, ui)),
        Command::Cache(opts) => cache::run(&opts, ui),
        Command::Demo(opts) => demo::run(&opts, ui),
        Command::New(opts) => new::run(&opts, ui),
        Command::Test(opts) => test::run(&opts, ui),
        Command::Compat(opts) => in_tokio(compat::run(&opts, ui)),
        Command::Document(opts) => in_tokio(document::run(&opts, ui)),
        Command::Attack(opts) => attack::run(&opts, ui),
        Command::Serve(opts) => serve::run(&opts, ui),
        Command::Mcp(opts) => mcp::run(&opts, ui),
        #[cfg(feature = "fleet")]
        Command::Worker(opts) => worker::run(&opts, ui),
        #[cfg(feature = "fleet")]
        Command::Submit(opts) => submit::run(&opts, ui),
        #[cfg(feature = "fleet")]
        Command::Deploy(opts) => deploy::run(&opts, ui),
        Command::Keygen(opts) => keygen::run(&opts, ui),
        Command::Sign(opts) => sign::run(&opts, ui),
        Command::Verify(opts) => verify::run(&opts, ui),
        Command::Completions(opts) => completions::run(&opts, Cli::command(), ui),
        Command::Man(opts) => man::run(&opts, Cli::command(), ui),
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
        let (_, inside) = VERSION.split_once(" (wasmtime ").unwrap();
        assert_eq!(inside.split([',', ')']).next(), Some(major));
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().unwrap().to_string();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
    }
}
