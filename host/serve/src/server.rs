//! Connections: accepted, bounded, ended.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tollgate::Catalog;

use crate::bounds::Bounds;
use crate::metrics::Metrics;
use crate::router::Router;
use crate::routes::Routes;
use crate::stalls::Stalls;
use crate::tokens::Tokens;

/// The pause after an error of accepting, such as too many open files, so that it does not take the processor.
const PAUSE: Duration = Duration::from_millis(50);

/// The least size of the buffer of a connection that hyper takes.
const MIN_HEAD: usize = 8 << 10;

/// Providers behind HTTP; see the [crate](crate).
pub struct Server {
    catalog: Arc<dyn Catalog>,
    bounds: Bounds,
    tokens: Option<Tokens>,
    routes: Routes,
    metrics: Option<Metrics>,
}

/// The reason why a server did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// It would be open to everybody who reaches this address.
    #[error(
        "{address}: not a loopback address, and no tokens are set; listen on 127.0.0.1, or set tokens"
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
            bounds: Bounds::default(),
            tokens: None,
            routes: Routes::default(),
            metrics: None,
        }
    }

    /// Sets the bounds.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Server {
        self.bounds = bounds;
        self
    }

    /// Lets in the callers that have one of these tokens, and nobody else.
    #[must_use]
    pub fn tokens(mut self, tokens: Tokens) -> Server {
        self.tokens = Some(tokens);
        self
    }

    /// Sets the host names and paths at which components of `wasi:http/proxy` answer, beside `/http/NAME/`. Nothing else is at a host
    /// name of a route. A server without tokens answers requests for these host names, too.
    #[must_use]
    pub fn routes(mut self, routes: Routes) -> Server {
        self.routes = routes;
        self
    }

    /// Serves these numbers at `/metrics`. The runtime of the providers is to have them as its observer.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Server {
        self.metrics = Some(metrics);
        self
    }

    /// Serves until `stop` is ready. Then it accepts no connection any more, and requests under way have
    /// [`Bounds::drain`] to end; the calls of those that are left are dropped.
    ///
    /// # Errors
    ///
    /// The listener does not work, or is on an address that is no loopback address while no tokens are set.
    pub async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<Drained, ServeError> {
        let Server {
            catalog,
            bounds,
            tokens,
            routes,
            metrics,
        } = self;
        let address = listener.local_addr()?;
        if tokens.is_none() && !address.ip().is_loopback() {
            return Err(ServeError::Open { address });
        }
        let bounds = Arc::new(bounds);
        let router = Arc::new(Router::new(
            catalog,
            Arc::clone(&bounds),
            tokens,
            routes,
            metrics.clone(),
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
            let ending = ending.clone();
            let connected = metrics.as_ref().map(Metrics::connected);
            connections.spawn(async move {
                connection(stream, router, &bounds, ending).await;
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
        connections.shutdown().await;
        Ok(Drained { cut })
    }
}

async fn connection(
    stream: TcpStream,
    router: Arc<Router>,
    bounds: &Bounds,
    mut ending: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let router = Arc::clone(&router);
        async move { Ok::<_, Infallible>(router.answer(request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head_time)
        .max_headers(bounds.headers)
        .max_buf_size(bounds.head.max(MIN_HEAD))
        // A client that goes away drops its call.
        .half_close(false);
    let io = TokioIo::new(Stalls::new(stream, bounds.write_time));
    let mut served = pin!(http.serve_connection(io, service));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = async { let _ = ending.wait_for(|ending| *ending).await; } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
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
