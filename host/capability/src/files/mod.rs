//! Files below the roots that the policy grants.
//!
//! A path is decided on twice: by [`tollgate_policy::decide`] on its text, and by cap-std on the file system, which
//! walks it part by part and never leaves the root, symbolic links included.

mod cached;
mod covered;
mod hard_links;
mod identity;
mod links;
mod listing;
mod pieces;
mod quota;
mod roots;
mod times;
mod whole;

use std::io;
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::{FileType, Metadata};
use tollgate_policy::decide::{self, FileDecision};
use tollgate_policy::{Access, FileUse, Reason, Rule};

use crate::audit::Audit;
use crate::call::Call;
use crate::error::{ErrorKind, HostResult, Interrupt, ProviderError};
use crate::prices::{FILE, Work};
use crate::questions::{Answer, Request};
pub use cached::read_open_cached;
pub use identity::{Identities, Identity};
pub use links::{hard_link, parent, rename, symbolic_link};
pub use listing::{Listed, Listing, entry_size};
pub use quota::FileQuota;
pub use roots::Folder;
pub(crate) use roots::Roots;
pub use times::{NewTime, NewTimes, set_file_times, set_times};
#[cfg(unix)]
pub use tollgate_component::NONBLOCK;
pub use whole::FileInfo;

/// The audit name of this capability.
pub const NAME: &str = "files";

/// The kind of an entry of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Anything else: a pipe, a device, a socket.
    Other,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
}

/// Failures behind an allowed path.
pub enum FileFailure {
    /// The error of the system, which the guest receives without paths of the host.
    Io(io::Error),
    /// A denial found on the file system: a link that leads out, a device.
    Denied(Reason),
    /// The file or listing is larger than one read may return, in bytes.
    TooLarge(u64),
}

impl From<io::Error> for FileFailure {
    fn from(error: io::Error) -> FileFailure {
        // cap-std reports a path that leaves its root as a permission error of its own making, without an error number
        // of the system.
        if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
            FileFailure::Denied(Reason::OutsideRoot)
        } else {
            FileFailure::Io(error)
        }
    }
}

impl FileFailure {
    /// The error that a guest of `tollgate:provider/files` receives.
    fn to_provider_error(&self) -> ProviderError {
        match self {
            FileFailure::Denied(Reason::Quota) => ProviderError::new(
                ErrorKind::QuotaExceeded,
                "the policy's `max-write` or `max-files` of this root is used up",
            ),
            FileFailure::Denied(reason) => {
                ProviderError::new(ErrorKind::AccessDenied, reason.label())
            }
            FileFailure::TooLarge(cap) => ProviderError::new(
                ErrorKind::QuotaExceeded,
                format!(
                    "larger than the {cap} bytes one read may return; a file can be read with `read-range`"
                ),
            ),
            FileFailure::Io(error) => describe(error),
        }
    }
}

