//! `tollgate.lock` beside the policy: read before a component is looked at, and added to when one is first used.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tollgate::Source;
use tollgate::policy::{Lock, Pin};

use crate::files::{Target, read_small};
use crate::stop::Stop;
use crate::text;

/// The lock file of a policy.
pub(crate) struct LockFile {
    policy: PathBuf,
    path: PathBuf,
    complete: bool,
}

impl LockFile {
    /// Beside `policy`; with `complete`, what is not pinned is refused and nothing is written.
    pub(crate) fn beside(policy: &Path, complete: bool) -> LockFile {
        LockFile {
            policy: policy.to_owned(),
            path: policy.with_file_name(Lock::FILE),
            complete,
        }
    }

    /// What it pins; nothing while it is not there.
    pub(crate) fn read(&self) -> Result<Lock, Stop> {
        let found = std::fs::symlink_metadata(&self.path);
        let absent = found.is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let mut lock = match absent {
            true => Lock::default(),
            false => {
                let text = read_small(&self.path, Lock::MAX_TEXT as u64)?;
                Lock::parse(&text)
                    .map_err(|error| Stop::Usage(format!("{}:{error}", text::path(&self.path))))?
            }
        };
        lock.complete = self.complete;
        Ok(lock)
    }

    /// Pins a component that is about to be used for the first time.
    pub(crate) fn pin(&self, source: &Source) -> Result<(), Stop> {
        if self.complete {
            return Ok(());
        }
        let failed = |error| Stop::Usage(format!("{}: {error}", text::path(&self.policy)));
        // Of two that pin at the same time, the second one reads what the first one wrote. The lock file
        // itself is replaced, so it is the policy file that they take turns at.
        let turn = File::open(&self.policy).map_err(failed)?;
        turn.lock().map_err(failed)?;
        let mut lock = self.read()?;
        source.pinned(&lock)?;
        let (file, digest) = (source.file_name(), source.digest());
        if lock.judge(&file, &digest) == Pin::Same {
            return Ok(());
        }
        lock.pin(&file, &digest)
            .map_err(|error| Stop::Usage(format!("{}: {error}", text::path(&self.path))))?;
        Target::new(&self.path)?.write(lock.to_toml().as_bytes())
    }
}
