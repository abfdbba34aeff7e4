//! The watcher thread: rescans the folder, drops removed providers, publishes the current set, emits events.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tollgate_policy::Lock;

use super::entry::{EntryState, is_text, name_of};
use super::files;
use super::folders::WatchedDirs;
use super::wakeup::{RescanReason, Wakeup};
use super::{Entry, Event, Snapshot, WatchError, WatchOptions};
use crate::error::HostError;
use crate::runtime::Runtime;
use tollgate_component::panic_text;

/// The interval at which policies are looked at while components are read and loaded. A look takes about 5 µs for each provider
/// that serves: the times of change of its files.
pub(super) const WITHDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// The state of the watcher thread.
pub(super) struct Watcher {
    pub(super) runtime: Runtime,
    pub(super) watch: WatchOptions,
    pub(super) wake: Arc<Wakeup>,
    served: Arc<ArcSwap<Snapshot>>,
    place: WatchedDirs,
    pub(super) known: BTreeMap<PathBuf, EntryState>,
    problem: Option<String>,
}

impl Watcher {
    pub(super) fn new(
        runtime: Runtime,
        watch: WatchOptions,
        wake: Arc<Wakeup>,
        served: Arc<ArcSwap<Snapshot>>,
    ) -> Watcher {
        Watcher {
            place: WatchedDirs::new(&watch.folder, watch.policies_folder()),
            runtime,
            watch,
            wake,
            served,
            known: BTreeMap::new(),
            problem: None,
        }
    }

    /// Rescans until the last handle of the folder is dropped.
    pub(super) fn run(mut self, ready: impl FnOnce(Result<(), WatchError>)) {
        let first = self.look_unharmed(RescanReason::default());
        let failed = first.is_err();
        ready(first);
        if failed {
            return;
        }
        let (debounce, poll_interval) = (self.watch.debounce, self.watch.poll_interval);
        while let Some(look) = self.wake.wait(debounce, poll_interval) {
            let problem = self.look_unharmed(look).err();
            self.tell_of(problem);
        }
    }

    /// Rescans and turns a panic into an error, so that a folder is never left unwatched without an event.
    fn look_unharmed(&mut self, look: RescanReason) -> Result<(), WatchError> {
        catch_unwind(AssertUnwindSafe(|| self.rescan(look))).unwrap_or_else(|panic| {
            let text = format!("looking at a folder panicked: {}", panic_text(&*panic));
            Err(HostError::new(text).into())
        })
    }

    /// Compares all files of the folder with the providers that serve. An event only starts the rescan; the files
    /// decide.
    fn rescan(&mut self, look: RescanReason) -> Result<(), WatchError> {
        let (paths, lock) = match self.list(look) {
            Ok(found) => found,
            Err(error) => {
                self.apply_policies(look.asked);
                return Err(error);
            }
        };
        let there: BTreeSet<&PathBuf> = paths.iter().collect();
        let gone = self.known.keys().filter(|path| !there.contains(path));
        for path in gone.cloned().collect::<Vec<PathBuf>>() {
            self.remove(&path);
        }
        self.withdraw();
        let mut looked = Instant::now();
        for path in paths {
            if self.wake.is_stopped() {
                return Ok(());
            }
            // The files before this one took as long to read as they are large.
            if looked.elapsed() >= WITHDRAW_INTERVAL {
                self.withdraw();
                looked = Instant::now();
            }
            self.reconcile_one(path, lock.as_ref(), look.asked);
        }
        self.place.refresh();
        Ok(())
    }

    /// The components of the folder, and the pins if the options require them.
    fn list(&mut self, look: RescanReason) -> Result<(Vec<PathBuf>, Option<Lock>), WatchError> {
        // Watching starts before the folder is read, so that a change after the read is reported.
        self.place.follow(look.moved, &self.wake)?;
        let folder = &self.watch.folder;
        let paths = files::components(folder, self.watch.max_entries).map_err(|error| {
            WatchError::Folder {
                path: folder.clone(),
                error,
            }
        })?;
        if paths.is_empty() && self.place.is_moved() && !self.known.is_empty() {
            return Err(WatchError::Empty {
                path: folder.clone(),
            });
        }
        let lock = match self.watch.locked {
            true => Some(files::lock(self.watch.policies_folder())?),
            false => None,
        };
        Ok((paths, lock))
    }

    pub(super) fn remove(&mut self, path: &Path) {
        let known = self.known.remove(path);
        // A component that appeared and disappeared between two rescans was never reported.
        if !known.is_some_and(|known| known.serving.is_some() || known.error.is_some()) {
            return;
        }
        let name = name_of(path);
        if is_text(path) {
            self.publish(&name, None);
        }
        self.emit(Event::Removed { name });
    }

    /// Publishes a provider as it is now.
    pub(super) fn publish(&self, name: &Arc<str>, known: Option<&EntryState>) {
        let mut served = Snapshot::clone(&self.served.load());
        match known {
            Some(known) => served.entries.insert(
                Arc::clone(name),
                Entry {
                    provider: known.serving.as_ref().map(|it| it.provider.clone()),
                    error: known.error.clone(),
                },
            ),
            None => served.entries.remove(name),
        };
        self.served.store(Arc::new(served));
    }

    /// Publishes and reports a new error of the folder itself, or its end.
    fn tell_of(&mut self, problem: Option<WatchError>) {
        let text = problem.as_ref().map(ToString::to_string);
        if self.problem == text {
            return;
        }
        self.problem = text;
        let problem = problem.map(Arc::new);
        let mut served = Snapshot::clone(&self.served.load());
        served.problem.clone_from(&problem);
        self.served.store(Arc::new(served));
        self.emit(match problem {
            Some(error) => Event::FolderLost { error },
            None => Event::FolderRestored,
        });
    }

    pub(super) fn emit(&mut self, event: Event) {
        if self.wake.is_stopped() {
            return;
        }
        event.log();
        if let Some(tell) = &mut self.watch.on_event {
            // A panic of the callback does not end the watcher.
            let told = catch_unwind(AssertUnwindSafe(|| tell(&event)));
            if let Err(panic) = told {
                let text = panic_text(&*panic);
                let _ = HostError::new(format_args!(
                    "the event callback of a folder panicked: {text}"
                ));
            }
        }
    }
}
