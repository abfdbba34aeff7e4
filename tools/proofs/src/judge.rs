//! The outcome of a test, and whether it proves that the test holds the line.

use std::{fmt, fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    libtest::{Failure, Output, Panic},
    process::Ended,
    proofs::Expect,
};

/// The outcome of the tests that a filter selects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// This number passed and none failed.
    Passed(usize),
    /// A test failed by an assertion of its own.
    Assertion(String),
    /// One or more tests failed, all by a panic outside of test code.
    Panic(String),
    /// A test did not end.
    Timeout(String),
    /// The process of the tests aborted.
    Abort(String),
    /// The process of the tests ended by another signal, or without a summary.
    Crash(String),
}

/// The result of a proof.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The test fails without the line, as the proof says.
    Proved,
    /// The test passes without the line.
    Unproved,
    /// The edit does not find its text.
    Stale,
    /// The copy does not build without the line.
    Broken,
    /// The test does not end without the line.
    Timeout,
    /// The process of the test crashes without the line.
    Crashed,
    /// The code under test panics without the line, before an assertion fails.
    Panicked,
    /// The test does not pass with the line.
    Uncontrolled,
}

impl Verdict {
    pub(crate) const ALL: [Self; 8] = [
        Self::Proved,
        Self::Unproved,
        Self::Stale,
        Self::Broken,
        Self::Timeout,
        Self::Crashed,
        Self::Panicked,
        Self::Uncontrolled,
    ];
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Proved => "proved",
            Self::Unproved => "UNPROVED",
            Self::Stale => "STALE",
            Self::Broken => "BROKEN",
            Self::Timeout => "TIMEOUT",
            Self::Crashed => "CRASHED",
            Self::Panicked => "PANICKED",
            Self::Uncontrolled => "NO CONTROL",
        })
    }
}

impl Outcome {
    /// The outcome by the output of the test binary and its end. `copy` is the tree that contains the paths of panics.
    pub(crate) fn of(output: &Output, ended: Ended, copy: &Path) -> Self {
        let running = || {
            output
                .running
                .clone()
                .unwrap_or_else(|| "a test".to_owned())
        };
        match ended {
            Ended::TimedOut => Self::Timeout(format!("{} does not end", running())),
            Ended::Signal(6) => Self::Abort(format!("{} aborts", running())),
            Ended::Signal(signal) => Self::Crash(format!("{} ends by signal {signal}", running())),
            Ended::Exit(code) if !output.finished => {
                Self::Crash(format!("{} exits with {code}", running()))
            }
            Ended::Exit(_) => Self::of_failures(output, copy),
        }
    }

    fn of_failures(output: &Output, copy: &Path) -> Self {
        let own = |failure: &&Failure| match &failure.panic {
            Some(panic) => is_test_code(copy, panic),
            // The test returned an error.
            None => true,
        };
        if let Some(failure) = output.failed.iter().find(own) {
            return Self::Assertion(shown(failure));
        }
        match output.failed.first() {
            Some(failure) => Self::Panic(shown(failure)),
            None => Self::Passed(output.passed),
        }
    }

    /// The verdict on a line whose removal leads to this outcome, and its reason.
    pub(crate) fn verdict(self, expect: Expect) -> (Verdict, String) {
        let (unexpected, expected, why) = match self {
            Self::Passed(0) => (Verdict::Broken, false, "no test ran".to_owned()),
            Self::Passed(_) => (
                Verdict::Unproved,
                false,
                "passes without the line".to_owned(),
            ),
            Self::Assertion(why) => (Verdict::Proved, true, why),
            Self::Panic(why) => (Verdict::Panicked, expect == Expect::Panic, why),
            Self::Timeout(why) => (Verdict::Timeout, expect == Expect::Timeout, why),
            Self::Abort(why) => (Verdict::Crashed, expect == Expect::Abort, why),
            Self::Crash(why) => (Verdict::Crashed, expect == Expect::Crash, why),
        };
        (
            if expected {
                Verdict::Proved
            } else {
                unexpected
            },
            why,
        )
    }

    /// The reason for which the tests do not pass, if they do not.
    pub(crate) fn trouble(self) -> Option<String> {
        match self {
            Self::Passed(0) => Some("no test ran".to_owned()),
            Self::Passed(_) => None,
            Self::Assertion(why)
            | Self::Panic(why)
            | Self::Timeout(why)
            | Self::Abort(why)
            | Self::Crash(why) => Some(why),
        }
    }
}

/// The number of characters of a panic's message that are shown.
const SHOWN: usize = 120;

fn shown(failure: &Failure) -> String {
    let test = &failure.test;
    let Some(panic) = &failure.panic else {
        return format!("{test}: it returns an error");
    };
    let message: String = panic.message.chars().take(SHOWN).collect();
    format!("{test}, {}:{}: {message}", panic.file, panic.line)
}

