//! One component of a folder: compares its files with the provider that serves, and acts on the difference.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use tollgate_policy::{Lock, Policy};

use super::entry::{
    Active, EntryState, LastAttempt, bytes_of, is_text, name_of, only, revokes, with_lock_of,
};
use super::files::{self, Files};
use super::thread::{WITHDRAW_INTERVAL, Watcher};
use super::{Event, ReloadError};
use crate::error::{HostError, LoadError};
use tollgate_component::panic_text;
use tollgate_component::{Refusal, Source};

/// The result of applying a policy to the provider that serves.
enum PolicyOutcome {
    /// The provider serves under the policy, or there is none.
    Applied,
    /// The provider no longer serves, for this reason.
    Revoked(String),
    /// The provider serves under the old policy: this program or machine cannot support the new one, or not now.
    Unchanged(LoadError),
}

impl Watcher {
    /// Checks whether a component, its signature, its policy or its pin changed, and reloads it if so.
    pub(super) fn reconcile_one(&mut self, path: PathBuf, lock: Option<&Lock>, asked: bool) {
        let name = name_of(&path);
        if !is_text(&path) {
            // A lossy name may equal another component's name, so a component without a UTF-8 name never serves.
            let error = Arc::new(ReloadError::Name);
            let known = EntryState {
                error: Some(Arc::clone(&error)),
                ..EntryState::default()
            };
            if self.known.insert(path, known).is_none() {
                self.emit(Event::Failed { name, error });
            }
            return;
        }
        let mut known = self.known.remove(&path).unwrap_or_default();
        let files = self.files(&name, path);
        // The stamps are taken before the files are read, so a change during the read is seen by the next rescan.
        let stamps = files.stamps();
        let same = stamps.is_some() && stamps == known.stamps;
        let pinned = match (lock, &known.tried) {
            (Some(lock), Some(LastAttempt::Read(policy, _))) => {
                policy.trust.lock == Some(only(lock, &files))
            }
            _ => true,
        };
        if same && pinned && !known.is_due() && !asked {
            self.known.insert(files.component, known);
            return;
        }
        known.stamps = stamps;
        if files::is_absent(&files.component) {
            // The component was removed after the folder was listed.
            self.known.insert(files.component.clone(), known);
            return self.remove(&files.component);
        }
        let gone = self
            .compare(&name, &files, lock, asked, &mut known)
            .is_none();
        self.known.insert(files.component.clone(), known);
        if gone {
            self.remove(&files.component);
        }
    }

    /// Reads the files and loads the component if they changed. `None` if the component was removed meanwhile.
    fn compare(
        &mut self,
        name: &Arc<str>,
        files: &Files,
        lock: Option<&Lock>,
        asked: bool,
        known: &mut EntryState,
    ) -> Option<()> {
        let start = Instant::now();
        let (tried, wanted) = match self.policy(files, lock, known) {
            Ok(policy) => {
                let read = Source::file(&files.component, &policy.limits);
                if read.is_err() && files::is_absent(&files.component) {
                    return None;
                }
                let bytes = read.as_ref().map(bytes_of).map_err(ToString::to_string);
                (
                    LastAttempt::Read(Box::new(policy.clone()), bytes),
                    Ok((policy, read)),
                )
            }
            Err(error) => (LastAttempt::Unreadable(error.to_string()), Err(error)),
        };
        let held = known.held.take().is_some();
        let unchanged = !held && known.tried.as_ref() == Some(&tried);
        if unchanged && !known.is_due() && !asked {
            return Some(());
        }
        known.tried = Some(tried);
        let repeated = held || unchanged;
        let error = match wanted {
            Ok((policy, read)) => {
                let read = read.map_err(LoadError::from);
                self.attempt(name, files, read, &policy, known)
            }
            Err(error) => Some(error),
        };
        known.again = None;
        if let Some(error) = error {
            self.report_failure(name, error, repeated && !asked, start, known);
        }
        Some(())
    }

    /// Reports a component that failed to load, once and not at every retry.
    fn report_failure(
        &mut self,
        name: &Arc<str>,
        error: ReloadError,
        repeated: bool,
        start: Instant,
        known: &mut EntryState,
    ) {
        if self.wake.is_stopped() {
            return;
        }
        let behind = known
            .last_policy()
            .is_some_and(|policy| known.policy_pending(policy));
        if error.is_transient(behind) {
            known.try_again(start.elapsed());
        }
        let told = known
            .error
            .as_ref()
            .is_some_and(|told| told.is_like(&error));
        if told && repeated {
            return;
        }
        let error = Arc::new(error);
        known.error = Some(Arc::clone(&error));
        self.publish(name, Some(known));
        let name = Arc::clone(name);
        self.emit(match known.serving {
            Some(_) => Event::Rejected { name, error },
            None => Event::Failed { name, error },
        });
    }

