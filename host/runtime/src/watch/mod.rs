//! A folder of providers that is served while it changes.
//!
//! [`Runtime::watch`] loads every component of a folder and looks after it from then on. A file that changed is
//! verified, judged and compiled beside the one that serves, on a thread of the folder's own, and then swapped in whole:
//! calls and sessions under way finish on the one they began with, calls from then on get the new one. A new file that
//! is bad leaves the old one serving and is reported.
//!
//! ```
//! use tollgate::watch::{Event, WatchOptions};
//! use tollgate::Runtime;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let guests = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests"));
//! # let providers = tempfile::tempdir()?;
//! # let providers = providers.path();
//! # let install = |guest: &str| {
//! #     std::fs::copy(guests.join(guest), providers.join("new"))?;
//! #     std::fs::rename(providers.join("new"), providers.join("greeter.wasm"))
//! # };
//! install("echo.wasm")?; // as greeter.wasm, by renaming it
//! std::fs::write(providers.join("greeter.toml"), "limits.fuel = 10_000_000")?;
//!
//! let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
//! let watch = WatchOptions::new(providers).on_event(move |event| {
//!     println!("{event}");
//!     let _ = tell.send(event.clone());
//! });
//! let folder = Runtime::new().watch(watch).await?;
//! assert!(matches!(told.recv().await, Some(Event::Loaded { .. })));
//!
//! let greeter = folder.get("greeter").ok_or("there is none")?;
//! let report = greeter.session().run(b"hello").await?;
//! assert_eq!(report.outcome.returned().as_deref(), Some(&b"hello"[..]));
//!
//! // Another component takes the place of the file.
//! install("counter.wasm")?;
//! assert!(matches!(told.recv().await, Some(Event::Replaced { .. })));
//! let counter = folder.get("greeter").ok_or("there is none")?;
//! assert!(counter.session().wave("next()").await?.outcome.returned().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is in the folder
//!
//! `NAME.wasm` is the provider `NAME`; beside it are its policy `NAME.toml` and, when it is signed, `NAME.wasm.minisig`.
//! Without a policy it does not serve, unless [`WatchOptions::default_policy`] gives one. Policies decide what
//! providers may do, so they can be in another folder ([`WatchOptions::policies`]); and [`WatchOptions::trust`] holds beside all of them.
//!
//! # What happens when
//!
//! | in the folder | what serves | told as |
//! |---|---|---|
//! | a component or its signature changed, and loads | the new one | [`Event::Replaced`] |
//! | it changed, and does not load; its signature is gone or another's | the old one | [`Event::Rejected`] |
//! | its policy changed | the same under the new policy | [`Event::Replaced`] |
//! | its policy has a mistake, is gone, or asks for what is not there | the old one under the old policy | [`Event::Rejected`] |
//! | its policy changed and does not let it through | nothing | [`Event::Revoked`] |
//! | its component is gone | nothing | [`Event::Removed`] |
//! | the folder is gone, or flooded, or another and empty, or its lock file has a mistake | what serves, under its policies, which may change | [`Event::FolderLost`] |
//!
//! A file says what somebody brought; a policy says what the operator wants. So a bad file is not put in the place of a
//! good one, but a key that was deleted from the policy is not trusted any more, from then on.
//!
//! What counts is what the files say, not that something happened to them: a file that was touched is read, found to
//! be the same, and left alone. Changes are looked into when nothing has happened for a while ([`WatchOptions::debounce`]), so
//! that a component and its signature are seen together; and every so often anyway ([`WatchOptions::poll_interval`]), since not every
//! file system tells of changes.

mod entry;
mod event;
mod files;
mod folders;
mod reconcile;
mod thread;
mod wakeup;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tollgate_policy::{Policy, Trust};

pub use event::{Event, ReloadError, WatchError};
pub use files::components;

use crate::call::provider::Provider;
use crate::error::HostError;
use crate::runtime::Runtime;
use thread::Watcher;
use wakeup::Wakeup;

/// The callback for events.
type Tell = Box<dyn FnMut(&Event) + Send>;

