//! A folder of providers that is served while it changes.
//!
//! [`Runtime::watch`] loads every component of a folder and watches it from then on. A changed file is verified, judged
//! and compiled beside the provider that serves, on the folder's own thread, and then swapped in whole: calls and
//! sessions under way finish on the provider they began with, and new calls get the new one. If the new file is bad,
//! the old provider keeps serving and the error is reported.
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
//! # Files in the folder
//!
//! `NAME.wasm` is the provider `NAME`; beside it are its policy `NAME.toml` and, if it is signed, `NAME.wasm.minisig`.
//! Without a policy a component does not serve, unless [`WatchOptions::default_policy`] gives one. Policies are more
//! sensitive than components, so they can be in another folder ([`WatchOptions::policies`]). [`WatchOptions::trust`]
//! applies beside all of them.
//!
//! # Effect of each change
//!
//! | change in the folder | provider that serves | event |
//! |---|---|---|
//! | a component or its signature changed, and loads | the new one | [`Event::Replaced`] |
//! | a component changed, and does not load; its signature is missing or by another key | the old one | [`Event::Rejected`] |
//! | a policy changed | the same component under the new policy | [`Event::Replaced`] |
//! | a policy has a mistake, is missing, or grants something that does not exist | the old one under the old policy | [`Event::Rejected`] |
//! | a policy changed and does not allow the component | none | [`Event::Revoked`] |
//! | a component was removed | none | [`Event::Removed`] |
//! | the folder is missing, has too many entries, or was replaced by an empty one, or its lock file has a mistake | the old ones, under their policies, which may change | [`Event::FolderLost`] |
//!
//! A component comes from a supplier, a policy from the operator. So a bad component does not replace a
//! good one, but a key that was deleted from the policy is no longer trusted from then on.
//!
//! The contents of the files count, not the events: a file that was touched is read, found unchanged, and left alone. A
//! rescan starts when no event has come for a while ([`WatchOptions::debounce`]), so that a component and its signature
//! are seen together, and at a fixed interval ([`WatchOptions::poll_interval`]), since not every file system reports
//! changes.

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
use crate::catalog::Catalog;
use crate::error::HostError;
use crate::runtime::Runtime;
use thread::Watcher;
use wakeup::Wakeup;

/// The callback for events.
type Tell = Box<dyn FnMut(&Event) + Send>;

/// The folder to serve, and its options.
pub struct WatchOptions {
    folder: PathBuf,
    policies: Option<PathBuf>,
    default_policy: Option<Policy>,
    trust: Trust,
    locked: bool,
    debounce: Duration,
    poll_interval: Duration,
    max_entries: usize,
    warm: u32,
    on_event: Option<Tell>,
}

impl WatchOptions {
    /// The default pause after which a copy is taken to be complete. Copying writes without pauses, and a person does
    /// not notice this one.
    pub const SETTLE: Duration = Duration::from_millis(100);

    /// The default interval between rescans: how long a change may go unnoticed on a file system that does not report
    /// changes. A rescan takes some microseconds for each file.
    pub const EVERY: Duration = Duration::from_secs(5);

    /// The default bound on entries: a thousand providers with policies and signatures, and as many again while they
    /// are replaced.
    pub const MAX_ENTRIES: usize = 8_192;

