//! The one way out: looks a host up once, decides on every address of it, and dials one that was allowed. Our `http`
//! and `wasi:http` both go through here.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tollgate_policy::{HttpGrant, Reason, Target, decide};

use super::framing::{self, HEAD_BYTES, HEAD_FIELDS};
use super::pace::{Duplex, Head, Paced};
use super::tls::Tls;

/// The time that one address may take to answer before the next one is tried: a host with a dead IPv6 address is still
/// reached within the default deadline.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// The addresses of one host that are tried. All of them are decided on, however many they are.
const MAX_DIALS: usize = 8;

/// Look-ups by the system that a runtime has under way at the same time. Each holds a thread until the resolver gives
/// up, even when no caller waits for it. The limit leaves most of tokio's 512 threads to other work.
pub const MAX_LOOK_UPS: usize = 32;

/// Looks up the addresses of a host.
pub trait Resolver: Send + Sync {
    /// Every address of `host`.
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

    /// As [`resolve`](Self::resolve), and drops `held` when the look-up has ended: it is the provider's part of all
    /// look-ups. A resolver whose work continues when its future is dropped implements this and takes `held` with the
    /// work.
    fn resolve_holding<'a>(
        &'a self,
        host: &'a str,
        held: Held,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let found = self.resolve(host).await;
            drop(held);
            found
        })
    }
}

/// The part of a provider in the look-ups of its runtime, taken while one is under way.
pub struct Held {
    _part: Option<OwnedSemaphorePermit>,
}

/// The system's resolver. `getaddrinfo` cannot be cancelled, so a semaphore bounds concurrent look-ups. The blocking
/// thread releases the permit itself: it outlives a caller that gave up.
pub struct SystemResolver {
    permits: Arc<Semaphore>,
    look_up: fn(&str) -> io::Result<Vec<IpAddr>>,
}

impl SystemResolver {
    /// Creates a resolver that calls `look_up` on a thread that may block.
    pub fn new(look_up: fn(&str) -> io::Result<Vec<IpAddr>>) -> SystemResolver {
        SystemResolver {
            permits: Arc::new(Semaphore::new(MAX_LOOK_UPS)),
            look_up,
        }
    }
}

fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = (host, 0).to_socket_addrs()?;
    Ok(found.map(|address| address.ip()).collect())
}

impl Resolver for SystemResolver {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        self.resolve_holding(host, Held { _part: None })
    }

    fn resolve_holding<'a>(
        &'a self,
        host: &'a str,
        held: Held,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let permit = Arc::clone(&self.permits).acquire_owned().await;
            let permit = permit.map_err(io::Error::other)?;
            let (look_up, host) = (self.look_up, host.to_owned());
            let looked = tokio::task::spawn_blocking(move || {
                let found = look_up(&host);
                drop((permit, held));
                found
            });
            looked.await.map_err(io::Error::other)?
        })
    }
}

/// Reasons for which a request has no response.
pub enum RequestFailure {
    /// The policy denies it.
    Denied(Reason),
    /// The policy denies this address of its host.
    DeniedAddress(Reason, IpAddr),
    /// The host cannot be reached.
    Unreachable(Unreachable),
}

/// Reasons for which a host cannot be reached. They name nothing that the guest did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreachable {
    #[error("the host's name could not be looked up")]
    /// The name has no address.
    Name,
    #[error("the host does not answer")]
    /// No address answers.
    Silent,
    #[error("no encrypted connection could be made")]
    /// The TLS handshake fails.
    Tls,
    #[error("the host does not speak HTTP as it should")]
    /// The response is not HTTP, or its head is too large.
    Protocol,
}

impl From<Reason> for RequestFailure {
    fn from(reason: Reason) -> RequestFailure {
        RequestFailure::Denied(reason)
    }
}

impl From<Unreachable> for RequestFailure {
    fn from(why: Unreachable) -> RequestFailure {
        RequestFailure::Unreachable(why)
    }
}

/// A connection to an allowed address, with nothing sent yet.
pub struct Stream(Box<dyn Duplex>);

/// The state that all requests of a runtime share. It holds no connections: each request dials, because a decision for
/// one grant does not hold for another.
pub struct Egress {
    resolver: Arc<dyn Resolver>,
    tls: Tls,
}

impl Egress {
    /// Creates the egress with the system's resolver unless another one is given, and with these certificate
    /// authorities, in DER, beside the platform's.
    pub fn new(resolver: Option<Arc<dyn Resolver>>, certificates: Vec<Vec<u8>>) -> Egress {
        Egress {
            resolver: resolver.unwrap_or_else(|| Arc::new(SystemResolver::new(look_up))),
            tls: Tls::new(certificates),
        }
    }

    /// Reads now the files that requests would read later: the certificate authorities, for encrypted ones, and the
    /// parts of the system's resolver, for hosts with names. Afterwards the process needs only the resolver's own
    /// files.
    pub fn prepare(&self, encrypted: bool, names: bool) {
        if encrypted {
            self.tls.prepare();
        }
        if names {
            // A label longer than 63 bytes is no name: each part of the resolver is loaded and asked, and nothing is sent.
            drop(look_up(&"a".repeat(64)));
        }
    }

