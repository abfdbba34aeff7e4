//! One connection: TLS, the version of HTTP, its bounds and its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use ring::digest::{SHA256, digest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::bounds::Bounds;
use crate::caller::Peer;
use crate::paced::{Answers, PIECE};
use crate::router::Router;
use crate::stalls::Stalls;
use crate::tls::Tls;

/// The least size of the buffer of a connection that hyper takes.
const MIN_HEAD: usize = 8 << 10;

/// The start of HTTP/2 without TLS (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The pause before the first bytes of a connection are looked at again.
const LOOK: Duration = Duration::from_millis(20);

/// The interval at which a connection of HTTP/2 is looked at.
const WATCH: Duration = Duration::from_millis(100);

/// Bytes of bodies that one connection of HTTP/2 may send before they are read.
const WINDOW: u32 = 256 << 10;

/// Streams that a client may open and take back before they are handled, and that it may make the server end, before the
/// connection ends (CVE-2023-44487, CVE-2025-8671).
const RESETS: usize = 20;

/// Serves a connection to its end.
pub(crate) async fn serve(
    stream: TcpStream,
    tls: Option<Tls>,
    router: Arc<Router>,
    bounds: &Bounds,
    ending: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let mut ends = ending.clone();
    let ended = async move {
        let _ = ends.wait_for(|ending| *ending).await;
    };
    let begun = begin(stream, tls, bounds);
    // One that has sent nothing yet does not hold up the end.
    let begun = tokio::select! {
        begun = begun => begun,
        () = ended => None,
    };
    match begun {
        Some(Begun::Plain(stream, version)) => {
            http(stream, version, Peer::default(), router, bounds, ending).await;
        }
        Some(Begun::Tls(stream, version, peer)) => {
            http(*stream, version, peer, router, bounds, ending).await;
        }
        None => {}
    }
}

/// A connection whose version of HTTP is known.
enum Begun {
    Plain(Stalls, Version),
    Tls(Box<TlsStream<Stalls>>, Version, Peer),
}

async fn begin(stream: TcpStream, tls: Option<Tls>, bounds: &Bounds) -> Option<Begun> {
    let Some(tls) = tls else {
        let version = version(&stream, bounds.head_time).await?;
        return Some(Begun::Plain(
            Stalls::new(stream, bounds.write_time),
            version,
        ));
    };
    let stream = Stalls::new(stream, bounds.write_time);
    let accepted = TlsAcceptor::from(tls.config).accept(stream);
    let stream = match timeout(bounds.head_time, accepted).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS");
            return None;
        }
        Err(_) => return None,
    };
    let (_, session) = stream.get_ref();
    let version = match session.alpn_protocol() {
        Some(b"h2") => Version::HTTP_2,
        _ => Version::HTTP_11,
    };
    let certificate = session.peer_certificates().and_then(|chain| chain.first());
    let peer = Peer {
        is_tls: true,
        certificate: certificate.map(|it| {
            let digest = digest(&SHA256, it);
            let hex: String = digest
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            hex.into()
        }),
    };
    Some(Begun::Tls(Box::new(stream), version, peer))
}

/// The version of HTTP that the client speaks without TLS, if it says so in time.
async fn version(stream: &TcpStream, most: Duration) -> Option<Version> {
    let look = async {
        let mut start = [0; PREFACE.len()];
        loop {
            let bytes = stream.peek(&mut start).await.ok()?;
            let start = start.get(..bytes)?;
            if bytes == 0 {
                return None;
            }
            if start == PREFACE {
                return Some(Version::HTTP_2);
            }
            if !PREFACE.starts_with(start) {
                return Some(Version::HTTP_11);
            }
            sleep(LOOK).await;
        }
    };
    timeout(most, look).await.ok().flatten()
}

async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    version: Version,
    peer: Peer,
    router: Arc<Router>,
    bounds: &Bounds,
    ending: watch::Receiver<bool>,
) {
    let io = TokioIo::new(stream);
    // In boxes: a connection that has sent nothing takes the memory of neither.
    match version {
        Version::HTTP_2 => Box::pin(http_2(io, peer, router, bounds, ending)).await,
        _ => Box::pin(http_1(io, peer, router, bounds, ending)).await,
    }
}

