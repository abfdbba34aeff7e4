//! `tollgate:provider/http`: the requests that the policy grants, each hop decided anew.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Body as _, Bytes};
use tollgate_policy::{Reason, Target};

use crate::bindings::v0_2::provider::http::{Error, Host, Method as Asked, Request, Response};
use crate::egress::{Reply, Trouble, exchange};
use crate::meter::MOVE_PRICE;
use crate::outgoing::Pass;
use crate::state::HostState;

/// Redirects that one request follows. Five is what curl users commonly allow; a longer chain is a loop.
const MAX_REDIRECTS: u32 = 5;

impl Host for HostState {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        self.meter.charge(size_of_request(&request), MOVE_PRICE)?;
        self.be_fair().await;
        let mut received = 0;
        let result = self.follow(request, &mut received).await;
        // All that came, whether the guest gets it or not.
        self.meter.charge_more(received, MOVE_PRICE)?;
        Ok(result)
    }
}

impl HostState {
    /// Sends the request, and what becomes of it where it is redirected.
    async fn follow(&mut self, request: Request, received: &mut u64) -> Result<Response, Error> {
        let outgoing = &mut self.outgoing;
        let first = Target::parse(&request.url).map_err(|r| outgoing.refuse(&request.url, r))?;
        let mut message = Message::of(request)
            .map_err(|name| outgoing.refuse_header(&first, &name, Reason::BadHeader))?;
        if !message.body.is_empty() && matches!(message.method, Method::GET | Method::HEAD) {
            // What it means is undefined, and servers and proxies disagree on where it ends (RFC 9110, 9.3.1).
            let text = format!("a {} has no body", message.method);
            return Err(Error::InvalidInput(text));
        }
        let mut target = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut sent = message.clone();
            if !target.same_origin(&first) {
                sent.leave_origin();
            }
            let pass = outgoing.admit(sent.method.as_str(), &target, &sent.headers)?;
            let cap = pass.grant()?.max_body;
            if sent.body.len() as u64 > cap {
                pass.refuse(target.as_str(), Reason::Quota);
                return Err(too_large("request", cap));
            }
            let reply = hop(&pass, &first, &target, sent, received).await?;
            let Some(location) = redirect(&reply) else {
                return whole(&pass, &target, reply, received).await;
            };
            target = target
                .join(&location)
                .map_err(|reason| outgoing.refuse(&location, reason))?;
            message.redirect(reply.response.status());
        }
        Err(outgoing
            .refuse(target.as_str(), Reason::TooManyRedirects)
            .into())
    }
}

/// What is sent, wherever it goes.
#[derive(Clone)]
struct Message {
    method: Method,
    headers: HeaderMap,
    /// Shared by its clones.
    body: Bytes,
}

impl Message {
    /// Or the name of the header that is none, or not the guest's.
    fn of(request: Request) -> Result<Message, String> {
        let headers = request_headers(&request)?;
        let method = match request.method {
            Asked::Get => Method::GET,
            Asked::Head => Method::HEAD,
            Asked::Post => Method::POST,
            Asked::Put => Method::PUT,
            Asked::Patch => Method::PATCH,
            Asked::Delete => Method::DELETE,
            Asked::Options => Method::OPTIONS,
        };
        Ok(Message {
            method,
            headers,
            body: request.body.into(),
        })
    }

    /// What belongs to the first origin stays there. A request is decided on as it is sent, without it.
    fn leave_origin(&mut self) {
        self.headers.remove(header::AUTHORIZATION);
        self.headers.remove(header::COOKIE);
    }

    /// What goes on after a redirect (RFC 9110, 15.4): 303 says that the answer is elsewhere, to be fetched; a POST
    /// becomes a GET by 301 and 302 too, as everybody has it. All else is repeated as it was.
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

/// One request. The credential of the first origin stays there.
async fn hop(
    pass: &Pass,
    first: &Target,
    target: &Target,
    message: Message,
    received: &mut u64,
) -> Result<Reply, Error> {
    let Message {
        method,
        mut headers,
        body,
    } = message;
    if target.same_origin(first)
        && let Some(secret) = pass.secret()
    {
        secret.add_to(&mut headers);
    }
    // A method that means something by its body says so when there is none (RFC 9110, 8.6).
    if body.is_empty() && matches!(method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let sent = async {
        let stream = pass.connect(target).await?;
        pass.allowed(target);
        exchange(stream, method, target, headers, Full::new(body)).await
    };
    let reply = match sent.await {
        Ok(reply) => reply,
        Err(Trouble::Denied(reason)) => {
            return Err(pass.refuse(target.as_str(), reason).into());
        }
        Err(Trouble::Unreachable(why)) => return Err(Error::Unavailable(why.to_string())),
    };
    *received += size_of_head(reply.response.headers());
    // In any header, `location` above all: following that would carry the secret to whoever is named there.
    if pass
        .secret()
        .is_some_and(|secret| secret.is_among(reply.response.headers()))
    {
        let reason = pass.refuse(target.as_str(), Reason::SecretInResponse);
        return Err(reason.into());
    }
    Ok(reply)
}

/// Reads the body, up to the grant's cap, and hands the response over unless it holds the secret.
async fn whole(
    pass: &Pass,
    target: &Target,
    mut reply: Reply,
    received: &mut u64,
) -> Result<Response, Error> {
    let body = read_body(pass, target, &mut reply, received).await?;
    let response = reply.response;
    if pass.secret().is_some_and(|secret| secret.is_in(&body)) {
        return Err(pass
            .refuse(target.as_str(), Reason::SecretInResponse)
            .into());
    }
    let headers = response.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Ok(Response {
        status: response.status().as_u16(),
        headers: headers.collect(),
        body,
    })
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Error {
        match reason {
            Reason::TooManyRequests | Reason::TooManyRedirects | Reason::TooManyConnections => {
                Error::QuotaExceeded(reason.label().to_owned())
            }
            _ => Error::AccessDenied(reason.label().to_owned()),
        }
    }
}

/// The body, or `quota-exceeded` as soon as it is known to be larger than the grant's `max-body`: by what the server says,
/// before a byte is read, or by what it sends.
async fn read_body(
    pass: &Pass,
    target: &Target,
    reply: &mut Reply,
    received: &mut u64,
) -> Result<Vec<u8>, Error> {
    let cap = pass.grant()?.max_body;
    let too_large = || {
        pass.refuse(target.as_str(), Reason::Quota);
        too_large("response", cap)
    };
    if reply.response.body().size_hint().lower() > cap {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(frame) = reply.frame().await {
        let frame = frame
            .map_err(|_| Error::Unavailable("the response ended before its end".to_owned()))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        *received += data.len() as u64;
        if (bytes.len() + data.len()) as u64 > cap {
            return Err(too_large());
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

fn too_large(what: &str, cap: u64) -> Error {
    Error::QuotaExceeded(format!(
        "the {what} is larger than the {cap} bytes that `max-body` allows"
    ))
}

/// The guest's headers, each of which is to be one; or the name of one that is not. Which it may set is decided for each
/// hop.
fn request_headers(request: &Request) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (text, value) in &request.headers {
        let bad = || text.clone();
        let name = HeaderName::try_from(text).map_err(|_| bad())?;
        // The host knows the body, and says how long it is.
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

fn size_of_request(request: &Request) -> u64 {
    (request.url.len() + request.body.len()) as u64 + size_of_pairs(&request.headers)
}

/// What the headers of a response take when the guest has them.
fn size_of_head(headers: &HeaderMap) -> u64 {
    let each = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().len() + value.len() + size_of::<(String, String)>()) as u64
    };
    headers.iter().map(each).sum()
}
