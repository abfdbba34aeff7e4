//! `tollgate:provider/http`: the requests that the policy grants, each hop decided anew.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Body as _, Bytes};
use tollgate_policy::{Reason, Target, decide};

use super::connect::{Reply, RequestFailure, exchange};
use super::credential::SecretScanner;
use super::{AdmittedRequest, framing};
use crate::call::Call;
use crate::error::{ErrorKind, Interrupt, LimitReached, ProviderError};
use crate::prices::{MOVE_PRICE, REQUEST_PRICE, SEND_PRICE, TEXT_PRICE, URL_PRICE};

/// Redirects that one request follows. Users of curl commonly allow five; a longer chain is a loop.
const MAX_REDIRECTS: u32 = 5;

/// Bytes that a header takes in a map, beside its name and its value: each is an allocation, and maps grow by doubling.
const FIELD: u64 = 256;

/// The methods of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
}

/// A request as the guest makes it.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method.
    pub method: HttpMethod,
    /// The URL.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// A response as the guest gets it.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Call {
    /// Sends a request and follows its redirects, each hop decided anew.
    ///
    /// # Errors
    ///
    /// The inner error is for the guest, the outer one ends the call.
    pub async fn send_http(
        &mut self,
        request: HttpRequest,
    ) -> Result<Result<HttpResponse, ProviderError>, Interrupt> {
        self.enter(size_of_request(&request), MOVE_PRICE).await?;
        let url = request.url.len() as u64;
        let judged = url.saturating_mul(URL_PRICE);
        self.meter
            .charge_fixed(REQUEST_PRICE.saturating_add(judged))?;
        // A request with more headers is refused before they become a map.
        let headers = request.headers.iter().take(framing::HEAD_FIELDS);
        let texts = headers.len() as u64 * 2;
        self.meter.charge_fixed(texts.saturating_mul(TEXT_PRICE))?;
        let copied = headers.map(|(name, value)| (name.len() + value.len()) as u64 + FIELD);
        self.meter.hold_for_call(copied.sum())?;
        let mut received = Received::default();
        let result = self.send_following_redirects(request, &mut received).await;
        // The guest pays for all bytes received, whether or not it is given them.
        self.meter.charge_more(received.bytes, MOVE_PRICE)?;
        if let Ok(response) = &result {
            // Counted by the room of its buffer.
            let body = response.body.capacity() as u64;
            self.meter
                .hold_for_call(body.saturating_add(size_of_pairs(&response.headers)))?;
        }
        Ok(result)
    }

    /// Sends the request, and the requests that follow from redirects.
    async fn send_following_redirects(
        &mut self,
        request: HttpRequest,
        received: &mut Received,
    ) -> Result<HttpResponse, ProviderError> {
        let http_client = &self.http;
        let first = Target::parse(&request.url).map_err(|r| http_client.refuse(&request.url, r))?;
        // Before they become a map, which takes no more than 24,576.
        if request.headers.len() > framing::HEAD_FIELDS {
            let reason = http_client.refuse(&request.url, Reason::HeadTooLarge);
            return Err(reason.into());
        }
        let mut message = Message::new(request)
            .map_err(|name| http_client.refuse_header(&first, &name, Reason::BadHeader))?;
        if !message.body.is_empty() && decide::body(message.method.as_str()).is_err() {
            let text = format!("a {} has no body", message.method);
            return Err(ProviderError::new(ErrorKind::InvalidInput, text));
        }
        let mut target = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut sent = message.clone();
            if !target.same_origin(&first) {
                sent.strip_origin_headers();
            }
            let admitted = http_client.admit(sent.method.as_str(), &target, &sent.headers)?;
            let admitted = admitted.approved(&target).await?;
            let cap = admitted.grant()?.max_body;
            if sent.body.len() as u64 > cap {
                admitted.refuse(target.as_str(), Reason::Quota);
                return Err(too_large("request", cap));
            }
            self.meter.charge_fixed(SEND_PRICE).map_err(unpaid)?;
            received.paid = self.meter.fuel_left_bytes();
            let reply = send_once(&admitted, &first, &target, sent, received).await?;
            let Some(location) = redirect(&reply) else {
                return read_response(&admitted, &target, reply, received).await;
            };
            let judged = (location.len() as u64).saturating_mul(URL_PRICE);
            self.meter.charge_fixed(judged).map_err(unpaid)?;
            target = target
                .join(&location)
                .map_err(|reason| http_client.refuse(&location, reason))?;
            message.redirect(reply.response.status());
        }
        Err(http_client
            .refuse(target.as_str(), Reason::TooManyRedirects)
            .into())
    }
}