impl Call {
    /// Charges, decides, and runs `act` on the granted folder away from the async threads, unless `now` has the answer
    /// without waiting for anything.
    async fn on_file<T: Send + 'static>(
        &mut self,
        root: &str,
        path: &str,
        access: Access,
        sent: u64,
        now: impl FnOnce(&Folder, &Path) -> Option<T>,
        act: impl FnOnce(&Folder, &Path) -> Result<T, FileFailure> + Send + 'static,
    ) -> HostResult<T> {
        let mut work = Work::path(path);
        work.bytes = work
            .bytes
            .saturating_add(root.len() as u64)
            .saturating_add(sent);
        self.enter_at(&FILE, work).await?;
        // A write through this interface sends a whole file.
        let asks = FileUse {
            bytes: sent,
            files: u64::from(access == Access::ReadWrite),
        };
        let decided = decide::files(&self.granted.grants, root, path, access);
        let target = format!("{root}/{path}");
        let done = self.in_granted_dir(target, decided, asks, now, act).await?;
        Ok(done.map_err(|failure| failure.to_provider_error()))
    }

    /// Counts, and runs `act` on the granted folder as it was decided, for any interface that the guest uses. `target` is
    /// the name of the object of the act.
    ///
    /// The decision is noted before `act` begins, so that it is in the log when the call ends meanwhile. A denial that is
    /// found on the file system, such as a link that leads out, is noted when it is found.
    ///
    /// # Errors
    ///
    /// The inner error is for the guest, the outer one ends the call.
    pub async fn with_granted_dir<T: Send + 'static>(
        &mut self,
        target: String,
        decided: Result<FileDecision, Reason>,
        asks: FileUse,
        act: impl FnOnce(&Folder, &Path) -> Result<T, FileFailure> + Send + 'static,
    ) -> Result<Result<T, FileFailure>, Interrupt> {
        self.in_granted_dir(target, decided, asks, |_, _| None, act)
            .await
    }

    async fn in_granted_dir<T: Send + 'static>(
        &mut self,
        target: String,
        decided: Result<FileDecision, Reason>,
        asks: FileUse,
        now: impl FnOnce(&Folder, &Path) -> Option<T>,
        act: impl FnOnce(&Folder, &Path) -> Result<T, FileFailure> + Send + 'static,
    ) -> Result<Result<T, FileFailure>, Interrupt> {
        let decided = decided.and_then(|decision| {
            let dir = self.granted.roots.0.get(decision.index).map(Arc::clone);
            self.quota.consume(decision.index, asks)?;
            Ok((dir.ok_or(Reason::UnknownRoot)?, decision))
        });
        let approved = match decided {
            Ok((dir, decision)) => {
                let approved = self.approve_file(&decision, &target).await;
                approved.map(|answer| (dir, decision.path, answer))
            }
            Err(reason) => Err(reason),
        };
        let (dir, path, answer) = match approved {
            Ok(approved) => approved,
            Err(reason) => {
                self.denied(NAME, &target, reason);
                return Ok(Err(FileFailure::Denied(reason)));
            }
        };
        if let Some(done) = now(&dir, &path) {
            self.audit.approved(NAME, &target, answer);
            return Ok(Ok(done));
        }
        let audit = Arc::clone(&self.audit);
        let work = move || {
            audit.approved(NAME, &target, answer);
            note_failure(&audit, &target, act(&dir, &path))
        };
        Ok(self.jobs.run(work).await?)
    }

    /// Waits for the answer to an allowed request, if its rule asks.
    async fn approve_file(
        &self,
        decision: &FileDecision,
        target: &str,
    ) -> Result<Option<Answer>, Reason> {
        if !decision.ask {
            return Ok(None);
        }
        let action = match decision.access {
            Access::Read => "read",
            Access::ReadWrite => "write",
        };
        let rule = Rule::files(decision.index);
        let request = Request {
            rule,
            action,
            target,
        };
        self.questions.approve(request).await.map(Some)
    }

    /// Runs `act` on a file that is open already; `target` is its name. A denial is noted when it is found.
    ///
    /// # Errors
    ///
    /// The inner error is for the guest, the outer one ends the call.
    pub async fn with_open_file<T: Send + 'static>(
        &mut self,
        target: String,
        act: impl FnOnce() -> Result<T, FileFailure> + Send + 'static,
    ) -> Result<Result<T, FileFailure>, Interrupt> {
        let audit = Arc::clone(&self.audit);
        let work = move || note_failure(&audit, &target, act());
        Ok(self.jobs.run(work).await?)
    }

    /// The most that one read below `root` returns, in bytes: the host holds all of it.
    pub fn read_cap(&self, root: &str) -> u64 {
        let (host_data, _) = self.meter.lift_cap();
        let mut grants = self.granted.grants.files.iter();
        let grant = grants.find(|grant| grant.root == root);
        grant.map_or(host_data, |grant| decide::read_cap(grant, host_data))
    }
}

/// Notes a denial that an act on the file system has found.
fn note_failure<T>(
    audit: &Audit,
    target: &str,
    done: Result<T, FileFailure>,
) -> Result<T, FileFailure> {
    match &done {
        Err(FileFailure::Denied(reason)) => audit.denied(NAME, target, *reason),
        Err(FileFailure::TooLarge(_)) => audit.denied(NAME, target, Reason::Quota),
        Ok(_) | Err(FileFailure::Io(_)) => {}
    }
    done
}

/// The error of the system as the guest receives it: its kind, and nothing of the paths of the host.
fn describe(error: &io::Error) -> ProviderError {
    match error.kind() {
        io::ErrorKind::NotFound => {
            ProviderError::new(ErrorKind::NotFound, "no such file or directory".to_owned())
        }
        io::ErrorKind::PermissionDenied => ProviderError::new(
            ErrorKind::AccessDenied,
            "the host may not do that".to_owned(),
        ),
        io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::InvalidFilename => {
            ProviderError::new(ErrorKind::InvalidInput, error.kind().to_string())
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ProviderError::new(ErrorKind::QuotaExceeded, error.kind().to_string())
        }
        kind => ProviderError::new(ErrorKind::Other, kind.to_string()),
    }
}

/// Refuses an entry that is not a regular file.
///
/// # Errors
///
/// [`Reason::NotAFile`].
pub fn regular(metadata: &Metadata) -> Result<(), FileFailure> {
    if metadata.is_file() {
        Ok(())
    } else {
        Err(FileFailure::Denied(Reason::NotAFile))
    }
}

fn kind(file_type: FileType) -> Kind {
    if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Directory
    } else if file_type.is_symlink() {
        Kind::Symlink
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cap_std_refuses_by_itself_is_outside() {
        let denied = |error: io::Error| matches!(error.into(), FileFailure::Denied(_));
        assert!(denied(io::ErrorKind::PermissionDenied.into()));
        // The system's own code for a denial: EACCES, or ERROR_ACCESS_DENIED.
        let access = io::Error::from_raw_os_error(if cfg!(windows) { 5 } else { 13 });
        assert_eq!(access.kind(), io::ErrorKind::PermissionDenied);
        assert!(!denied(access) && !denied(io::ErrorKind::UnexpectedEof.into()));
    }
}
