//! A worker: takes calls from the queue as it has slots for them, and acknowledges each when its result is kept.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_nats::jetstream::kv::CreateErrorKind;
use async_nats::jetstream::{AckKind, Message};
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tollgate::policy::Policy;
use tollgate::{CallError, Runtime};

use crate::ATTEMPTS;
use crate::answer::{Answer, Ended};
use crate::error::{FleetError, told};
use crate::fleet::{ACKNOWLEDGE, Fleet};
use crate::loaded::{Loaded, NoProvider};
use crate::wire::Job;

/// The time for which calls are asked for at once.
const ASK: Duration = Duration::from_secs(2);

/// The pause after an error of the server.
const PAUSE: Duration = Duration::from_millis(500);

/// The time after which a call that was given back comes again, to this worker or another one. A server of 2.9 does not count a
/// delivery that follows at once.
const AGAIN: Duration = Duration::from_millis(300);

/// The longest such time.
const LATEST: Duration = Duration::from_secs(10);

/// Characters of the reason for which a message is buried.
const REASON: usize = 200;

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
        let calls = Arc::new(Calls {
            loaded: Loaded::new(self.fleet.clone(), self.runtime, self.ceiling),
            fleet: self.fleet,
            name: self.name,
            // As the runtime gives a provider three quarters of its slots.
            share: (self.slots - self.slots / 4).max(1),
            under_way: Mutex::default(),
            ending,
        });
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
        let _ = timeout(PAUSE, calls.fleet.client.flush()).await;
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

/// What the calls of a worker share.
struct Calls {
    fleet: Fleet,
    loaded: Loaded,
    name: String,
    /// Calls of one provider at once.
    share: usize,
    under_way: Mutex<HashMap<String, usize>>,
    ending: watch::Receiver<bool>,
}

/// The reason why a call is not ended by this worker.
enum NotNow {
    /// The worker is to stop.
    Ends,
    /// It comes again, here or elsewhere.
    Again,
    /// The same, after a failure.
    Failed(String),
}

impl Calls {
    /// Takes one message to its end: a result and an acknowledgement, or back to the queue.
    async fn take(&self, message: Message, slot: Option<OwnedSemaphorePermit>) {
        let provider = message
            .subject
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_owned();
        // One that comes from elsewhere than the queue names any subject as the one for its acknowledgement.
        let Ok(deliveries) = message.info().map(|info| info.delivered) else {
            return;
        };
        let job = match Job::read(&message.payload, &provider) {
            Ok(job) => job,
            Err(garbage) => {
                tracing::warn!(provider, why = garbage.0, "a message that is no call");
                // There is no key under which anybody waits.
                let buried = self.bury(&message, "garbage", &garbage.0, 0).await;
                let end = match buried {
                    Ok(()) => AckKind::Term,
                    Err(_) => AckKind::Nak(Some(AGAIN)),
                };
                let _ = message.ack_with(end).await;
                return;
            }
        };
        let mut ending = self.ending.clone();
        let done = tokio::select! {
            biased;
            _ = ending.wait_for(|ends| *ends) => Err(NotNow::Ends),
            done = self.answered(&message, &job, deliveries) => done,
        };
        drop(slot);
        match done {
            Ok(()) => {
                // Until the server has it: a call whose acknowledgement is lost runs again, and finds its result.
                if let Err(error) = message.double_ack().await {
                    tracing::warn!(error = told(&*error), "an acknowledgement");
                }
            }
            Err(why) => {
                if let NotNow::Failed(why) = &why {
                    tracing::warn!(provider, key = job.key, why, "a call is given back");
                }
                // Later and later, so that calls that wait for a turn do not take the queue from others.
                let times = match why {
                    NotNow::Ends => 1,
                    _ => u32::try_from(deliveries).unwrap_or(u32::MAX),
                };
                let pause = AGAIN.saturating_mul(times).min(LATEST);
                let _ = message.ack_with(AckKind::Nak(Some(pause))).await;
            }
        }
    }

    /// Makes the call if it has no result yet, and keeps the result.
    async fn answered(&self, message: &Message, job: &Job, deliveries: i64) -> Result<(), NotNow> {
        let known = self.fleet.result(&job.key).await;
        let is_known = match known {
            Ok(known) => known.is_some(),
            // Somebody has written something else there, which those who wait are told.
            Err(FleetError::State(_)) => true,
            Err(error) => return Err(NotNow::Failed(error.to_string())),
        };
        if is_known {
            self.tell(&job.key).await;
            return Ok(());
        }
        let mut attempts = 1;
        // A call that was begun before is no call that nobody has begun.
        let refused = expired(job).filter(|_| deliveries == 1);
        let (ended, report) = match refused {
            Some(refused) => (refused, None),
            None => {
                let Some(_turn) = self.turn(&job.provider) else {
                    if deliveries == 1 {
                        self.set_begun(&job.key, 0).await?;
                    }
                    return Err(NotNow::Again);
                };
                if deliveries > 1 {
                    attempts = self.begun(&job.key).await?;
                }
                if attempts > ATTEMPTS {
                    let why = format!("{ATTEMPTS} workers began the call, and none ended it");
                    let reason = why.clone();
                    let ended = Ended::refused("dead", why + "; the stream of the dead has it");
                    let answer = self.answer(job, ended, attempts, None);
                    self.keep(&answer).await?;
                    self.tell(&job.key).await;
                    return self.bury(message, "dead", &reason, attempts).await;
                }
                let mut progress = pin!(progress(message));
                let made = tokio::select! {
                    made = self.made(job) => made,
                    () = &mut progress => Err(NotNow::Again),
                };
                match made {
                    Ok(made) => made,
                    Err(why) => {
                        // This worker, and not the call, is the reason.
                        self.set_begun(&job.key, attempts.saturating_sub(1)).await?;
                        return Err(why);
                    }
                }
            }
        };
        let answer = self.answer(job, ended, attempts, report);
        self.keep(&answer).await?;
        self.tell(&job.key).await;
        Ok(())
    }

