//! Requests that a guest answers: the resources that a call of `wasi:http/incoming-handler` begins with, and the response that
//! the guest sets. A body of a response is bounded by `output` as the guest writes it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::body::Body;
use tokio::sync::oneshot;
use tollgate_capability::{GuestError, LimitReached};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};

use super::http::copy_values;
use super::http_body::{BoxError, RequestBody, ResponseBody};
use super::http_fields::held_by_headers;
use crate::call::context::CallContext;

/// Host memory for the way back to the client, beside the response.
const OUTPARAM: u64 = 512;

/// Characters that are kept of the text of an error.
pub(super) const SHOWN: usize = 1_000;

/// The answer of a guest to one request, as far as it has come.
pub(crate) struct Exchange(Mutex<State>);

struct State {
    /// Whether the request asks for the head alone, whose length is not that of a body.
    is_head: bool,
    respond: Option<Respond>,
    answered: Answered,
}

/// The way to the client: the function that takes the response, and the news that the call has ended well.
struct Respond {
    to: Box<dyn FnOnce(Response<ResponseBody>) + Send>,
    whole: oneshot::Receiver<()>,
}

/// The answer of a guest.
#[derive(Clone)]
pub(crate) enum Answered {
    /// None yet.
    Nothing,
    /// A response, which the client has. Its body may be none.
    Response(Option<Arc<Written>>),
    /// An error in place of a response.
    Error(ErrorCode),
}

