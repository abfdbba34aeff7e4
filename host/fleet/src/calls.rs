//! One call: made, its result kept, and its message acknowledged.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::kv::CreateErrorKind;
use async_nats::jetstream::{AckKind, Message};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::sleep;
use tollgate::value::Value;
use tollgate::value::json::Reader;
use tollgate::{CallError, Provider};

use crate::ATTEMPTS;
use crate::answer::{Answer, Ended};
use crate::error::told;
use crate::fleet::{ACKNOWLEDGE, Fleet};
use crate::loaded::{Loaded, NoProvider};
use crate::names;
use crate::wire::Job;

/// The time after which a call that was given back comes again, to this worker or another one. A server of 2.9 does not count a
/// delivery that follows at once.
const AGAIN: Duration = Duration::from_millis(300);

/// The longest such time.
const LATEST: Duration = Duration::from_secs(10);

/// Characters of the reason for which a message is buried.
const REASON: usize = 200;

/// The state that the calls of a worker share.
pub(crate) struct Calls {
    fleet: Fleet,
    loaded: Loaded,
    name: String,
    /// Calls of one provider at once.
    share: usize,
    under_way: Mutex<HashMap<String, usize>>,
    ending: watch::Receiver<bool>,
    given_back: GivenBack,
}

/// Is told the reason for which a call is given back.
pub(crate) type GivenBack = Box<dyn Fn(&'static str) + Send + Sync>;

/// The reason why a call is not ended by this worker.
enum NotNow {
    /// The worker is to stop.
    Ends,
    /// The provider has its share of the worker.
    Share,
    /// The runtime has no slot for it.
    Busy,
    /// The same, after a failure.
    Failed(String),
}

impl NotNow {
    fn label(&self) -> &'static str {
        match self {
            NotNow::Ends => "ends",
            NotNow::Share => "share",
            NotNow::Busy => "busy",
            NotNow::Failed(_) => "failed",
        }
    }
}

impl Calls {
    /// `share` is the calls of one provider at once; `ending` tells calls under way that the worker stops.
    pub(crate) fn new(
        fleet: Fleet,
        loaded: Loaded,
        name: String,
        share: usize,
        ending: watch::Receiver<bool>,
        given_back: GivenBack,
    ) -> Calls {
        Calls {
            fleet,
            loaded,
            name,
            share,
            under_way: Mutex::default(),
            ending,
            given_back,
        }
    }

    /// Waits until the server has all that was sent.
    pub(crate) async fn flush(&self) {
        let _ = self.fleet.client.flush().await;
    }

