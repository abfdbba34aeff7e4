//! Builds the guests and turns them into components.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to whoever runs it"
)]

mod build;
mod cargo;
mod folder;
mod guests;
mod list;
mod output;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Builds the guests and turns them into components.
#[derive(Parser)]
struct Opts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build every guest into one folder of components.
    Build(build::Opts),
    /// Show size, imports and exports of every component in a folder.
    List {
        /// The folder; the output folder of `build` unless given.
        dir: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    // The repository is two folders above this crate.
    let repo = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let repo = repo.canonicalize().unwrap_or_else(|_| repo.to_owned());
    let result = match Opts::parse().command {
        Command::Build(opts) => build::build(&repo, opts),
        Command::List { dir } => list::list(&dir.unwrap_or_else(|| repo.join(build::OUT))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why:#}");
            ExitCode::FAILURE
        }
    }
}
