//! The lock file beside the policy: read before a component is opened, extended when a component is first used.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tollgate::Source;
use tollgate::policy::{Lock, Pin};

use crate::files::input::read_small;
use crate::files::output::OutputFile;
use crate::output::status::ExitReason;
use crate::output::text;

/// The lock file that belongs to a policy.
pub(crate) struct LockFile {
    policy: PathBuf,
    path: PathBuf,
    complete: bool,
}

impl LockFile {
    /// The lock file beside `policy`. With `complete`, unpinned components are refused and nothing is written.
    pub(crate) fn beside(policy: &Path, complete: bool) -> LockFile {
        LockFile {
            policy: policy.to_owned(),
            path: policy.with_file_name(Lock::FILE),
            complete,
        }
    }

    /// The pins in the file; none if it does not exist.
    pub(crate) fn read(&self) -> Result<Lock, ExitReason> {
        let found = std::fs::symlink_metadata(&self.path);
        let absent = found.is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let mut lock = match absent {
            true => Lock::default(),
            false => {
                let text = read_small(&self.path, Lock::MAX_TEXT as u64)?;
                Lock::parse(&text).map_err(|error| {
                    ExitReason::Usage(format!("{}:{error}", text::path(&self.path)))
                })?
            }
        };
        lock.strict = self.complete;
        Ok(lock)
    }

    /// Pins a component, if it is not pinned yet.
    pub(crate) fn pin(&self, source: &Source) -> Result<(), ExitReason> {
        if self.complete {
            return Ok(());
        }
        let failed = |error| ExitReason::Usage(format!("{}: {error}", text::path(&self.policy)));
        // Processes that pin at the same time take turns, so that each reads what the one before it wrote. They lock
        // the policy file, since the lock file itself is replaced.
        let turn = File::open(&self.policy).map_err(failed)?;
        turn.lock().map_err(failed)?;
        let mut lock = self.read()?;
        source.verify_pin(&lock)?;
        let (file, digest) = (source.file_name(), source.digest());
        if lock.check(&file, digest) == Pin::Match {
            return Ok(());
        }
        lock.pin(&file, digest)
            .map_err(|error| ExitReason::Usage(format!("{}: {error}", text::path(&self.path))))?;
        OutputFile::new(&self.path)?.write(lock.to_toml().as_bytes())
    }
}