/// The reason why a response cannot be sent, told to the function that the guest has called.
#[derive(Clone, Default)]
pub(super) struct Unsendable(Arc<OnceLock<&'static str>>);

impl Unsendable {
    /// Ends the call of a guest whose response cannot be sent.
    pub(super) fn trap(&self) -> Result<(), GuestError> {
        match self.0.get() {
            None => Ok(()),
            Some(why) => Err(GuestError(format!("the response cannot be sent: {why}"))),
        }
    }
}

impl Exchange {
    /// The way to a client, for a request of this method. `whole` is told once the call has ended well.
    pub(crate) fn new(
        method: &Method,
        to: impl FnOnce(Response<ResponseBody>) + Send + 'static,
        whole: oneshot::Receiver<()>,
    ) -> Arc<Exchange> {
        let to = Box::new(to);
        Arc::new(Exchange(Mutex::new(State {
            is_head: method == Method::HEAD,
            respond: Some(Respond { to, whole }),
            answered: Answered::Nothing,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No answer is passed on from now on: the call has ended.
    pub(crate) fn close(&self) {
        let respond = self.lock().respond.take();
        // Its code is the embedder's, and runs without the lock.
        drop(respond);
    }

    /// The answer so far.
    pub(crate) fn answered(&self) -> Answered {
        self.lock().answered.clone()
    }

    /// Takes the answer of the guest, and passes a response on at once.
    fn answer(&self, answer: Result<Response<HyperOutgoingBody>, ErrorCode>) {
        let mut state = self.lock();
        let Some(Respond { to, whole }) = state.respond.take() else {
            return;
        };
        let response = match answer {
            Ok(response) => response,
            Err(code) => {
                state.answered = Answered::Error(code);
                return;
            }
        };
        let (mut head, body) = response.into_parts();
        let has_body = !state.is_head && head.status != StatusCode::NOT_MODIFIED;
        let declared = match sendable(&head, has_body.then_some(&body)) {
            Ok(declared) => declared,
            Err(why) => {
                if let Some(Unsendable(told)) = head.extensions.get() {
                    let _ = told.set(why);
                }
                return;
            }
        };
        let written = head.extensions.remove::<Arc<Written>>();
        state.answered = Answered::Response(written);
        drop(state);
        to(Response::from_parts(
            head,
            ResponseBody::new(body, declared, whole),
        ));
    }
}

/// Whether a response can be the answer to a request, and the length that it declares for its body. `body` is `None` where
/// none is sent, whatever its length.
fn sendable(head: &Parts, body: Option<&HyperOutgoingBody>) -> Result<Option<u64>, &'static str> {
    if !(200..=599).contains(&head.status.as_u16()) {
        return Err("its status is not between 200 and 599");
    }
    let declared = content_length(&head.headers);
    let Some(body) = body else {
        return Ok(None);
    };
    if body.is_end_stream() && declared.is_some_and(|length| length > 0) {
        return Err("it declares the length of a body and has none");
    }
    Ok(declared)
}

/// The text of an error, if there is one.
pub(super) fn text_of_error(code: &mut ErrorCode) -> Option<&mut String> {
    match code {
        ErrorCode::DnsError(error) => error.rcode.as_mut(),
        ErrorCode::TlsAlertReceived(alert) => alert.alert_message.as_mut(),
        ErrorCode::HttpRequestHeaderSize(Some(field))
        | ErrorCode::HttpRequestTrailerSize(field)
        | ErrorCode::HttpResponseHeaderSize(field)
        | ErrorCode::HttpResponseTrailerSize(field) => field.field_name.as_mut(),
        ErrorCode::HttpResponseTransferCoding(text)
        | ErrorCode::HttpResponseContentCoding(text)
        | ErrorCode::InternalError(text) => text.as_mut(),
        _ => None,
    }
}

/// The length that headers declare for a body. wasmtime lets a guest set one number, and nothing else.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// The body of one response, as the guest has written it.
pub(crate) struct Written {
    bytes: AtomicU64,
    /// The limit `output`.
    cap: u64,
    finished: AtomicBool,
}

impl Written {
    /// Bytes that the guest has written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the guest has ended it.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    /// Counts bytes before they are written.
    fn count(&self, length: usize) -> StreamResult<()> {
        let all = self.bytes().saturating_add(length as u64);
        if all > self.cap {
            return Err(StreamError::Trap(LimitReached::Output.into()));
        }
        self.bytes.store(all, Ordering::Relaxed);
        Ok(())
    }
}

/// The bodies of responses that the guest has handles of, by the entries of their response and of themselves.
#[derive(Default)]
pub(super) struct ResponseBodies {
    by_response: BTreeMap<u32, Arc<Written>>,
    by_body: BTreeMap<u32, Arc<Written>>,
}

impl ResponseBodies {
    pub(super) fn begin(&mut self, response: u32, body: u32, output: u64) {
        let written = Arc::new(Written {
            bytes: AtomicU64::new(0),
            cap: output,
            finished: AtomicBool::new(false),
        });
        self.by_response.insert(response, Arc::clone(&written));
        self.by_body.insert(body, written);
    }

    /// The response is sent or dropped.
    pub(super) fn take_response(&mut self, response: u32) -> Option<Arc<Written>> {
        self.by_response.remove(&response)
    }

    /// The body has ended or is dropped.
    pub(super) fn take_body(&mut self, body: u32) -> Option<Arc<Written>> {
        self.by_body.remove(&body)
    }

    /// Bounds the stream of a body, if it is one of a response.
    pub(super) fn bound(&self, body: u32, stream: &mut DynOutputStream) {
        if let Some(written) = self.by_body.get(&body) {
            let closed = Box::new(wasmtime_wasi::p2::pipe::ClosedOutputStream);
            let inner = std::mem::replace(stream, closed);
            let written = Arc::clone(written);
            *stream = Box::new(ResponseStream { inner, written });
        }
    }
}

/// The stream that a guest writes the body of a response to.
struct ResponseStream {
    inner: DynOutputStream,
    written: Arc<Written>,
}

#[async_trait::async_trait]
impl Pollable for ResponseStream {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait::async_trait]
impl OutputStream for ResponseStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.written.count(bytes.len())?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }
}

impl CallContext {
    /// The resources of a request, for `wasi:http/incoming-handler`.
    ///
    /// # Errors
    ///
    /// The limit `handles` or `host-memory`; the request names no host.
    pub(crate) fn receive<B>(
        &mut self,
        mut request: Request<B>,
        exchange: Arc<Exchange>,
    ) -> wasmtime::Result<(
        Resource<HostIncomingRequest>,
        Resource<HostResponseOutparam>,
    )>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let scheme = match request.uri().scheme_str() {
            Some("https") => Scheme::Https,
            _ => Scheme::Http,
        };
        copy_values(request.headers_mut());
        let holds = text_of(&request).saturating_add(held_by_headers(request.headers()));
        let most = self.call.meter.limits.host_data;
        let request = request.map(|body| RequestBody::new(body, most));
        let request = self.http().new_incoming_request(scheme, request)?;
        let request = self.keep(request, holds)?;
        let send = move |answer| exchange.answer(answer);
        let send = Box::new(send);
        Ok((request, self.put(HostResponseOutparam { send }, OUTPARAM)?))
    }
}

/// Bytes of the texts of a request, beside its headers.
pub(crate) fn text_of<B>(request: &Request<B>) -> u64 {
    let uri = request.uri();
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let authority = uri.authority().map_or(0, |it| it.as_str().len());
    let texts = request.method().as_str().len().saturating_add(path);
    texts.saturating_add(authority) as u64
}
