//! A call put into the queue, and its result waited for.

use std::time::Duration;

use async_nats::Subscriber;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::kv::Operation;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use futures::StreamExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::answer::{Answer, Ended};
use crate::digest;
use crate::error::{FleetError, told};
use crate::fleet::{Fleet, WAITS};
use crate::wire::{self, Job, MAX_JOB, Version};

/// The time after which the bucket is looked at, in case that the message with the result was lost.
const LOOK: Duration = Duration::from_millis(500);

/// The words of a server whose stream has as much as it may have (error 10077 of JetStream, which the client gives as text).
const FULL: [&str; 2] = ["maximum bytes exceeded", "maximum messages exceeded"];

/// The words of one whose stream has a message of the subject.
const TAKEN: &str = "maximum messages per subject exceeded";

/// Times that a place in the queue is tried.
const TRIES: u32 = 10;

/// The pause between two of them.
const AGAIN: Duration = Duration::from_millis(200);

/// The time after that of a call at which all clocks say that it is over.
const LATER: Duration = Duration::from_secs(1);

/// A call that waits for a worker, and that nobody else has submitted before.
struct Waits {
    /// Its number in the queue.
    number: u64,
    /// The time after which no worker begins it.
    over: Instant,
    /// The connection, since before the call was there.
    connection: watch::Receiver<bool>,
}

/// A call as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call<'c> {
    /// In WAVE: `resolve("^1", "linux/x86_64")`. Its result is WAVE, too.
    Wave(&'c str),
    /// A function by its full name, with its arguments. The result is JSON, too.
    Json {
        /// The full name.
        function: &'c str,
        /// A JSON array of the arguments.
        arguments: &'c str,
    },
}

impl<'c> From<&'c str> for Call<'c> {
    fn from(text: &'c str) -> Call<'c> {
        Call::Wave(text)
    }
}

impl<'c> From<&'c String> for Call<'c> {
    fn from(text: &'c String) -> Call<'c> {
        Call::Wave(text)
    }
}

/// A call that is in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The key, by which its result is found.
    pub key: String,
    /// Whether it had been submitted before.
    pub duplicate: bool,
}

/// A key for a call that has a text as its own key: of any length, and of any characters.
pub fn key_of(text: &str) -> String {
    digest::of(text.as_bytes())
}

impl Fleet {
    /// A key that no other call has.
    pub fn fresh_key(&self) -> String {
        digest::of(self.client.new_inbox().as_bytes())
    }

    /// Puts a call into the queue. It runs with the version that serves now, and expires
    /// after `patience`, a day at most, if no worker has begun it.
    ///
    /// Without a key, the key is the digest of provider, version and call: the same call is made once, and gets the first result for an
    /// hour. Give a key to a call that is to be made again. A call that was refused is submitted anew.
    ///
    /// # Errors
    ///
    /// No version serves, the key is none, the call is too large, or the server fails.
    pub async fn submit(
        &self,
        provider: &str,
        call: impl Into<Call<'_>>,
        key: Option<&str>,
        patience: Duration,
    ) -> Result<Submission, FleetError> {
        let version = self.version(provider).await?;
        let job = self.job(provider, version, call.into(), key, patience)?;
        let (submitted, _) = self.put_job(&job).await?;
        Ok(submitted)
    }

    /// A call of a version that serves, or served.
    fn job(
        &self,
        provider: &str,
        version: Version,
        call: Call<'_>,
        key: Option<&str>,
        patience: Duration,
    ) -> Result<Job, FleetError> {
        if let Some(key) = key {
            wire::check_key(key).map_err(FleetError::Key)?;
        }
        let (call, arguments) = match call {
            Call::Wave(text) => (text, None),
            Call::Json {
                function,
                arguments,
            } => (function, Some(arguments.to_owned())),
        };
        let mut job = Job {
            provider: provider.to_owned(),
            version,
            call: call.to_owned(),
            arguments,
            key: String::new(),
            own_key: key.map(ToOwned::to_owned),
            patience: u64::try_from(patience.min(WAITS).as_millis()).unwrap_or(u64::MAX),
        };
        job.key = job.derived_key();
        Ok(job)
    }

