//! The summary of a part, in Markdown.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    coverage::Coverage,
    list::Mutant,
    plan::{LeftOut, Plan},
    results::{Line, Results},
    scope::Scope,
    verdict::Verdict,
};

/// A heading, and the verdict of the mutants that are listed below it.
const LISTED: &[(&str, Verdict)] = &[
    ("Survived: all tests that reach it pass", Verdict::Survived),
    ("Reached by no test", Verdict::Unreached),
    (
        "Not run: it has to be built alone (`--one-by-one`)",
        Verdict::NotRun,
    ),
    (
        "Caught, but only by a test that was ended for taking too long",
        Verdict::TimedOut,
    ),
    (
        "Caught, but only by the end of the test's process",
        Verdict::Crashed,
    ),
    (
        "Caught, but only by a panic of the code, and by no assertion",
        Verdict::Panicked,
    ),
];

/// A mutant with its verdict.
struct Row<'a> {
    mutant: &'a Mutant,
    verdict: Verdict,
    said: String,
}

/// The whole page. Mutants without a result count as not run.
pub(crate) fn report(scope: &Scope, plan: &Plan, coverage: &Coverage, results: &Results) -> String {
    let rows: Vec<Row<'_>> = plan
        .mutants
        .iter()
        .map(|mutant| row(mutant, plan, results))
        .collect();
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let viable = rows
        .iter()
        .filter(|row| !matches!(row.verdict, Verdict::Unviable | Verdict::NotRun))
        .count();
    let caught = rows.iter().filter(|row| row.verdict.is_caught()).count();
    let mut page = format!("# Mutants of `{}`\n\n", scope.package);
    let mut line = |text: String| {
        page.push_str(&text);
        page.push('\n');
    };
    line("| | |".to_owned());
    line("|---|---:|".to_owned());
    line(format!("| mutants | {} |", rows.len()));
    line(format!("| do not compile | {} |", count(Verdict::Unviable)));
    line(format!("| not run | {} |", count(Verdict::NotRun)));
    line(format!("| run | {viable} |"));
    line(format!("| caught | {caught} |"));
    line(format!(
        "| - by an assertion of a test | {} |",
        count(Verdict::Caught)
    ));
    line(format!(
        "| - by a panic of the code | {} |",
        count(Verdict::Panicked)
    ));
    line(format!(
        "| - by the end of the process | {} |",
        count(Verdict::Crashed)
    ));
    line(format!(
        "| - by a time-out | {} |",
        count(Verdict::TimedOut)
    ));
    line(format!("| survived | {} |", count(Verdict::Survived)));
    line(format!(
        "| reached by no test | {} |",
        count(Verdict::Unreached)
    ));
    line(format!("| tests | {} |", coverage.all().count()));
    if !coverage.broken.is_empty() {
        line("\n## Tests that fail without a mutant, and were not used\n".to_owned());
        for test in &coverage.broken {
            line(format!("- `{}` {}", test.program, test.name));
        }
    }
    for (heading, verdict) in LISTED {
        let listed: Vec<&Row<'_>> = rows.iter().filter(|row| row.verdict == *verdict).collect();
        if !listed.is_empty() {
            line(format!("\n## {heading}\n"));
            for row in listed {
                let said = if row.said.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", row.said)
                };
                line(format!("- `{}`{said}", row.mutant.name));
            }
        }
    }
    line("\n## By file\n".to_owned());
    line("| file | run | caught | not caught |".to_owned());
    line("|---|---:|---:|---:|".to_owned());
    by_file(&mut page, &rows);
    page
}

fn by_file(page: &mut String, rows: &[Row<'_>]) {
    let mut files: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in rows
        .iter()
        .filter(|row| !matches!(row.verdict, Verdict::Unviable | Verdict::NotRun))
    {
        let (run, caught) = files.entry(&row.mutant.file).or_default();
        *run += 1;
        *caught += usize::from(row.verdict.is_caught());
    }
    for (file, (run, caught)) in files {
        writeln!(page, "| {file} | {run} | {caught} | {} |", run - caught).ok();
    }
}

fn row<'a>(mutant: &'a Mutant, plan: &Plan, results: &Results) -> Row<'a> {
    let (verdict, said) = match (results.get(&mutant.name), plan.left_out.get(&mutant.name)) {
        (Some(Line { verdict, said, .. }), _) => (*verdict, said.clone()),
        (None, Some(LeftOut::Unviable(why))) => (Verdict::Unviable, why.clone()),
        (None, Some(LeftOut::OneByOne(why))) => (Verdict::NotRun, why.clone()),
        (None, None) => (Verdict::NotRun, "not chosen".to_owned()),
    };
    Row {
        mutant,
        verdict,
        said,
    }
}