    /// Options for the components of this folder, each under its own policy.
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
            warm: 0,
            on_event: None,
        }
    }

    /// Takes the policies and the lock file from this folder instead of the folder of the components. A user with write
    /// access to the components then cannot write policies.
    #[must_use]
    pub fn policies(mut self, folder: impl Into<PathBuf>) -> WatchOptions {
        self.policies = Some(folder.into());
        self
    }

    /// Sets the policy of components that have none; without it, those do not serve. A component that had a policy and
    /// lost it does not get the default: it stays as it was until its policy is back or the component is removed as
    /// well. (A restarted program does not know that there was a policy. Where that matters, set no default.)
    #[must_use]
    pub fn default_policy(mut self, policy: Policy) -> WatchOptions {
        self.default_policy = Some(policy);
        self
    }

    /// Requires this trust of every component, in addition to its policy: a policy may trust fewer keys, and never
    /// more. The `lock` in it applies if [`WatchOptions::locked`] takes none from a file.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> WatchOptions {
        self.trust = trust;
        self
    }

    /// Refuses a component that is not pinned in `tollgate.lock`, beside the policies, or is pinned to other bytes.
    /// Pins apply to future loads: a changed or deleted pin lets another component in, and does not stop the provider
    /// that serves.
    #[must_use]
    pub fn locked(mut self) -> WatchOptions {
        self.locked = true;
        self
    }

    /// Sets how long no event may come before a rescan; [`WatchOptions::SETTLE`] by default. If events never stop, the
    /// rescan starts after ten times that.
    #[must_use]
    pub fn debounce(mut self, pause: Duration) -> WatchOptions {
        self.debounce = pause;
        self
    }

    /// Sets the interval between rescans without events; [`WatchOptions::EVERY`] by default.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> WatchOptions {
        self.poll_interval = interval;
        self
    }

    /// Sets how many entries of any kind the folder may have; [`WatchOptions::MAX_ENTRIES`] by default. A folder with
    /// more is not scanned, and its providers keep serving under their policies.
    #[must_use]
    pub fn max_entries(mut self, most: usize) -> WatchOptions {
        self.max_entries = most;
        self
    }

    /// Has so many instances of each provider made ahead of its calls ([`Provider::warm`]); none by default.
    #[must_use]
    pub fn warm(mut self, instances: u32) -> WatchOptions {
        self.warm = instances;
        self
    }

    /// Sets a callback that gets every event in order, from the first scan on, on the watcher thread: a slow callback
    /// delays reloading, and no calls. The events are also in the log, as `tollgate::watch`. The callback must not own
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

/// A folder that is being served. Clones are handles of the same folder; watching ends when the last one is dropped.
/// Providers and sessions taken from it live on.
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
        // The thread ends by itself and ends its compile worker. It is not joined: this drop may run on an async
        // thread.
        self.wake.stop();
    }
}

/// The providers of a folder at one moment. Later changes of the folder do not affect it.
#[derive(Clone, Default)]
pub struct Snapshot {
    entries: BTreeMap<Arc<str>, Entry>,
    problem: Option<Arc<WatchError>>,
}

/// One provider of a folder.
#[derive(Clone)]
#[non_exhaustive]
pub struct Entry {
    /// The provider, if one serves.
    pub provider: Option<Provider>,
    /// The error of the files in the folder, if there is one.
    pub error: Option<Arc<ReloadError>>,
}

impl Snapshot {
    /// The provider of this name, if one serves.
    pub fn get(&self, name: &str) -> Option<&Provider> {
        self.entries.get(name)?.provider.as_ref()
    }

    /// All components of the folder by name, including those that do not serve.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (&**name, entry))
    }

    /// The error of the folder itself, if there is one.
    pub fn problem(&self) -> Option<&Arc<WatchError>> {
        self.problem.as_ref()
    }
}

impl WatchedFolder {
    /// The provider of this name as it is now, if one serves. It takes no lock, so reloading never delays it.
    pub fn get(&self, name: &str) -> Option<Provider> {
        self.handle.served.load().get(name).cloned()
    }

    /// All providers of the folder as they are now.
    pub fn served(&self) -> Arc<Snapshot> {
        self.handle.served.load_full()
    }

    /// Starts a rescan now, which also retries failed components although nothing changed. The results are reported as
    /// events.
    pub fn rescan(&self) {
        self.handle.wake.ask();
    }
}

impl Runtime {
    /// Loads all components of a folder, and replaces them when they change. See [`watch`](crate::watch).
    ///
    /// # Errors
    ///
    /// The folder, or that of the policies, does not exist or cannot be watched, or the lock file has a mistake. An
    /// error of one component is an event ([`WatchOptions::on_event`]) and is in [`WatchedFolder::served`]; it affects
    /// no other component.
    pub async fn watch(&self, watch: WatchOptions) -> Result<WatchedFolder, WatchError> {
        let (ready, looked) = tokio::sync::oneshot::channel();
        let folder = self.start(watch, |first| {
            let _ = ready.send(first);
        })?;
        looked.await.map_err(HostError::new)??;
        Ok(folder)
    }

    /// The same on a thread that may block.
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
        // The program may change its working directory; the folders stay the same.
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

impl Catalog for WatchedFolder {
    fn get(&self, name: &str) -> Option<Provider> {
        WatchedFolder::get(self, name)
    }

    fn list(&self) -> Vec<(Arc<str>, Provider)> {
        let served = self.served();
        let serving = served
            .iter()
            .filter_map(|(name, entry)| Some((name.into(), entry.provider.clone()?)));
        serving.collect()
    }
}
