//! The connection to the collector: one for each message, over the HTTP and the TLS that the program has linked already.

use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::EXPORT;

/// Bytes of an answer that are read: it has at most a sentence.
const MAX_ANSWER: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct Client {
    tls: OnceLock<Arc<ClientConfig>>,
    trouble: Trouble,
}

/// The reason for which the last message was not sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble(Arc<Mutex<String>>);

impl Trouble {
    pub(super) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, why: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = timeout(EXPORT, self.exchange(request)).await;
        let answer = answer.unwrap_or_else(|_| Err("no answer in time".into()));
        match &answer {
            Ok(answer) => self
                .trouble
                .set(format!("its status is {}", answer.status())),
            Err(error) => self.trouble.set(error.to_string()),
        }
        answer
    }
}

impl Client {
    pub(super) fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let uri = request.uri().clone();
        let host = uri.host().ok_or("no host")?;
        let is_tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        // An address of IPv6 is in brackets.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, port)).await?;
        if !is_tls {
            return send(stream, &uri, request).await;
        }
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TlsConnector::from(self.tls()?)
            .connect(name, stream)
            .await?;
        send(stream, &uri, request).await
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, HttpError> {
        if let Some(known) = self.tls.get() {
            return Ok(Arc::clone(known));
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    uri: &Uri,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut request = request.map(Full::new);
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = HeaderValue::from_str(authority)?;
    let _ = request.headers_mut().try_insert(HOST, host)?;
    *request.uri_mut() = Uri::try_from(uri.path())?;
    let mut answer = pin!(async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    });
    tokio::select! {
        answer = &mut answer => answer,
        // The answer may have come whole before.
        _ = connection => answer.await,
    }
}