    /// Takes one message to its end: a result and an acknowledgement, or back to the queue.
    pub(crate) async fn take(&self, message: Message, slot: OwnedSemaphorePermit) {
        let provider = names::provider_of(&message.subject).to_owned();
        // One that comes from elsewhere than the queue names any subject as the one for its acknowledgement.
        let Ok((deliveries, stamped)) = message.info().map(|info| (info.delivered, info.published))
        else {
            return;
        };
        let age = self.fleet.clock.age(stamped);
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
            done = self.answered(&message, &job, deliveries, age) => done,
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
                (self.given_back)(why.label());
                // Later and later, so that calls that wait for a turn do not take the queue from others.
                let times = match why {
                    NotNow::Ends => 1,
                    _ => u32::try_from(deliveries).unwrap_or(u32::MAX),
                };
                self.give_back(&message, times).await;
            }
        }
    }

    /// Gives a call back to the queue, for the `times`th time.
    pub(crate) async fn give_back(&self, message: &Message, times: u32) {
        let _ = message.ack_with(AckKind::Nak(Some(pause(times)))).await;
    }

    /// Makes the call if it has no result yet, and keeps the result.
    async fn answered(
        &self,
        message: &Message,
        job: &Job,
        deliveries: i64,
        age: Duration,
    ) -> Result<(), NotNow> {
        let known = self.fleet.kept(&job.key).await;
        match known.map_err(|error| NotNow::Failed(error.to_string()))? {
            None => {}
            Some((Some(_), _)) => {
                self.tell(&job.key).await;
                return Ok(());
            }
            // Somebody has written something else there, in whose place no result would be kept.
            Some((None, revision)) => {
                let results = &self.fleet.results;
                let purged = results
                    .purge_expect_revision(&job.key, Some(revision))
                    .await;
                purged.map_err(|error| NotNow::Failed(told(&error)))?;
            }
        }
        let mut attempts = 1;
        let is_late = age >= Duration::from_millis(job.patience);
        let (ended, report) = match is_late && !self.is_begun(&job.key, deliveries).await? {
            true => (Answer::expired(&job.key).ended, None),
            false => {
                let Some(_turn) = self.turn(&job.provider) else {
                    if deliveries == 1 {
                        self.set_begun(&job.key, 0).await?;
                    }
                    return Err(NotNow::Share);
                };
                if deliveries > 1 {
                    attempts = self.begun(&job.key).await?;
                }
                if attempts > ATTEMPTS {
                    let why = format!("{ATTEMPTS} workers began the call, and none ended it");
                    let reason = why.clone();
                    let ended = Ended::refused("dead", why + "; the stream of the dead has it");
                    attempts = ATTEMPTS;
                    // First: with a result nobody looks at the call again.
                    self.bury(message, "dead", &reason, attempts).await?;
                    let answer = self.answer(job, ended, attempts, None);
                    self.keep(&answer).await?;
                    self.tell(&job.key).await;
                    return Ok(());
                }
                let mut progress = pin!(progress(message));
                let made = tokio::select! {
                    made = self.made(job) => made,
                    never = &mut progress => match never {},
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

    /// Whether a worker may have begun a call: one that was delivered before, unless it was given back each time.
    async fn is_begun(&self, key: &str, deliveries: i64) -> Result<bool, NotNow> {
        Ok(deliveries > 1 && self.times_begun(key).await? != Some(0))
    }

    async fn times_begun(&self, key: &str) -> Result<Option<u32>, NotNow> {
        let known = self.fleet.results.get(begun(key)).await;
        let known = known.map_err(|error| NotNow::Failed(told(&error)))?;
        Ok(known.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok()))
    }

    /// Counts that a call is begun once more, and returns how many times it was. The count of the server is of deliveries, and has
    /// those at which a worker had no turn for the call.
    async fn begun(&self, key: &str) -> Result<u32, NotNow> {
        let known = self.times_begun(key).await?;
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
        let mut session = provider.session();
        let done = match &job.arguments {
            None => {
                let done = session.wave(&job.call).await;
                done.map(|report| (Ended::of(&report), Some(report.to_json())))
            }
            Some(text) => match arguments(&provider, &job.call, text) {
                Err(error) => Err(error),
                Ok(arguments) => match session.invoke(&job.call, &arguments).await {
                    Err(error) => Err(error),
                    Ok(report) => match Ended::of_values(&report) {
                        Ok(ended) => Ok((ended, Some(report.to_json()))),
                        Err(error) => return Err(NotNow::Failed(error.to_string())),
                    },
                },
            },
        };
        done.or_else(|error| match error {
            CallError::Arguments(why) => Ok((Ended::refused("arguments", why), None)),
            CallError::Refused(refusal) => Ok((
                Ended::refused(refusal.kind.label(), refusal.to_string()),
                None,
            )),
            CallError::Busy => Err(NotNow::Busy),
            error => Err(NotNow::Failed(error.to_string())),
        })
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
        headers.insert("Tollgate-Worker", &*self.name);
        headers.insert("Tollgate-Attempts", attempts.to_string());
        let provider = names::provider_of(&message.subject);
        let subject = self.fleet.tenant.dead_of(provider);
        // A message that is as large as any has no room for these headers.
        let most = self.fleet.client.max_payload().saturating_sub(2 << 10);
        let (payload, left_out) = match message.payload.len() {
            bytes if bytes > most => (
                bytes::Bytes::new(),
                format!("; its {bytes} bytes are left out"),
            ),
            _ => (message.payload.clone(), String::new()),
        };
        let why: String = why.chars().take(REASON).collect();
        headers.insert("Tollgate-Reason", &*(why + &left_out));
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

/// The arguments of a function in a JSON array.
fn arguments(provider: &Provider, function: &str, text: &str) -> Result<Vec<Value>, CallError> {
    let function = provider.function(function)?;
    let mut reader = Reader::new(text.as_bytes(), provider.limits().host_memory);
    let read = reader.arguments(&function.params);
    let read = read.and_then(|values| reader.finish().map(|()| values));
    read.map_err(|error| CallError::Arguments(error.to_string()))
}

/// The time after which a call comes again that was given back so many times.
fn pause(times: u32) -> Duration {
    AGAIN.saturating_mul(times).min(LATEST)
}

/// The key of the count of times that a call was begun.
fn begun(key: &str) -> String {
    format!("begun.{key}")
}

/// Tells the server that a call is under way, so that no other worker gets it. It never ends.
async fn progress(message: &Message) -> Infallible {
    let step = ACKNOWLEDGE / 3;
    loop {
        sleep(step).await;
        if let Err(error) = message.ack_with(AckKind::Progress).await {
            tracing::warn!(error = told(&*error), "a call under way");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_comes_again_later_and_later() {
        assert_eq!(pause(1), Duration::from_millis(300));
        assert_eq!(pause(3), Duration::from_millis(900));
        assert_eq!(pause(u32::MAX), Duration::from_secs(10));
    }
}
