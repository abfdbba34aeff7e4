//! The end of one call, and its comparison with the expected one.

use tollgate::report::{Denial, ErrorReport};
use tollgate::{Outcome, Report, escape};

use crate::commands::test::cases::Case;

/// The end of a call, as far as cases speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) ended: Ended,
    pub(super) denied: Vec<String>,
    pub(super) logs: Vec<String>,
    pub(super) fuel: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Returned(Vec<u8>),
    /// The kind of the provider's own error, and all of it: `KIND: MESSAGE`, or its value in WAVE.
    Failed(String, String),
    Exited(i32),
    /// The kind of the fault, and its text.
    Faulted(&'static str, String),
    /// The kind of the refusal, and its text.
    Refused(&'static str, String),
    /// No call came of it: there is no such function, or the arguments do not fit.
    NotCalled(String),
}

impl Found {
    /// The end of a call whose own error is `failed`.
    pub(super) fn of<T, E: ErrorReport>(
        report: &Report<T, E>,
        returned: impl FnOnce(&T) -> Vec<u8>,
        failed: impl FnOnce(&E) -> Ended,
    ) -> Found {
        let denied = |denial: &Denial| {
            format!(
                "{} {}: {}",
                denial.capability,
                denial.target,
                denial.reason.label()
            )
        };
        Found {
            ended: match &report.outcome {
                Outcome::Returned(value) => Ended::Returned(returned(value)),
                Outcome::Failed(error) => failed(error),
                Outcome::Faulted(fault) => Ended::Faulted(fault.label(), fault.to_string()),
            },
            denied: report.denials.iter().map(denied).collect(),
            logs: report
                .logs
                .iter()
                .map(|line| format!("{}: {}", line.level.label(), line.message))
                .collect(),
            fuel: report.usage.fuel,
        }
    }

    /// An end without a call.
    pub(super) fn without_call(ended: Ended) -> Found {
        Found {
            ended,
            denied: Vec::new(),
            logs: Vec::new(),
            fuel: 0,
        }
    }

    /// Whether it ended as the case expects.
    pub(super) fn is_expected(&self, case: &Case, returns: Option<&[u8]>) -> bool {
        match (&expected(case, returns), &self.ended) {
            (Expected::Returns(text), Ended::Returned(bytes)) => text == bytes,
            (Expected::Fails(text), Ended::Failed(kind, all)) => text == kind || text == all,
            (Expected::Exit(code), Ended::Exited(found)) => code == found,
            (Expected::Faults(kind), Ended::Faulted(found, _))
            | (Expected::Refused(kind), Ended::Refused(found, _)) => kind == found,
            _ => false,
        }
    }

    /// The differences from what the case expects, each a line or several.
    pub(super) fn unlike(&self, case: &Case, returns: Option<&[u8]>) -> Vec<String> {
        let mut unlike = Vec::new();
        if !self.is_expected(case, returns) {
            match (&expected(case, returns), &self.ended) {
                (Expected::Returns(text), Ended::Returned(bytes)) => {
                    unlike.push(texts(text, bytes));
                }
                (expected, ended) => unlike.push(format!("{expected} is expected, and it {ended}")),
            }
        }
        if self.denied != case.denied {
            unlike.push(lists("denied", &case.denied, &self.denied));
        }
        if let Some(logs) = &case.logs
            && self.logs != *logs
        {
            unlike.push(lists("logs", logs, &self.logs));
        }
        if let Some(most) = case.fuel
            && self.fuel > most
        {
            unlike.push(format!(
                "fuel {most} is the most, and it took {}",
                self.fuel
            ));
        }
        unlike
    }

    /// The differences of a second run from the first.
    pub(super) fn unlike_again(&self, again: &Found) -> Vec<String> {
        let mut unlike = Vec::new();
        let mut told = |what: &str, differs: bool| {
            if differs {
                unlike.push(format!(
                    "a second run has {what}; write `differs = true` if it may"
                ));
            }
        };
        told("another outcome", self.ended != again.ended);
        told("other denials", self.denied != again.denied);
        told("other log lines", self.logs != again.logs);
        let fuel = format!("fuel {} after {}", again.fuel, self.fuel);
        told(&fuel, self.fuel != again.fuel);
        unlike
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Returned(bytes) => write!(f, "returns {}", cut(&String::from_utf8_lossy(bytes))),
            Ended::Failed(_, all) => write!(f, "fails with {}", cut(all)),
            Ended::Exited(code) => write!(f, "exits with {code}"),
            Ended::Faulted(kind, text) => write!(f, "faults with {kind}: {}", cut(text)),
            Ended::Refused(kind, text) => write!(f, "is refused for {kind}: {}", cut(text)),
            Ended::NotCalled(text) => write!(f, "cannot be called: {}", cut(text)),
        }
    }
}