/// Which folder to serve, and how.
pub struct WatchOptions {
    folder: PathBuf,
    policies: Option<PathBuf>,
    default_policy: Option<Policy>,
    trust: Trust,
    locked: bool,
    debounce: Duration,
    poll_interval: Duration,
    max_entries: usize,
    on_event: Option<Tell>,
}

impl WatchOptions {
    /// A pause after which a copy is taken to be complete: copying writes without pauses, and a person does not notice
    /// this one.
    pub const SETTLE: Duration = Duration::from_millis(100);

    /// How long a change may go unnoticed on a file system that does not tell: no longer than one waits before asking
    /// what is wrong. Looking takes some microseconds for each file.
    pub const EVERY: Duration = Duration::from_secs(5);

    /// A thousand providers with their policies and signatures, and as much again while they are replaced.
    pub const MAX_ENTRIES: usize = 8_192;

    /// The components of this folder, each under its own policy.
    pub fn new(folder: impl Into<PathBuf>) -> WatchOptions {
        WatchOptions {
            folder: folder.into(),
            policies: None,
            default_policy: None,
            trust: Trust::default(),
            locked: false,
            debounce: WatchOptions::SETTLE,
            poll_interval: WatchOptions::EVERY,
            max_entries: WatchOptions::MAX_ENTRIES,
            on_event: None,
        }
    }

    /// Takes the policies, and the lock file, from this folder and not from beside the components: then whoever may
    /// write components cannot write policies.
    #[must_use]
    pub fn policies(mut self, folder: impl Into<PathBuf>) -> WatchOptions {
        self.policies = Some(folder.into());
        self
    }

    /// The policy of components that have none; without this, those do not serve. A component that had a policy and
    /// lost it does not get this one: it is kept as it was, until its policy is back or it is removed as well. (A
    /// program that is started anew does not know of it. Where that matters, give no default.)
    #[must_use]
    pub fn default_policy(mut self, policy: Policy) -> WatchOptions {
        self.default_policy = Some(policy);
        self
    }

    /// Asks this of every component, whatever its policy says: a policy may trust fewer keys, and never more. The
    /// `lock` in it holds where [`WatchOptions::locked`] takes none from a file.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> WatchOptions {
        self.trust = trust;
        self
    }

    /// Refuses what is not pinned in `tollgate.lock`, beside the policies, or is pinned to other bytes. Pins are about
    /// what is to come: one that is changed or deleted lets another component in, and does not stop what serves.
    #[must_use]
    pub fn locked(mut self) -> WatchOptions {
        self.locked = true;
        self
    }

    /// For how long nothing may have happened before it is looked into; [`WatchOptions::SETTLE`] unless said otherwise. When
    /// it never stops, it is looked into after ten times that.
    #[must_use]
    pub fn debounce(mut self, pause: Duration) -> WatchOptions {
        self.debounce = pause;
        self
    }

    /// How often to look when nothing is told; [`WatchOptions::EVERY`] unless said otherwise.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> WatchOptions {
        self.poll_interval = interval;
        self
    }

    /// How many entries the folder may have, whatever they are; [`WatchOptions::MAX_ENTRIES`] unless said otherwise. One that
    /// has more is not looked at, and what serves goes on under its policies.
    #[must_use]
    pub fn max_entries(mut self, most: usize) -> WatchOptions {
        self.max_entries = most;
        self
    }

    /// Is told what happens, in order and from the first look on, on the thread that looks after the folder: what
    /// takes long here holds up reloading, and no calls. The same is in the log, as `tollgate::watch`. It must not own
    /// the [`WatchedFolder`], which would then never be dropped.
    #[must_use]
    pub fn on_event(mut self, tell: impl FnMut(&Event) + Send + 'static) -> WatchOptions {
        self.on_event = Some(Box::new(tell));
        self
    }

    fn policies_folder(&self) -> &Path {
        self.policies.as_deref().unwrap_or(&self.folder)
    }
}

/// A folder that is being served. Clones are the same one; with the last of them, it is looked after no more. Providers
/// and sessions that were taken from it live on.
#[derive(Clone)]
pub struct WatchedFolder {
    handle: Arc<Handle>,
}

