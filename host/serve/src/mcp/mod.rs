//! Providers as tools of the model context protocol (MCP), over HTTP and over two streams.
//!
//! The crate `rmcp` speaks the protocol, of both 2025-11-25 and 2026-07-28; nothing outside of this module names it. What
//! it does not bound is bounded before it.

mod elicit;
mod handler;
mod http;
mod listen;
mod message;
mod result;
mod stdio;
mod tools;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rmcp::service::ServerInitializeError;
use rmcp::{Peer, RoleServer};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;
use tollgate::{Catalog, escape};

use crate::bounds::Bounds;
use crate::shared::Shared;
use handler::Handler;
use listen::Changes;
use stdio::Stdio;

pub(crate) use self::http::Door;

/// The time in which a session ends once it is to stop.
const END: Duration = Duration::from_secs(5);

/// Providers as tools for one client of the model context protocol, over two streams of bytes such as those of a process.
///
/// ```
/// use std::collections::BTreeMap;
/// use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
/// use tollgate::Provider;
/// use tollgate_serve::Mcp;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let providers: BTreeMap<String, Provider> = BTreeMap::new();
/// let (mut client, server) = tokio::io::duplex(1_000);
/// let (read, write) = tokio::io::split(server);
/// let served = tokio::spawn(Mcp::new(providers).run(read, write, std::future::pending()));
///
/// client.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").await?;
/// let mut answer = String::new();
/// BufReader::new(&mut client).read_line(&mut answer).await?;
/// assert_eq!(answer, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
///
/// drop(client);
/// served.await??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Mcp {
    catalog: Arc<dyn Catalog>,
    bounds: Bounds,
    changes: Option<watch::Receiver<()>>,
}

/// The client and the server have no version of the protocol in common, or the streams failed.
#[derive(Debug, Error)]
#[error("no session: {0}")]
pub struct McpError(String);

impl Mcp {
    /// These providers, with the default bounds.
    pub fn new(catalog: impl Catalog + 'static) -> Mcp {
        Mcp {
            catalog: Arc::new(catalog),
            bounds: Bounds::default(),
            changes: None,
        }
    }

    /// Sets the bounds: [`Bounds::body`], [`Bounds::bodies`], [`Bounds::requests`] and [`Bounds::listeners`] have a meaning here.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Mcp {
        self.bounds = bounds;
        self
    }

    /// Tells the client that the tools have changed, each time that `changes` does.
    #[must_use]
    pub fn changes(mut self, changes: watch::Receiver<()>) -> Mcp {
        self.changes = Some(changes);
        self
    }

    /// Answers the client until it ends its stream or `stop` is ready. Calls under way then have some seconds to end, and are
    /// dropped.
    ///
    /// # Errors
    ///
    /// The client and the server do not agree on a version of the protocol, or the client takes no answers.
    pub async fn run<R, W>(
        mut self,
        read: R,
        write: W,
        stop: impl Future<Output = ()>,
    ) -> Result<(), McpError>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        if let Some(changes) = &mut self.changes {
            // No client knows the tools of before.
            changes.mark_unchanged();
        }
        let most = self.bounds.listeners;
        let shared = Arc::new(Shared::new(self.catalog, Arc::new(self.bounds)));
        let streams = Stdio::new(Arc::clone(&shared), read, write);
        let changes = self.changes.clone();
        let handler = Handler::of_one(shared, changes.map(|it| Changes::new(it, most)));
        let mut stop = pin!(stop);
        let session = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            session = rmcp::serve_server(handler, streams) => session,
        };
        let session = match session {
            Ok(session) => session,
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(McpError(escape::line(&error.to_string()).into_owned())),
        };
        let peer = session.peer().clone();
        let told = self
            .changes
            .map(|changes| tokio::spawn(tell(peer, changes)));
        let end = session.cancellation_token();
        let mut ended = pin!(session.waiting());
        tokio::select! {
            _ = &mut ended => {}
            () = stop => {
                end.cancel();
                let _ = timeout(END, ended).await;
            }
        }
        if let Some(told) = told {
            told.abort();
        }
        Ok(())
    }
}

/// Tells a client of changes that opened its session by `initialize`. Others ask for them by a request.
async fn tell(peer: Peer<RoleServer>, mut changes: watch::Receiver<()>) {
    while changes.changed().await.is_ok() {
        if peer.peer_info().is_some() && peer.notify_tool_list_changed().await.is_err() {
            break;
        }
    }
}

impl fmt::Debug for Mcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mcp");
        shown.field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