/// Whether a panic comes from a test's own code: from the crate of tests, or from below `#[cfg(test)]` in a file. A
/// file that has tests and no such line is a module of tests.
fn is_test_code(copy: &Path, panic: &Panic) -> bool {
    if Path::new(&panic.file)
        .components()
        .any(|part| part.as_os_str() == "tests")
    {
        return !panic.file.starts_with('/');
    }
    let Ok(text) = fs::read_to_string(copy.join(&panic.file)) else {
        return false;
    };
    let first = |mark: &str| {
        text.lines()
            .position(|line| line.trim_start().starts_with(mark))
    };
    match first("#[cfg(test)]") {
        Some(line) => panic.line > line,
        None => first("#[test]")
            .or_else(|| first("#[tokio::test"))
            .is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(file: &str, line: usize) -> Output {
        let panic = Panic {
            file: file.to_owned(),
            line,
            message: "no".to_owned(),
        };
        let failure = Failure {
            test: "a::b".to_owned(),
            panic: Some(panic),
        };
        Output {
            failed: vec![failure],
            finished: true,
            ..Output::default()
        }
    }

    fn verdict(output: &Output, ended: Ended, expect: Expect) -> Verdict {
        Outcome::of(output, ended, Path::new("")).verdict(expect).0
    }

    #[test]
    fn only_a_failed_assertion_proves() {
        let asserted = failed("tests/all/budget.rs", 7);
        assert_eq!(
            verdict(&asserted, Ended::Exit(101), Expect::Assertion),
            Verdict::Proved
        );
        assert_eq!(
            verdict(&asserted, Ended::Exit(101), Expect::Timeout),
            Verdict::Proved
        );
        let panicked = failed("host/runtime/src/none.rs", 7);
        assert_eq!(
            verdict(&panicked, Ended::Exit(101), Expect::Assertion),
            Verdict::Panicked
        );
        let passed = Output {
            passed: 1,
            finished: true,
            ..Output::default()
        };
        assert_eq!(
            verdict(&passed, Ended::Exit(0), Expect::Assertion),
            Verdict::Unproved
        );
        let begun = Output::default();
        assert_eq!(
            verdict(&begun, Ended::TimedOut, Expect::Assertion),
            Verdict::Timeout
        );
        assert_eq!(
            verdict(&begun, Ended::Signal(6), Expect::Assertion),
            Verdict::Crashed
        );
        assert_eq!(
            verdict(&begun, Ended::Signal(11), Expect::Assertion),
            Verdict::Crashed
        );
        assert_eq!(
            verdict(&begun, Ended::Exit(1), Expect::Assertion),
            Verdict::Crashed
        );
        let none = Output {
            finished: true,
            ..Output::default()
        };
        assert_eq!(
            verdict(&none, Ended::Exit(0), Expect::Assertion),
            Verdict::Broken
        );
    }

    #[test]
    fn another_end_proves_where_the_proof_says_so() {
        let begun = Output::default();
        assert_eq!(
            verdict(&begun, Ended::TimedOut, Expect::Timeout),
            Verdict::Proved
        );
        assert_eq!(
            verdict(&begun, Ended::Signal(6), Expect::Abort),
            Verdict::Proved
        );
        assert_eq!(
            verdict(&begun, Ended::Signal(6), Expect::Crash),
            Verdict::Crashed
        );
        assert_eq!(
            verdict(&begun, Ended::Signal(11), Expect::Crash),
            Verdict::Proved
        );
        let panicked = failed("host/runtime/src/none.rs", 7);
        assert_eq!(
            verdict(&panicked, Ended::Exit(101), Expect::Panic),
            Verdict::Proved
        );
        assert_eq!(
            verdict(&panicked, Ended::Exit(101), Expect::Timeout),
            Verdict::Panicked
        );
    }

    #[test]
    fn test_code_is_told_from_what_it_tests() {
        let copy = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(copy.path().join(name), text).unwrap();
        write("inline.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n");
        write("whole.rs", "fn helper() {}\n#[test]\nfn a() {}\n");
        write("code.rs", "fn a() {}\n");
        let test = |file: &str, line| {
            let output = failed(file, line);
            is_test_code(copy.path(), output.failed[0].panic.as_ref().unwrap())
        };
        assert!(!test("inline.rs", 1) && test("inline.rs", 4));
        assert!(test("whole.rs", 1) && !test("code.rs", 1));
        assert!(test("tests/all/x.rs", 1) && test("host/a/src/toml/tests/x.rs", 1));
        assert!(!test("/registry/x/tests/y.rs", 1));
    }
}
