//! Eviction: removes the entries that were not used for longest, and files that killed writers have left.

use std::io;
use std::time::{Duration, SystemTime};

use super::folder::{Folder, Found, TEMPORARY};

/// The age at which a temporary file counts as abandoned: writing 60 MB takes a second on a slow disk.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Whether a file name is that of an entry.
pub(super) fn is_entry(name: &str) -> bool {
    name.len() == 2 * blake3::OUT_LEN && name.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Removes abandoned files, and entries until the others take at most `most` bytes together. Other processes may do the
/// same at the same time.
pub(super) fn make_room(folder: &Folder, most: u64) -> io::Result<()> {
    let mut entries = sweep(folder)?;
    entries.sort_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
    let mut total: u64 = entries.iter().map(|file| file.size).sum();
    for file in entries {
        if total <= most {
            break;
        }
        folder.remove(&file.name)?;
        total -= file.size;
    }
    Ok(())
}

/// Removes all entries and abandoned files. Returns the number of entries and their bytes.
pub(super) fn clear(folder: &Folder) -> io::Result<(usize, u64)> {
    let entries = sweep(folder)?;
    for file in &entries {
        folder.remove(&file.name)?;
    }
    let bytes = entries.iter().map(|file| file.size).sum();
    Ok((entries.len(), bytes))
}

/// Removes abandoned files, but none that other processes are writing. Returns the entries.
fn sweep(folder: &Folder) -> io::Result<Vec<Found>> {
    let now = SystemTime::now();
    let (entries, others): (Vec<Found>, Vec<Found>) = folder
        .list()?
        .into_iter()
        .partition(|file| is_entry(&file.name));
    for file in others {
        let age = now.duration_since(file.used).unwrap_or_default();
        if file.name.starts_with(TEMPORARY) && age > ABANDONED {
            folder.remove(&file.name)?;
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::is_entry;

    #[test]
    fn an_entry_is_named_by_64_digits() {
        assert!(is_entry(&"0a".repeat(32)));
        for other in [
            "0a".repeat(31),
            "0a".repeat(33),
            "0g".repeat(32),
            String::new(),
        ] {
            assert!(!is_entry(&other), "{other}");
        }
    }
}
