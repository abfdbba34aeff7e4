//! Runs mutants against tests until one fails.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    build::Builder,
    coverage::{Coverage, Covered},
    list::Mutant,
    plan::{LeftOut, Plan},
    results::{Line, Results},
    suite::{Ended, Suite},
    switch::Control,
    verdict::{TestCode, Verdict},
};

/// The number of tests that may time out or crash on one mutant: the others most often do as well, and each takes long.
const FATAL: usize = 3;

pub(crate) struct Runner<'a> {
    pub(crate) suite: Suite<'a>,
    pub(crate) coverage: Coverage,
    pub(crate) control: &'a Control,
    pub(crate) test_code: TestCode,
}

impl Runner<'_> {
    /// Runs the `chosen` mutants behind switches that have no result yet.
    pub(crate) fn switched(
        &self,
        plan: &Plan,
        chosen: &BTreeSet<String>,
        results: &mut Results,
    ) -> Result<()> {
        let by_switch = self.coverage.by_switch();
        for (number, (id, mutant)) in plan.numbered().enumerate() {
            let left_out = plan.left_out.get(&mutant.name);
            // A mutant that was built alone has a result that is better than "not run".
            let known = results.get(&mutant.name).is_some();
            if known || !chosen.contains(&mutant.name) {
                continue;
            }
            let line = match left_out {
                Some(LeftOut::Unviable(why)) => without_a_run(mutant, Verdict::Unviable, why),
                Some(LeftOut::OneByOne(_)) => continue,
                None => {
                    self.control.on(id)?;
                    let tests = by_switch.get(&id).map(Vec::as_slice).unwrap_or_default();
                    self.run(mutant, tests)?
                }
            };
            say(&line, number + 1, plan.mutants.len());
            results.add(line)?;
        }
        self.control.off()
    }

    /// Builds the mutants without a switch, each alone, and runs them against all tests.
    pub(crate) fn one_by_one(
        &mut self,
        plan: &Plan,
        chosen: &BTreeSet<String>,
        builder: &Builder<'_>,
        results: &mut Results,
    ) -> Result<()> {
        self.control.off()?;
        for (number, (_, mutant)) in plan.numbered().enumerate() {
            let alone = matches!(plan.left_out.get(&mutant.name), Some(LeftOut::OneByOne(_)));
            if !alone || !chosen.contains(&mutant.name) || results.get(&mutant.name).is_some() {
                continue;
            }
            plan.write_alone(mutant, builder.tree, self.control)?;
            let line = match builder.build_as_it_is()? {
                None => without_a_run(mutant, Verdict::Unviable, "built alone"),
                Some(programs) => {
                    self.suite.programs = programs;
                    let tests: Vec<&Covered> = self.coverage.all().collect();
                    self.run(mutant, &tests)?
                }
            };
            say(&line, number + 1, plan.mutants.len());
            results.add(line)?;
        }
        Ok(())
    }

    /// Runs tests until one fails by its own assertion; otherwise returns the strongest of the other verdicts.
    fn run(&self, mutant: &Mutant, tests: &[&Covered]) -> Result<Line> {
        let start = Instant::now();
        let weakest = if tests.is_empty() {
            Verdict::Unreached
        } else {
            Verdict::Survived
        };
        let mut line = without_a_run(mutant, weakest, "");
        let mut fatal = 0;
        for covered in tests {
            line.runs += 1;
            let (ended, _) = self.suite.run(&covered.test, covered.at_most())?;
            let (verdict, said) = match ended {
                Ended::Passed => continue,
                Ended::Failed(printed) => self.test_code.judge(&printed),
                Ended::Crashed(printed) => (Verdict::Crashed, crash(&printed)),
                Ended::TimedOut => (Verdict::TimedOut, seconds(covered.at_most())),
            };
            if verdict > line.verdict {
                line.verdict = verdict;
                line.said = said;
                line.test = Some(covered.test.clone());
            }
            if matches!(verdict, Verdict::Crashed | Verdict::TimedOut) {
                fatal += 1;
            }
            if line.verdict == Verdict::Caught || fatal == FATAL {
                break;
            }
        }
        line.seconds = (start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        Ok(line)
    }
}

fn without_a_run(mutant: &Mutant, verdict: Verdict, said: &str) -> Line {
    Line {
        name: mutant.name.clone(),
        verdict,
        test: None,
        said: said.to_owned(),
        runs: 0,
        seconds: 0.0,
    }
}

fn seconds(at_most: Duration) -> String {
    format!("not over after {:.0} s", at_most.as_secs_f64())
}

/// The way it ended, and the first line that gives the cause.
fn crash(printed: &str) -> String {
    let mut lines = printed.lines();
    let how = lines.next().unwrap_or_default();
    let told = |line: &&str| {
        line.contains("overflow") || line.contains("memory") || line.contains("panicked")
    };
    lines
        .find(told)
        .map_or_else(|| how.to_owned(), |why| format!("{how}: {why}"))
}

fn say(line: &Line, number: usize, all: usize) {
    if !matches!(line.verdict, Verdict::Caught | Verdict::Unviable) {
        println!(
            "{number}/{all} {:?}: {} {}",
            line.verdict, line.name, line.said
        );
    } else if number.is_multiple_of(100) {
        println!("{number}/{all}");
    }
}
