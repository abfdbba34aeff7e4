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
        match self.follow(request).await {
            Ok(response) => {
                self.meter
                    .charge_more(size_of_response(&response), MOVE_PRICE)?;
                Ok(Ok(response))
            }
            Err(error) => Ok(Err(error)),
        }
    }
}

impl HostState {
    /// Sends the request, and what becomes of it where it is redirected.
    async fn follow(&mut self, request: Request) -> Result<Response, Error> {
        let outgoing = &mut self.outgoing;
        let first = Target::parse(&request.url).map_err(|r| outgoing.refuse(&request.url, r))?;
        let mut message = Message::of(request).map_err(|r| outgoing.refuse(first.as_str(), r))?;
        if !message.body.is_empty() && matches!(message.method, Method::GET | Method::HEAD) {
            // What it means is undefined, and servers and proxies disagree on where it ends (RFC 9110, 9.3.1).
            let text = format!("a {} has no body", message.method);
            return Err(Error::InvalidInput(text));
        }
        let mut target = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let pass = outgoing.admit(message.method.as_str(), &target, &message.headers)?;
            let cap = pass.grant()?.max_body;
            if message.body.len() as u64 > cap {
                pass.refuse(target.as_str(), Reason::Quota);
                return Err(too_large("request", cap));
            }
            let reply = hop(&pass, &first, &target, message.clone()).await?;
            let Some(location) = redirect(&reply) else {
                return whole(&pass, &target, reply).await;
            };
            target = target
                .join(&location)
                .map_err(|reason| outgoing.refuse(&location, reason))?;
            message.redirect(reply.response.status());
        }
        Err(outgoing
            .refuse(target.as_str(), Reason::TooManyRequests)
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
    fn of(request: Request) -> Result<Message, Reason> {
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

/// One request. What belongs to the first origin stays there.
async fn hop(
    pass: &Pass,
    first: &Target,
    target: &Target,
    message: Message,
) -> Result<Reply, Error> {
    let Message {
        method,
        mut headers,
        body,
    } = message;
    if target.same_origin(first) {
        if let Some(secret) = pass.secret() {
            secret.add_to(&mut headers);
        }
    } else {
        headers.remove(header::AUTHORIZATION);
        headers.remove(header::COOKIE);
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
async fn whole(pass: &Pass, target: &Target, mut reply: Reply) -> Result<Response, Error> {
    let body = read_body(pass, target, &mut reply).await?;
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
            Reason::TooManyRequests | Reason::TooManyConnections => {
                Error::QuotaExceeded(reason.label().to_owned())
            }
            _ => Error::AccessDenied(reason.label().to_owned()),
        }
    }
}

/// The body, or `quota-exceeded` as soon as it is known to be larger than the grant's `max-body`: by what the server says,
/// before a byte is read, or by what it sends.
async fn read_body(pass: &Pass, target: &Target, reply: &mut Reply) -> Result<Vec<u8>, Error> {
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

/// The guest's headers, each of which is to be one. Which it may set is decided for each hop.
fn request_headers(request: &Request) -> Result<HeaderMap, Reason> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let name = HeaderName::try_from(name).map_err(|_| Reason::BadHeader)?;
        // The host knows the body, and says how long it is.
        if name == header::CONTENT_LENGTH {
            return Err(Reason::BadHeader);
        }
        let value = HeaderValue::try_from(value).map_err(|_| Reason::BadHeader)?;
        let added = headers.try_append(name, value);
        added.map_err(|_| Reason::BadHeader)?;
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

fn size_of_response(response: &Response) -> u64 {
    response.body.len() as u64 + size_of_pairs(&response.headers)
}
