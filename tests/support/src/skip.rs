//! Reports of tests that do not run here and now: libtest has no way to report them.

use std::fs::OpenOptions;
use std::io::Write as _;

use crate::harness::{counts_fuel, root};

/// Reports that this test, or its next part, does not run, and why. The line is shown also when the test succeeds, and
/// added to `target/skips.txt`, which `just test` sums up.
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("skipped: {}: {why}\n", thread.name().unwrap_or("main"));
    // `eprint!` would not do, since libtest captures it while a test succeeds.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(root().join("target/skips.txt"));
    // Another user may run the tests without the right to write there; the line was shown.
    let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
}

/// Whether fuel is counted, as this test or its next part requires; reports a skip if not.
pub fn fuel_is_counted() -> bool {
    let counted = counts_fuel();
    if !counted {
        skip("no fuel is counted in the profile `deadline-only`");
    }
    counted
}

/// Whether this process runs as root, which may give a file to another user; reports a skip if not.
pub fn may_give_away_files() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("only root can give a file to another user");
    }
    root
}

/// Whether a program of another project is installed, which this test runs beside ours; reports a skip if not.
pub fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|folder| folder.join(program).is_file());
    if !found {
        skip(&format!("the program {program} is not installed"));
    }
    found
}
