//! The switches that each test reaches.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    suite::{Ended, Suite, Test},
    switch::Control,
};

/// The longest time that a test without a mutant may take.
const AT_MOST: Duration = Duration::from_secs(900);

/// A test that passes without a mutant.
#[derive(Deserialize, Serialize)]
pub(crate) struct Covered {
    pub(crate) test: Test,
    pub(crate) seconds: f64,
    reached: BTreeSet<u32>,
}

impl Covered {
    /// Several times its duration without a mutant, on a machine that does other work as well.
    pub(crate) fn at_most(&self) -> Duration {
        Duration::from_secs_f64(20.0 + self.seconds * 5.0)
    }
}

#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Coverage {
    tests: Vec<Covered>,
    /// Tests that fail without a mutant, and so prove nothing.
    pub(crate) broken: Vec<Test>,
}

impl Coverage {
    /// Runs each test alone.
    pub(crate) fn of(suite: &Suite<'_>, control: &Control) -> Result<Self> {
        let tests = suite.tests()?;
        let mut coverage = Self::default();
        for (number, test) in tests.iter().enumerate() {
            control.record()?;
            let (recorded, took) = suite.run(test, AT_MOST)?;
            let reached = control.reached()?;
            // A test that counts files or allocations may fail because its switches are recorded.
            let passes = matches!(recorded, Ended::Passed) || {
                control.off()?;
                matches!(suite.run(test, AT_MOST)?.0, Ended::Passed)
            };
            if passes {
                coverage.tests.push(Covered {
                    test: test.clone(),
                    seconds: took.as_secs_f64(),
                    reached,
                });
            } else {
                println!("fails without a mutant: {} {}", test.program, test.name);
                coverage.broken.push(test.clone());
            }
            if (number + 1) % 100 == 0 {
                println!("{} of {} tests", number + 1, tests.len());
            }
        }
        control.off()?;
        ensure!(
            !coverage.tests.is_empty(),
            "no test passes without a mutant"
        );
        coverage.tests.sort_by(|a, b| {
            (a.reached.len(), a.seconds, &a.test)
                .partial_cmp(&(b.reached.len(), b.seconds, &b.test))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        Ok(coverage)
    }

    /// All tests, those that reach the fewest switches first: their failures say the most.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Covered> {
        self.tests.iter()
    }

    /// The tests by the switches that they reach, in the same order.
    pub(crate) fn by_switch(&self) -> BTreeMap<u32, Vec<&Covered>> {
        let mut by_switch: BTreeMap<u32, Vec<&Covered>> = BTreeMap::new();
        for covered in &self.tests {
            for id in &covered.reached {
                by_switch.entry(*id).or_default().push(covered);
            }
        }
        by_switch
    }
}
