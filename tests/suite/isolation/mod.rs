//! Sessions in the process of their provider: what they do as sessions here do, and what a crash, a lie and a guest that
//! has broken out come to.

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
mod wall;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use support::cli::tollgate;
use support::harness::{builder, policy, source};
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
    executable(folder, &format!("{compiles}\n{line}"))
}

/// A program of lines of shell.
fn executable(folder: &TempDir, lines: &str) -> PathBuf {
    let program = folder.path().join("program");
    let text = format!("#!/bin/sh\n{lines}\n");
    // Written elsewhere and moved: a file that is open for writing is not started.
    let written = folder.path().join("written");
    std::fs::write(&written, text).unwrap();
    std::fs::set_permissions(&written, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(written, &program).unwrap();
    program
}