    /// The policy that the component must serve under.
    fn policy(
        &self,
        files: &Files,
        lock: Option<&Lock>,
        known: &mut EntryState,
    ) -> Result<Policy, ReloadError> {
        let path = || files.policy.clone();
        let own = files.policy();
        // A policy with a mistake counts as one.
        known.had_policy |= !matches!(own, Ok(None));
        let mut policy = match own? {
            Some(policy) => policy,
            None if known.had_policy => return Err(ReloadError::PolicyGone { path: path() }),
            None => match &self.watch.default_policy {
                Some(policy) => policy.clone(),
                None => return Err(ReloadError::NoPolicy { path: path() }),
            },
        };
        policy.trust = self.watch.trust.intersect(&policy.trust);
        policy.protected.extend(files.protected());
        if let Some(lock) = lock {
            policy.trust.lock = Some(only(lock, files));
        }
        Ok(policy)
    }

    /// Loads the component, and if that fails applies the policy to the provider that serves. Returns the error.
    fn attempt(
        &mut self,
        name: &Arc<str>,
        files: &Files,
        read: Result<Source, LoadError>,
        policy: &Policy,
        known: &mut EntryState,
    ) -> Option<ReloadError> {
        if let (Ok(source), Some(serving)) = (&read, &known.serving)
            && source.is_same(&serving.source)
            && *policy == serving.policy
        {
            if known.error.take().is_some() {
                self.publish(name, Some(known));
                self.emit(Event::UpToDate {
                    name: Arc::clone(name),
                });
            }
            return None;
        }
        // This policy may allow again a component that was withdrawn under an earlier policy.
        let before = known.withdrawn.take();
        let loaded = read.and_then(|source| self.load(source, policy, (name, files, known)));
        let meanwhile = known.withdrawn.take();
        let error = match loaded {
            // The policy changed while the component was loaded, and the provider was withdrawn: the load was under the
            // policy before. The next rescan loads the component under the new one.
            Ok(_) if meanwhile.is_some() => {
                known.withdrawn = meanwhile;
                known.stamps = None;
                known.tried = None;
                self.wake.emit(false);
                return None;
            }
            Ok(serving) => {
                known.error = None;
                self.serve(name, known, serving);
                return None;
            }
            Err(error) => error,
        };
        // A withdrawal for the same reason has been reported.
        if [before, meanwhile].contains(&Some(error.to_string())) {
            return None;
        }
        // The component is bad, but the policy is the operator's and applies at once.
        match self.apply_policy(name, files, policy, known) {
            PolicyOutcome::Revoked(why) if why == error.to_string() => None,
            PolicyOutcome::Unchanged(graver) => Some(graver.into()),
            PolicyOutcome::Revoked(_) | PolicyOutcome::Applied => Some(error.into()),
        }
    }

    /// Applies a policy to the provider that serves, for every content of the folder.
    fn apply_policy(
        &mut self,
        name: &Arc<str>,
        files: &Files,
        policy: &Policy,
        known: &mut EntryState,
    ) -> PolicyOutcome {
        let Some(serving) = known
            .serving
            .as_ref()
            .filter(|_| known.policy_pending(policy))
        else {
            return PolicyOutcome::Applied;
        };
        // Pins apply to future loads, and an operator deletes one to let a new version in.
        let held = with_lock_of(policy, &serving.policy);
        match self.load(serving.source.clone(), &held, (name, files, known)) {
            // Withdrawn while it was loaded.
            _ if known.serving.is_none() => PolicyOutcome::Applied,
            Ok(serving) => {
                self.serve(name, known, serving);
                PolicyOutcome::Applied
            }
            Err(LoadError::Refused(refusal)) if revokes(refusal.kind) => {
                PolicyOutcome::Revoked(self.revoke(name, known, refusal))
            }
            Err(error) => PolicyOutcome::Unchanged(error),
        }
    }

    /// Stops the provider of a component that its policy no longer lets through. Returns the reason as text.
    fn revoke(&mut self, name: &Arc<str>, known: &mut EntryState, refusal: Refusal) -> String {
        let why = refusal.to_string();
        let error = Arc::new(ReloadError::from(LoadError::from(refusal)));
        known.serving = None;
        known.error = Some(Arc::clone(&error));
        self.publish(name, Some(known));
        self.emit(Event::Revoked {
            name: Arc::clone(name),
            error,
        });
        why
    }

    /// Stops every provider that its policy, as it is now, no longer lets through. Policies are read and nothing is
    /// loaded: a withdrawal must not wait for components, whose authors choose how long they take to load.
    pub(super) fn withdraw(&mut self) {
        let serving = self.known.iter().filter(|(_, it)| it.serving.is_some());
        let paths: Vec<PathBuf> = serving.map(|(path, _)| path.clone()).collect();
        for path in paths {
            if let Some(mut known) = self.known.remove(&path) {
                let name = name_of(&path);
                let files = self.files(&name, path);
                self.withdraw_one(&name, &files, &mut known);
                self.known.insert(files.component, known);
            }
        }
    }

