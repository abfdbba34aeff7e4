//! Plugins that are replaced while the program runs: a folder of components, each with its policy, is served as it is.
//!
//! Each line of standard input, `NAME TEXT`, is a call of a plugin. Copy another component over one, under its name, and
//! the next call reaches it. `cargo run --example plugins -- FOLDER` (build the guests first: `./justw guests`)
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

use std::io::{BufRead as _, Write as _};

use tollgate::blocking::Runtime;
use tollgate::watch::WatchOptions;
use tollgate::{Outcome, Policy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("the folder is missing")?;
    // A plugin without a policy of its own gets this one, which grants nothing.
    let default = Policy::parse("limits.deadline = \"2s\"", std::path::Path::new("."))?;
    let options = WatchOptions::new(folder)
        .default_policy(default)
        .on_event(|event| eprintln!("{event}"));
    let plugins = Runtime::new().watch(options)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (name, text) = line.split_once(' ').unwrap_or((&line, ""));
        // The plugin as it is now: a call under way would finish on the one that it began with.
        let Some(plugin) = plugins.get(name) else {
            println!("{name}: no such plugin");
            continue;
        };
        let plugin = tollgate::blocking::Provider::from(plugin);
        match plugin.session().run(text.as_bytes()) {
            Ok(report) => match &report.outcome {
                Outcome::Returned(bytes) => {
                    let text = String::from_utf8_lossy(bytes);
                    println!("{name}: {}", tollgate::escape::line(&text));
                }
                Outcome::Failed(error) => println!("{name} says: {error}"),
                Outcome::Faulted(fault) => println!("{name}: stopped: {fault}"),
            },
            Err(error) => println!("{name}: {error}"),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}
