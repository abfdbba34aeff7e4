//! Results in JUnit's format, which CI systems read.

use std::path::Path;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::commands::test::play::Done;
use crate::files::output::OutputFile;
use crate::output::status::ExitReason;

/// The file, which is opened before a case runs.
pub(super) struct Junit(OutputFile);

impl Junit {
    pub(super) fn new(path: &Path) -> Result<Junit, ExitReason> {
        OutputFile::new(path).map(Junit)
    }

    /// Opens what the wall will deny.
    pub(super) fn prepare_for_wall(&mut self) -> Result<(), ExitReason> {
        self.0.prepare_for_wall()
    }

    pub(super) fn write(&self, done: &[Done<'_>]) -> Result<(), ExitReason> {
        let mut suite = TestSuite::new("cases");
        for done in done {
            let status = match done.passed() {
                true => TestCaseStatus::success(),
                false => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    let differences: Vec<&str> = done.differences().map(String::as_str).collect();
                    status.set_message(differences.join("\n"));
                    status
                }
            };
            let mut case = TestCase::new(done.prepared.case.name.as_str(), status);
            case.set_time(done.elapsed);
            suite.add_test_case(case);
        }
        let mut report = Report::new("tollgate test");
        report.add_test_suite(suite);
        let text = report.to_string();
        let mut text = text.map_err(|error| ExitReason::Host(error.to_string()))?;
        text.push('\n');
        self.0.write(text.as_bytes())
    }
}
