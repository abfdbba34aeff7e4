//! Lists the tests, and runs one alone.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read, Seek, SeekFrom},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::scope::{NO_TESTS, Scope};

/// Bounds a mutant that takes all memory, in KiB of address space: see `Scope::engine`.
const ADDRESS_SPACE: u64 = 8 << 20;

/// A built test program.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// The name of the target: of the library, or of the file in `tests`.
    pub(crate) name: String,
    /// The folder of its package, in which cargo would run it.
    pub(crate) folder: PathBuf,
}

/// A test, named by its program and its own name.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Test {
    pub(crate) program: String,
    pub(crate) name: String,
}

/// The end of a test, with all its output.
pub(crate) enum Ended {
    Passed,
    Failed(String),
    /// The process ended before the test did.
    Crashed(String),
    TimedOut,
}

pub(crate) struct Suite<'a> {
    pub(crate) programs: Vec<Program>,
    pub(crate) scope: &'a Scope,
    /// Variables that all tests get.
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
    /// The file for the output of a test.
    pub(crate) output: PathBuf,
}

impl Suite<'_> {
    /// All tests that are not ignored.
    pub(crate) fn tests(&self) -> Result<Vec<Test>> {
        let mut tests = Vec::new();
        for program in &self.programs {
            if NO_TESTS.contains(&program.name.as_str()) {
                continue;
            }
            let all = list(&program.path, &[])?;
            let ignored = list(&program.path, &["--ignored"])?;
            for name in all.difference(&ignored) {
                tests.push(Test {
                    program: program.name.clone(),
                    name: name.clone(),
                });
            }
        }
        Ok(tests)
    }

    /// Runs one test, and kills it with all its processes when it takes longer than `at_most`.
    pub(crate) fn run(&self, test: &Test, at_most: Duration) -> Result<(Ended, Duration)> {
        let program = self
            .programs
            .iter()
            .find(|program| program.name == test.program)
            .with_context(|| format!("no program of tests `{}`", test.program))?;
        let output = File::create(&self.output)?;
        let mut command = if self.scope.engine {
            Command::new(&program.path)
        } else {
            let mut shell = Command::new("sh");
            shell
                .args([
                    "-c",
                    &format!("ulimit -v {ADDRESS_SPACE}; exec \"$0\" \"$@\""),
                ])
                .arg(&program.path);
            shell
        };
        command
            .args(["--exact", &test.name, "--test-threads", "1"])
            .current_dir(&program.folder)
            .env("CARGO_MANIFEST_DIR", &program.folder)
            .env("RUST_BACKTRACE", "0")
            .env("RUST_TEST_THREADS", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let start = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.path.display()))?;
        let mut nap = Duration::from_micros(500);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if start.elapsed() > at_most {
                break None;
            }
            thread::sleep(nap);
            nap = (nap * 2).min(Duration::from_millis(20));
        };
        let took = start.elapsed();
        if status.is_none() {
            // The process group has the number of the child, so the processes of the test end as well.
            Command::new("kill")
                .args(["-KILL", "--", &format!("-{}", child.id())])
                .status()?;
            child.wait()?;
        }
        Ok((
            status.map_or(Ended::TimedOut, |status| ended(status, &read(&self.output))),
            took,
        ))
    }
}

fn ended(status: ExitStatus, printed: &str) -> Ended {
    if status.success() && (printed.contains(" 1 passed;") || printed.contains(" 1 ignored;")) {
        Ended::Passed
    } else if status.code() == Some(101) && printed.contains("test result: FAILED") {
        Ended::Failed(printed.to_owned())
    } else {
        let how = status
            .signal()
            .map_or_else(|| status.to_string(), |signal| format!("signal {signal}"));
        Ended::Crashed(format!("{how}\n{printed}"))
    }
}

fn read(path: &Path) -> String {
    // Only the last part is read, for a test that prints without end: it contains the summary.
    const MOST: u64 = 1 << 20;
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(path) {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        file.seek(SeekFrom::Start(length.saturating_sub(MOST))).ok();
        file.take(MOST).read_to_end(&mut bytes).ok();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn list(program: &Path, options: &[&str]) -> Result<BTreeSet<String>> {
    let output = Command::new(program)
        .args(["--list", "--format", "terse"])
        .args(options)
        .output()?;
    ensure!(
        output.status.success(),
        "{} --list: {}",
        program.display(),
        output.status
    );
    Ok(String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect())
}