    fn withdraw_one(&mut self, name: &Arc<str>, files: &Files, known: &mut EntryState) {
        let stamps = files.stamps();
        if self.wake.is_stopped() || (stamps.is_some() && stamps == known.stamps) {
            return;
        }
        // A policy that is gone or has a mistake withdraws nothing; reconciling reports it.
        let had_policy = known.had_policy;
        let policy = self.policy(files, None, known);
        known.had_policy = had_policy;
        let (Ok(policy), Some(serving)) = (policy, &known.serving) else {
            return;
        };
        let policy = with_lock_of(&policy, &serving.policy);
        if policy == serving.policy {
            return;
        }
        let allowed = self
            .runtime
            .still_allows(&policy, &serving.source, &serving.provider);
        if let Err(refusal) = allowed
            && revokes(refusal.kind)
        {
            known.withdrawn = Some(self.revoke(name, known, refusal));
            // The provider is gone. Its policy is tried anew when that is back.
            known.tried = None;
        }
    }

    /// Applies the policies to all providers while the components cannot be listed: a user with write access to the
    /// components must not be able to delay the revocation of a key.
    pub(super) fn apply_policies(&mut self, asked: bool) {
        let serving = self.known.iter().filter(|(_, it)| it.serving.is_some());
        let paths: Vec<PathBuf> = serving.map(|(path, _)| path.clone()).collect();
        for path in paths {
            if self.wake.is_stopped() {
                return;
            }
            if let Some(mut known) = self.known.remove(&path) {
                let name = name_of(&path);
                let files = self.files(&name, path);
                self.hold_one(&name, &files, asked, &mut known);
                self.known.insert(files.component, known);
            }
        }
    }

    fn hold_one(&mut self, name: &Arc<str>, files: &Files, asked: bool, known: &mut EntryState) {
        let start = Instant::now();
        let had_policy = known.had_policy;
        let Ok(policy) = self.policy(files, None, known) else {
            // A missing or unreadable policy may be a part of the folder's failure. It is reported when the folder is
            // back.
            known.had_policy = had_policy;
            return;
        };
        let last = known.last_policy();
        let repeated = last.is_some_and(|last| with_lock_of(last, &policy) == policy);
        if repeated && !known.is_due() && !asked {
            return;
        }
        known.held = Some(policy.clone());
        known.again = None;
        if let PolicyOutcome::Unchanged(error) = self.apply_policy(name, files, &policy, known) {
            self.report_failure(name, error.into(), repeated && !asked, start, known);
        }
    }

    fn files(&self, name: &str, component: PathBuf) -> Files {
        Files {
            policy: self.watch.policies_folder().join(format!("{name}.toml")),
            component,
        }
    }

    /// Runs all of [`Runtime::load`], on a thread of its own: this one continues to look for withdrawals. `current` is
    /// the component, which is not among the known ones while it is reconciled.
    fn load(
        &mut self,
        source: Source,
        policy: &Policy,
        (name, files, known): (&Arc<str>, &Files, &mut EntryState),
    ) -> Result<Active, LoadError> {
        let (runtime, wake) = (self.runtime.clone(), Arc::clone(&self.wake));
        let (done, result) = std::sync::mpsc::channel();
        let loaded = std::thread::scope(|scope| {
            let source = &source;
            scope.spawn(move || {
                let load = || runtime.load_now(source, policy, &wake.stopped);
                let loaded = catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|panic| {
                    let text = format!("loading panicked: {}", panic_text(&*panic));
                    Err(HostError::new(text).into())
                });
                let _ = done.send(loaded);
            });
            loop {
                match result.recv_timeout(WITHDRAW_INTERVAL) {
                    Ok(loaded) => return loaded,
                    Err(RecvTimeoutError::Timeout) => {
                        self.withdraw();
                        self.withdraw_one(name, files, known);
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(HostError::new("the thread that loads is gone").into());
                    }
                }
            }
        });
        loaded.map(|provider| Active {
            source,
            policy: policy.clone(),
            provider,
        })
    }

    fn serve(&mut self, name: &Arc<str>, known: &mut EntryState, mut serving: Active) {
        if self.wake.is_stopped() {
            return;
        }
        serving.provider = serving.provider.warm(self.watch.warm);
        let to = serving.provider.info().digest.clone();
        let from = known.serving.replace(serving);
        self.publish(name, Some(known));
        let name = Arc::clone(name);
        self.emit(match from {
            Some(from) => Event::Replaced {
                name,
                from: from.provider.info().digest.clone(),
                to,
            },
            None => Event::Loaded { name, digest: to },
        });
    }
}
