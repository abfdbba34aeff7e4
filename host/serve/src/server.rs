//! Connections: accepted, bounded, ended.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tollgate::Catalog;

use crate::audit_log::AuditLog;
use crate::bounds::Bounds;
use crate::connection;
use crate::elsewhere::Elsewhere;
use crate::metrics::Metrics;
use crate::router::Router;
use crate::routes::Routes;
use crate::shared::Shared;
use crate::tls::Tls;
use crate::tokens::Tokens;
use crate::traces::Traces;

/// The pause after an error of accepting, such as too many open files, so that it does not take the processor.
const PAUSE: Duration = Duration::from_millis(50);

/// The time for connections that are cut.
const LAST: Duration = Duration::from_secs(1);

/// Providers behind HTTP; see the [crate](crate).
pub struct Server {
    catalog: Arc<dyn Catalog>,
    policies: BTreeMap<String, Arc<dyn Catalog>>,
    elsewhere: Option<Arc<dyn Elsewhere>>,
    bounds: Bounds,
    changes: Option<watch::Receiver<()>>,
    tokens: Option<Tokens>,
    routes: Routes,
    tls: Option<Tls>,
    metrics: Option<Metrics>,
    audit: Option<AuditLog>,
    traces: Option<Traces>,
}

/// The reason why a server did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// It would be open to everybody who reaches this address.
    #[error(
        "{address}: not a loopback address, and callers need neither a token nor a certificate; listen on 127.0.0.1, or \
         set tokens"
    )]
    Open {
        /// The address of the listener.
        address: SocketAddr,
    },
    /// The listener does not work.
    #[error("listening: {0}")]
    Listen(#[from] io::Error),
}

/// The end of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Connections that were ended before their requests were, as [`Bounds::drain`] was over.
    pub cut: usize,
}

impl Server {
    /// A server of these providers, with the default bounds, for callers on this machine.
    pub fn new(catalog: impl Catalog + 'static) -> Server {
        Server {
            catalog: Arc::new(catalog),
            policies: BTreeMap::new(),
            elsewhere: None,
            bounds: Bounds::default(),
            changes: None,
            tokens: None,
            routes: Routes::default(),
            tls: None,
            metrics: None,
            audit: None,
            traces: None,
        }
    }

    /// Sets the bounds.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Server {
        self.bounds = bounds;
        self
    }

    /// Tells the clients of MCP that wait for it that the tools have changed, each time that `changes` does.
    #[must_use]
    pub fn changes(mut self, changes: watch::Receiver<()>) -> Server {
        self.changes = Some(changes);
        self
    }

    /// Lets in the callers that have one of these tokens, and nobody else.
    #[must_use]
    pub fn tokens(mut self, tokens: Tokens) -> Server {
        self.tokens = Some(tokens);
        self
    }

    /// Sets the providers of callers whose line of the tokens has `policies=NAME`: the same components under other policies, such
    /// as a folder watched with [`WatchOptions::policies`](tollgate::watch::WatchOptions::policies). Such a caller sees no others, and
    /// none at all while its name has none.
    #[must_use]
    pub fn policies(mut self, name: &str, catalog: impl Catalog + 'static) -> Server {
        self.policies.insert(name.to_owned(), Arc::new(catalog));
        self
    }

    /// Has the calls of all providers made elsewhere. The catalog then has their types and limits alone; it answers no requests of
    /// `wasi:http`, and no one to ask.
    #[must_use]
    pub fn elsewhere(mut self, elsewhere: impl Elsewhere + 'static) -> Server {
        self.elsewhere = Some(Arc::new(elsewhere));
        self
    }

    /// Sets the host names and paths at which components of `wasi:http/proxy` answer, beside `/http/NAME/`. Nothing else is at a host
    /// name of a route. A server without tokens answers requests for these host names, too.
    #[must_use]
    pub fn routes(mut self, routes: Routes) -> Server {
        self.routes = routes;
        self
    }

    /// Speaks TLS, and nothing else.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Server {
        self.tls = Some(tls);
        self
    }

    /// Serves these numbers at `/metrics`. The runtime of the providers is to have them as its observer.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Server {
        self.metrics = Some(metrics);
        self
    }

    /// Writes each request to this log, with the name of its caller. The runtime of the providers is to have the log as its
    /// observer, for loads, calls and decisions.
    #[must_use]
    pub fn audit(mut self, audit: AuditLog) -> Server {
        self.audit = Some(audit);
        self
    }

    /// Traces each request of a caller that is let in: its calls belong to the trace that its `traceparent` names. The runtime of the
    /// providers is to have the traces as its observer, for loads, calls and decisions.
    #[cfg(feature = "otlp")]
    #[must_use]
    pub fn traces(mut self, traces: Traces) -> Server {
        self.traces = Some(traces);
        self
    }

    /// Serves until `stop` is ready. Then it accepts no connection any more, and requests under way have
    /// [`Bounds::drain`] to end; the calls of those that are left are dropped.
    ///
    /// # Errors
    ///
    /// The listener does not work, or is on an address that is no loopback address while callers need neither a token nor a certificate.
    pub async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<Drained, ServeError> {
        let Server {
            catalog,
            policies,
            elsewhere,
            bounds,
            changes,
            tokens,
            routes,
            tls,
            metrics,
            audit,
            traces,
        } = self;
        let address = listener.local_addr()?;
        let has_clients = tls.as_ref().is_some_and(|tls| tls.has_clients);
        if tokens.is_none() && !has_clients && !address.ip().is_loopback() {
            return Err(ServeError::Open { address });
        }
        let bounds = Arc::new(bounds);
        if let (Some(traces), Some(metrics)) = (&traces, &metrics) {
            traces.count_in(metrics);
        }
        let mut shared = Shared::new(catalog, Arc::clone(&bounds)).under(policies);
        shared.elsewhere = elsewhere;
        let router = Arc::new(Router::new(
            Arc::new(shared),
            changes,
            tokens,
            routes,
            metrics.clone(),
            audit,
            traces,
        ));
        let places = Arc::new(Semaphore::new(
            bounds.connections.clamp(1, Semaphore::MAX_PERMITS),
        ));
        let (end, ending) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = async {
                // Before a connection is accepted, so that those beyond wait in the queue of the system.
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = accepted => accepted,
            };
            let (Ok(place), Ok((stream, _))) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (router, bounds) = (Arc::clone(&router), Arc::clone(&bounds));
            let (tls, ending) = (tls.clone(), ending.clone());
            let connected = metrics.as_ref().map(Metrics::connected);
            connections.spawn(async move {
                connection::serve(stream, tls, router, &bounds, ending).await;
                drop((place, connected));
            });
            // Those that have ended.
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        router.drain();
        let _ = end.send(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        let _ = timeout(bounds.drain, ended).await;
        let cut = connections.len();
        // A thread that is blocked, by a file system for example, does not hold up the end.
        let _ = timeout(LAST, connections.shutdown()).await;
        Ok(Drained { cut })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Server {
            bounds,
            tokens,
            routes,
            ..
        } = self;
        let mut shown = f.debug_struct("Server");
        shown.field("bounds", bounds).field("tokens", tokens);
        shown.field("routes", routes);
        shown.finish_non_exhaustive()
    }
}
