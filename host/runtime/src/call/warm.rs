//! Instances made ahead of the calls that take them (ADR 23).
//!
//! The thread of `warmer.rs` makes them and takes apart those that calls have left, so that a call does neither. No call can
//! tell one from an instance of its own making: it goes on with the budget under which the instance was made, and start
//! code that calls the host is never run ahead.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tollgate_policy::Limits;

use crate::call::deadline::{Ended, run_until_deadline};
use crate::call::provider::{Provider, Shared};
use crate::call::store::{LiveInstance, admit_instance, new_store};
use crate::call::warmer::{Warmer, lock};
use crate::engine::admission::{Places, Slot};

/// The time without a call after which a provider is not looked at until there is one.
const ACTIVE: Duration = Duration::from_millis(100);

/// The time without a call after which the instances of a provider are dropped.
const IDLE: Duration = Duration::from_secs(10);

/// The time to make one: a slow one would keep all other providers waiting, and is left to the call.
const MAKING: Duration = Duration::from_millis(20);

/// The failures in a row after which no more are made ahead: each costs what a call may cost, and nobody asked for it.
const FAILURES: u32 = 3;

/// Instances of a provider that wait for calls, and those that calls have left.
#[expect(
    clippy::vec_box,
    reason = "a session has it in this box, and a move of it would copy a kilobyte"
)]
pub(crate) struct Warm {
    /// The provider without them.
    provider: Provider,
    most: usize,
    /// Its limits with no call of the host.
    closed: Arc<Limits>,
    ready: Mutex<Vec<Box<LiveInstance>>>,
    left: Mutex<Vec<Box<LiveInstance>>>,
    /// The calls that have asked for one.
    asked: AtomicU64,
    /// The number of calls at the last look, and the time at which it was another.
    seen: Mutex<(u64, Instant)>,
    /// Whether the thread looks at it each time.
    is_active: AtomicBool,
    failures: AtomicU32,
    warmer: Arc<Warmer>,
}

impl Warm {
    /// Instances of `provider`, `most` at once, which the thread of its runtime makes from now on.
    fn new(provider: Provider, most: usize) -> Arc<Warm> {
        let limits = Limits {
            host_calls: 0,
            ..Limits::clone(&provider.limits)
        };
        let warmer = Arc::clone(&provider.shared.host().warmer);
        let warm = Arc::new(Warm {
            provider,
            most,
            closed: Arc::new(limits),
            ready: Mutex::default(),
            left: Mutex::default(),
            asked: AtomicU64::new(0),
            seen: Mutex::new((0, Instant::now())),
            is_active: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            warmer,
        });
        warm.activate();
        warm
    }

    /// Has the thread look at it.
    fn activate(self: &Arc<Warm>) {
        if !self.is_active.swap(true, Ordering::SeqCst) {
            self.warmer.look_at(Arc::downgrade(self));
        }
    }

    /// One for the call that asks.
    pub(super) fn take(self: &Arc<Warm>) -> Option<Box<LiveInstance>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let live = lock(&self.ready).pop();
        self.activate();
        live
    }

    /// Takes apart one that a call has left, or has that done, unless there are as many already.
    pub(super) fn leave(self: &Arc<Warm>, live: Box<LiveInstance>) {
        let mut left = lock(&self.left);
        if left.len() < self.most {
            left.push(live);
        }
        // Otherwise it is dropped here, after the lock.
        drop(left);
        self.activate();
    }

    /// Whether its instances take slots of this part.
    pub(super) fn is_at(&self, places: &Arc<Places>) -> bool {
        Arc::ptr_eq(places, &self.provider.shared.places)
    }

    fn count(&self) -> usize {
        lock(&self.ready).len()
    }

    /// Drops one: a call needs the slot.
    pub(super) fn give_back(&self) -> bool {
        let left = lock(&self.left).pop();
        let live = left.or_else(|| lock(&self.ready).pop());
        live.map(take_apart).is_some()
    }

    /// Takes apart those that calls have left.
    fn clear(&self) {
        let left = std::mem::take(&mut *lock(&self.left));
        left.into_iter().for_each(take_apart);
    }

    /// The time since the last call.
    fn idle(&self) -> Duration {
        let asked = self.asked.load(Ordering::SeqCst);
        let now = Instant::now();
        let mut seen = lock(&self.seen);
        if seen.0 != asked {
            *seen = (asked, now);
        }
        now.saturating_duration_since(seen.1)
    }

    /// Takes apart what was left and makes one that is missing. Whether there was a call not long ago.
    pub(super) fn look(self: &Arc<Warm>, tokio: &Runtime) -> bool {
        self.clear();
        self.give_way();
        // One, so that all providers have their turn.
        if self.count() < self.most
            && self.failures.load(Ordering::Relaxed) < FAILURES
            && let Some(slot) = self.provider.shared.slot_ahead()
        {
            let mut making = pin!(make(&self.provider, &self.closed, slot));
            // Looked at whenever the guest yields.
            let made = tokio.block_on(poll_fn(|cx| match self.is_wanted() {
                true => making.as_mut().poll(cx).map(Some),
                false => Poll::Ready(None),
            }));
            match made {
                Some(Some(live)) => {
                    self.failures.store(0, Ordering::Relaxed);
                    lock(&self.ready).push(live);
                }
                Some(None) => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                }
                None => {}
            }
        }
        if self.is_needed() {
            return true;
        }
        self.is_active.store(false, Ordering::SeqCst);
        // A call that came meanwhile has seen that it is active.
        self.is_needed() && !self.is_active.swap(true, Ordering::SeqCst)
    }

    /// Whether there was a call not long ago, or one has left something.
    fn is_needed(&self) -> bool {
        self.idle() < ACTIVE || !lock(&self.left).is_empty()
    }

    /// Whether an instance that is on its way has a use: the provider is still there, and no call waits for the slot.
    fn is_wanted(self: &Arc<Warm>) -> bool {
        Arc::strong_count(self) > 1 && !self.provider.shared.host().admission.is_waited_for()
    }

    /// Drops those that wait while calls wait for slots: a call looks for them when it begins to wait, and one may have been
    /// on its way.
    fn give_way(&self) {
        while self.provider.shared.host().admission.is_waited_for() && self.give_back() {}
    }

    /// Drops those that no call has come for. Whether some are left.
    pub(super) fn rest(&self) -> bool {
        self.clear();
        self.give_way();
        if self.idle() >= IDLE {
            let ready = std::mem::take(&mut *lock(&self.ready));
            ready.into_iter().for_each(take_apart);
        }
        self.count() > 0
    }
}