    /// Puts a call into the queue, and returns its number there, unless somebody has submitted it before.
    async fn put_job(&self, job: &Job) -> Result<(Submission, Option<u64>), FleetError> {
        let text = job.to_json();
        let most = MAX_JOB.min(self.client.max_payload());
        if text.len() > most {
            return Err(FleetError::TooLarge {
                bytes: text.len(),
                most,
            });
        }
        let (provider, key) = (&*job.provider, job.key.clone());
        let mut id = key.clone();
        for _ in 0..TRIES {
            let kept = self.kept(&key).await?;
            match kept {
                None => {}
                // No code has run, for a reason that may be gone: it is another attempt. What is no result is of nobody.
                Some((known, revision)) if known.as_ref().is_none_or(is_refused) => {
                    // Another submitter may have done so already, and a worker may have written since.
                    let purged = self
                        .results
                        .purge_expect_revision(&key, Some(revision))
                        .await;
                    if purged.is_err() {
                        continue;
                    }
                    id = self.fresh_key();
                }
                Some(_) => {
                    let duplicate = true;
                    return Ok((Submission { key, duplicate }, None));
                }
            }
            let subject = self.tenant.work_of(provider, &id);
            if let Some(number) = self.enqueued(&subject, &text).await? {
                let duplicate = false;
                return Ok((Submission { key, duplicate }, Some(number)));
            }
            if self.is_queued(&subject, provider, &key).await? {
                let duplicate = true;
                return Ok((Submission { key, duplicate }, None));
            }
            sleep(AGAIN).await;
        }
        Err(FleetError::Nats {
            doing: "submitting",
            why: "the place of the call in the queue is taken by something else; submit it again"
                .to_owned(),
        })
    }

    /// The result that is kept, and its revision. It is `None` if somebody has written something else there.
    pub(crate) async fn kept(
        &self,
        key: &str,
    ) -> Result<Option<(Option<Answer>, u64)>, FleetError> {
        let found = self.results.entry(key).await;
        let found = found.map_err(|error| FleetError::nats("the result")(Box::new(error)))?;
        let found = found.filter(|entry| entry.operation == Operation::Put);
        let read = |bytes: &[u8]| serde_json::from_slice(bytes).ok();
        let read = |bytes: &[u8]| read(bytes).filter(|answer: &Answer| answer.key == key);
        Ok(found.map(|entry| (read(&entry.value), entry.revision)))
    }

    /// Puts a message into the queue, and returns its number; `None` if there is one of its subject.
    async fn enqueued(&self, subject: &str, text: &str) -> Result<Option<u64>, FleetError> {
        let message = PublishMessage::build().payload(text.to_owned().into());
        let sent = async {
            let sent = self.jetstream.send_publish(subject.to_owned(), message);
            sent.await?.await
        };
        let error = match sent.await {
            Ok(taken) => return Ok(Some(taken.sequence)),
            Err(error) => error,
        };
        let why = told(&error);
        match error.kind() {
            _ if why.contains(TAKEN) => Ok(None),
            _ if FULL.iter().any(|words| why.contains(words)) => Err(FleetError::Full),
            PublishErrorKind::TimedOut => Err(FleetError::Unacknowledged),
            _ => Err(FleetError::nats("submitting")(Box::new(error))),
        }
    }