async fn http_1<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    io: TokioIo<S>,
    peer: Peer,
    router: Arc<Router>,
    bounds: &Bounds,
    mut ending: watch::Receiver<bool>,
) {
    // In pieces, so that a body is there until nearly all of it has gone. The connection below sees what is not taken.
    let answers = Arc::new(Answers::default());
    let service = service_fn(|mut request: Request<Incoming>| {
        let (router, answers) = (Arc::clone(&router), Arc::clone(&answers));
        request.extensions_mut().insert(peer.clone());
        // In a box: hyper keeps the room of the future for as long as the connection lives.
        Box::pin(async move {
            let answer = router.answer(request).await;
            Ok::<_, Infallible>(answer.map(|body| answers.paced(body)))
        })
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head_time)
        .max_headers(bounds.headers)
        .max_buf_size(bounds.head.max(MIN_HEAD))
        // A client that goes away drops its call.
        .half_close(false);
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

async fn http_2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: TokioIo<S>,
    peer: Peer,
    router: Arc<Router>,
    bounds: &Bounds,
    mut ending: watch::Receiver<bool>,
) {
    let answers = Arc::new(Answers::default());
    let activity = Arc::new(Activity::default());
    let service = service_fn(|mut request: Request<Incoming>| {
        let (router, answers) = (Arc::clone(&router), Arc::clone(&answers));
        let active = Activity::begin(&activity);
        request.extensions_mut().insert(peer.clone());
        async move {
            let answer = router.answer(request).await;
            active.ends(answer.headers().contains_key(CONNECTION));
            let answer = answer.map(|body| answers.paced(body));
            drop(active);
            Ok::<_, Infallible>(answer)
        }
    });
    let streams = Streams::default();
    let mut http = http2::Builder::new(streams.clone());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(bounds.streams)
        .max_header_list_size(u32::try_from(bounds.head.max(MIN_HEAD)).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .initial_stream_window_size(WINDOW / 4)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(PIECE);
    let mut served = pin!(http.serve_connection(io, service));
    // Set once the connection takes no more requests.
    let mut last: Option<Instant> = None;
    loop {
        let ended = tokio::select! {
            ended = served.as_mut() => Some(ended),
            () = async { let _ = ending.wait_for(|ending| *ending).await; }, if last.is_none() => {
                served.as_mut().graceful_shutdown();
                last = Some(Instant::now());
                None
            }
            () = sleep(WATCH) => None,
        };
        if let Some(ended) = ended {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
            break;
        }
        if answers.are_stalled(bounds.write_time) {
            tracing::debug!("a client does not take its answers");
            break;
        }
        if last.is_none() && activity.ends.load(Ordering::Relaxed) {
            served.as_mut().graceful_shutdown();
            last = Some(Instant::now());
        }
        let idle = match answers.is_empty() {
            true => activity.idle(),
            false => None,
        };
        if idle.is_some_and(|idle| idle > bounds.head_time) {
            match last {
                None => {
                    served.as_mut().graceful_shutdown();
                    last = Some(Instant::now());
                }
                // The client neither ends the connection nor sends anything.
                Some(last) if last.elapsed() > bounds.head_time => break,
                Some(_) => {}
            }
        }
    }
    streams.end().await;
}

/// The requests of a connection that have no answer yet, and since when there is none.
struct Activity {
    active: AtomicUsize,
    since: Mutex<Instant>,
    /// Whether an answer says that the connection ends.
    ends: AtomicBool,
}

impl Default for Activity {
    fn default() -> Activity {
        Activity {
            active: AtomicUsize::new(0),
            since: Mutex::new(Instant::now()),
            ends: AtomicBool::new(false),
        }
    }
}

/// A request without an answer yet.
struct Active(Arc<Activity>);

impl Activity {
    fn begin(this: &Arc<Activity>) -> Active {
        this.active.fetch_add(1, Ordering::Relaxed);
        Active(Arc::clone(this))
    }

    /// The time since the last request was answered or dropped; `None` while there is one.
    fn idle(&self) -> Option<Duration> {
        if self.active.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        Some(since.elapsed())
    }
}

impl Active {
    fn ends(&self, ends: bool) {
        if ends {
            self.0.ends.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        *self.0.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The tasks of the streams of one connection, which end with it.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.spawn(stream);
        while streams.try_join_next().is_some() {}
    }
}

impl Streams {
    async fn end(self) {
        let streams = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams().abort_all();
        poll_fn(|cx| {
            let mut streams = streams();
            loop {
                match streams.poll_join_next(cx) {
                    std::task::Poll::Ready(Some(_)) => {}
                    std::task::Poll::Ready(None) => return std::task::Poll::Ready(()),
                    std::task::Poll::Pending => return std::task::Poll::Pending,
                }
            }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not even one whose client is there, when the server ends the connection.
    #[tokio::test]
    async fn no_stream_outlives_its_connection() {
        let (streams, held) = (Streams::default(), Arc::new(()));
        for _ in 0..3 {
            let held = Arc::clone(&held);
            streams.execute(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
        }
        assert_eq!(Arc::strong_count(&held), 4);
        streams.end().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
