//! The queue as a worker asks it: so many calls, within some time.
//!
//! The protocol is NATS' own (ADR-13 of its design documents), and small. The client's implementation takes a message with the headers of a status
//! for a status, and anybody who may submit a call can give it such headers: a worker would stop at each of them.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, Message};
use async_nats::{StatusCode, Subscriber};
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, timeout_at};

use crate::error::{FleetError, told};
use crate::fleet::{Fleet, HELD};

/// The time for which calls are asked for at once.
const ASK: Duration = Duration::from_secs(2);

/// The time in which the server has said that there are none.
const ANSWERED: Duration = Duration::from_secs(3);

/// The beginning of the subject at which a call is acknowledged. The server gives it to what it delivers; who may publish to the inbox can
/// as well.
const ACKNOWLEDGED_AT: &str = "$JS.ACK.";

/// The queue of a tenant.
pub(crate) struct Queue {
    client: async_nats::Client,
    jetstream: jetstream::Context,
    /// The subject at which calls are asked for.
    next: String,
    /// The subject at which they come, without the number of the request.
    inbox: String,
    /// The part of the subject of an acknowledgement that names the stream and the consumer.
    acknowledged_of: String,
    coming: Subscriber,
    asked: u64,
    end: Instant,
}

/// The next that the queue has.
pub(crate) enum Came {
    /// A call.
    Call(Box<Message>),
    /// All that was asked for has come, or its time is over.
    Over,
    /// The server cannot give any, for this reason.
    Failed(String),
}

impl Queue {
    /// The place at which workers take calls: all workers of a tenant share it. It is made if it is not there.
    pub(crate) async fn open(fleet: &Fleet) -> Result<Queue, FleetError> {
        let workers = fleet.workers().await?;
        let inbox = fleet.client.new_inbox();
        let coming = fleet.client.subscribe(format!("{inbox}.*")).await;
        let coming = coming.map_err(|error| FleetError::nats("the queue")(Box::new(error)))?;
        let known = workers.cached_info();
        Ok(Queue {
            client: fleet.client.clone(),
            jetstream: fleet.jetstream.clone(),
            next: format!(
                "$JS.API.CONSUMER.MSG.NEXT.{}.{}",
                known.stream_name, known.name
            ),
            inbox,
            acknowledged_of: format!(".{}.{}.", known.stream_name, known.name),
            coming,
            asked: 0,
            end: Instant::now(),
        })
    }

    /// Asks for so many calls.
    ///
    /// # Errors
    ///
    /// There is no connection. A request that waits for one would be made beside those after it.
    pub(crate) async fn ask(&mut self, calls: usize) -> Result<(), String> {
        if self.client.connection_state() != State::Connected {
            return Err("no connection to the server".to_owned());
        }
        self.asked = self.asked.wrapping_add(1);
        let inbox = format!("{}.{}", self.inbox, self.asked);
        // No more than can wait here.
        let calls = calls.min(HELD / 2);
        let text = format!("{{\"batch\":{calls},\"expires\":{}}}", ASK.as_nanos());
        let now = Instant::now();
        self.end = now.checked_add(ANSWERED).unwrap_or(now);
        let asked = self
            .client
            .publish_with_reply(self.next.clone(), inbox, text.into());
        asked.await.map_err(|error| told(&error))
    }

    /// The next of the calls that were asked for.
    pub(crate) async fn next(&mut self) -> Came {
        loop {
            let message = match timeout_at(self.end, self.coming.next()).await {
                Ok(Some(message)) => message,
                Ok(None) => return Came::Failed("the subscription has ended".to_owned()),
                // A server without the stream or its consumer says nothing.
                Err(_) => return Came::Failed("no answer from the queue".to_owned()),
            };
            if let Some(came) = self.read(message) {
                return came;
            }
        }
    }

    /// A call that has come already.
    pub(crate) fn next_now(&mut self) -> Option<Message> {
        loop {
            let message = self.coming.next().now_or_never()??;
            if let Some(Came::Call(message)) = self.read(message) {
                return Some(*message);
            }
        }
    }

    /// Reads a message; `None` for one that belongs to an earlier request.
    fn read(&self, message: async_nats::Message) -> Option<Came> {
        let reply = message.reply.as_deref();
        let is_call = |reply: &str| {
            reply.starts_with(ACKNOWLEDGED_AT) && reply.contains(&self.acknowledged_of)
        };
        if reply.is_some_and(is_call) {
            let context = self.jetstream.clone();
            let message = Message { message, context };
            return Some(Came::Call(Box::new(message)));
        }
        let number = message
            .subject
            .strip_prefix(&*self.inbox)?
            .strip_prefix('.')?;
        if number.parse() != Ok(self.asked) {
            return None;
        }
        let status = message.status?;
        Some(match status {
            StatusCode::NOT_FOUND | StatusCode::TIMEOUT => Came::Over,
            status => {
                let text = message.description.unwrap_or_default();
                Came::Failed(format!("{status} {}", tollgate::escape::line(&text)))
            }
        })
    }
}
