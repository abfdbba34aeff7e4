//! Looks after a folder: what is there is compared with what serves, and one is swapped for the other whole.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tollgate_policy::{Lock, Policy};

use super::files::{self, Files};
use super::known::{
    Known, Serving, Tried, bytes_of, is_text, name_of, only, revokes, with_lock_of,
};
use super::place::Place;
use super::wake::{Look, Wake};
use super::{Entry, Event, ReloadError, Served, Watch, WatchError};
use crate::call::panic_text;
use crate::error::{HostError, LoadError};
use crate::runtime::Runtime;
use crate::source::Source;

/// What the thread of a folder has.
pub(super) struct Keeper {
    runtime: Runtime,
    watch: Watch,
    wake: Arc<Wake>,
    served: Arc<ArcSwap<Served>>,
    place: Place,
    known: BTreeMap<PathBuf, Known>,
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

    fn remove(&mut self, path: &Path) {
        self.known.remove(path);
        let name = name_of(path);
        if is_text(path) {
            self.publish(&name, None);
        }
        self.tell(Event::Removed { name });
    }

    /// One component: whether it or what is beside it changed, and what becomes of that.
    fn one(&mut self, path: PathBuf, lock: Option<&Lock>, asked: bool) {
        let name = name_of(&path);
        if !is_text(&path) {
            // Its name in reports may be another's in truth, so it never serves.
            if self.known.insert(path, Known::default()).is_none() {
                let error = Arc::new(ReloadError::Name);
                self.tell(Event::Failed { name, error });
            }
            return;
        }
        let mut known = self.known.remove(&path).unwrap_or_default();
        let files = Files {
            policy: self.watch.policies_folder().join(format!("{name}.toml")),
            component: path,
        };
        // Before they are read: what changes meanwhile is seen the next time.
        let stamps = files.stamps();
        let same = stamps.is_some() && stamps == known.stamps;
        let pinned = match (lock, &known.tried) {
            (Some(lock), Some(Tried::Read(policy, _))) => {
                policy.trust.lock == Some(only(lock, &files))
            }
            _ => true,
        };
        if same && pinned && !known.again && !asked {
            self.known.insert(files.component, known);
            return;
        }
        known.stamps = stamps;
        if files::is_absent(&files.component) {
            // Gone since the folder was listed.
            self.known.insert(files.component.clone(), known);
            return self.remove(&files.component);
        }
        self.compare(&name, &files, lock, asked, &mut known);
        self.known.insert(files.component, known);
    }

    fn compare(
        &mut self,
        name: &Arc<str>,
        files: &Files,
        lock: Option<&Lock>,
        asked: bool,
        known: &mut Known,
    ) {
        let policy = self.policy(files, lock, known);
        let read = match &policy {
            Ok(policy) => Ok(Source::file(&files.component, &policy.limits)),
            Err(error) => Err(error.to_string()),
        };
        let tried = match (&policy, &read) {
            (Ok(policy), Ok(Ok(source))) => {
                Tried::Read(Box::new(policy.clone()), Ok(bytes_of(source)))
            }
            (Ok(policy), Ok(Err(error))) => {
                Tried::Read(Box::new(policy.clone()), Err(error.to_string()))
            }
            (_, Err(error)) => Tried::Unreadable(error.clone()),
            (Err(error), _) => Tried::Unreadable(error.to_string()),
        };
        let unchanged = known.tried.as_ref() == Some(&tried);
        if unchanged && !known.again && !asked {
            return;
        }
        known.tried = Some(tried);
        let error = match (policy, read) {
            (Ok(policy), Ok(source)) => self.attempt(name, source, &policy, known),
            (Err(error), _) => Some(error),
            (Ok(_), Err(_)) => None,
        };
        let Some(error) = error else {
            known.again = false;
            return;
        };
        if self.wake.is_stopped() {
            return;
        }
        known.again = error.may_pass();
        let told = known
            .error
            .as_ref()
            .is_some_and(|told| told.to_string() == error.to_string());
        // Said once, and not every time it is tried again.
        if told && unchanged && !asked {
            return;
        }
        let error = Arc::new(error);
        known.error = Some(Arc::clone(&error));
        self.publish(name, Some(known));
        let name = Arc::clone(name);
        self.tell(match known.serving {
            Some(_) => Event::Kept { name, error },
            None => Event::Failed { name, error },
        });
    }

