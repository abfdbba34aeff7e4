//! The connection, and the streams and buckets of a tenant.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::{DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, consumer, kv, object_store, stream};
use async_nats::{ConnectErrorKind, Event, ServerAddr};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::clock::ServerClock;
use crate::error::{FleetError, told};
use crate::names::Tenant;
use crate::wire::MAX_JOB;

/// The time for which results are kept: a duplicate of a call gets the first result until then.
const RESULTS: Duration = Duration::from_secs(3_600);

/// The time for which calls that no worker could end are kept.
const DEAD: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Bytes of them; the oldest go first.
const DEAD_BYTES: i64 = 256 << 20;

/// Bytes of results; the oldest go first.
const RESULTS_BYTES: i64 = 1 << 30;

/// The longest time for which a call waits. Its submitter does not wait longer.
pub(crate) const WAITS: Duration = Duration::from_secs(24 * 3_600);

/// Bytes of calls that wait or are under way. A call more is refused.
const WORK_BYTES: i64 = 256 << 20;

/// Such calls. All of them may be with workers at once, who give back those of a provider that has its share: so many calls of one provider
/// keep no call of another one from the workers.
const WORK: i64 = 100_000;

/// The time after which a call goes to another worker, if the one that has it says nothing.
pub(crate) const ACKNOWLEDGE: Duration = Duration::from_secs(10);

/// Workers that ask at once. The server has 512 by default.
const WORKERS: i64 = 10_000;

/// Messages that wait in this process for one of its readers: what comes beyond is lost, and comes again if it is a call.
pub(crate) const HELD: usize = 1_024;

/// The time for the first connection, and for each request to the server.
const PATIENCE: Duration = Duration::from_secs(5);

/// The time after which the server is asked for a sign of life. A connection that gives none twice is lost.
const PING: Duration = Duration::from_secs(10);

/// The time between two attempts at the first connection.
const AGAIN: Duration = Duration::from_millis(200);

/// The way to the server.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// Addresses, such as `nats://127.0.0.1:4222` or `tls://NAME:PASSWORD@nats.example.com`, with commas between them.
    pub servers: String,
    /// A file of credentials (`.creds`).
    pub credentials: Option<PathBuf>,
    /// Authorities that sign the certificate of the server, PEM; without it, those of the platform.
    pub authorities: Option<PathBuf>,
    /// The tenant.
    pub tenant: Tenant,
}

/// The calls of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// Calls that wait or are under way.
    pub queued: u64,
    /// Those of them that a worker has.
    pub under_way: u64,
    /// Those of them that a worker has and that another one had before.
    pub redelivered: u64,
    /// The age of the oldest call that waits or is under way.
    pub oldest: Duration,
    /// Calls and other messages that no worker could end, of the last week.
    pub dead: u64,
}

/// A connection to the fleet of a tenant. Clones are of the same one.
#[derive(Clone)]
pub struct Fleet {
    pub(crate) tenant: Tenant,
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) work: stream::Stream,
    pub(crate) results: kv::Store,
    pub(crate) providers: kv::Store,
    pub(crate) files: object_store::ObjectStore,
    pub(crate) clock: Arc<ServerClock>,
    is_connected: watch::Receiver<bool>,
}

