//! A worker: takes calls from the queue as it has slots for them, and gives back those that it cannot end.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tollgate::Runtime;
use tollgate::policy::Policy;

use crate::calls::{Calls, GivenBack};
use crate::error::FleetError;
use crate::fleet::Fleet;
use crate::loaded::{Loaded, OnRefused};
use crate::queue::{Came, Queue};

/// The pause after an error of the server.
const PAUSE: Duration = Duration::from_millis(500);

/// The time to make streams and buckets that are gone.
const RESTORE: Duration = Duration::from_secs(5);

/// The time after which this machine's clock is compared with the server's again.
const COMPARE: Duration = Duration::from_secs(60);

/// Takes calls of a fleet and makes them, under a ceiling.
pub struct Worker {
    fleet: Fleet,
    runtime: Runtime,
    ceiling: Policy,
    name: String,
    slots: usize,
    drain: Duration,
    given_back: GivenBack,
    refused: OnRefused,
    ready: Box<dyn Fn() + Send + Sync>,
}

/// The end of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Calls that were under way and given back to the fleet, as the time for them was over.
    pub given_back: usize,
}

impl Worker {
    /// A worker of this runtime, under the default ceiling: the default limits, and no grant.
    ///
    /// `runtime` should compile in a process ([`tollgate::Compiler::Worker`]): the components are those of strangers.
    pub fn new(fleet: Fleet, runtime: Runtime) -> Worker {
        let slots = usize::try_from(runtime.concurrency()).unwrap_or(usize::MAX);
        Worker {
            fleet,
            runtime,
            ceiling: Policy::default(),
            name: format!("{}", std::process::id()),
            slots: slots.clamp(1, Semaphore::MAX_PERMITS),
            drain: Duration::from_secs(20),
            given_back: Box::new(|_| {}),
            refused: Box::new(|_, _, _| {}),
            ready: Box::new(|| {}),
        }
    }

    /// Sets the policy that no policy of the fleet may exceed ([`Policy::exceeds`]). Its keys sign the components that this worker
    /// takes, beside those that a policy asks for.
    #[must_use]
    pub fn ceiling(mut self, ceiling: Policy) -> Worker {
        self.ceiling = ceiling;
        self
    }

    /// Sets the name that results have. The number of the process by default.
    #[must_use]
    pub fn name(mut self, name: &str) -> Worker {
        self.name = tollgate::escape::line(name).into_owned();
        self
    }

    /// Sets the time for calls under way once the worker is to stop. 20 s.
    #[must_use]
    pub fn drain(mut self, time: Duration) -> Worker {
        self.drain = time;
        self
    }

