//! Sessions in the process of their provider: what they do as sessions here do, and what a crash, a lie and a guest that
//! has broken out come to.

mod same;

use std::path::PathBuf;

use support::cli::tollgate;
use support::harness::{builder, policy, source};
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
