//! The watched folders: the system reports their changes, and `follow` finds out whether they are still the same
//! folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::wakeup::Wakeup;
use super::{WatchError, files};

/// The device and inode of a folder, independent of its path.
type Identity = Option<(u64, u64)>;

/// The folders of the components and of the policies, which may be one.
pub(super) struct WatchedDirs {
    folders: Vec<PathBuf>,
    /// The watcher reports changes until it is dropped.
    watcher: Option<(Vec<Identity>, RecommendedWatcher)>,
    /// The identities after the last successful rescan.
    settled: Vec<Identity>,
    moved: bool,
}

impl WatchedDirs {
    pub(super) fn new(components: &Path, policies: &Path) -> WatchedDirs {
        let mut folders = vec![components.to_owned()];
        if policies != components {
            folders.push(policies.to_owned());
        }
        WatchedDirs {
            folders,
            watcher: None,
            settled: Vec::new(),
            moved: false,
        }
    }

    /// Checks that the folders exist and that their changes are reported. If another folder or a link to one has taken
    /// the place of a folder, that one is watched from then on.
    pub(super) fn follow(&mut self, moved: bool, wake: &Arc<Wakeup>) -> Result<(), WatchError> {
        self.moved |= moved;
        let found: Result<Vec<Identity>, WatchError> =
            self.folders.iter().map(|folder| find(folder)).collect();
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                // A folder that comes back may have the same inode and no longer be watched.
                self.watcher = None;
                self.moved = true;
                return Err(error);
            }
        };
        self.moved |= !self.settled.is_empty() && self.settled != found;
        let watched = self.watcher.as_ref().map(|(watched, _)| watched);
        if moved || watched != Some(&found) {
            self.watcher = None;
            self.watcher = Some((found, watch(&self.folders, wake)?));
        }
        Ok(())
    }

    /// Whether the folders are not, or may not be, those of the last successful rescan.
    pub(super) fn is_moved(&self) -> bool {
        self.moved
    }

    /// Records the identities of the folders after a successful rescan.
    pub(super) fn refresh(&mut self) {
        self.moved = false;
        if let Some((found, _)) = &self.watcher {
            self.settled.clone_from(found);
        }
    }
}

fn find(folder: &Path) -> Result<Identity, WatchError> {
    let found = std::fs::metadata(folder).and_then(|found| match found.is_dir() {
        true => Ok(files::identity(&found)),
        false => Err(std::io::ErrorKind::NotADirectory.into()),
    });
    found.map_err(|error| WatchError::Folder {
        path: folder.to_owned(),
        error,
    })
}

fn watch(folders: &[PathBuf], wake: &Arc<Wakeup>) -> Result<RecommendedWatcher, WatchError> {
    let (wake, themselves) = (Arc::clone(wake), folders.to_vec());
    // Every event is only a reason to rescan, a lost count (`need_rescan`) and an error included.
    let tell = move |told: notify::Result<Event>| match told {
        Ok(event) if is_reading(event.kind) => {}
        Ok(event) => {
            let gone = matches!(
                event.kind,
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
            );
            wake.emit(gone && event.paths.iter().any(|path| themselves.contains(path)));
        }
        Err(_) => wake.emit(true),
    };
    let failed = |error: &notify::Error| WatchError::Watcher {
        message: why(error),
    };
    let mut watcher = notify::recommended_watcher(tell).map_err(|error| failed(&error))?;
    for folder in folders {
        watcher
            .watch(folder, RecursiveMode::NonRecursive)
            .map_err(|error| failed(&error))?;
    }
    Ok(watcher)
}

/// The system's error, and the remedy where it is known.
fn why(error: &notify::Error) -> String {
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "this user watches too much already; raise fs.inotify.max_user_watches".to_owned()
        }
        notify::ErrorKind::Io(ref error) if error.raw_os_error() == Some(EMFILE) => {
            format!("{error}; raise the limit of open files, or fs.inotify.max_user_instances")
        }
        _ => error.to_string(),
    }
}

/// `EMFILE`, the same on every Unix.
const EMFILE: i32 = 24;

/// Whether the event is caused by reading. A rescan reads the folder, so rescanning for such events would never end.
fn is_reading(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use notify::event::CreateKind;

    use super::*;

    #[test]
    fn what_cannot_be_watched_comes_with_the_cure() {
        let of = |number| {
            let error = std::io::Error::from_raw_os_error(number);
            why(&notify::Error::io(error))
        };
        let full = why(&notify::Error::new(notify::ErrorKind::MaxFilesWatch));
        assert!(full.contains("max_user_watches"), "{full}");
        assert!(of(EMFILE).contains("max_user_instances"));
        assert!(!of(2).contains("raise"));
    }

    #[test]
    fn who_reads_tells_nothing_and_who_wrote_does() {
        let opened = AccessKind::Open(AccessMode::Read);
        let read = AccessKind::Close(AccessMode::Read);
        for kind in [opened, read, AccessKind::Read] {
            assert!(is_reading(EventKind::Access(kind)));
        }
        let wrote = AccessKind::Close(AccessMode::Write);
        for kind in [
            EventKind::Access(wrote),
            EventKind::Create(CreateKind::File),
            EventKind::Any,
        ] {
            assert!(!is_reading(kind));
        }
    }
}