struct Handle {
    served: Arc<ArcSwap<Snapshot>>,
    wake: Arc<Wakeup>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // The thread ends by itself, and a worker that compiles for it is ended. It is not waited for: whoever drops
        // this may be on an async thread.
        self.wake.stop();
    }
}

/// What a folder serves at one moment. Whatever happens to the folder, this stays as it is.
#[derive(Clone, Default)]
pub struct Snapshot {
    entries: BTreeMap<Arc<str>, Entry>,
    problem: Option<Arc<WatchError>>,
}

/// One provider of a folder.
#[derive(Clone)]
#[non_exhaustive]
pub struct Entry {
    /// What serves, if anything does.
    pub provider: Option<Provider>,
    /// What is wrong with what is in the folder, if anything is.
    pub error: Option<Arc<ReloadError>>,
}

impl Snapshot {
    /// The provider of this name, if one serves.
    pub fn get(&self, name: &str) -> Option<&Provider> {
        self.entries.get(name)?.provider.as_ref()
    }

    /// All that is in the folder by name, what does not serve included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (&**name, entry))
    }

    /// What is wrong with the folder itself, if anything is.
    pub fn problem(&self) -> Option<&Arc<WatchError>> {
        self.problem.as_ref()
    }
}

impl WatchedFolder {
    /// The provider of this name as it is now, if one serves. Takes no lock: it is never held up by reloading.
    pub fn get(&self, name: &str) -> Option<Provider> {
        self.handle.served.load().get(name).cloned()
    }

    /// All that serves now.
    pub fn served(&self) -> Arc<Snapshot> {
        self.handle.served.load_full()
    }

    /// Has the folder looked at now, and what failed tried again although nothing changed. What comes of it is told as
    /// everything is.
    pub fn rescan(&self) {
        self.handle.wake.ask();
    }
}

impl Runtime {
    /// Loads all the components of a folder, and replaces them when they change. See [`watch`](crate::watch).
    ///
    /// # Errors
    ///
    /// The folder, or that of the policies, is not there or cannot be watched, or the lock file has a mistake. What is
    /// wrong with one component is told ([`WatchOptions::on_event`]) and is in [`WatchedFolder::served`]; it hides no other.
    pub async fn watch(&self, watch: WatchOptions) -> Result<WatchedFolder, WatchError> {
        let (ready, looked) = tokio::sync::oneshot::channel();
        let folder = self.start(watch, |first| {
            let _ = ready.send(first);
        })?;
        looked.await.map_err(HostError::new)??;
        Ok(folder)
    }

    /// The same on a thread that may be blocked.
    pub(crate) fn watch_now(&self, watch: WatchOptions) -> Result<WatchedFolder, WatchError> {
        let (ready, looked) = std::sync::mpsc::channel();
        let folder = self.start(watch, move |first| {
            let _ = ready.send(first);
        })?;
        looked.recv().map_err(HostError::new)??;
        Ok(folder)
    }

    fn start(
        &self,
        mut watch: WatchOptions,
        ready: impl FnOnce(Result<(), WatchError>) + Send + 'static,
    ) -> Result<WatchedFolder, WatchError> {
        // The program may go elsewhere; the folders do not.
        absolute(&mut watch.folder)?;
        watch.policies.as_mut().map_or(Ok(()), absolute)?;
        let served = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let wake = Arc::new(Wakeup::default());
        let handle = Handle {
            served: Arc::clone(&served),
            wake: Arc::clone(&wake),
        };
        let watcher = Watcher::new(self.clone(), watch, wake, served);
        std::thread::Builder::new()
            .name("tollgate-watch".to_owned())
            .spawn(move || watcher.run(ready))
            .map_err(WatchError::Thread)?;
        Ok(WatchedFolder {
            handle: Arc::new(handle),
        })
    }
}

fn absolute(path: &mut PathBuf) -> Result<(), WatchError> {
    *path = std::path::absolute(&*path).map_err(|error| WatchError::Folder {
        path: path.clone(),
        error,
    })?;
    Ok(())
}

impl fmt::Debug for WatchedFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let served = self.served();
        let names: Vec<&str> = served.iter().map(|(name, _)| name).collect();
        f.debug_struct("WatchedFolder")
            .field("names", &names)
            .finish_non_exhaustive()
    }
}
