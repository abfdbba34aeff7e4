//! `wasi:http`: the resources of wasmtime over our way out. Each request is admitted like one of
//! `tollgate:provider/http`. Redirects are returned to the guest, and its next request is decided on like any other.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderName, Request, Response, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body, Bytes, Frame, Incoming};
use tokio::time::{Sleep, sleep, timeout};
use tollgate_policy::{Reason, Target, decide, grants::http::is_reserved};
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks,
};

use tollgate_capability::http::connect::{RequestFailure, Unreachable, exchange};
use tollgate_capability::http::credential::SecretScanner;
use tollgate_capability::http::framing::declared_length;
use tollgate_capability::http::{AdmittedRequest, HttpClient};

/// The most that one `fields` may take of host memory, for names, values and their containers. Servers commonly refuse
/// a head of more than 8 KiB.
pub(super) const FIELDS: usize = 16 << 10;

/// The most that a guest writes to a body at once. Two such pieces wait for the network, whether or not the request has
/// been sent, so this times the `handles` limit bounds the data that a guest can park in the host.
pub(super) const PIECE: usize = 16 << 10;

type Work<T> = Box<dyn Future<Output = Result<T, Error>> + Send>;

pub(super) fn context() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(FIELDS);
    context
}

/// Headers that no guest may set or see. The length may be set: it is checked against the body, and written again.
fn is_forbidden(name: &HeaderName) -> bool {
    is_reserved(name.as_str()) && name != header::CONTENT_LENGTH
}

/// The client of a store in the form in which wasmtime sends requests.
pub(crate) struct HttpHooks(pub(super) HttpClient);

impl WasiHttpHooks for HttpHooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    // The egress sets the header, from the URL that was decided on.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PIECE
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Work<()>,
    ) -> Work<(Response<WasiBody>, Work<()>)> {
        let url = request.uri().to_string();
        let admitted = Target::parse(&url)
            .map_err(|reason| self.0.refuse(&url, reason))
            .and_then(|target| {
                let method = request.method().as_str();
                let pass = self.0.admit(method, &target, request.headers())?;
                Ok((pass, target))
            });
        Box::new(async move {
            let (pass, target) = admitted.map_err(refusal)?;
            send(pass, target, request, options.unwrap_or_default()).await
        })
    }
}

