//! `wasi:http`: the resources of wasmtime over our way out. Each request is admitted like one of
//! `tollgate:provider/http`. Redirects are returned to the guest, and its next request is decided on like any other.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body, Bytes, Frame};
use tokio::time::timeout;
use tollgate_policy::{Reason, Target, decide, grants::http::is_reserved};
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks,
};

use tollgate_capability::http::connect::{RequestFailure, Unreachable, exchange};
use tollgate_capability::http::framing::declared_length;
use tollgate_capability::http::{AdmittedRequest, HttpClient};

use super::clocks::SteppedClock;
use super::http_download::{Download, refusal};

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
pub(crate) struct HttpHooks {
    client: HttpClient,
    /// The clock by which time passes while a request is under way.
    ticks: Option<SteppedClock>,
}

impl HttpHooks {
    pub(super) fn new(client: HttpClient, ticks: Option<SteppedClock>) -> HttpHooks {
        HttpHooks { client, ticks }
    }
}

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
            .map_err(|reason| self.client.refuse(&url, reason))
            .and_then(|target| {
                let method = request.method().as_str();
                let pass = self.client.admit(method, &target, request.headers())?;
                Ok((pass, target))
            });
        let pending = self.ticks.as_ref().map(SteppedClock::pending);
        Box::new(async move {
            let (pass, target) = admitted.map_err(refusal)?;
            // Before the guest's own time for connecting begins.
            let pass = pass.approved(&target).await.map_err(refusal)?;
            let sent = send(pass, target, request, options.unwrap_or_default()).await;
            let (response, rest) = sent?;
            let rest: Work<()> = Box::new(async move {
                // Until the response has come whole, or the guest has dropped it.
                let _pending = pending;
                Box::into_pin(rest).await
            });
            Ok((response, rest))
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
    pass.follow(method.as_str(), &target, &mut headers);
    pass.prepare(&mut headers, true)
        .map_err(|reason| refusal(pass.refuse(target.as_str(), reason)))?;
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

    let (mut head, incoming) = reply.response.into_parts();
    // The call ends for want of fuel when the guest comes back.
    if pass
        .withholds(&head.headers)
        .map_err(|_| Error::HttpResponseIncomplete)?
    {
        return Err(refusal(
            pass.refuse(target.as_str(), Reason::SecretInResponse),
        ));
    }
    pass.answered(head.status);
    copy_values(&mut head.headers);
    let patience = options.between_bytes_timeout;
    let download = Download::new(incoming, Arc::clone(&pass), target, cap, patience)?;
    let connection = reply.connection;
    let work: Work<()> = Box::new(async move {
        connection.run().await;
        // The connection stays open until here, even if the guest drops parts of the response.
        drop(pass);
        Ok(())
    });
    Ok((Response::from_parts(head, download.boxed_unsync()), work))
}

/// Copies the values of headers out of the buffer that they came in, so that they hold the counted bytes, and no more.
pub(super) fn copy_values(headers: &mut HeaderMap) {
    for value in headers.values_mut() {
        if let Ok(copy) = HeaderValue::from_bytes(value.as_bytes()) {
            *value = copy;
        }
    }
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

#[cfg(all(test, feature = "http"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#[path = "look_up_tests.rs"]
mod tests;
