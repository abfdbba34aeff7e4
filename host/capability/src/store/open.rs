//! The open databases: one for each file, however many providers use it, and one in memory for each namespace. Each is
//! closed with the last provider that uses it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use tollgate_policy::StoreGrant;

use super::database::{Database, DatabaseError};
use super::group::Queue;
use crate::error::{GrantError, HostFailure, OpenError};

/// The open databases of a runtime.
#[derive(Default)]
pub struct StoreRegistry {
    /// The stores in memory, by namespace. A provider that is loaded anew while the old one lives, as in a watched
    /// folder, finds its data.
    memory: Mutex<HashMap<Arc<str>, Weak<OpenStore>>>,
    files: Arc<OpenFiles>,
}

/// The files that are open, by their real paths. A file is closed with the last provider that uses it.
#[derive(Default)]
struct OpenFiles {
    open: Mutex<HashMap<PathBuf, Weak<OpenStore>>>,
    closed: Condvar,
}

/// An open database. The order of the fields closes the database before the registry is told.
pub(crate) struct OpenStore {
    pub(crate) database: Database,
    pub(crate) queue: Queue,
    _entry: Option<Entry>,
}

/// An open file's entry among [`OpenFiles`], taken out when the file is closed.
struct Entry {
    files: Arc<OpenFiles>,
    path: PathBuf,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.files.lock().remove(&self.path);
        self.files.closed.notify_all();
    }
}

/// One provider's part of a database.
#[derive(Clone)]
pub struct Namespace {
    pub(crate) opened: Arc<OpenStore>,
    pub(crate) name: Arc<str>,
}

impl StoreRegistry {
    /// Opens the store of `grant` for the named provider.
    pub fn open(&self, grant: &StoreGrant, provider: &str) -> Result<Namespace, OpenError> {
        let name: Arc<str> = grant.namespace.as_deref().unwrap_or(provider).into();
        let opened = match &grant.path {
            Some(path) => {
                let failed = |what: String| GrantError::Store {
                    path: path.clone(),
                    what,
                };
                self.files.open(path).map_err(failed)?
            }
            None => self
                .memory(&name)
                .map_err(|error| HostFailure(error.to_string()))?,
        };
        Ok(Namespace { opened, name })
    }

    fn memory(&self, name: &Arc<str>) -> Result<Arc<OpenStore>, DatabaseError> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.retain(|_, opened| opened.strong_count() > 0);
        if let Some(opened) = memory.get(name).and_then(Weak::upgrade) {
            return Ok(opened);
        }
        let opened = Arc::new(OpenStore {
            database: Database::in_memory()?,
            queue: Queue::default(),
            _entry: None,
        });
        memory.insert(Arc::clone(name), Arc::downgrade(&opened));
        Ok(opened)
    }
}

impl OpenFiles {
    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Weak<OpenStore>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database in the file at `path`, which is made when there is none.
    fn open(self: &Arc<Self>, path: &Path) -> Result<Arc<OpenStore>, String> {
        let file = open_file(path).map_err(|error| error.to_string())?;
        let path = std::fs::canonicalize(path).map_err(|error| error.to_string())?;
        let mut open = self.lock();
        while let Some(entry) = open.get(&path) {
            if let Some(opened) = entry.upgrade() {
                return Ok(opened);
            }
            // The last user is closing it, which takes as long as a commit.
            open = self
                .closed
                .wait(open)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let database = Database::in_file(file)?;
        let entry = Entry {
            files: Arc::clone(self),
            path: path.clone(),
        };
        let opened = Arc::new(OpenStore {
            database,
            queue: Queue::default(),
            _entry: Some(entry),
        });
        open.insert(path, Arc::downgrade(&opened));
        Ok(opened)
    }
}

/// The first bytes of a file of redb.
const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";

/// Examines a file that a policy keeps a store in, which need not exist yet. Nothing is made, written or locked, so a store
/// that is in use is right, and a damaged one is not noticed.
pub(crate) fn examine(path: &Path) -> Result<(), GrantError> {
    let failed = |what: String| GrantError::Store {
        path: path.to_owned(),
        what,
    };
    let examined = match exists(path) {
        Ok(true) => begins_as_store(path),
        Ok(false) => may_be_made(path),
        Err(error) => Err(error),
    };
    match examined {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed("the file is no store; name another file".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Whether a file that may be read and written is empty, or begins as a store does.
fn begins_as_store(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    file.take(MAGIC.len() as u64).read_to_end(&mut head)?;
    Ok(head.is_empty() || head == MAGIC)
}

/// Whether a file may be made in the folder of `path`: an error if not.
fn may_be_made(path: &Path) -> io::Result<bool> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if !std::fs::metadata(folder)?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory));
    }
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    }
    Ok(true)
}

/// Whether there is a regular file of this name. The kind is checked before opening: opening a pipe would wait for its other
/// end.
fn exists(path: &Path) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::other("not a regular file")),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a regular file for reading and writing; a new one is for its owner only.
fn open_file(path: &Path) -> io::Result<File> {
    exists(path)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(all(test, feature = "store"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_store_in_memory_lives_as_long_as_its_providers() {
        let registry = StoreRegistry::default();
        let grant = StoreGrant::default();
        let open = |name: &str| registry.open(&grant, name).unwrap();
        let (first, other) = (open("a"), open("b"));
        assert!(!Arc::ptr_eq(&first.opened, &other.opened));
        let again = open("a");
        assert!(Arc::ptr_eq(&first.opened, &again.opened));
        let database = Arc::downgrade(&first.opened);
        drop(first);
        assert!(database.upgrade().is_some());
        drop(again);
        assert!(database.upgrade().is_none());
        drop(open("c"));
        assert_eq!(
            registry.memory.lock().unwrap().len(),
            2,
            "b, and c until the next"
        );
    }
}
