//! A cache of compiled code in a folder of its own, and the entries in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;
use tollgate::Source;
use tollgate::blocking::{Provider, Runtime};
use tollgate::cache::{Cache, CodeOrigin};

use crate::harness::policy;

/// A cache, and a runtime that loads through it.
pub struct Shelf {
    /// The folder that the cache is in.
    pub folder: TempDir,
    /// The runtime that uses it.
    pub runtime: Runtime,
}

impl Shelf {
    /// A cache of the default size.
    pub fn new() -> Shelf {
        Shelf::of_size(Cache::DEFAULT_SIZE)
    }

    /// A cache of at most `max_size` bytes.
    pub fn of_size(max_size: u64) -> Shelf {
        let folder = TempDir::new().unwrap();
        let runtime = opened(&folder.path().join("cache"), max_size);
        Shelf { folder, runtime }
    }

    /// The folder of the cache itself.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// Loads a component under an empty policy.
    pub fn load(&self, source: &Source) -> Provider {
        self.runtime.load(source, &policy("")).unwrap()
    }

    /// Loads a component, asserts the number that it returns, and returns the origin of its code.
    pub fn number(&self, source: &Source, wanted: u32) -> CodeOrigin {
        let provider = self.load(source);
        let report = provider.session().wave("f()").unwrap();
        assert_eq!(report.outcome.returned(), Some(wanted.to_string()));
        provider.as_async().code_origin()
    }

    /// The only entry of the cache.
    pub fn entry(&self) -> PathBuf {
        let entries = entries(&self.path());
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    }

    /// The key that its entries are sealed with.
    pub fn key(&self) -> [u8; 32] {
        let key = fs::read(self.path().join("key")).unwrap();
        key.try_into().unwrap()
    }
}

/// The cache of the runtime that all tests share: each guest is compiled once, and not once for each test. It is this
/// process's own, since the findings of another build of the host prove nothing of this one.
pub fn of_this_process() -> Cache {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(folder_of_this_process);
    Cache::open(&*FOLDER, Cache::DEFAULT_SIZE).unwrap()
}

fn folder_of_this_process() -> PathBuf {
    let all = crate::harness::root().join("target/tmp/code");
    // Left by processes that have ended.
    for entry in fs::read_dir(&all).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(entry.file_name()).is_dir() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let own = all.join(std::process::id().to_string());
    let _ = fs::remove_dir_all(&own);
    fs::create_dir_all(&all).unwrap();
    own
}

/// A runtime that opens the cache anew, like another process.
pub fn opened(path: &Path, max_size: u64) -> Runtime {
    let cache = Cache::open(path, max_size).unwrap();
    let builder = crate::harness::builder().concurrency(4);
    builder.cache(cache).build().into()
}

/// The entries of a cache: all its files except the key.
pub fn entries(path: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(path)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.file_name().unwrap() != "key")
        .collect();
    all.sort();
    all
}