async fn send(
    pass: AdmittedRequest,
    target: Target,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<(Response<WasiBody>, Work<()>), Error> {
    let cap = pass.grant().map_err(refusal)?.max_body;
    let (parts, mut body) = request.into_parts();
    let too_large = Error::HttpRequestBodySize(Some(cap));
    let (method, mut headers) = (parts.method, parts.headers);
    let declared = declared_length(method.as_str(), &mut headers)
        .map_err(|reason| refusal(pass.refuse(target.as_str(), reason)))?;
    if declared.is_some_and(|length| length > cap) {
        pass.refuse(target.as_str(), Reason::Quota);
        return Err(too_large);
    }
    let body = match decide::body(method.as_str()) {
        Ok(()) => body,
        Err(reason) => match is_empty(&mut body).await? {
            true => Empty::new().map_err(|never| match never {}).boxed_unsync(),
            false => return Err(refusal(pass.refuse(target.as_str(), reason))),
        },
    };
    let pass = Arc::new(pass);
    if let Some(secret) = pass.secret() {
        let added = secret.add_to(&mut headers);
        added.map_err(|reason| refusal(pass.refuse(target.as_str(), reason)))?;
    }
    let over = Arc::new(AtomicBool::new(false));
    let body = Upload {
        body,
        left: cap,
        over: Arc::clone(&over),
        pass: Arc::clone(&pass),
        target: target.clone(),
    };

    let stream = within(options.connect_timeout, pass.connect(&target))
        .await
        .ok_or(Error::ConnectionTimeout)?
        .map_err(|trouble| failure(&pass, &target, trouble))?;
    let answer = exchange(stream, method, &target, headers, body);
    let reply = within(options.first_byte_timeout, answer)
        .await
        .ok_or(Error::ConnectionReadTimeout)?
        .map_err(|trouble| match over.load(Ordering::Relaxed) {
            true => too_large,
            false => failure(&pass, &target, trouble),
        })?;

    let (head, incoming) = reply.response.into_parts();
    if pass
        .secret()
        .is_some_and(|secret| secret.withholds(&head.headers))
    {
        return Err(refusal(
            pass.refuse(target.as_str(), Reason::SecretInResponse),
        ));
    }
    let download = Download {
        incoming,
        pass: Arc::clone(&pass),
        target,
        left: cap,
        cap,
        scanner: SecretScanner::default(),
        patience: options.between_bytes_timeout,
        timer: None,
        trailers: None,
    };
    if download.incoming.size_hint().lower() > cap {
        return Err(download.too_large());
    }
    let connection = reply.connection;
    let work: Work<()> = Box::new(async move {
        connection.run().await;
        // The connection stays open until here, whatever part of the response the guest keeps.
        drop(pass);
        Ok(())
    });
    Ok((Response::from_parts(head, download.boxed_unsync()), work))
}

/// The result of `work`, or `None` if it takes longer than the guest wants to wait. The deadline holds in any case.
async fn within<T>(patience: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match patience {
        Some(patience) => timeout(patience, work).await.ok(),
        None => Some(work.await),
    }
}

/// Whether the body of a request whose method takes none ends without a byte. A guest may make such a body and close it,
/// so its end is awaited before anything is sent.
async fn is_empty(body: &mut WasiBody) -> Result<bool, Error> {
    while let Some(frame) = body.frame().await {
        if frame?.data_ref().is_some_and(|data| !data.is_empty()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn failure(pass: &AdmittedRequest, target: &Target, trouble: RequestFailure) -> Error {
    match trouble {
        RequestFailure::Denied(reason) => refusal(pass.refuse(target.as_str(), reason)),
        RequestFailure::DeniedAddress(reason, address) => {
            refusal(pass.refuse_address(target, reason, address))
        }
        RequestFailure::Unreachable(Unreachable::Name) => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        RequestFailure::Unreachable(Unreachable::Silent) => Error::DestinationUnavailable,
        RequestFailure::Unreachable(Unreachable::Tls) => Error::TlsProtocolError,
        RequestFailure::Unreachable(Unreachable::Protocol) => Error::HttpProtocolError,
    }
}

fn refusal(reason: Reason) -> Error {
    match reason {
        Reason::PrivateAddress | Reason::PublicAddress => Error::DestinationIpProhibited,
        Reason::TooManyRequests | Reason::TooManyConnections | Reason::TooManyOpenFiles => {
            Error::ConnectionLimitReached
        }
        Reason::HeadTooLarge => Error::HttpRequestHeaderSectionSize(None),
        _ => Error::HttpRequestDenied,
    }
}

/// The body of a request, up to the grant's `max-body`.
struct Upload {
    body: WasiBody,
    left: u64,
    over: Arc<AtomicBool>,
    pass: Arc<AdmittedRequest>,
    target: Target,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let length = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        match self.left.checked_sub(length as u64) {
            Some(left) => {
                self.left = left;
                Poll::Ready(frame)
            }
            None => {
                // Noted here, since the upload may continue after the response has come, when no caller waits for it.
                if !self.over.swap(true, Ordering::Relaxed) {
                    self.pass.refuse(self.target.as_str(), Reason::Quota);
                }
                Poll::Ready(Some(Err(Error::HttpRequestBodySize(None))))
            }
        }
    }

    // Forwarded, so that a request without a body is sent as one. The length of a body is stated by the guest or not at
    // all.
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// The body of a response, up to the grant's `max-body`, and up to the secret if the server echoes it.
struct Download {
    incoming: Incoming,
    pass: Arc<AdmittedRequest>,
    target: Target,
    left: u64,
    cap: u64,
    scanner: SecretScanner,
    patience: Option<Duration>,
    /// Runs while the body waits for a piece.
    timer: Option<Pin<Box<Sleep>>>,
    /// The trailers, kept until the held-back part of the body is delivered.
    trailers: Option<Frame<Bytes>>,
}

impl Download {
    /// The part of a piece that the guest receives.
    fn judge(&mut self, data: Bytes) -> Result<Bytes, Error> {
        match self.left.checked_sub(data.len() as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(self.too_large());
            }
        }
        let Some(secret) = self.pass.secret() else {
            return Ok(data);
        };
        self.scanner.scan(secret, data).ok_or_else(|| self.found())
    }

    fn too_large(&self) -> Error {
        self.pass.refuse(self.target.as_str(), Reason::Quota);
        Error::HttpResponseBodySize(Some(self.cap))
    }

    fn found(&self) -> Error {
        refusal(
            self.pass
                .refuse(self.target.as_str(), Reason::SecretInResponse),
        )
    }

    /// The end of the body, with trailers or without.
    fn end(&mut self, trailers: Option<Frame<Bytes>>) -> Option<Result<Frame<Bytes>, Error>> {
        let among = |frame: &Frame<Bytes>| {
            let headers = frame.trailers_ref();
            let secret = self.pass.secret();
            headers
                .zip(secret)
                .is_some_and(|(headers, secret)| secret.withholds(headers))
        };
        if trailers.as_ref().is_some_and(among) {
            return Some(Err(self.found()));
        }
        let rest = self.scanner.finish();
        if rest.is_empty() {
            return trailers.map(Ok);
        }
        self.trailers = trailers;
        Some(Ok(Frame::data(rest)))
    }

    /// The next piece, unless it takes longer than the guest wants to wait.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Error>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            self.timer = None;
            let frame = frame.transpose();
            return Poll::Ready(frame.map_err(|_| Error::HttpResponseIncomplete));
        }
        let Some(patience) = self.patience else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(Error::ConnectionReadTimeout))
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(trailers)));
        }
        loop {
            let judged = match ready!(self.poll_piece(cx))?.map(Frame::into_data) {
                Some(Ok(data)) => self.judge(data)?,
                Some(Err(trailers)) => return Poll::Ready(self.end(Some(trailers))),
                None => return Poll::Ready(self.end(None)),
            };
            // A piece that is wholly held back is not delivered as an empty one.
            if !judged.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(judged))));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#[path = "look_up_tests.rs"]
mod tests;
