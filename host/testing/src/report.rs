//! The results of the attacks.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tollgate::escape;

use crate::catalogue::in_words;

/// The attacks on a world, and what came of each.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Attacked {
    /// The world, with the version of its package.
    pub world: String,
    /// The seed of the values; the same seed makes the same guests.
    pub seed: u64,
    /// Each attack in each place.
    pub rows: Vec<Row>,
    /// The functions that were not attacked, and the reasons.
    pub skipped: Vec<Skipped>,
    /// Bytes by which the memory of this process grew; none where the system does not tell.
    pub grown: Option<u64>,
}

/// One attack in one place.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The name of the attack.
    pub attack: &'static str,
    /// The function, with its interface; `-` for the component as a whole.
    pub target: String,
    /// The outcomes that are well.
    pub expected: Vec<&'static str>,
    /// The outcome: the label of a fault, `returned`, `failed`, `refused`, `host-error`.
    pub came: String,
    /// The fault, and the change that helps. `None` if the outcome is an expected one.
    pub wrong: Option<String>,
    /// The time that the call took.
    #[serde(rename = "elapsed_us", serialize_with = "micros")]
    pub elapsed: Duration,
}

/// A function that was not attacked.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Skipped {
    /// The function, with its interface.
    pub function: String,
    /// The reason.
    pub why: String,
}

fn micros<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

impl Attacked {
    /// The rows in which something else came than was expected.
    pub fn wrong(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.wrong.is_some())
    }

    /// The rows of each attack together: its name, the number of its places, the outcomes expected, and those that came.
    pub fn summary(&self) -> Vec<(&'static str, usize, String, String)> {
        let mut summary: Vec<(&'static str, usize, String, Vec<&str>)> = Vec::new();
        for row in &self.rows {
            let known = summary.iter_mut().find(|(name, ..)| *name == row.attack);
            match known {
                Some((_, places, _, came)) => {
                    *places = places.saturating_add(1);
                    if !came.contains(&row.came.as_str()) {
                        came.push(&row.came);
                    }
                }
                None => summary.push((row.attack, 1, in_words(&row.expected), vec![&row.came])),
            }
        }
        let joined = summary.into_iter();
        joined
            .map(|(name, places, expected, came)| (name, places, expected, came.join(" ")))
            .collect()
    }

    /// Panics if something else came than was expected, with the rows.
    ///
    /// # Panics
    ///
    /// If [`wrong`](Self::wrong) has a row, or if no attack was made, which proves nothing.
    #[track_caller]
    pub fn assert(&self) {
        #[expect(clippy::panic, reason = "a test fails by panicking")]
        if self.rows.is_empty() || self.wrong().next().is_some() {
            panic!("{self}");
        }
    }
}

/// The rows that went wrong and the numbers of all, on lines of their own.
impl fmt::Display for Attacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.wrong() {
            writeln!(f, "{row}")?;
        }
        let wrong = self.wrong().count();
        write!(
            f,
            "{}: {} attacks, {wrong} wrong (seed {})",
            escape::line(&self.world),
            self.rows.len(),
            self.seed
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row {
            attack,
            target,
            expected,
            came,
            wrong,
            ..
        } = self;
        write!(
            f,
            "{attack} at {}: {came}, expected {}",
            escape::line(target),
            in_words(expected)
        )?;
        match wrong {
            Some(wrong) => write!(f, ": {}", escape::line(wrong)),
            None => Ok(()),
        }
    }
}
