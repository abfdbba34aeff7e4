//! Reads the output of a Rust test binary: the tests that ran, those that failed, and the place of each panic.

/// The output of a run of a test binary.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// The number of tests that passed, if the run reached its summary.
    pub(crate) passed: usize,
    /// Tests that failed. Without a summary, only those whose line says so.
    pub(crate) failed: Vec<Failure>,
    /// Whether the run reached its summary.
    pub(crate) finished: bool,
    /// The test that was running when the output ended.
    pub(crate) running: Option<String>,
}

/// A test that failed.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    pub(crate) test: String,
    pub(crate) panic: Option<Panic>,
}

/// The place of a test's panic, and its message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Panic {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) message: String,
}

const SUMMARY: &str = "test result: ";
const SECTION: &str = "---- ";
const FAILURES: &str = "failures:";

impl Output {
    pub(crate) fn parse(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        // A test may print text that looks like a summary: the last one is libtest's.
        let summary = lines.iter().rposition(|line| line.starts_with(SUMMARY));
        let Some(end) = summary else {
            return Self::unfinished(&lines);
        };
        let before = lines.get(..end).unwrap_or_default();
        let list = before.iter().rposition(|line| *line == FAILURES);
        let list = list.and_then(|at| before.get(at + 1..)).unwrap_or_default();
        let names = list.iter().filter_map(|line| line.strip_prefix("    "));
        let failed = names.map(|name| Failure {
            test: name.to_owned(),
            panic: panic_of(name, before),
        });
        let counts = lines.get(end).copied().unwrap_or_default();
        Self {
            passed: count(counts, " passed"),
            failed: if count(counts, " failed") == 0 {
                Vec::new()
            } else {
                failed.collect()
            },
            finished: true,
            running: None,
        }
    }

    /// Reads a run without a summary. The line of a test is begun before it runs and ended after, since only one runs
    /// at a time.
    fn unfinished(lines: &[&str]) -> Self {
        let mut output = Self::default();
        for line in lines {
            if let Some((name, rest)) = begun(line) {
                output.running = Some(name.to_owned());
                output.end(rest);
            } else {
                output.end(line);
            }
        }
        output
    }

    /// The output of a test may come between the beginning and the end of its line.
    fn end(&mut self, rest: &str) {
        let Some(name) = &self.running else { return };
        if rest.ends_with("FAILED") {
            let test = name.clone();
            self.failed.push(Failure { test, panic: None });
        } else if rest != "ok" && !rest.starts_with("ignored") {
            return;
        }
        self.running = None;
    }
}

/// `test NAME ... rest`.
fn begun(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ...")?;
    (!name.contains(' ') || name.ends_with(" - should panic"))
        .then(|| (name.trim_end_matches(" - should panic"), rest.trim_start()))
}

/// The number before `what` in the summary.
fn count(summary: &str, what: &str) -> usize {
    let before = summary.split_once(what).map_or("", |(before, _)| before);
    let number = before.rsplit(' ').next().unwrap_or_default();
    number.parse().unwrap_or_default()
}

/// The first panic of the test's own thread, in the section of the test's output.
fn panic_of(name: &str, lines: &[&str]) -> Option<Panic> {
    let head = format!("{SECTION}{name} stdout ----");
    let at = lines.iter().rposition(|line| *line == head)?;
    let section = lines.get(at + 1..).unwrap_or_default();
    let ends = |line: &&str| line.starts_with(SECTION) || **line == *FAILURES;
    let end = section.iter().position(ends).unwrap_or(section.len());
    let section = section.get(..end).unwrap_or_default();
    section.iter().enumerate().find_map(|(index, line)| {
        let (thread, file, number) = panicked(line)?;
        let own = thread == name || thread == "main";
        let message = section.get(index + 1).copied().unwrap_or_default();
        own.then(|| Panic {
            file: file.to_owned(),
            line: number,
            message: message.trim().to_owned(),
        })
    })
}

/// `thread 'NAME' (ID) panicked at FILE:LINE:COLUMN:`, or the message for a test that should have panicked.
fn panicked(line: &str) -> Option<(&str, &str, usize)> {
    let (thread, place) = if let Some(rest) = line.strip_prefix("thread '") {
        let (thread, rest) = rest.split_once('\'')?;
        (thread, rest.split_once("panicked at ")?.1)
    } else {
        (
            "main",
            line.strip_prefix("note: test did not panic as expected at ")?,
        )
    };
    let mut parts = place.trim_end_matches(':').rsplitn(3, ':');
    let (_column, number) = (parts.next()?, parts.next()?);
    Some((thread, parts.next()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "
running 3 tests
test budget::a ... ok
test budget::b ... FAILED
test budget::c ... FAILED

failures:

---- budget::b stdout ----
a line of its own

thread 'tokio-rt-worker' (9) panicked at host/runtime/src/call.rs:7:9:
elsewhere

thread 'budget::b' (12) panicked at tests/all/budget.rs:30:5:
assertion `left == right` failed
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace

---- budget::c stdout ----
Error: \"returned\"


failures:
    budget::b
    budget::c

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 230 filtered out; finished in 0.10s
";

    #[test]
    fn failed_tests_are_named_with_their_panic() {
        let output = Output::parse(FAILED);
        assert!(output.finished);
        assert_eq!(output.passed, 1);
        let names: Vec<_> = output.failed.iter().map(|failure| &failure.test).collect();
        assert_eq!(names, ["budget::b", "budget::c"]);
        let panic = output.failed[0].panic.clone().unwrap();
        assert_eq!(
            (panic.file.as_str(), panic.line),
            ("tests/all/budget.rs", 30)
        );
        assert_eq!(panic.message, "assertion `left == right` failed");
        assert_eq!(output.failed[1].panic, None);
    }

    #[test]
    fn a_run_that_passes_is_counted() {
        let text = "\nrunning 2 tests\ntest a ... ok\ntest b ... ok\n\n\
                    test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s\n";
        let output = Output::parse(text);
        assert_eq!(
            (output.passed, output.failed.len(), output.finished),
            (2, 0, true)
        );
        let none = text.replace("2 passed", "0 passed");
        assert_eq!(Output::parse(&none).passed, 0);
    }

    #[test]
    fn a_run_that_breaks_off_names_the_running_test() {
        let output = Output::parse(
            "\nrunning 2 tests\ntest a ... ok\ntest b::c ... some text\nof its own\n",
        );
        assert!(!output.finished);
        assert_eq!(output.running.as_deref(), Some("b::c"));
        let output = Output::parse(
            "test a ... text\nFAILED\ntest b ... \nthread 'b' has overflowed its stack\n",
        );
        assert_eq!(output.running.as_deref(), Some("b"));
        assert_eq!(output.failed[0].test, "a");
    }

    #[test]
    fn output_of_tests_does_not_pass_for_a_summary() {
        let text = format!("test result: ok. 9 passed; 0 failed;\n{FAILED}");
        assert_eq!(Output::parse(&text).failed.len(), 2);
        let text = "running 1 test\ntest a ... ";
        assert!(!Output::parse(text).finished);
    }

    #[test]
    fn a_panic_that_does_not_come_is_a_failure_too() {
        let text = "running 1 test\ntest a - should panic ... FAILED\n\nfailures:\n\n---- a stdout ----\n\
                    note: test did not panic as expected at src/lib.rs:4:8\n\nfailures:\n    a\n\n\
                    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let panic = Output::parse(text).failed[0].panic.clone().unwrap();
        assert_eq!((panic.file.as_str(), panic.line), ("src/lib.rs", 4));
    }
}
