//! What is not tested here and now is told: libtest has no word for it.

use std::fs::OpenOptions;
use std::io::Write as _;

use crate::harness::{counts_fuel, root};

/// Tells that this test, or the part of it that comes now, is not run, and why. The line is shown also when the test
/// succeeds, and added to `target/skips.txt`, which `just test` sums up.
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("skipped: {}: {why}\n", thread.name().unwrap_or("main"));
    // Not `eprint!`, which libtest keeps to itself while a test succeeds.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(root().join("target/skips.txt"));
    // Another user may run the tests, who may not write there; the line was shown.
    let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
}

/// Whether fuel is counted, which a test or the part of it that comes now is about; told where it is not.
pub fn fuel_is_counted() -> bool {
    let counted = counts_fuel();
    if !counted {
        skip("no fuel is counted in the profile `deadline-only`");
    }
    counted
}

/// Whether this is root, who may give a file to another user; told where it is not.
pub fn may_give_away_files() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("only root can give a file to another user");
    }
    root
}
