//! A program of checks on `std::fs`. Its output here is in tests/suites/std-fs.txt; `./justw suites` compares it with
//! Linux, and has the reason of each difference.

use tempfile::TempDir;
use tollgate::Outcome;
use tollgate::embed::CommandInput;

use support::harness::{blocking, policy, source};
use support::wasi_command::stdout;

#[test]
fn rusts_files_are_as_they_were() {
    let folder = TempDir::new().unwrap();
    let text = format!(
        "limits.host-calls = 1_000_000\nlimits.deadline = \"60s\"\nlimits.fuel = 10_000_000_000\n\
         grants.wasi = {{ clocks = 'real', preopens = [{{ root = 'files', at = '/' }}] }}\n\
         grants.files = [{{ root = 'files', path = '{}', access = 'read-write', max-files = 10_000 }}]",
        folder.path().display()
    );
    let provider = blocking().load(&source("std-fs"), &policy(&text)).unwrap();
    let input = CommandInput {
        args: ["std-fs", "/"].map(str::to_owned).to_vec(),
        stdin: "".into(),
    };
    let report = provider.session().command(input).unwrap();
    let found = stdout(&report);
    let expected = include_str!("../../suites/std-fs.txt");
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found, expected);
    assert_eq!(report.outcome, Outcome::Returned(()));
}