impl Fleet {
    /// Connects, and makes the streams and buckets of the tenant if they are not there.
    ///
    /// # Errors
    ///
    /// The server is not reached within five seconds, has no JetStream, or gives this user no rights to it; or a file cannot be read.
    pub async fn connect(connect: &Connect) -> Result<Fleet, FleetError> {
        let failed = |why: String| FleetError::Connect {
            server: shown(&connect.servers),
            why,
        };
        let (connected, is_connected) = watch::channel(true);
        let connected = Arc::new(connected);
        let mut options = async_nats::ConnectOptions::new()
            .event_callback(move |event| {
                let connected = Arc::clone(&connected);
                async move {
                    let is = match event {
                        Event::Connected => true,
                        Event::Disconnected => false,
                        _ => return,
                    };
                    connected.send_if_modified(|was| std::mem::replace(was, is) != is);
                }
            })
            .ping_interval(PING)
            .name("tollgate")
            .custom_inbox_prefix(format!("_INBOX_tollgate_{}", connect.tenant))
            .connection_timeout(PATIENCE)
            .subscription_capacity(HELD)
            .request_timeout(Some(PATIENCE));
        let unread = |path: &Path, why: &dyn std::fmt::Display| FleetError::File {
            path: path.to_owned(),
            why: tollgate::escape::line(&why.to_string()).into_owned(),
        };
        if let Some(path) = &connect.credentials {
            let read = options.credentials_file(path).await;
            options = read.map_err(|error| unread(path, &error))?;
        }
        if let Some(path) = &connect.authorities {
            let text = std::fs::read(path).map_err(|error| unread(path, &error))?;
            // The client takes any file, and then knows no authority.
            if !String::from_utf8_lossy(&text).contains("-----BEGIN CERTIFICATE-----") {
                return Err(unread(path, &"it has no certificate in PEM"));
            }
            options = options
                .add_root_certificates(path.clone())
                .require_tls(true);
        }
        let servers: Vec<String> = connect
            .servers
            .split(',')
            .map(|it| it.trim().to_owned())
            .collect();
        // The client reads the name and the password of an address, and does not use them.
        let addresses = servers
            .iter()
            .filter_map(|it| it.parse::<ServerAddr>().ok());
        let named = addresses.into_iter().find(ServerAddr::has_user_pass);
        if let Some(address) = named {
            let plain = |text: Option<&str>| {
                percent_decode_str(text.unwrap_or_default())
                    .decode_utf8_lossy()
                    .into_owned()
            };
            options =
                options.user_and_password(plain(address.username()), plain(address.password()));
        }
        // A server that is started at the same time listens a moment later.
        let end = Instant::now().checked_add(PATIENCE);
        let client = loop {
            match options.clone().connect(&*servers).await {
                Ok(client) => break client,
                Err(error) if error.kind() != ConnectErrorKind::Io => {
                    return Err(failed(told(&error)));
                }
                Err(error) if end.is_none_or(|end| Instant::now() >= end) => {
                    return Err(failed(told(&error)));
                }
                Err(_) => sleep(AGAIN).await,
            }
        };
        let jetstream = jetstream::new(client.clone());
        let tenant = connect.tenant.clone();
        let places = Places::of(&jetstream, &tenant).await?;
        let clock = Arc::new(ServerClock::new(&client.new_inbox()));
        Ok(Fleet {
            tenant,
            client,
            jetstream,
            work: places.work,
            results: places.results,
            providers: places.providers,
            files: places.files,
            clock,
            is_connected,
        })
    }

    /// Makes the streams and buckets that are gone: an operator may have deleted them, or given the server another disk. Those that are
    /// there are left as they are.
    ///
    /// # Errors
    ///
    /// The server fails.
    pub async fn restore(&self) -> Result<(), FleetError> {
        Places::of(&self.jetstream, &self.tenant).await.map(drop)
    }

    /// Whether there is a connection to the server. One that is lost is made again.
    pub fn is_connected(&self) -> bool {
        *self.is_connected.borrow()
    }

    /// The same as a value, whose changes from now on are told.
    pub fn connection(&self) -> watch::Receiver<bool> {
        let mut connection = self.is_connected.clone();
        connection.mark_unchanged();
        connection
    }

    /// The calls that wait or are under way, and those that no worker could end.
    ///
    /// # Errors
    ///
    /// The server fails.
    pub async fn state(&self) -> Result<State, FleetError> {
        let fail =
            |error: &dyn std::error::Error| FleetError::nats("the state")(told(error).into());
        let dead = self.jetstream.get_stream(self.tenant.dead()).await;
        let dead = dead.map_err(|error| fail(&error))?;
        let mut workers = self.workers().await?;
        let taken = workers.info().await.map_err(|error| fail(&error))?.clone();
        let work = self.work.get_info().await.map_err(|error| fail(&error))?;
        // A server that was killed may have messages in the stream that its consumer knows as acknowledged, and the other way round: neither
        // is a call.
        let taken_or_not = taken
            .num_pending
            .saturating_add(taken.num_ack_pending as u64);
        let queued = taken_or_not.min(work.state.messages);
        let under_way = queued.min(taken.num_ack_pending as u64);
        let mut oldest = Duration::ZERO;
        if queued > 0 {
            let first = taken.ack_floor.stream_sequence.saturating_add(1);
            // It may have been acknowledged since.
            if let Ok(first) = self.work.get_raw_message(first).await {
                self.clock.compare(&self.results).await?;
                oldest = self.clock.age(first.time);
            }
        }
        Ok(State {
            queued,
            under_way,
            redelivered: under_way.min(taken.num_redelivered as u64),
            oldest,
            dead: dead.cached_info().state.messages,
        })
    }