/// The outcome that a case expects.
enum Expected<'c> {
    Returns(&'c [u8]),
    Fails(&'c str),
    Exit(i32),
    Faults(&'c str),
    Refused(&'c str),
    /// The outcome is not written yet.
    Unsaid,
}

impl std::fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expected::Returns(bytes) => {
                write!(f, "returns {}", cut(&String::from_utf8_lossy(bytes)))
            }
            Expected::Fails(text) => write!(f, "fails {}", cut(text)),
            Expected::Exit(code) => write!(f, "exit {code}"),
            Expected::Faults(kind) => write!(f, "faults {}", cut(kind)),
            Expected::Refused(kind) => write!(f, "refused {}", cut(kind)),
            Expected::Unsaid => write!(f, "no outcome"),
        }
    }
}

fn expected<'c>(case: &'c Case, returns: Option<&'c [u8]>) -> Expected<'c> {
    match (&case.fails, case.exit, &case.faults, &case.refused) {
        (Some(text), ..) => Expected::Fails(text),
        (_, Some(code), ..) => Expected::Exit(code),
        (_, _, Some(kind), _) => Expected::Faults(kind),
        (.., Some(kind)) => Expected::Refused(kind),
        _ => returns.map_or(Expected::Unsaid, Expected::Returns),
    }
}

/// Characters of one text in a message.
const SHOWN: usize = 200;

/// A text that may be hostile and long, on one line.
fn cut(text: &str) -> String {
    let line = escape::line(text);
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.into_owned(),
    }
}

/// Two texts that differ: the first line that does.
fn texts(expected: &[u8], found: &[u8]) -> String {
    let [expected, found] = [expected, found].map(String::from_utf8_lossy);
    let mut number = 1_usize;
    let (mut left, mut right) = (expected.split('\n'), found.split('\n'));
    loop {
        match (left.next(), right.next()) {
            (Some(a), Some(b)) if a == b => number = number.saturating_add(1),
            (a, b) => {
                let shown = |line: Option<&str>| line.map_or_else(|| "(its end)".to_owned(), cut);
                return format!(
                    "returns, line {number}:\n  expected  {}\n  found     {}",
                    shown(a),
                    shown(b)
                );
            }
        }
    }
}

/// Two lists that differ: the lines that only one of them has, or all.
fn lists(what: &str, expected: &[String], found: &[String]) -> String {
    let only = |in_one: &[String], other: &[String], sign: char| -> String {
        let lines = in_one.iter().filter(|line| !other.contains(line));
        lines
            .map(|line| format!("\n  {sign} {}", cut(line)))
            .collect()
    };
    let (missing, more) = (only(expected, found, '-'), only(found, expected, '+'));
    match missing.is_empty() && more.is_empty() {
        true => format!("{what}: the same lines in another order, or another number of times"),
        false => format!("{what}: - is expected, + is found{missing}{more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_shown() {
        assert_eq!(
            texts(b"a\nb\nc", b"a\nx\nc"),
            "returns, line 2:\n  expected  b\n  found     x"
        );
        assert_eq!(
            texts(b"a\n", b"a"),
            "returns, line 2:\n  expected  \n  found     (its end)"
        );
        let long = texts(b"a", &[b'\x1b'; 5_000]);
        assert!(long.contains('…') && !long.contains('\u{1b}') && long.len() < 1_000);
    }

    #[test]
    fn lists_show_the_lines_that_one_of_them_has() {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            lists("denied", &list("a b"), &list("b c")),
            "denied: - is expected, + is found\n  - a\n  + c"
        );
        assert!(lists("logs", &list("a b"), &list("b a")).contains("another order"));
    }
}
