//! Sessions in the process of their provider: the same results as for sessions here, and the results of a crash, a lie
//! and an escaped guest.

#![cfg(target_os = "linux")]

mod ends;
mod honest;
mod input;
mod late;
mod liars;
mod memory;
mod protected;
mod refused;
mod same;
mod same_grants;
mod wall;

use std::path::PathBuf;

use support::cli::tollgate;
use support::harness::{builder, policy, source};
use support::processes::script;
use tempfile::TempDir;
use tollgate::blocking::{Provider, Runtime};
use tollgate::{Builder, Compiler, Isolation};

/// A builder of runtimes whose providers have processes that run `program`.
fn isolating(program: impl Into<PathBuf>) -> Builder {
    let program = program.into();
    builder()
        .concurrency(16)
        .compiler(Compiler::Worker { program })
        .isolation(Isolation::Process)
}

/// A runtime whose providers have processes of their own.
fn runtime() -> Runtime {
    isolating(tollgate()).build().into()
}

/// Loads a guest into a process.
fn load(guest: &str, policy_text: &str) -> Provider {
    let loaded = runtime().load(&source(guest), &policy(policy_text));
    loaded.unwrap_or_else(|error| panic!("{guest} does not load: {error}"))
}

/// A program that compiles as the real one does, and as the process of a provider runs this line of shell.
fn compiles_and(folder: &TempDir, line: &str) -> PathBuf {
    let real = tollgate().display();
    let compiles = format!("case \"$1\" in --tollgate-compile-worker) exec '{real}' \"$@\";; esac");
    script(folder.path(), &format!("{compiles}\n{line}"))
}
