//! The tools that every group of measurements uses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::runtime::{Builder, Runtime as Tokio};
use tollgate::{Outcome, Policy, Provider, Report as Called, Runtime, Source};

use crate::report::Report;

/// The work: bytes to be reversed.
pub(crate) const INPUT: &[u8; 16] = b"0123456789abcdef";

/// The state that every group of measurements uses.
pub(crate) struct Bench {
    pub(crate) quick: bool,
    pub(crate) tokio: Tokio,
    pub(crate) report: Report,
    root: PathBuf,
}

impl Bench {
    pub(crate) fn new(root: &Path, quick: bool) -> Result<Bench> {
        Ok(Bench {
            quick,
            tokio: Builder::new_current_thread().enable_all().build()?,
            report: Report::default(),
            root: root.to_owned(),
        })
    }

    /// The time for all rounds of a group.
    pub(crate) fn time(&self, seconds: u64) -> Duration {
        let whole = Duration::from_secs(seconds);
        if self.quick { whole / 8 } else { whole }
    }

    /// A guest of `guests/bench`.
    pub(crate) fn guest(&self, name: &str) -> PathBuf {
        self.root.join("target/guests-bench").join(name)
    }

    /// A file of the repository.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A guest loaded by Tollgate, under a policy.
    pub(crate) fn load(&self, runtime: &Runtime, guest: &str, policy: &str) -> Result<Provider> {
        let policy = Policy::parse(policy, &self.root)?;
        let source = Source::file(&self.guest(guest), &policy.limits)?;
        let loaded = self.tokio.block_on(runtime.load(&source, &policy));
        loaded.with_context(|| guest.to_owned())
    }
}

/// The result of a call that returned. Any other outcome is a mistake in the measurement.
pub(crate) fn returned(report: Called<Vec<u8>>) -> Result<Vec<u8>> {
    match report.outcome {
        Outcome::Returned(bytes) => Ok(bytes),
        Outcome::Failed(error) => anyhow::bail!("{error}"),
        Outcome::Faulted(fault) => anyhow::bail!("{fault}"),
    }
}

/// One that the work was done.
pub(crate) fn reversed(output: &[u8]) -> Result<()> {
    ensure!(
        output.iter().eq(INPUT.iter().rev()),
        "not reversed: {output:?}"
    );
    Ok(())
}