    fn answer(
        &self,
        job: &Job,
        ended: Ended,
        attempts: u32,
        report: Option<serde_json::Value>,
    ) -> Answer {
        Answer {
            key: job.key.clone(),
            ended,
            worker: self.name.clone(),
            attempts,
            report,
        }
    }

    /// Counts that a call is begun once more, and returns how many times it was. The count of the server is of deliveries, and has
    /// those at which a worker had no turn for the call.
    async fn begun(&self, key: &str) -> Result<u32, NotNow> {
        let known = self.fleet.results.get(begun(key)).await;
        let known = known.map_err(|error| NotNow::Failed(told(&error)))?;
        let known = known.and_then(|text| std::str::from_utf8(&text).ok()?.parse::<u32>().ok());
        // The first time leaves no trace: it would cost a message for each call.
        let times = known.unwrap_or(1).saturating_add(1);
        self.set_begun(key, times).await?;
        Ok(times)
    }

    async fn set_begun(&self, key: &str, times: u32) -> Result<(), NotNow> {
        let put = self.fleet.results.put(begun(key), times.to_string().into());
        put.await
            .map(drop)
            .map_err(|error| NotNow::Failed(told(&error)))
    }

    async fn made(&self, job: &Job) -> Result<(Ended, Option<serde_json::Value>), NotNow> {
        let provider = match self.loaded.get(&job.provider, &job.version).await {
            Ok(provider) => provider,
            Err(NoProvider::Refused(ended)) => return Ok((ended, None)),
            Err(NoProvider::Later(why)) => return Err(NotNow::Failed(why)),
        };
        match provider.session().wave(&job.call).await {
            Ok(report) => Ok((Ended::of(&report), Some(report.to_json()))),
            Err(CallError::Arguments(why)) => Ok((Ended::refused("arguments", why), None)),
            Err(CallError::Refused(refusal)) => Ok((
                Ended::refused(refusal.kind.label(), refusal.to_string()),
                None,
            )),
            Err(CallError::Busy) => Err(NotNow::Again),
            Err(error) => Err(NotNow::Failed(error.to_string())),
        }
    }

    /// Keeps a result, unless there is one: the first one stays.
    async fn keep(&self, answer: &Answer) -> Result<(), NotNow> {
        let mut text = answer.to_json();
        let most = self.fleet.client.max_payload().saturating_sub(4 << 10);
        if text.len() > most {
            let why = format!(
                "the result has more than {most} bytes, which a message has at most; lower `limits.output` of the policy"
            );
            let short = Answer {
                ended: Ended::Faulted {
                    kind: "output".to_owned(),
                    detail: why,
                },
                report: None,
                ..answer.clone()
            };
            text = short.to_json();
        }
        match self.fleet.results.create(&answer.key, text.into()).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(NotNow::Failed(told(&error))),
        }
    }

    /// Tells those who wait that there is a result.
    async fn tell(&self, key: &str) {
        let done = self.fleet.tenant.done(key);
        let _ = self.fleet.client.publish(done, bytes::Bytes::new()).await;
    }

    /// Puts a copy of a message into the stream of the dead.
    async fn bury(
        &self,
        message: &Message,
        kind: &str,
        why: &str,
        attempts: u32,
    ) -> Result<(), NotNow> {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Tollgate-Kind", kind);
        let why: String = why.chars().take(REASON).collect();
        headers.insert("Tollgate-Reason", &*why);
        headers.insert("Tollgate-Worker", &*self.name);
        headers.insert("Tollgate-Attempts", attempts.to_string());
        let provider = message.subject.rsplit('.').next().unwrap_or_default();
        let subject = self.fleet.tenant.dead_of(provider);
        // A message that is as large as any has no room for these headers.
        let most = self.fleet.client.max_payload().saturating_sub(2 << 10);
        let payload = match message.payload.len() > most {
            true => bytes::Bytes::new(),
            false => message.payload.clone(),
        };
        let sent = self
            .fleet
            .jetstream
            .publish_with_headers(subject, headers, payload);
        let failed = |error| NotNow::Failed(told(&error));
        sent.await.map_err(failed)?.await.map_err(failed)?;
        Ok(())
    }

    /// The turn of a call among those of its provider.
    fn turn(&self, provider: &str) -> Option<Turn<'_>> {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(provider.to_owned()).or_default();
        if *count >= self.share {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Turn {
            calls: self,
            provider: provider.to_owned(),
        })
    }
}

struct Turn<'c> {
    calls: &'c Calls,
    provider: String,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let under_way = &self.calls.under_way;
        let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.provider) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                under_way.remove(&self.provider);
            }
        }
    }
}

/// The key of the count of times that a call was begun.
fn begun(key: &str) -> String {
    format!("begun.{key}")
}

/// The answer to a call for which nobody waits any more.
fn expired(job: &Job) -> Option<Ended> {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    (now.as_millis() > u128::from(job.expires)).then(|| {
        Ended::refused(
            "expired",
            "no worker took the call before its submitter stopped to wait; submit it again",
        )
    })
}

/// Tells the server that a call is under way, so that no other worker gets it. It never ends.
async fn progress(message: &Message) {
    let step = ACKNOWLEDGE / 3;
    loop {
        sleep(step).await;
        if let Err(error) = message.ack_with(AckKind::Progress).await {
            tracing::warn!(error = told(&*error), "a call under way");
        }
    }
}
