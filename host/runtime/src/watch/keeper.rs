//! Looks after a folder: when to look, what is gone, and what whoever asks is shown and told.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tollgate_policy::Lock;

use super::files;
use super::known::{Known, is_text, name_of};
use super::place::Place;
use super::wake::{Look, Wake};
use super::{Entry, Event, Served, Watch, WatchError};
use crate::call::panic_text;
use crate::error::HostError;
use crate::runtime::Runtime;

/// What the thread of a folder has.
pub(super) struct Keeper {
    pub(super) runtime: Runtime,
    pub(super) watch: Watch,
    pub(super) wake: Arc<Wake>,
    served: Arc<ArcSwap<Served>>,
    place: Place,
    pub(super) known: BTreeMap<PathBuf, Known>,
    problem: Option<String>,
}

impl Keeper {
    pub(super) fn new(
        runtime: Runtime,
        watch: Watch,
        wake: Arc<Wake>,
        served: Arc<ArcSwap<Served>>,
    ) -> Keeper {
        Keeper {
            place: Place::new(&watch.folder, watch.policies_folder()),
            runtime,
            watch,
            wake,
            served,
            known: BTreeMap::new(),
            problem: None,
        }
    }

    /// Looks until nobody wants the folder any more.
    pub(super) fn work(mut self, ready: impl FnOnce(Result<(), WatchError>)) {
        let first = self.look_unharmed(Look::default());
        let failed = first.is_err();
        ready(first);
        if failed {
            return;
        }
        let (settle, every) = (self.watch.settle, self.watch.every);
        while let Some(look) = self.wake.wait(settle, every) {
            let problem = self.look_unharmed(look).err();
            self.tell_of(problem);
        }
    }

    /// A bug of ours must not end in a folder that nobody looks after and nobody hears of.
    fn look_unharmed(&mut self, look: Look) -> Result<(), WatchError> {
        catch_unwind(AssertUnwindSafe(|| self.look(look))).unwrap_or_else(|panic| {
            let text = format!("looking at a folder panicked: {}", panic_text(&*panic));
            Err(HostError::new(text).into())
        })
    }

    /// Compares all of the folder with what serves. That something happened is a hint; what is there decides.
    fn look(&mut self, look: Look) -> Result<(), WatchError> {
        let (paths, lock) = match self.list(look) {
            Ok(found) => found,
            Err(error) => {
                self.hold_all(look.asked);
                return Err(error);
            }
        };
        let there: BTreeSet<&PathBuf> = paths.iter().collect();
        let gone = self.known.keys().filter(|path| !there.contains(path));
        for path in gone.cloned().collect::<Vec<PathBuf>>() {
            self.remove(&path);
        }
        for path in paths {
            if self.wake.is_stopped() {
                return Ok(());
            }
            self.one(path, lock.as_ref(), look.asked);
        }
        self.place.settle();
        Ok(())
    }

    /// The components of the folder, and the pins, where it has to have them.
    fn list(&mut self, look: Look) -> Result<(Vec<PathBuf>, Option<Lock>), WatchError> {
        // Watched before it is read: what changes after that is told.
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
        // One that came and went between two looks was never told of.
        if !known.is_some_and(|known| known.serving.is_some() || known.error.is_some()) {
            return;
        }
        let name = name_of(path);
        if is_text(path) {
            self.publish(&name, None);
        }
        self.tell(Event::Removed { name });
    }

    /// Shows a provider as it is now to whoever asks from now on.
    pub(super) fn publish(&self, name: &Arc<str>, known: Option<&Known>) {
        let mut served = Served::clone(&self.served.load());
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

    /// What is wrong with the folder itself, or that nothing is any more.
    fn tell_of(&mut self, problem: Option<WatchError>) {
        let text = problem.as_ref().map(ToString::to_string);
        if self.problem == text {
            return;
        }
        self.problem = text;
        let problem = problem.map(Arc::new);
        let mut served = Served::clone(&self.served.load());
        served.problem.clone_from(&problem);
        self.served.store(Arc::new(served));
        self.tell(match problem {
            Some(error) => Event::Lost { error },
            None => Event::Found,
        });
    }

    pub(super) fn tell(&mut self, event: Event) {
        if self.wake.is_stopped() {
            return;
        }
        event.log();
        if let Some(tell) = &mut self.watch.on_event {
            // The folder is looked after whatever becomes of who is told.
            let told = catch_unwind(AssertUnwindSafe(|| tell(&event)));
            if let Err(panic) = told {
                let text = panic_text(&*panic);
                let _ = HostError::new(format_args!("who is told of a folder panicked: {text}"));
            }
        }
    }
}
