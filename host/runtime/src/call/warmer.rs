//! The thread that makes instances ahead of calls, and the list of the providers that it does it for (ADR 23).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::call::warm::Warm;
use crate::engine::admission::Places;

/// The pause between two looks at providers that are called. So a call wakes no thread, which would take longer than the
/// instance does; the looks take a fiftieth of a processor.
const PAUSE: Duration = Duration::from_micros(250);

/// The pause between two looks at providers whose instances wait to be dropped.
const REST: Duration = Duration::from_secs(1);

/// The thread that makes instances ahead, and the providers that it does it for.
#[derive(Default)]
pub(crate) struct Warmer {
    /// Those that are called.
    active: Mutex<Vec<Weak<Warm>>>,
    /// Those that have instances and are not called.
    resting: Mutex<Vec<Weak<Warm>>>,
    /// Started with the first provider.
    thread: Mutex<Option<Thread>>,
}

impl Warmer {
    /// Looks at a provider from now on, until it is not called any more.
    pub(super) fn look_at(self: &Arc<Warmer>, warm: Weak<Warm>) {
        lock(&self.active).push(warm);
        let mut thread = lock(&self.thread);
        if let Some(thread) = &*thread {
            thread.unpark();
            return;
        }
        let weak = Arc::downgrade(self);
        let named = std::thread::Builder::new().name("tollgate-warm".to_owned());
        match named.spawn(move || work(&weak)) {
            Ok(spawned) => *thread = Some(spawned.thread().clone()),
            Err(error) => tracing::warn!(%error, "no thread makes instances ahead"),
        }
    }

    /// Drops an instance that waits, for a call that finds no slot; with `places`, one that takes slots of this part.
    /// Whether there was one.
    pub(super) fn give_back(&self, places: Option<&Arc<Places>>) -> bool {
        [&self.resting, &self.active].iter().any(|providers| {
            let providers: Vec<_> = lock(providers).iter().filter_map(Weak::upgrade).collect();
            let mut those = providers
                .iter()
                .filter(|warm| places.is_none_or(|places| warm.is_at(places)));
            those.any(|warm| warm.give_back())
        })
    }

    /// Looks at the providers that are called, and at the others if it is their time. Returns the time until the next
    /// look, or `None` if there is none before a call.
    ///
    /// Those that are looked at stay in their list meanwhile, for calls that look for a slot.
    fn look(&self, tokio: &Runtime, rested: &mut Instant) -> Option<Duration> {
        let called = lock(&self.active).clone();
        let mut is_active = false;
        for warm in called {
            if warm.upgrade().is_some_and(|warm| warm.look(tokio)) {
                is_active = true;
                continue;
            }
            let mut resting = lock(&self.resting);
            if !resting.iter().any(|other| other.ptr_eq(&warm)) {
                resting.push(warm.clone());
            }
            drop(resting);
            // One entry: a call may have made another of it since.
            remove(&self.active, &warm);
        }
        if !is_active || rested.elapsed() >= REST {
            *rested = Instant::now();
            let resting = lock(&self.resting).clone();
            for warm in resting {
                if !warm.upgrade().is_some_and(|warm| warm.rest()) {
                    remove(&self.resting, &warm);
                }
            }
        }
        match is_active {
            true => Some(PAUSE),
            false => (!lock(&self.resting).is_empty()).then_some(REST),
        }
    }
}

/// Removes an entry of `warm`.
fn remove(providers: &Mutex<Vec<Weak<Warm>>>, warm: &Weak<Warm>) {
    let mut providers = lock(providers);
    let mut is_found = false;
    providers.retain(|other| {
        let is_it = !is_found && other.ptr_eq(warm);
        is_found |= is_it;
        !is_it
    });
}

impl Drop for Warmer {
    fn drop(&mut self) {
        if let Some(thread) = &*lock(&self.thread) {
            thread.unpark();
        }
    }
}

/// The thread: it ends with the runtime.
fn work(warmer: &Weak<Warmer>) {
    let tokio = match Builder::new_current_thread().enable_time().build() {
        Ok(tokio) => tokio,
        Err(error) => {
            tracing::warn!(%error, "no instances are made ahead");
            return;
        }
    };
    // Data of an embedder may ask for a runtime when it is dropped with its store.
    let _context = tokio.enter();
    let mut rested = Instant::now();
    loop {
        let Some(this) = warmer.upgrade() else {
            return;
        };
        let next = this.look(&tokio, &mut rested);
        // The thread does not keep the runtime.
        drop(this);
        match next {
            Some(pause) => std::thread::park_timeout(pause),
            None => std::thread::park(),
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
