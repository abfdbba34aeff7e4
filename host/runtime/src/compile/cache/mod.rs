//! The cache of compiled code: machine code on disk that is executed only under this cache's own seal, and beside it
//! the findings of vetting its component.

mod entry;
mod evict;
#[cfg(unix)]
mod folder;
#[cfg(not(unix))]
#[path = "unsupported.rs"]
mod folder;
mod identity;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use thiserror::Error;
use wasmtime::Engine;

pub(crate) use entry::EntryId;
use entry::Key;
use folder::Folder;
use tollgate_component::{Inspection, escape};

/// A folder of compiled code, so that a component is vetted and compiled once and not by every process that loads it.
///
/// The entries are machine code that is executed as it is, and imports that are judged as they are. So the folder is
/// private to its owner, and each entry is sealed over the component, the engine, the findings on the component and the
/// code, with a key that only the owner can read. A component whose entry does not match its seal is compiled again;
/// [`Provider::code_origin`](crate::Provider::code_origin) says so and the
/// log has a warning. Processes may share a folder. Clones are the same cache.
///
/// ```
/// use tollgate::{Limits, Policy, Source, blocking};
/// use tollgate::cache::{Cache, CodeOrigin};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("cache");
/// # let echo = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/echo.wasm"));
/// let cache = Cache::open(&folder, Cache::DEFAULT_SIZE)?;
/// let runtime: blocking::Runtime = tollgate::Runtime::builder().cache(cache).build().into();
/// let source = Source::file(echo, &Limits::default())?;
/// let first = runtime.load(&source, &Policy::default())?;
/// let second = runtime.load(&source, &Policy::default())?;
/// assert_eq!(first.as_async().code_origin(), CodeOrigin::Compiled);
/// assert_eq!(second.as_async().code_origin(), CodeOrigin::Cached);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

/// Characters of a component's name that are kept.
const MAX_NAME: usize = 200;

/// The findings and the code of a component in the cache.
pub(crate) struct Kept {
    pub(crate) inspection: Inspection,
    pub(crate) code: Vec<u8>,
}

struct Inner {
    folder: Folder,
    key: Key,
    max_size: u64,
}

/// The origin of a provider's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodeOrigin {
    /// The component was compiled: there is no cache, or the cache did not have its code.
    Compiled,
    /// The code came from the cache.
    Cached,
    /// The cache had an entry that was not executed. The component was compiled, and its entry replaced.
    Recompiled(CacheRejection),
}

/// The reason why an entry of the cache is not executed. The set may grow; labels never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CacheRejection {
    /// The entry is a symbolic link, a folder, a pipe: a file that the cache does not make.
    #[error("it is no regular file")]
    NotAFile,
    /// The file belongs to another user.
    #[error("it belongs to another user")]
    Owner,
    /// The file is shorter or longer than its head states, or larger than the cache.
    #[error("it has another length than it says")]
    Length,
    /// The file is no entry, or one of another format.
    #[error("it is no entry of this version's format")]
    Format,
    /// The file is the entry of another component under this one's name.
    #[error("it is the entry of another component")]
    Component,
    /// The file is the entry of another engine or of other settings under this one's name.
    #[error("it is the entry of another engine")]
    Engine,
    /// The entry was changed after it was sealed, or was sealed with another key.
    #[error("its seal is not of this cache's key")]
    Seal,
    /// The system does not allow reading the file.
    #[error("it cannot be read")]
    Unreadable,
    /// The seal is valid, and the engine still rejects the code.
    #[error("the engine does not take it")]
    Code,
    /// The seal is valid, and the findings of the entry are unreadable or of another component.
    #[error("it does not tell what is in the component")]
    Inspection,
}

impl CacheRejection {
    /// The stable name.
    pub fn label(self) -> &'static str {
        match self {
            CacheRejection::NotAFile => "not-a-file",
            CacheRejection::Owner => "owner",
            CacheRejection::Length => "length",
            CacheRejection::Format => "format",
            CacheRejection::Component => "component",
            CacheRejection::Engine => "engine",
            CacheRejection::Seal => "seal",
            CacheRejection::Unreadable => "unreadable",
            CacheRejection::Code => "code",
            CacheRejection::Inspection => "inspection",
        }
    }
}

/// The reason why a folder cannot be used as a cache.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CacheError {
    /// This system has no owners and modes that a cache could rely on.
    #[error("there is no cache of compiled code on this system; leave it out")]
    Unavailable,
    /// The folder cannot be made or opened.
    #[error("{path}: {error}", path = .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The path is a symbolic link, or not a folder.
    #[error("{path} is a symbolic link or no folder; name the folder itself", path = .path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The folder or its key belongs to another user.
    #[error(
        "{path} belongs to the user {owner} and this process runs as {user}; what is in it is executed, so it has \
         to be its user's own: name another folder",
        path = .path.display()
    )]
    Owner {
        /// The folder or its key.
        path: PathBuf,
        /// The owner's user id.
        owner: u32,
        /// The user id of this process.
        user: u32,
    },
    /// The folder is open to other users.
    #[error(
        "{path} is open to other users (mode {mode:04o}); what is in it is executed: `chmod 700` it",
        path = .path.display()
    )]
    Mode {
        /// The folder.
        path: PathBuf,
        /// The mode of the folder.
        mode: u32,
    },
    /// The key of the cache cannot be relied on.
    #[error(
        "{path}, the key that its entries are sealed with, {what}; remove the folder, and a new one is made",
        path = .path.display()
    )]
    Key {
        /// The key file.
        path: PathBuf,
        /// The problem with the key file.
        what: String,
    },
}