    /// Tells `given_back` of each call that goes back to the queue, with the reason: `share` (the provider has its share of this worker),
    /// `busy` (no slot), `failed` (the server, the store or this host), `ends` (the worker stops).
    #[must_use]
    pub fn on_given_back(
        mut self,
        given_back: impl Fn(&'static str) + Send + Sync + 'static,
    ) -> Worker {
        self.given_back = Box::new(given_back);
        self
    }

    /// Tells `refused` of each version that is refused before the runtime sees it, which tells its observers of the others: the provider,
    /// the digest of the component, and the reason.
    #[must_use]
    pub fn on_refused(
        mut self,
        refused: impl Fn(&str, &str, &str) + Send + Sync + 'static,
    ) -> Worker {
        self.refused = Box::new(refused);
        self
    }

    /// Tells `ready` once the first calls are asked for.
    #[must_use]
    pub fn on_ready(mut self, ready: impl Fn() + Send + Sync + 'static) -> Worker {
        self.ready = Box::new(ready);
        self
    }

    /// Takes calls until `stop` is ready. Then it takes no more, ends those under way, and gives back the rest.
    ///
    /// # Errors
    ///
    /// The queue is not there and cannot be made. A server that goes away later is waited for.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Drained, FleetError> {
        let mut stop = pin!(stop);
        let mut queue = loop {
            let opened = async {
                self.fleet.clock.compare(&self.fleet.results).await?;
                Queue::open(&self.fleet).await
            };
            tokio::select! {
                biased;
                () = &mut stop => return Ok(Drained { given_back: 0 }),
                opened = opened => match opened {
                    Ok(queue) => break queue,
                    Err(error) if self.fleet.is_connected() => return Err(error),
                    // It went away in this moment.
                    Err(_) => sleep(PAUSE).await,
                },
            }
        };
        let mut compared = Instant::now();
        let fleet = self.fleet.clone();
        let slots = Arc::new(Semaphore::new(self.slots));
        let (end, ending) = watch::channel(false);
        let loaded = Loaded::new(self.fleet.clone(), self.runtime, self.ceiling, self.refused);
        // As the runtime gives a provider three quarters of its slots.
        let share = (self.slots - self.slots / 4).max(1);
        let calls = Arc::new(Calls::new(
            self.fleet,
            loaded,
            self.name,
            share,
            ending,
            self.given_back,
        ));
        let mut ready = Some(self.ready);
        let mut tasks = JoinSet::new();
        'taking: loop {
            let slot = tokio::select! {
                biased;
                () = &mut stop => break,
                slot = Arc::clone(&slots).acquire_owned() => slot,
            };
            let Ok(slot) = slot else { break };
            let mut free = vec![slot];
            while let Ok(more) = Arc::clone(&slots).try_acquire_owned() {
                free.push(more);
            }
            if compared.elapsed() > COMPARE {
                let again = fleet.clock.compare(&fleet.results).await;
                if let Err(error) = again {
                    tracing::warn!(%error, "the clock");
                    // An operator may have deleted the bucket.
                    let _ = timeout(RESTORE, fleet.restore()).await;
                }
                compared = Instant::now();
            }
            // No more than there are slots for: the rest stays for other workers.
            let mut failed = queue.ask(free.len()).await.err();
            if let Some(tell) = ready.take_if(|_| failed.is_none()) {
                tell();
            }
            while let Some(slot) = free.pop().filter(|_| failed.is_none()) {
                let came = tokio::select! {
                    biased;
                    () = &mut stop => {
                        while let Some(message) = queue.next_now() {
                            calls.give_back(&message, 1).await;
                        }
                        break 'taking;
                    }
                    came = queue.next() => came,
                };
                match came {
                    Came::Call(message) => {
                        let calls = Arc::clone(&calls);
                        tasks.spawn(async move { calls.take(*message, slot).await });
                    }
                    Came::Over => break,
                    Came::Failed(why) => failed = Some(why),
                }
            }
            drop(free);
            if let Some(why) = failed {
                tracing::warn!(why, "the queue");
                // An operator may have deleted the consumer, or all of it.
                let restored = async {
                    if fleet.workers().await.is_err() {
                        fleet.restore().await?;
                        fleet.workers().await?;
                    }
                    Ok::<(), FleetError>(())
                };
                tokio::select! {
                    biased;
                    () = &mut stop => break,
                    _ = timeout(RESTORE, restored) => {}
                }
                tokio::select! {
                    biased;
                    () = &mut stop => break,
                    () = sleep(PAUSE) => {}
                }
            }
            while tasks.try_join_next().is_some() {}
        }
        // Calls that would still come go to others.
        drop(queue);
        let ended = async { while tasks.join_next().await.is_some() {} };
        let _ = timeout(self.drain, ended).await;
        let given_back = tasks.len();
        let _ = end.send(true);
        // Each tells the server that it may go to another worker.
        let ended = async { while tasks.join_next().await.is_some() {} };
        let _ = timeout(PAUSE, ended).await;
        let _ = timeout(PAUSE, calls.flush()).await;
        Ok(Drained { given_back })
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Worker");
        shown.field("name", &self.name).field("slots", &self.slots);
        shown.finish_non_exhaustive()
    }
}
