//! The lock file beside the policy: read before a component is opened, extended when a component is first used.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tollgate::Source;
use tollgate::policy::{Lock, Pin};

use crate::files::input::read_small;
use crate::files::output::OutputFile;
use crate::output::status::ExitReason;
use crate::output::text;

/// The time that a process waits for its turn to pin. A turn takes a few milliseconds; a process that has the file for
/// longer does not pin.
const PATIENCE: Duration = Duration::from_secs(5);

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
                let parsed = Lock::parse(&text);
                parsed.map_err(|error| ExitReason::Policy(self.path.clone(), error))?
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
        // Processes that pin at the same time take turns, so that each reads the pins of the one before it. They lock
        // the policy file, since the lock file itself is replaced.
        let turn = File::open(&self.policy).map_err(failed)?;
        take_turn(&turn, &self.policy)?;
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

/// Waits until no other process has the policy file locked, and locks it.
fn take_turn(turn: &File, policy: &Path) -> Result<(), ExitReason> {
    let start = Instant::now();
    loop {
        match turn.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => {
                let path = text::path(policy);
                return Err(ExitReason::Usage(format!("{path}: {error}")));
            }
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                let holder = holder(turn).map_or(String::new(), |id| format!(", process {id},"));
                return Err(ExitReason::Usage(format!(
                    "{}: cannot pin: another process{holder} has had it locked for {} seconds; end that process, or give \
                     --locked if the component is pinned",
                    text::path(policy),
                    PATIENCE.as_secs()
                )));
            }
        }
    }
}

/// The process that has a file locked, as Linux tells of this machine's own.
#[cfg(target_os = "linux")]
fn holder(file: &File) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let number = format!(":{}", file.metadata().ok()?.ino());
    // `1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`; waiting ones have `->` behind the number.
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let mut locks = locks.lines().map(|line| line.split_whitespace().collect());
    locks.find_map(|words: Vec<&str>| match words[..] {
        [_, "FLOCK", _, _, process, place, ..] if place.ends_with(&number) => process.parse().ok(),
        _ => None,
    })
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &File) -> Option<u32> {
    None
}
