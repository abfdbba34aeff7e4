//! Instances made ahead of the calls that take them (ADR 23).
//!
//! A thread of the runtime makes them and takes apart those that calls have left, so that a call does neither. No call
//! can tell one from an instance of its own making: its fuel is charged to the call that takes it, and start code that
//! calls the host is never run ahead.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tollgate_policy::Limits;

use crate::call::deadline::{Ended, run_until_deadline};
use crate::call::provider::{Provider, Shared};
use crate::call::store::{LiveInstance, admit_instance, new_store};
use crate::engine::admission::{Places, Slot};

/// The pause between two looks at providers that are called. So a call wakes no thread, which would take longer than the
/// instance does; the looks take a fiftieth of a processor.
const PAUSE: Duration = Duration::from_micros(250);

/// The time without a call after which a provider is not looked at until there is one.
const ACTIVE: Duration = Duration::from_millis(100);

/// The time without a call after which the instances of a provider are dropped.
const IDLE: Duration = Duration::from_secs(10);

/// The pause between two looks at providers whose instances wait to be dropped.
const REST: Duration = Duration::from_secs(1);

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

    fn count(&self) -> usize {
        lock(&self.ready).len()
    }

    /// Drops one: a call needs the slot.
    fn give_back(&self) -> bool {
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
    fn look(self: &Arc<Warm>, tokio: &Runtime) -> bool {
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
    fn rest(&self) -> bool {
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

/// Drops a store. What an embedder keeps in it may panic then, and the thread goes on.
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
    fn look_at(self: &Arc<Warmer>, warm: Weak<Warm>) {
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

    /// Drops an instance that waits, for a call that finds no slot. Whether there was one.
    /// With `places`, only of providers with this part of the slots.
    pub(super) fn give_back(&self, places: Option<&Arc<Places>>) -> bool {
        let is_it = |warm: &Arc<Warm>| {
            places.is_none_or(|places| Arc::ptr_eq(places, &warm.provider.shared.places))
        };
        [&self.resting, &self.active].iter().any(|providers| {
            let providers: Vec<_> = lock(providers).iter().filter_map(Weak::upgrade).collect();
            let mut those = providers.iter().filter(|warm| is_it(warm));
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
    // For what an embedder keeps in a store and drops with it.
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tollgate_component::Source;
    use tollgate_policy::Policy;

    use super::*;
    use crate::blocking;

    fn load(wat: &str) -> Provider {
        load_by(&blocking::Runtime::new(), wat)
    }

    fn load_by(runtime: &blocking::Runtime, wat: &str) -> Provider {
        load_under(runtime, "limits.fuel = 1_000_000", wat)
    }

    fn load_under(runtime: &blocking::Runtime, policy: &str, wat: &str) -> Provider {
        let policy = Policy::parse(policy, std::path::Path::new(".")).unwrap();
        let source = Source::bytes("guest", wat::parse_str(wat).unwrap());
        let provider = runtime.load(&source, &policy).unwrap();
        provider.as_async().clone()
    }

    /// Waits for something that the thread does, which is not that it drops what is idle.
    fn until(is_done: impl Fn() -> bool) {
        let end = Instant::now() + IDLE / 2;
        while !is_done() {
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Start code without an end would take a processor for ever.
    #[test]
    fn faults_end_it() {
        let start = "(func $start (loop $l (br $l))) (start $start)";
        let provider = load(&format!(
            "(component (core module $m {start}) (core instance (instantiate $m)))"
        ));
        let provider = provider.warm(1);
        let warm = provider.warm.as_ref().unwrap();
        until(|| warm.failures.load(Ordering::Relaxed) == FAILURES);
        std::thread::sleep(ACTIVE);
        assert_eq!(warm.failures.load(Ordering::Relaxed), FAILURES);
    }

    /// It ends, and would keep instances of other providers waiting.
    #[test]
    fn slow_start_code_is_left_to_the_call() {
        let start = "(func $start (local $i i32) (loop $l
            (br_if $l (i32.ne (i32.const 300_000_000)
                (local.tee $i (i32.add (local.get $i) (i32.const 1)))))))
            (start $start)";
        let wat = format!("(component (core module $m {start}) (core instance (instantiate $m)))");
        let policy = "limits.fuel = 100_000_000_000";
        let provider = load_under(&blocking::Runtime::new(), policy, &wat).warm(1);
        let warm = provider.warm.as_ref().unwrap();
        until(|| {
            assert_eq!(provider.warm_count(), 0);
            warm.activate();
            warm.failures.load(Ordering::Relaxed) == FAILURES
        });
    }

    #[test]
    fn none_are_kept_without_calls() {
        let provider = load("(component)").warm(1);
        let warm = provider.warm.as_ref().unwrap();
        until(|| provider.warm_count() == 1);
        let long_ago = Instant::now().checked_sub(IDLE).unwrap();
        *lock(&warm.seen) = (0, long_ago);
        warm.activate();
        until(|| provider.warm_count() == 0);
        // A call brings them back.
        drop(warm.take());
        until(|| provider.warm_count() == 1);
    }
    /// One that is ready when a call already waits, since it was on its way when the call looked for it.
    #[test]
    fn one_that_comes_late_gives_way_to_a_call() {
        let runtime = crate::Runtime::builder().concurrency(4).build();
        let runtime = blocking::Runtime::from(runtime);
        let exports =
            "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
            (func (export \"f\") (canon lift (core func $i \"f\"))))";
        let provider = load_by(&runtime, exports).warm(1);
        let other = blocking::Provider::from(load_by(&runtime, exports));
        until(|| provider.warm_count() == 1);
        let warm = provider.warm.as_ref().unwrap();
        let live = warm.take().unwrap();
        let mut held: Vec<_> = (0..3).map(|_| other.session()).collect();
        for session in &mut held {
            session.wave("f()").unwrap();
        }
        let third = blocking::Provider::from(load_by(&runtime, exports));
        let waits = std::thread::spawn(move || third.session().wave("f()").is_ok());
        until(|| provider.shared.host().admission.is_waited_for());
        lock(&warm.ready).push(live);
        warm.activate();
        until(|| provider.warm_count() == 0);
        drop(held);
        assert!(waits.join().unwrap());
    }

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the embedder's own mistake");
        }
    }

    #[test]
    fn data_that_panics_when_it_is_dropped_ends_nothing() {
        let provider = load(
            "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
            (func (export \"f\") (canon lift (core func $i \"f\"))))",
        );
        let provider = blocking::Provider::from(provider.warm(1));
        for _ in 0..2 {
            until(|| provider.warm_count() == 1);
            let mut session = provider.session().with_data(Bomb);
            session.wave("f()").unwrap();
            drop(session);
            std::thread::sleep(PAUSE * 100);
        }
    }
}