    /// The policy that it has to serve under.
    fn policy(
        &self,
        files: &Files,
        lock: Option<&Lock>,
        known: &mut Known,
    ) -> Result<Policy, ReloadError> {
        let path = || files.policy.clone();
        let mut policy = match files.policy()? {
            Some(policy) => {
                known.had_policy = true;
                policy
            }
            None if known.had_policy => return Err(ReloadError::PolicyGone { path: path() }),
            None => match &self.watch.default_policy {
                Some(policy) => policy.clone(),
                None => return Err(ReloadError::NoPolicy { path: path() }),
            },
        };
        policy.trust = self.watch.trust.both(&policy.trust);
        if let Some(lock) = lock {
            policy.trust.lock = Some(only(lock, files));
        }
        Ok(policy)
    }

    /// Tries to have it serve, and holds what serves to the policy in any case. What is wrong, if it cannot.
    fn attempt(
        &mut self,
        name: &Arc<str>,
        read: Result<Source, LoadError>,
        policy: &Policy,
        known: &mut Known,
    ) -> Option<ReloadError> {
        if let (Ok(source), Some(serving)) = (&read, &known.serving)
            && bytes_of(source) == bytes_of(&serving.source)
            && *policy == serving.policy
        {
            if known.error.take().is_some() {
                self.publish(name, Some(known));
                self.tell(Event::Settled {
                    name: Arc::clone(name),
                });
            }
            return None;
        }
        let loaded = read.and_then(|source| self.load(source, policy));
        let error = match loaded {
            Ok(serving) => {
                known.error = None;
                self.serve(name, known, serving);
                return None;
            }
            Err(error) => error,
        };
        if let Some(serving) = &known.serving {
            // The component is bad. The policy is not, and is the operator's word: it holds at once. The pins are
            // about what is to come, and deleting one is how a new version is let in.
            let held = with_lock_of(policy, &serving.policy);
            if held != serving.policy {
                match self.load(serving.source.clone(), &held) {
                    Ok(serving) => self.serve(name, known, serving),
                    Err(LoadError::Refused(refusal)) if revokes(refusal.kind) => {
                        let same = refusal.to_string() == error.to_string();
                        let refused = Arc::new(ReloadError::from(LoadError::from(refusal)));
                        known.serving = None;
                        known.error = Some(Arc::clone(&refused));
                        self.publish(name, Some(known));
                        self.tell(Event::Withdrawn {
                            name: Arc::clone(name),
                            error: refused,
                        });
                        if same {
                            return None;
                        }
                    }
                    // It says what this program or machine cannot keep.
                    Err(_) => {}
                }
            }
        }
        Some(error.into())
    }

    /// All that [`Runtime::load`] does, on this thread.
    fn load(&self, source: Source, policy: &Policy) -> Result<Serving, LoadError> {
        let load = || self.runtime.load_now(&source, policy, &self.wake.stopped);
        let loaded = catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|panic| {
            let text = format!("loading panicked: {}", panic_text(&*panic));
            Err(HostError::new(text).into())
        });
        loaded.map(|provider| Serving {
            source,
            policy: policy.clone(),
            provider,
        })
    }

    fn serve(&mut self, name: &Arc<str>, known: &mut Known, serving: Serving) {
        if self.wake.is_stopped() {
            return;
        }
        let to = serving.provider.info().digest.clone();
        let from = known.serving.replace(serving);
        self.publish(name, Some(known));
        let name = Arc::clone(name);
        self.tell(match from {
            Some(from) => Event::Replaced {
                name,
                from: from.provider.info().digest.clone(),
                to,
            },
            None => Event::Loaded { name, digest: to },
        });
    }

    /// Shows a provider as it is now to whoever asks from now on.
    fn publish(&self, name: &Arc<str>, known: Option<&Known>) {
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

    fn tell(&mut self, event: Event) {
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