    /// The consumer of the queue, which all workers of a tenant share. It is made if it is not there.
    pub(crate) async fn workers(&self) -> Result<PullConsumer, FleetError> {
        let made = self.work.get_or_create_consumer(
            "workers",
            consumer::pull::Config {
                durable_name: Some("workers".to_owned()),
                ack_wait: ACKNOWLEDGE,
                // Workers count: one that dies at each delivery of a call would leave it in the stream for ever.
                max_deliver: -1,
                max_ack_pending: WORK,
                max_waiting: WORKERS,
                ..consumer::pull::Config::default()
            },
        );
        made.await
            .map_err(|error| FleetError::nats("the queue")(Box::new(error)))
    }
}

/// The streams and buckets of a tenant.
struct Places {
    work: stream::Stream,
    results: kv::Store,
    providers: kv::Store,
    files: object_store::ObjectStore,
}

impl Places {
    /// Makes those that are not there.
    async fn of(jetstream: &jetstream::Context, tenant: &Tenant) -> Result<Places, FleetError> {
        let state = FleetError::nats("JetStream");
        let fail = |error: &dyn std::error::Error| state(told(error).into());
        let work = jetstream.get_or_create_stream(stream::Config {
            name: tenant.work(),
            subjects: vec![tenant.work_of("*", "*")],
            // A call that waits or is under way is not taken once more.
            max_messages_per_subject: 1,
            discard_new_per_subject: true,
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            max_message_size: i32::try_from(MAX_JOB).unwrap_or(i32::MAX),
            max_messages: WORK,
            max_bytes: WORK_BYTES,
            max_age: WAITS,
            // Those who submit are told: a call that waits is not thrown away.
            discard: DiscardPolicy::New,
            ..stream::Config::default()
        });
        let work = work.await.map_err(|error| fail(&error))?;
        let dead = jetstream.get_or_create_stream(stream::Config {
            name: tenant.dead(),
            subjects: vec![tenant.dead_of("*")],
            storage: StorageType::File,
            max_age: DEAD,
            max_bytes: DEAD_BYTES,
            ..stream::Config::default()
        });
        dead.await.map_err(|error| fail(&error))?;
        let results = bucket(
            jetstream,
            tenant.results(),
            stream::Config {
                max_messages_per_subject: 1,
                max_age: RESULTS,
                max_bytes: RESULTS_BYTES,
                // A full bucket would be the end of all calls.
                discard: DiscardPolicy::Old,
                ..stream::Config::default()
            },
        );
        let results = results.await?;
        let providers = bucket(
            jetstream,
            tenant.providers(),
            stream::Config {
                max_messages_per_subject: 5,
                discard: DiscardPolicy::New,
                ..stream::Config::default()
            },
        );
        let providers = providers.await?;
        let files = match jetstream.get_object_store(tenant.files()).await {
            Ok(files) => files,
            Err(_) => {
                let made = jetstream.create_object_store(object_store::Config {
                    bucket: tenant.files(),
                    ..object_store::Config::default()
                });
                made.await.map_err(|error| fail(&error))?
            }
        };
        Ok(Places {
            work,
            results,
            providers,
            files,
        })
    }
}

async fn bucket(
    jetstream: &jetstream::Context,
    name: String,
    bounds: stream::Config,
) -> Result<kv::Store, FleetError> {
    if let Ok(bucket) = jetstream.get_key_value(&name).await {
        return Ok(bucket);
    }
    // As the client makes one (NATS, ADR-8), which first asks for limits that servers before 2.10 tell in another form.
    let made = jetstream.create_stream(stream::Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..bounds
    });
    let failed = |error: &dyn std::error::Error| FleetError::nats("a bucket")(told(error).into());
    made.await.map_err(|error| failed(&error))?;
    let made = jetstream.get_key_value(&name).await;
    made.map_err(|error| failed(&error))
}

/// Addresses without the names and passwords in them.
fn shown(servers: &str) -> String {
    let bare = |server: &str| {
        let (scheme, rest) = server.split_once("://").unwrap_or(("nats", server));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{host}")
    };
    let shown: Vec<String> = servers.split(',').map(|it| bare(it.trim())).collect();
    tollgate::escape::line(&shown.join(", ")).into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_password_is_shown() {
        let text = super::shown("nats://user:p@ss@one:4222, two");
        assert_eq!(text, "nats://one:4222, nats://two");
    }
}