    /// Looks up the host of `target`, decides on its addresses and connects to one of them.
    pub async fn connect(
        &self,
        grant: &HttpGrant,
        target: &Target,
        look_ups: &Arc<Semaphore>,
    ) -> Result<Stream, RequestFailure> {
        let addresses = self.addresses(grant, target, look_ups).await?;
        let stream = Paced::new(dial(&addresses).await?);
        let stream = match target.is_https() {
            true => {
                let encrypted = self.tls.encrypt(target.host(), stream).await;
                encrypted.ok_or(Unreachable::Tls)?
            }
            false => Box::new(stream),
        };
        Ok(Stream(stream))
    }

    /// Looks the host up once. If any of its addresses is denied, all of them are: the owner of the name must not
    /// choose the one that is dialled.
    async fn addresses(
        &self,
        grant: &HttpGrant,
        target: &Target,
        look_ups: &Arc<Semaphore>,
    ) -> Result<Vec<SocketAddr>, RequestFailure> {
        let found = match target.address() {
            Some(address) => vec![address],
            None => {
                // Never closed.
                let part = Arc::clone(look_ups).acquire_owned().await.ok();
                let held = Held { _part: part };
                let found = self.resolver.resolve_holding(target.host(), held).await;
                found.map_err(|_| Unreachable::Name)?
            }
        };
        for address in &found {
            decide_on(*address, grant)?;
        }
        let socket = |address| SocketAddr::new(address, target.port());
        Ok(found.into_iter().map(socket).collect())
    }
}

/// Decides on one address.
pub(super) fn decide_on(address: IpAddr, grant: &HttpGrant) -> Result<(), RequestFailure> {
    let decision = decide::address(address, grant);
    decision.map_err(|reason| RequestFailure::DeniedAddress(reason, address))
}

/// Connects to the first address that answers, of at most [`MAX_DIALS`].
async fn dial(addresses: &[SocketAddr]) -> Result<TcpStream, Unreachable> {
    for address in addresses.iter().take(MAX_DIALS) {
        let connected = tokio::time::timeout(CONNECT_TIME, TcpStream::connect(address)).await;
        if let Ok(Ok(stream)) = connected {
            return Ok(stream);
        }
    }
    Err(Unreachable::Silent)
}

/// A response whose body is still to be read. Dropping it closes the connection.
pub struct Reply {
    /// Its head, and its body, which is still to be read.
    pub response: Response<Incoming>,
    /// The connection that carries the body.
    pub connection: Connection,
}

impl Reply {
    /// The next piece of the body.
    pub async fn frame(&mut self) -> Option<Result<Frame<Bytes>, hyper::Error>> {
        let Reply {
            response,
            connection,
        } = self;
        connection.drive(response.body_mut().frame()).await
    }
}

/// The work of a connection, done only while something is awaited from it. It is not a task of its own, so a call that
/// ends drops it at once, even when the runtime is not driven afterwards.
pub struct Connection {
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    done: bool,
}

impl Connection {
    async fn drive<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        let mut wanted = pin!(wanted);
        poll_fn(|cx| {
            if !self.done {
                self.done = self.work.as_mut().poll(cx).is_ready();
            }
            wanted.as_mut().poll(cx)
        })
        .await
    }

    /// Does the work by itself, for a body that is sent while another is received.
    pub async fn run(self) {
        if !self.done {
            self.work.await;
        }
    }
}

/// Sends one request and returns the head of the response; the body is still to be read. Redirects are left to the
/// caller: each is a request of its own. The connection closes after it.
pub async fn exchange<B>(
    Stream(stream): Stream,
    method: Method,
    target: &Target,
    mut headers: HeaderMap,
    body: B,
) -> Result<Reply, RequestFailure>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    framing::seal(method.as_str(), &mut headers, &body)?;
    let wrong = |_| Unreachable::Protocol;
    let (head, stream) = Head::of(stream);
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(wrong)?;
    let mut connection = Connection {
        // Its errors reach the caller, which waits for the response.
        work: Box::pin(async move { drop(connection.await) }),
        done: false,
    };
    let host = HeaderValue::try_from(target.authority()).map_err(|_| Reason::BadUrl)?;
    framing::set(&mut headers, http::header::HOST, host)?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() =
        http::Uri::try_from(target.path_and_query()).map_err(|_| Reason::BadUrl)?;
    *request.headers_mut() = headers;
    let mut answer = pin!(sender.send_request(request));
    let answer = poll_fn(|cx| match answer.as_mut().poll(cx) {
        // All permitted bytes are read, and they contain no head: the server may send informational responses without
        // end.
        Poll::Pending if head.is_used_up() => Poll::Ready(Err(Unreachable::Protocol)),
        polled => polled.map_err(wrong),
    });
    let response = connection.drive(answer).await?;
    head.is_there();
    Ok(Reply {
        response,
        connection,
    })
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
