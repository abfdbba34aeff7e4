//! Builds all mutants of a crate at once, each behind a switch, and runs the tests that reach each.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to whoever runs it"
)]

mod build;
mod coverage;
mod list;
mod places;
mod plan;
mod report;
mod results;
mod rewrite;
#[cfg(test)]
mod rewrite_tests;
mod run;
mod scope;
mod suite;
mod switch;
mod tree;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::Parser;

use crate::{
    build::Builder,
    coverage::Coverage,
    list::Choice,
    plan::Plan,
    results::{Folder, Results},
    run::Runner,
    scope::Scope,
    suite::Suite,
    switch::Control,
    tree::Tree,
    verdict::TestCode,
};

/// Runs the mutants of parts of the program, and shows those that no test catches.
///
/// A run that was stopped continues while the sources are the same. Results are in `target/mutants/PART`:
/// `results.jsonl`, one line a mutant, and `report.markdown`.
#[derive(Parser)]
struct Opts {
    /// `policy`, `component`, `capability`, `runtime`; all that are in the tree unless given.
    parts: Vec<String>,
    /// Only mutants of files that match this glob; may be given several times.
    #[arg(short, long, value_name = "GLOB")]
    file: Vec<String>,
    /// Only mutants of the lines that a unified diff changes.
    #[arg(long, value_name = "FILE")]
    in_diff: Option<PathBuf>,
    /// Also builds mutants that no switch can hold, each alone: constants, `const fn`, `impl Trait`.
    #[arg(long)]
    one_by_one: bool,
    /// Forgets earlier results.
    #[arg(long)]
    anew: bool,
}

fn main() -> ExitCode {
    // The repository is two folders above this crate.
    let repo = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let repo = repo.canonicalize().unwrap_or_else(|_| repo.to_owned());
    let opts = Opts::parse();
    let run = || {
        for scope in scope::chosen(&repo, &opts.parts)? {
            mutants(&repo, scope, &opts)?;
        }
        Ok(())
    };
    let result: Result<()> = run();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn mutants(repo: &Path, scope: &Scope, opts: &Opts) -> Result<()> {
    let target = repo.join("target/mutants");
    fs::create_dir_all(&target)?;
    let tree = Tree::of(repo, target.join("tree"))?;
    let folder = Folder::open(
        target.join(scope.name),
        &tree.fingerprint(scope.folders)?,
        opts.anew,
    )?;
    let control = Control::new(folder.root());

    let packages = [scope.package];
    let all = Choice {
        repo,
        packages: &packages,
        files: &[],
        in_diff: None,
    };
    let asked = Choice {
        files: &opts.file,
        in_diff: opts.in_diff.as_deref(),
        ..all
    };
    let chosen: BTreeSet<String> = asked
        .mutants()?
        .into_iter()
        .map(|mutant| mutant.name)
        .collect();
    println!("{}: {} mutants are asked for", scope.name, chosen.len());
    if chosen.is_empty() {
        return Ok(());
    }

    let roots: BTreeSet<String> = build::roots(repo, scope.package)?.into_iter().collect();
    let left_out: BTreeMap<_, _> = folder.load("left-out.json").unwrap_or_default();
    let mut plan = Plan::new(all.mutants()?, roots, left_out, &tree)?;
    tree.copy(&plan.files())?;
    let builder = Builder {
        tree: &tree,
        target: target.join("build"),
        scope,
    };
    control.off()?;
    let programs = builder.build(&mut plan, &control)?;
    folder.save("left-out.json", &plan.left_out)?;

    let suite = Suite {
        programs,
        scope,
        environment: environment(repo, &target),
        output: folder.path("output"),
    };
    let coverage = match folder.load("coverage.json") {
        Some(coverage) => coverage,
        None => {
            println!(
                "{}: each test alone, to see which switches it reaches",
                scope.name
            );
            let coverage = Coverage::of(&suite, &control)?;
            folder.save("coverage.json", &coverage)?;
            coverage
        }
    };
    let mut results = Results::open(&folder)?;
    let test_code = TestCode::new(&tree.folder, all.sources()?);
    let mut runner = Runner {
        suite,
        coverage,
        control: &control,
        test_code,
    };
    runner.switched(&plan, &chosen, &mut results)?;
    if opts.one_by_one {
        runner.one_by_one(&plan, &chosen, &builder, &mut results)?;
    }
    let page = report::report(scope, &plan, &runner.coverage, &results);
    fs::write(folder.path("report.markdown"), &page)?;
    println!("{page}");
    Ok(())
}

/// Properties run few cases, which suffice to find a mutant, and guests are built once.
fn environment(repo: &Path, target: &Path) -> Vec<(&'static str, PathBuf)> {
    let guests = std::env::var_os("TOLLGATE_GUESTS")
        .map_or_else(|| repo.join("target/guests"), PathBuf::from);
    vec![
        ("TOLLGATE_GUESTS", guests),
        ("TOLLGATE_CASES", PathBuf::from("20000")),
        ("PROPTEST_CASES", PathBuf::from("64")),
        (
            "PROPTEST_DISABLE_FAILURE_PERSISTENCE",
            PathBuf::from("true"),
        ),
        // The suite builds the program itself.
        ("CARGO_TARGET_DIR", target.join("build")),
    ]
}