    /// Whether the message of this subject is this call, and not yet acknowledged. A message that was is taken away: a server of 2.9 that
    /// was killed may keep it.
    async fn is_queued(
        &self,
        subject: &str,
        provider: &str,
        key: &str,
    ) -> Result<bool, FleetError> {
        let failed =
            |error: &dyn std::error::Error| FleetError::nats("the queue")(told(error).into());
        let found = match self.work.get_last_raw_message_by_subject(subject).await {
            Ok(found) => found,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Ok(false);
            }
            Err(error) => return Err(failed(&error)),
        };
        // Somebody may have put anything there, which a worker buries.
        if !Job::read(&found.payload, provider).is_ok_and(|job| job.key == key) {
            return Ok(false);
        }
        let mut workers = self.workers().await?;
        let info = workers.info().await.map_err(|error| failed(&error))?;
        if found.sequence > info.ack_floor.stream_sequence {
            return Ok(true);
        }
        let _ = self.work.delete_message(found.sequence).await;
        Ok(false)
    }

    /// Takes a call from the queue that no worker has got. One that gets it in this moment refuses it as `expired`, as its time is over.
    async fn is_withdrawn(&self, waits: &Waits) -> bool {
        // A server that was killed may have forgotten to whom it gave the call.
        if waits.connection.has_changed().unwrap_or(true) {
            return false;
        }
        let Ok(mut workers) = self.workers().await else {
            return false;
        };
        let Ok(info) = workers.info().await else {
            return false;
        };
        if info.delivered.stream_sequence >= waits.number {
            return false;
        }
        let _ = self.work.delete_message(waits.number).await;
        true
    }

    /// The result of a call, if there is one.
    ///
    /// # Errors
    ///
    /// The server fails, or the bucket has something else in its place.
    pub async fn result(&self, key: &str) -> Result<Option<Answer>, FleetError> {
        match self.kept(key).await? {
            None => Ok(None),
            Some((None, _)) => Err(FleetError::NoResult),
            Some((answer, _)) => Ok(answer),
        }
    }

    /// Submits a call and waits for its result; `None` if there is none in time. The call then still runs, once.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Fleet::submit).
    pub async fn call(
        &self,
        provider: &str,
        call: impl Into<Call<'_>>,
        key: Option<&str>,
        patience: Duration,
    ) -> Result<Option<Answer>, FleetError> {
        let version = self.version(provider).await?;
        self.call_version(provider, version, call.into(), key, patience, patience)
            .await
    }

    /// The same in a version; the result is waited for `longest`.
    pub(crate) async fn call_version(
        &self,
        provider: &str,
        version: Version,
        call: Call<'_>,
        key: Option<&str>,
        patience: Duration,
        longest: Duration,
    ) -> Result<Option<Answer>, FleetError> {
        let job = self.job(provider, version, call, key, patience)?;
        // Before the call is there, so that its end is heard, and its result looked for once.
        let done = self.done(&job.key).await?;
        let connection = self.connection();
        let (submitted, number) = self.put_job(&job).await?;
        let over = Instant::now().checked_add(patience.saturating_add(LATER));
        let waits = number.zip(over).map(|(number, over)| Waits {
            number,
            over,
            connection,
        });
        self.wait_for(done, &job.key, longest, submitted.duplicate, waits)
            .await
    }

    /// Waits for the result of a call.
    ///
    /// # Errors
    ///
    /// The server fails. A connection that is lost is made again meanwhile.
    pub async fn wait(&self, key: &str, patience: Duration) -> Result<Option<Answer>, FleetError> {
        let done = self.done(key).await?;
        self.wait_for(done, key, patience, true, None).await
    }

    /// The messages by which the end of a call is told.
    async fn done(&self, key: &str) -> Result<Subscriber, FleetError> {
        let told_there = self.client.subscribe(self.tenant.done(key)).await;
        told_there.map_err(|error| FleetError::nats("waiting")(told(&error).into()))
    }

    /// Waits for a result, which may be there already if it `may_be`, and for no longer than the call waits for a worker.
    async fn wait_for(
        &self,
        mut done: Subscriber,
        key: &str,
        patience: Duration,
        mut may_be: bool,
        mut waits: Option<Waits>,
    ) -> Result<Option<Answer>, FleetError> {
        let end = Instant::now()
            .checked_add(patience)
            .unwrap_or_else(Instant::now);
        loop {
            if may_be {
                match self.result(key).await {
                    Ok(Some(answer)) => return Ok(Some(answer)),
                    Ok(None) | Err(FleetError::Nats { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            may_be = true;
            if Instant::now() >= end {
                return Ok(None);
            }
            if let Some(waits) = waits.take_if(|waits| Instant::now() >= waits.over)
                && self.is_withdrawn(&waits).await
            {
                return Ok(Some(Answer::expired(key)));
            }
            let look = Instant::now().checked_add(LOOK).unwrap_or(end).min(end);
            match timeout_at(look, done.next()).await {
                // The message may be forged: the bucket has the result.
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => sleep(LOOK).await,
            }
        }
    }
}

/// Whether no code has run for a reason that may be gone.
fn is_refused(answer: &Answer) -> bool {
    matches!(&answer.ended, Ended::Refused { kind, .. } if kind != "dead")
}