/// One entry of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheEntry {
    /// The component's digest, `sha256:` and 64 digits, or the reason why the entry would not be executed.
    pub digest: Result<String, CacheRejection>,
    /// The component's name when it was compiled, if the entry would be executed. It is untrusted text: escape it before
    /// showing it.
    pub name: Option<String>,
    /// The size of the file in bytes.
    pub size: u64,
    /// The last time that a process read the code or wrote it.
    pub last_used: SystemTime,
}

impl Cache {
    /// The default size for one user's cache. 1 GiB holds two dozen components with an interpreter inside, the largest
    /// there are (19 MB of Python compile to 38), or some thousand in Rust, and is little of any disk today.
    pub const DEFAULT_SIZE: u64 = 1 << 30;

    /// Opens a folder, and makes it if it does not exist: mode 0700, with a key in it of mode 0600. `max_size` is the
    /// bound on the bytes of all entries together; those that were not used for longest are removed first.
    ///
    /// # Errors
    ///
    /// The folder, or the key in it, belongs to another user than the effective one or is open to others; or the folder
    /// is a symbolic link, or cannot be opened.
    pub fn open(folder: impl AsRef<Path>, max_size: u64) -> Result<Cache, CacheError> {
        let folder = Folder::open(folder.as_ref())?;
        let key = folder.key()?;
        Ok(Cache {
            inner: Arc::new(Inner {
                folder,
                key,
                max_size,
            }),
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.inner.folder.path()
    }

    /// The entries, the latest used first. Each entry is read and its seal checked.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn entries(&self) -> io::Result<Vec<CacheEntry>> {
        let Inner { folder, key, .. } = &*self.inner;
        let mut found = folder.list()?;
        found.retain(|file| evict::is_entry(&file.name));
        found.sort_by_key(|file| std::cmp::Reverse(file.used));
        let entry = |file: folder::Found| {
            let seen = entry::look(key, &file.name, folder.entry(&file.name));
            let name = seen.as_ref().ok().and_then(|(_, findings)| {
                let (name, _) = postcard::take_from_bytes(findings).ok()?;
                Some(name)
            });
            CacheEntry {
                digest: seen.map(|(digest, _)| digest),
                name,
                size: file.size,
                last_used: file.used,
            }
        };
        Ok(found.into_iter().map(entry).collect())
    }

    /// Removes every entry, and files that killed writers have left. The key stays. Returns the number of entries and
    /// their bytes.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or a file in it cannot be removed.
    pub fn clear(&self) -> io::Result<(usize, u64)> {
        evict::clear(&self.inner.folder)
    }

    /// The findings on a component, and its code for an engine; `None` without an entry.
    pub(crate) fn read(&self, label: &EntryId) -> Result<Option<Kept>, CacheRejection> {
        let Inner {
            folder,
            key,
            max_size,
        } = &*self.inner;
        let Some(file) = folder.entry(&label.name())? else {
            return Ok(None);
        };
        let parts = entry::open(key, label, &file, file.size, *max_size)?;
        let found: Result<(&str, Inspection), _> = postcard::from_bytes(&parts.findings);
        let Ok((_, inspection)) = found else {
            return Err(CacheRejection::Inspection);
        };
        file.touch();
        let code = parts.code;
        Ok(Some(Kept { inspection, code }))
    }

    /// Keeps the findings on a component of this name, and its code for an engine. The error is the reason why it is
    /// not kept.
    pub(crate) fn write(
        &self,
        label: &EntryId,
        name: &str,
        inspection: &Inspection,
        code: &[u8],
    ) -> Result<(), String> {
        let Inner {
            folder,
            key,
            max_size,
        } = &*self.inner;
        let name: String = name.chars().take(MAX_NAME).collect();
        let findings =
            postcard::to_allocvec(&(name, inspection)).map_err(|error| error.to_string())?;
        let head = entry::seal(key, label, &findings, code);
        let size = (head.len() + findings.len() + code.len()) as u64;
        if size > *max_size {
            // An older entry may be left from when the cache was larger.
            let _ = folder.remove(&label.name());
            return Err(format!(
                "its {size} bytes are more than the {max_size} of the whole cache"
            ));
        }
        folder
            .write(&label.name(), &[&head, &findings, code])
            .and_then(|()| evict::make_room(folder, *max_size))
            .map_err(|error| format!("{}: {error}", folder.path().display()))
    }

    /// The id of the entry for a component, given by its digest as text, and this engine.
    pub(crate) fn label(digest: &str, engine: &Engine) -> Option<EntryId> {
        Some(EntryId {
            component: entry::digest_from_text(digest)?,
            engine: identity::of(engine),
        })
    }

    /// Writes to the audit log that an entry was not executed.
    pub(crate) fn report_rejected(provider: &str, digest: &str, why: CacheRejection) {
        tracing::warn!(
            target: "tollgate::audit",
            provider = %escape::line(provider),
            capability = "cache",
            target = digest,
            reason = why.label(),
            "not executed"
        );
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("path", &self.path())
            .field("max_size", &self.inner.max_size)
            .finish_non_exhaustive()
    }
}