/// The parts of a request that are sent to every hop.
#[derive(Clone)]
struct Message {
    method: Method,
    headers: HeaderMap,
    /// Shared by its clones.
    body: Bytes,
}

impl Message {
    /// The message, or the name of a header that is invalid or not the guest's to set.
    fn new(request: HttpRequest) -> Result<Message, String> {
        let headers = request_headers(&request)?;
        let method = match request.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Head => Method::HEAD,
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Patch => Method::PATCH,
            HttpMethod::Delete => Method::DELETE,
            HttpMethod::Options => Method::OPTIONS,
        };
        Ok(Message {
            method,
            headers,
            body: request.body.into(),
        })
    }

    /// Removes the headers that belong to the first origin. A request is decided on in the form that is sent.
    fn strip_origin_headers(&mut self) {
        self.headers.remove(header::AUTHORIZATION);
        self.headers.remove(header::COOKIE);
    }

    /// Changes the message for a redirect (RFC 9110, 15.4): 303 says that the answer is elsewhere, to be fetched with
    /// GET; a POST becomes a GET by 301 and 302 too, as in common clients. Everything else is repeated.
    fn redirect(&mut self, status: StatusCode) {
        let becomes_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            for name in [
                header::CONTENT_ENCODING,
                header::CONTENT_LANGUAGE,
                header::CONTENT_LOCATION,
                header::CONTENT_TYPE,
            ] {
                self.headers.remove(name);
            }
        }
    }
}

/// Sends one request. The credential of the first origin is sent to no other.
async fn send_once(
    admitted: &AdmittedRequest,
    first: &Target,
    target: &Target,
    message: Message,
    received: &mut Received,
) -> Result<Reply, ProviderError> {
    let Message {
        method,
        mut headers,
        body,
    } = message;
    let denied = |reason| admitted.refuse(target.as_str(), reason);
    admitted.follow(method.as_str(), target, &mut headers);
    let prepared = admitted.prepare(&mut headers, target.same_origin(first));
    prepared.map_err(denied)?;
    // A method whose body has a meaning states that there is none (RFC 9110, 8.6).
    if body.is_empty() && matches!(method, Method::POST | Method::PUT | Method::PATCH) {
        let none = HeaderValue::from_static("0");
        framing::set(&mut headers, header::CONTENT_LENGTH, none).map_err(denied)?;
    }
    let sent = async {
        let stream = admitted.connect(target).await?;
        exchange(stream, method, target, headers, Full::new(body)).await
    };
    let reply = match sent.await {
        Ok(reply) => reply,
        Err(RequestFailure::Denied(reason)) => {
            return Err(denied(reason).into());
        }
        Err(RequestFailure::DeniedAddress(reason, address)) => {
            return Err(admitted.refuse_address(target, reason, address).into());
        }
        Err(RequestFailure::Unreachable(why)) => {
            return Err(ProviderError::new(ErrorKind::Unavailable, why.to_string()));
        }
    };
    received.more(size_of_head(reply.response.headers()))?;
    // The secret may be in any header, above all in `location`: following it would carry the secret to the host it
    // names.
    if admitted
        .withholds(reply.response.headers())
        .map_err(unpaid)?
    {
        return Err(denied(Reason::SecretInResponse).into());
    }
    let status = reply.response.status();
    admitted.answered(status);
    Ok(reply)
}

/// Reads the body and hands the response over.
async fn read_response(
    admitted: &AdmittedRequest,
    target: &Target,
    mut reply: Reply,
    received: &mut Received,
) -> Result<HttpResponse, ProviderError> {
    let body = read_body(admitted, target, &mut reply, received).await?;
    let response = reply.response;
    let headers = response.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Ok(HttpResponse {
        status: response.status().as_u16(),
        headers: headers.collect(),
        body,
    })
}

impl From<Reason> for ProviderError {
    fn from(reason: Reason) -> ProviderError {
        match reason {
            Reason::HeadTooLarge
            | Reason::TooManyRequests
            | Reason::TooManyRedirects
            | Reason::TooManyConnections
            | Reason::TooManyOpenFiles => {
                ProviderError::new(ErrorKind::QuotaExceeded, reason.label().to_owned())
            }
            _ => ProviderError::new(ErrorKind::AccessDenied, reason.label().to_owned()),
        }
    }
}