/// Makes an instance under the whole budget of a call, without a call of the host. `None` if it faults.
async fn make(provider: &Provider, closed: &Arc<Limits>, slot: Slot) -> Option<Box<LiveInstance>> {
    let limits = &provider.limits;
    let Shared { pre, code, .. } = &*provider.shared;
    let start = Instant::now();
    let store = new_store(provider, None, None, None).ok()?;
    let mut live = Box::new(LiveInstance::new(store, slot));
    let _ticking = provider.shared.unit().tick();
    live.begin(start, limits, 0).ok()?;
    {
        let LiveInstance {
            store, instance, ..
        } = &mut *live;
        let meter = &mut store.data_mut().call.meter;
        meter.limits = Arc::clone(closed);
        let deadline = meter
            .deadline
            .min(start.checked_add(MAKING).unwrap_or(start));
        let turns = Arc::clone(&meter.poll_clock);
        let work = pin!(async {
            admit_instance(store, code.inspection.instance_data)?;
            *instance = Some(pre.instantiate_async(&mut *store).await?);
            wasmtime::error::Ok(())
        });
        let (ended, _) = run_until_deadline(deadline, turns, None, work).await;
        let Ended::Done(Ok(())) = ended else {
            return None;
        };
    }
    live.store.data_mut().call.meter.limits = Arc::clone(limits);
    live.ahead = Some(start.elapsed());
    Some(live)
}

/// Drops a store. A panic of the embedder's data in it ends here, so that the thread goes on.
fn take_apart(live: Box<LiveInstance>) {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(live)));
    if dropped.is_err() {
        tracing::error!("the data of a session panicked when it was dropped");
    }
}

impl Provider {
    /// The same provider with up to `instances` instances made ahead of the calls that take them: a call then neither
    /// makes its instance nor takes it apart. A thread of the runtime does both from now on, and drops the instances when no
    /// call has come for 10 s, until one comes.
    ///
    /// Nothing else changes. Each session still has an instance of its own, which no other has had; the fuel that it took
    /// is charged to the call that takes it, and reports are equal to the unit. Each instance that waits takes memory, and a
    /// slot of the runtime until a call needs it; all of them together leave half of the slots free, and there are no more
    /// than a quarter of the slots for one provider. Instances whose start code calls the host are never made ahead, since a
    /// guest would act without a call. A function of the embedder's is noticed by its
    /// [`charge`](crate::CallContext::charge).
    ///
    /// Providers that are made from this one, such as by [`with_limits`](Self::with_limits), have none. With
    /// [`Isolation::Process`](crate::Isolation::Process) none are made.
    ///
    /// ```
    /// use tollgate::{Policy, Source, blocking::Runtime};
    /// # use std::path::Path;
    /// # let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/counter.wasm"));
    /// let source = Source::file(path, &Policy::default().limits)?;
    /// let counter = Runtime::new().load(&source, &Policy::default())?.warm(4);
    ///
    /// // The guest counts in its memory, and each session has its own.
    /// for _ in 0..8 {
    ///     assert_eq!(counter.session().wave("next()")?.outcome.returned().as_deref(), Some("1"));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn warm(&self, instances: u32) -> Provider {
        let cold = Provider {
            warm: None,
            ..self.clone()
        };
        let most = instances.min((self.shared.host().admission.concurrency() / 4).max(1));
        if most == 0 || self.shared.isolated.is_some() {
            return cold;
        }
        Provider {
            warm: Some(Warm::new(cold.clone(), most as usize)),
            ..cold
        }
    }

    /// The number of instances that wait for calls.
    pub fn warm_count(&self) -> usize {
        self.warm.as_ref().map_or(0, |warm| warm.count())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
