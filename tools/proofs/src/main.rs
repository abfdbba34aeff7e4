//! Edits each enforcing line of `tests/proofs.toml` out in turn and shows the test that fails without it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command reports on its output"
)]

mod cargo;
mod check;
mod edit;
mod judge;
mod ledger;
mod libtest;
mod names;
mod page;
mod process;
mod proofs;
mod results;
mod run;
mod settings;
mod switch;
mod switched;
mod together;
mod tree;
mod workspace;

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Parser;

use crate::proofs::Proofs;

/// Edits each enforcing line out in turn, in a copy of the tree, and shows the test that fails without it.
#[derive(Parser)]
struct Opts {
    /// Only proofs whose name contains one of these words.
    names: Vec<String>,
    /// Check that each edit finds its text, each test exists, and docs/security/limits.md is up to date; build nothing.
    #[arg(long, group = "mode")]
    edits: bool,
    /// Show the names of the proofs.
    #[arg(long, group = "mode")]
    list: bool,
    /// Write a table in Markdown of the lines and their tests.
    #[arg(long, group = "mode")]
    ledger: bool,
    /// Write docs/security/limits.md anew.
    #[arg(long, group = "mode")]
    bless: bool,
    /// Run proofs again that have a result.
    #[arg(long)]
    again: bool,
    /// Seconds that the tests of one proof may take, unless the proof says otherwise.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    timeout: u64,
    /// Proofs that are run at the same time, each in a copy of its own. A test that measures time may fail by the load: run its proof alone.
    /// Only proofs that are built one at a time have lanes.
    #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=16))]
    lanes: u8,
    /// Build each proof alone. Otherwise edits in bodies of functions are built together, each behind a switch, and only those that are not proved so are built alone.
    #[arg(long)]
    apart: bool,
}

fn main() -> ExitCode {
    // The repository is two folders above this crate.
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    match run(&root, &Opts::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why:#}");
            ExitCode::from(2)
        }
    }
}

fn run(root: &Path, opts: &Opts) -> Result<bool> {
    let proofs = Proofs::read(root)?;
    let selected = proofs.select(&opts.names)?;
    if opts.list {
        for proof in selected {
            let because = proof.because.as_deref().unwrap_or_default();
            println!("{:<22} {} {because}", proof.name, proof.test);
        }
        return Ok(true);
    }
    if opts.ledger {
        print!("{}", ledger::table(root, &selected)?);
        return Ok(true);
    }
    if opts.bless {
        page::bless(root, &proofs)?;
        return Ok(true);
    }
    if opts.edits {
        let wrong = check::check(root, &proofs, &selected)?;
        for (proof, why) in &wrong {
            println!("{:<10} {:<22} {why}", "STALE", proof.name);
        }
        if wrong.is_empty() {
            page::check(root, &proofs)?;
        }
        return Ok(wrong.is_empty());
    }
    let options = run::Options {
        again: opts.again,
        limit: Duration::from_secs(opts.timeout),
        lanes: opts.lanes,
        apart: opts.apart,
    };
    run::run(root, &proofs, &selected, options)
}
