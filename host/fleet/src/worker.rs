//! A worker: takes calls from the queue as it has slots for them, and gives back those that it cannot end.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tollgate::Runtime;
use tollgate::policy::Policy;

use crate::calls::{AGAIN, Calls};
use crate::error::{FleetError, told};
use crate::fleet::Fleet;
use crate::loaded::Loaded;

/// The time for which calls are asked for at once.
const ASK: Duration = Duration::from_secs(2);

/// The pause after an error of the server.
const PAUSE: Duration = Duration::from_millis(500);

/// Takes calls of a fleet and makes them, under a ceiling.
pub struct Worker {
    fleet: Fleet,
    runtime: Runtime,
    ceiling: Policy,
    name: String,
    slots: usize,
    drain: Duration,
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

    /// Takes calls until `stop` is ready. Then it takes no more, ends those under way, and gives back the rest.
    ///
    /// # Errors
    ///
    /// The queue is not there and cannot be made. A server that goes away later is waited for.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Drained, FleetError> {
        let queue = self.fleet.queue().await?;
        let slots = Arc::new(Semaphore::new(self.slots));
        let (end, ending) = watch::channel(false);
        let loaded = Loaded::new(self.fleet.clone(), self.runtime, self.ceiling);
        // As the runtime gives a provider three quarters of its slots.
        let share = (self.slots - self.slots / 4).max(1);
        let calls = Arc::new(Calls::new(self.fleet, loaded, self.name, share, ending));
        let mut tasks = JoinSet::new();
        let mut stop = pin!(stop);
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
            // No more than there are slots for: the rest stays for other workers.
            let asked = queue
                .batch()
                .max_messages(free.len())
                .expires(ASK)
                .messages()
                .await;
            let mut batch = match asked {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::warn!(error = told(&error), "the queue");
                    drop(free);
                    tokio::select! {
                        () = &mut stop => break,
                        () = sleep(PAUSE) => continue,
                    }
                }
            };
            loop {
                let message = tokio::select! {
                    biased;
                    () = &mut stop => {
                        while let Some(Some(Ok(message))) = batch.next().now_or_never() {
                            let _ = message.ack_with(AckKind::Nak(Some(AGAIN))).await;
                        }
                        break 'taking;
                    }
                    message = batch.next() => message,
                };
                match message {
                    Some(Ok(message)) => {
                        let slot = free.pop();
                        let calls = Arc::clone(&calls);
                        tasks.spawn(async move { calls.take(message, slot).await });
                    }
                    Some(Err(error)) => {
                        tracing::warn!(error = told(&*error), "the queue");
                        sleep(PAUSE).await;
                        break;
                    }
                    None => break,
                }
            }
            while tasks.try_join_next().is_some() {}
        }
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