/// The body, or `quota-exceeded` as soon as it is known to be larger than the grant's `max-body`: by the length that
/// the server announces, before a byte is read, or by the bytes it sends. Each piece is searched for the secret as it comes:
/// a search of the whole would keep the thread.
async fn read_body(
    admitted: &AdmittedRequest,
    target: &Target,
    reply: &mut Reply,
    received: &mut Received,
) -> Result<Vec<u8>, ProviderError> {
    let cap = admitted.grant()?.max_body;
    let too_large = || {
        admitted.refuse(target.as_str(), Reason::Quota);
        too_large("response", cap)
    };
    if reply.response.body().size_hint().lower() > cap {
        return Err(too_large());
    }
    let mut bytes = admitted.gathered();
    let mut scanner = admitted.scanner();
    let found = || {
        let reason = admitted.refuse(target.as_str(), Reason::SecretInResponse);
        ProviderError::from(reason)
    };
    while let Some(frame) = reply.frame().await {
        let frame = frame.map_err(|_| {
            ProviderError::new(
                ErrorKind::Unavailable,
                "the response ended before its end".to_owned(),
            )
        })?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        received.more(data.len() as u64)?;
        admitted.pay_for_piece(data.len()).map_err(unpaid)?;
        if (bytes.len() + data.len()) as u64 > cap {
            return Err(too_large());
        }
        if let Some(scanner) = &mut scanner
            && scanner.finds(data).map_err(unpaid)?
        {
            return Err(found());
        }
        bytes.extend(data, cap).map_err(|limit| {
            admitted.background.lacks_memory();
            unpaid(limit)
        })?;
    }
    match scanner.is_some_and(SecretScanner::finds_at_end) {
        true => Err(found()),
        false => Ok(bytes.take()),
    }
}

/// The bytes that a request received, in all its hops.
#[derive(Default)]
struct Received {
    bytes: u64,
    /// Bytes that the guest's fuel pays for.
    paid: u64,
}

impl Received {
    /// Counts more bytes. Those that the fuel does not pay for are the last: the call ends when it is charged for them.
    fn more(&mut self, bytes: u64) -> Result<(), ProviderError> {
        self.bytes = self.bytes.saturating_add(bytes);
        match self.bytes <= self.paid {
            true => Ok(()),
            false => Err(unpaid(LimitReached::Fuel)),
        }
    }
}

/// The call ends when the guest comes back from this host call.
fn unpaid(limit: LimitReached) -> ProviderError {
    ProviderError::new(ErrorKind::QuotaExceeded, limit.to_string())
}

fn too_large(what: &str, cap: u64) -> ProviderError {
    ProviderError::new(
        ErrorKind::QuotaExceeded,
        format!("the {what} is larger than the {cap} bytes that `max-body` allows"),
    )
}

/// The guest's headers, or the name of one that is invalid. The headers that it may set are decided for each hop.
fn request_headers(request: &HttpRequest) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (text, value) in &request.headers {
        let bad = || text.clone();
        let name = HeaderName::try_from(text).map_err(|_| bad())?;
        // The host knows the body and sets its length.
        if name == header::CONTENT_LENGTH {
            return Err(bad());
        }
        let value = HeaderValue::try_from(value).map_err(|_| bad())?;
        headers.try_append(name, value).map_err(|_| bad())?;
    }
    Ok(headers)
}

fn redirect(reply: &Reply) -> Option<String> {
    let follows = matches!(
        reply.response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = reply.response.headers().get(header::LOCATION)?;
    follows.then(|| String::from_utf8_lossy(location.as_bytes()).into_owned())
}

fn size_of_pairs(pairs: &[(String, String)]) -> u64 {
    let each = |(name, value): &(String, String)| {
        (name.len() + value.len() + size_of::<(String, String)>()) as u64
    };
    pairs.iter().map(each).sum()
}

fn size_of_request(request: &HttpRequest) -> u64 {
    (request.url.len() + request.body.len()) as u64 + size_of_pairs(&request.headers)
}

/// The size of a response's headers once the guest has them.
fn size_of_head(headers: &HeaderMap) -> u64 {
    let each = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().len() + value.len() + size_of::<(String, String)>()) as u64
    };
    headers.iter().map(each).sum()
}
