//! A batch: each file of a folder through one untrusted component, on all processors, with a progress bar.
//!
//! `cargo run --example batch -- target/guests/echo.wasm samples/files` (build the guests first: `./justw guests`)
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use tollgate::blocking::{Provider, Runtime};
use tollgate::{Outcome, Policy, Source};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(component), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: batch COMPONENT FOLDER".into());
    };
    let policy = Policy::parse("limits.deadline = \"2s\"", Path::new("."))?;
    let source = Source::file(&component, &policy.limits)?;
    // All of the runtime is for one component.
    let runtime = tollgate::Runtime::builder().share(100).build();
    let provider = Runtime::from(runtime).load(&source, &policy)?;

    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}")?;
    let bar = ProgressBar::new(files.len() as u64).with_style(style);
    // Each thread takes the next file, in a session of its own, so that no file can affect the result of another.
    let (next, failed) = (Mutex::new(files.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(file) = next.lock().ok().and_then(|mut files| files.next()) {
                    if let Err(why) = work(&provider, file)
                        && let Ok(mut failed) = failed.lock()
                    {
                        failed.push(format!("{}: {why}", file.display()));
                    }
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let failed = failed.into_inner().unwrap_or_default();
    for why in &failed {
        eprintln!("{why}");
    }
    println!("{} files, {} failed", files.len(), failed.len());
    Ok(())
}

fn work(provider: &Provider, file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let report = provider.session().run(&std::fs::read(file)?)?;
    match report.outcome {
        // A real program keeps the result.
        Outcome::Returned(_) => Ok(()),
        Outcome::Failed(error) => Err(format!("the provider says: {error}").into()),
        Outcome::Faulted(fault) => Err(format!("stopped: {fault}").into()),
    }
}
