//! The one way out: looks a host up once, decides on every address it has, and dials the one that was
//! decided on. Our `http` goes through here, and whatever else may come to speak HTTP.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tollgate_policy::{Credential, Grants, HttpGrant, Reason, SecretSource, Target, egress};

use crate::error::LoadError;

/// How long one address may take to answer before the next one is tried: a host with a dead IPv6 address
/// is still reached within the default deadline.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// The most that the head of a response may take, in bytes and in headers. Servers send a few KiB.
const HEAD_BYTES: usize = 64 << 10;
const HEAD_FIELDS: usize = 128;

/// Looks up the addresses of a host.
pub trait Resolver: Send + Sync {
    /// Every address of `host`.
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;
}

/// The system's resolver.
struct System;

impl Resolver for System {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Why a request got no response.
pub(crate) enum Trouble {
    /// The policy denies it.
    Denied(Reason),
    /// The host cannot be reached, or does not speak HTTP. Names nothing that the guest did not.
    Unavailable(&'static str),
}

/// What every request of a runtime shares. It holds no connections: each request dials, because what was
/// decided for one grant is not decided for another.
pub(crate) struct Egress {
    resolver: Arc<dyn Resolver>,
    certificates: Vec<Vec<u8>>,
    tls: OnceLock<Arc<rustls::ClientConfig>>,
}

impl Egress {
    pub(crate) fn new(resolver: Option<Arc<dyn Resolver>>, certificates: Vec<Vec<u8>>) -> Egress {
        Egress {
            resolver: resolver.unwrap_or_else(|| Arc::new(System)),
            certificates,
            tls: OnceLock::new(),
        }
    }

    /// Sends one request and returns the head of the response, its body still to be read. Redirects are
    /// the caller's: each is a request of its own.
    pub(crate) async fn send(
        &self,
        grant: &HttpGrant,
        method: Method,
        target: &Target,
        headers: HeaderMap,
    ) -> Result<Reply, Trouble> {
        let addresses = self.addresses(grant, target).await?;
        let stream = dial(&addresses).await?;
        if target.is_https() {
            let name = ServerName::try_from(target.host().to_owned())
                .map_err(|_| Trouble::Unavailable("the host has no name to be verified by"))?;
            let stream = tokio_rustls::TlsConnector::from(self.tls())
                .connect(name, stream)
                .await
                .map_err(|_| Trouble::Unavailable("no encrypted connection could be made"))?;
            exchange(TokioIo::new(stream), method, target, headers).await
        } else {
            exchange(TokioIo::new(stream), method, target, headers).await
        }
    }

    /// Looks the host up once. If any of its addresses is denied, all of them are: which one is dialled
    /// is not for the name's owner to choose.
    async fn addresses(
        &self,
        grant: &HttpGrant,
        target: &Target,
    ) -> Result<Vec<SocketAddr>, Trouble> {
        let found = match target.address() {
            Some(address) => vec![address],
            None => self
                .resolver
                .resolve(target.host())
                .await
                .map_err(|_| Trouble::Unavailable("the host's name could not be looked up"))?,
        };
        for address in &found {
            egress::address(*address, grant.private).map_err(Trouble::Denied)?;
        }
        let socket = |address| SocketAddr::new(address, target.port());
        Ok(found.into_iter().map(socket).collect())
    }

    fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(self.tls.get_or_init(|| {
            let mut roots = rustls::RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            let own = self.certificates.iter().cloned().map(CertificateDer::from);
            roots.add_parsable_certificates(own);
            let config = rustls::ClientConfig::builder_with_provider(Arc::new(
                rustls::crypto::ring::default_provider(),
            ));
            // The provider supports the default versions; were it not so, no connection would be made.
            let config = match config.with_safe_default_protocol_versions() {
                Ok(config) => config.with_root_certificates(roots).with_no_client_auth(),
                Err(error) => {
                    tracing::error!(%error, "TLS cannot be set up");
                    rustls::ClientConfig::builder()
                        .with_root_certificates(rustls::RootCertStore::empty())
                        .with_no_client_auth()
                }
            };
            Arc::new(config)
        }))
    }
}

/// The first address that answers.
async fn dial(addresses: &[SocketAddr]) -> Result<TcpStream, Trouble> {
    for address in addresses {
        let connected = tokio::time::timeout(CONNECT_TIME, TcpStream::connect(address)).await;
        if let Ok(Ok(stream)) = connected {
            return Ok(stream);
        }
    }
    Err(Trouble::Unavailable("the host does not answer"))
}

/// A response whose body is still to be read. Dropping it closes the connection.
pub(crate) struct Reply {
    pub(crate) response: Response<Incoming>,
    connection: Connection,
}

impl Reply {
    /// The next piece of the body.
    pub(crate) async fn frame(&mut self) -> Option<Result<Frame<Bytes>, hyper::Error>> {
        let Reply {
            response,
            connection,
        } = self;
        connection.drive(response.body_mut().frame()).await
    }
}

/// The work of a connection, done while something is awaited from it and at no other time: not a task of
/// its own, so that a call that ends takes it along at once, whoever drives the runtime afterwards.
struct Connection {
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
}

async fn exchange<S>(
    stream: S,
    method: Method,
    target: &Target,
    mut headers: HeaderMap,
) -> Result<Reply, Trouble>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let unavailable = |_| Trouble::Unavailable("the host does not speak HTTP as it should");
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .handshake(stream)
        .await
        .map_err(unavailable)?;
    let mut connection = Connection {
        // Its errors reach whoever waits for the response.
        work: Box::pin(async move { drop(connection.await) }),
        done: false,
    };
    let bad = |_| Trouble::Denied(Reason::BadUrl);
    let host = HeaderValue::try_from(target.authority()).map_err(bad)?;
    headers.insert(http::header::HOST, host);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method;
    *request.uri_mut() = http::Uri::try_from(target.path_and_query())
        .map_err(|_| Trouble::Denied(Reason::BadUrl))?;
    *request.headers_mut() = headers;
    let response = connection
        .drive(sender.send_request(request))
        .await
        .map_err(unavailable)?;
    Ok(Reply {
        response,
        connection,
    })
}

/// The secrets of a policy, one place for each of its HTTP grants. Never shown, and wiped when dropped.
pub(crate) struct Secrets(Vec<Option<Secret>>);

/// A header that the host adds.
pub(crate) struct Secret {
    pub(crate) header: HeaderName,
    value: SecretString,
    /// The part of it that is secret, without the prefix.
    bare: SecretString,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.header)
    }
}

impl Secrets {
    /// Reads every secret that `grants` names, when a provider is loaded.
    pub(crate) fn read(grants: &Grants) -> Result<Secrets, LoadError> {
        let read = |grant: &HttpGrant| match &grant.credential {
            Some(credential) => {
                Secret::read(credential)
                    .map(Some)
                    .map_err(|(place, why)| LoadError::Secret {
                        url: grant.url.clone(),
                        place,
                        why,
                    })
            }
            None => Ok(None),
        };
        grants
            .http
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Secrets)
    }

    pub(crate) fn of(&self, index: usize) -> Option<&Secret> {
        self.0.get(index)?.as_ref()
    }
}

impl Secret {
    fn read(credential: &Credential) -> Result<Secret, (String, String)> {
        let (place, text) = match &credential.source {
            SecretSource::Env(name) => {
                let place = format!("the environment variable `{name}`");
                match std::env::var(name) {
                    Ok(text) => (place, text),
                    Err(std::env::VarError::NotPresent) => {
                        return Err((place, "is not set".to_owned()));
                    }
                    Err(_) => return Err((place, "is not UTF-8".to_owned())),
                }
            }
            SecretSource::File(path) => {
                let place = format!("the file {}", path.display());
                match read_file(path) {
                    Ok(text) => (place, text),
                    Err(error) => return Err((place, error.to_string())),
                }
            }
        };
        let bare = text.trim_end_matches(['\r', '\n']);
        if bare.is_empty() {
            return Err((place, "is empty".to_owned()));
        }
        let whole = format!("{}{bare}", credential.prefix);
        let header = HeaderName::try_from(&credential.header)
            .map_err(|_| (place.clone(), "has a bad header".to_owned()))?;
        if HeaderValue::try_from(&whole).is_err() {
            return Err((
                place,
                "holds what no header can, such as a line break".to_owned(),
            ));
        }
        Ok(Secret {
            header,
            value: whole.into(),
            bare: bare.to_owned().into(),
        })
    }

    /// Puts it into the headers of a request, marked so that nothing prints it.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        if let Ok(mut value) = HeaderValue::try_from(self.value.expose_secret()) {
            value.set_sensitive(true);
            headers.insert(self.header.clone(), value);
        }
    }

    /// Whether `bytes` hold the secret: a server that sends it back would hand it to the guest.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        let secret = self.bare.expose_secret().as_bytes();
        bytes.windows(secret.len()).any(|window| window == secret)
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    /// The longest header that servers commonly take.
    const LONGEST: u64 = 8 << 10;
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(io::Error::other("is not a regular file of at most 8 KiB"));
    }
    std::fs::read_to_string(path)
}
