//! The README's example: an untrusted provider makes a manifest of a folder that it may read.
//!
//! `cargo run --example checksums`, at the top of the repository (build the guests first: `./justw guests`)
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

use std::path::Path;
use tollgate::{Outcome, Policy, Source, blocking::Runtime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse(
        r#"
        limits.fuel = 50_000_000
        limits.memory = "16MiB"
        grants.log = true
        grants.hash = true
        grants.files = [{ root = "data", path = "samples/files", access = "read" }]
        "#,
        Path::new("."),
    )?;
    let source = Source::file(Path::new("target/guests/checksums.wasm"), &policy.limits)?;
    let provider = Runtime::new().load(&source, &policy)?;
    let report = provider.session().run(b"data")?;
    match &report.outcome {
        Outcome::Returned(bytes) => print!("{}", String::from_utf8_lossy(bytes)),
        Outcome::Failed(error) => eprintln!("the provider says: {error}"),
        Outcome::Faulted(fault) => eprintln!("stopped: {fault}"),
    }
    println!("{} fuel", report.usage.fuel);
    Ok(())
}
