//! Measures Tollgate and its peers, interleaved: `tollgate-bench [--only GROUP…] [--quick] [--markdown]`, or `--guard`.
//!
//! The table goes to stdout; `report.json` and the plots to `target/bench`. A figure that could not be measured is
//! in neither, and stderr says why.

mod bench;
mod gate;
mod goals;
mod groups;
mod machine;
mod plot;
mod profile;
mod report;
mod rounds;
mod spread;
mod table;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use crate::bench::Bench;
use crate::goals::{GUARD, GUARD_ATTEMPTS};
use crate::groups::GROUPS;
use crate::report::{Report, Row};
use crate::table::Style;

/// The argument by which this program becomes a worker that makes fresh calls, and the guest that it calls.
const WORKER: &str = "--fresh-calls-of";

/// The argument by which it prints the memory of parked calls.
const PARKED: &str = "--resident-when-parked";

/// The argument by which it makes calls of one kind only, to be profiled.
const CALLS: &str = "--calls";

#[derive(Default)]
struct Options {
    only: Vec<String>,
    quick: bool,
    markdown: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match *words {
        [WORKER, guest] => bench(true).and_then(|bench| groups::threads::work(&bench.guest(guest))),
        [PARKED, many] => {
            bench(true).and_then(|bench| groups::concurrency::print_resident(&bench, many.parse()?))
        }
        ["--guard"] => bench(true).and_then(guard),
        [CALLS, kind, times] => {
            bench(true).and_then(|bench| profile::calls(&bench, kind, times.parse()?))
        }
        _ => options(&arguments).and_then(|options| measure(&options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut names = false;
    for argument in arguments {
        match argument.as_str() {
            "--only" => names = true,
            "--quick" => options.quick = true,
            "--markdown" => options.markdown = true,
            name if names && GROUPS.iter().any(|group| group.0 == name) => {
                options.only.push(name.to_owned());
            }
            other => {
                let groups: Vec<&str> = GROUPS.iter().map(|group| group.0).collect();
                bail!(
                    "{other}: `tollgate-bench [--only GROUP…] [--quick] [--markdown]`; groups: {}",
                    groups.join(" ")
                );
            }
        }
    }
    ensure!(!names || !options.only.is_empty(), "--only takes groups");
    Ok(options)
}

fn bench(quick: bool) -> Result<Bench> {
    // This crate is one folder below the repository's root.
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    Bench::new(&root, quick)
}

fn measure(options: &Options) -> Result<()> {
    let machine = machine::machine();
    let mut bench = bench(options.quick)?;
    let out = bench.path("target/bench");
    std::fs::create_dir_all(&out)?;
    let mut failed = Vec::new();
    for (name, run) in GROUPS {
        if !options.only.is_empty() && !options.only.iter().any(|only| only == name) {
            continue;
        }
        eprintln!("measuring {name}");
        if let Err(why) = run(&mut bench) {
            eprintln!("NOT MEASURED, {name}: {why:#}");
            failed.push(*name);
        }
    }
    let style = if options.markdown {
        Style::Markdown
    } else {
        Style::Text
    };
    print!(
        "{}",
        table::table(&bench.report, &machine::sentence(&machine), style)
    );
    let file = out.join("report.json");
    let written = bench.report.write(&file, &machine, &machine::versions());
    written.with_context(|| file.display().to_string())?;
    for (name, svg) in plot::plots(&bench.report) {
        std::fs::write(out.join(name), svg)?;
    }
    eprintln!("wrote {} and the plots beside it", file.display());
    ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}

/// Measures the rows that have a bound in [`GUARD`], shortly, and fails only for rows that are over their bound each time.
fn guard(mut bench: Bench) -> Result<()> {
    let mut over: Vec<_> = GUARD.iter().collect();
    for _ in 0..GUARD_ATTEMPTS {
        bench.report = Report::default();
        for (name, run) in GROUPS {
            if ["protections", "metering"].contains(name) {
                run(&mut bench)?;
            }
        }
        let mut still_over = Vec::new();
        for bound in over {
            let (group, name, most) = bound;
            let mut rows = bench.report.rows.iter();
            let row = rows.find(|row| row.group == *group && row.name == *name);
            let ratio = row.and_then(Row::as_ratio);
            let ratio = ratio.with_context(|| format!("{group}: no ratio `{name}`"))?;
            // The low end of the spread, so that one interrupted round does not count.
            let is_over = ratio.low > *most;
            let said = if is_over { "OVER" } else { "ok" };
            println!(
                "{said:<4} {group}: {name} {:.2}, at most {most}",
                ratio.median
            );
            if is_over {
                still_over.push(bound);
            }
        }
        over = still_over;
        if over.is_empty() {
            return Ok(());
        }
    }
    bail!(
        "{} ratios are over their bounds, {GUARD_ATTEMPTS} times",
        over.len()
    )
}
