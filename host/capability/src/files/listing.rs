//! The entries of a folder, read within bounds.

use std::path::Path;
use std::sync::Arc;

use cap_std::fs::Dir;

use super::{Entry, FileFailure, kind, note_failure};
use crate::audit::Audit;
use crate::call::Call;
use crate::held::{Held, HostMemory};
use crate::jobs::Ended;
use crate::prices::ENTRY_PRICE;

/// The bounds of one listing.
pub struct Listing {
    /// Bytes that the entries may take in the host.
    pub cap: u64,
    /// Entries that the guest's fuel pays for.
    pub paid: u64,
    /// The mark that the call of the listing has ended.
    pub ended: Ended,
    /// The account that counts the entries while they are read.
    memory: HostMemory,
    audit: Arc<Audit>,
    /// The name of the folder in a denial.
    target: String,
}

/// The entries of a listing, and the number of entries that the system was asked for, each of which is paid for.
pub struct Listed {
    /// The entries, sorted: the order of the system would reveal the folder's past. An error if they take more bytes than
    /// they may.
    pub entries: Result<Vec<Entry>, FileFailure>,
    /// The entries that were read. More than the fuel pays for if there were more.
    pub read: u64,
}

impl Call {
    /// The bounds of a listing of the folder `path` below `root`.
    pub fn listing(&self, root: &str, path: &str) -> Listing {
        Listing {
            cap: self.read_cap(root),
            paid: self.meter.fuel_left() / ENTRY_PRICE,
            ended: self.jobs.ended(),
            memory: self.meter.host_memory.clone(),
            audit: Arc::clone(&self.audit),
            target: format!("{root}/{path}"),
        }
    }
}

impl Listing {
    /// Reads the entries of a folder, and none beyond the bounds. That they take more than they may is noted.
    ///
    /// # Errors
    ///
    /// An error of the system.
    pub fn read(&self, dir: &Dir, path: &Path) -> Result<Listed, FileFailure> {
        let too_large = |read| {
            let entries = Err(FileFailure::TooLarge(self.cap));
            let entries = note_failure(&self.audit, &self.target, entries);
            Ok(Listed { entries, read })
        };
        let mut held = Held::new(self.memory.clone());
        let mut entries: Vec<Entry> = Vec::new();
        let (mut size, mut read) = (0u64, 0u64);
        if held.hold(READ_BUFFER).is_err() {
            return too_large(read);
        }
        for entry in dir.read_dir(path)? {
            read += 1;
            if read > self.paid || self.ended.is_set() {
                break;
            }
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            size += entry_size(&name);
            let is_held =
                held.hold(name.len() as u64).is_ok() && held.make_room(&mut entries).is_ok();
            if size > self.cap || !is_held {
                return too_large(read);
            }
            let kind = kind(entry.file_type()?);
            entries.push(Entry { name, kind });
        }
        entries.shrink_to_fit();
        // No name is there twice, and a stable sort would take half of the memory once more.
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let entries = Ok(entries);
        Ok(Listed { entries, read })
    }
}

/// Bytes that the system's answers are read into, a part of a folder at a time.
const READ_BUFFER: u64 = 32 << 10;

/// The size of one entry of a listing in the host, in bytes.
pub fn entry_size(name: &str) -> u64 {
    (name.len() + size_of::<Entry>()) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// One that may hold 1,000 bytes beside its buffer, and has no other bound.
    fn listing() -> Listing {
        Listing {
            cap: u64::MAX,
            paid: u64::MAX,
            ended: Ended::default(),
            memory: HostMemory::new(READ_BUFFER + 1_000),
            audit: Arc::new(Audit::new("guest".into(), None)),
            target: String::new(),
        }
    }

    /// A folder of any number of entries is of no interest to a call that has ended.
    #[test]
    fn no_entry_is_read_after_the_end_of_the_call() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let dir = Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        let listing = listing();
        let read = || {
            let listed = listing.read(&dir, Path::new(".")).ok().unwrap();
            listed.entries.ok().unwrap().len()
        };
        assert_eq!(read(), 3);
        // The entries of a listing are counted while it is read, and not after.
        assert_eq!(listing.memory.left(), READ_BUFFER + 1_000);
        let entries = 3 + 4 * size_of::<Entry>() as u64;
        assert_eq!(listing.memory.peak(), READ_BUFFER + entries);
        listing.ended.set();
        assert_eq!(read(), 0);
    }

    #[test]
    fn no_more_is_read_than_may_be_held() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..100 {
            std::fs::write(folder.path().join(number.to_string()), "").unwrap();
        }
        let dir = Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        let listing = listing();
        let listed = listing.read(&dir, Path::new(".")).ok().unwrap();
        assert!(matches!(listed.entries, Err(FileFailure::TooLarge(_))));
        assert!(listed.read < 32, "{}", listed.read);
        assert_eq!(listing.memory.left(), READ_BUFFER + 1_000);
    }
}
