//! `tollgate:provider/http`: requests that the policy grants, each hop decided anew.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hyper::body::Body as _;
use tollgate_policy::{HttpGrant, Reason, Target, egress};

use crate::bindings::tollgate::provider::http::{Error, Host, Request, Response};
use crate::egress::{Reply, Trouble};
use crate::meter::MOVE_PRICE;
use crate::state::HostState;

/// The audit name of this capability.
const NAME: &str = "http";

/// Redirects that one `get` follows. Five is what curl users commonly allow; a longer chain is a loop.
const MAX_REDIRECTS: u32 = 5;

impl Host for HostState {
    async fn get(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        self.meter.charge(size_of_request(&request), MOVE_PRICE)?;
        self.be_fair().await;
        match self.fetch(&request).await {
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
    async fn fetch(&mut self, request: &Request) -> Result<Response, Error> {
        let first = match Target::parse(&request.url) {
            Ok(target) => target,
            Err(reason) => return Err(self.refuse_http(&request.url, reason)),
        };
        let Some(headers) = request_headers(request) else {
            return Err(self.refuse_http(&request.url, Reason::BadHeader));
        };
        let mut target = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (grant, index) = self.grant_for(&target)?;
            let reply = self
                .hop(&grant, index, &first, &target, headers.clone())
                .await?;
            let Some(location) = redirect(&reply) else {
                return self.whole(&grant, index, &target, reply).await;
            };
            target = match target.join(&location) {
                Ok(next) => next,
                Err(reason) => return Err(self.refuse_http(&location, reason)),
            };
        }
        Err(self.refuse_http(target.as_str(), Reason::TooManyRequests))
    }

    /// The grant that allows a hop, counted against its number of requests.
    fn grant_for(&mut self, target: &Target) -> Result<(HttpGrant, usize), Error> {
        let grants = std::sync::Arc::clone(&self.grants);
        let index = match egress::http(&grants, "GET", target) {
            Ok(index) => index,
            Err(reason) => return Err(self.refuse_http(target.as_str(), reason)),
        };
        let (Some(grant), Some(count)) = (grants.http.get(index), self.requests.get_mut(index))
        else {
            return Err(self.refuse_http(target.as_str(), Reason::NotGranted));
        };
        *count += 1;
        if *count > grant.max_requests {
            return Err(self.refuse_http(target.as_str(), Reason::TooManyRequests));
        }
        Ok((grant.clone(), index))
    }

    /// One request. What the guest must not send is refused; what belongs to the first origin stays there.
    async fn hop(
        &mut self,
        grant: &HttpGrant,
        index: usize,
        first: &Target,
        target: &Target,
        mut headers: HeaderMap,
    ) -> Result<Reply, Error> {
        let secrets = std::sync::Arc::clone(&self.secrets);
        // A header of any credential, not only of this grant's: the guest sets none of them.
        let own = |index| secrets.of(index).map(|secret| &secret.header);
        let forbidden = (0..self.grants.http.len())
            .filter_map(own)
            .any(|header| headers.contains_key(header));
        if forbidden {
            return Err(self.refuse_http(target.as_str(), Reason::BadHeader));
        }
        if target.same_origin(first) {
            if let Some(secret) = secrets.of(index) {
                secret.add_to(&mut headers);
            }
        } else {
            headers.remove(header::AUTHORIZATION);
            headers.remove(header::COOKIE);
        }
        let egress = std::sync::Arc::clone(&self.egress);
        match egress.send(grant, Method::GET, target, headers).await {
            Ok(reply) => {
                self.allowed(NAME, target.as_str());
                Ok(reply)
            }
            Err(Trouble::Denied(reason)) => Err(self.refuse_http(target.as_str(), reason)),
            Err(Trouble::Unavailable(why)) => Err(Error::Unavailable(why.to_owned())),
        }
    }

    /// Reads the body, up to the grant's cap, and hands the response over unless it holds the secret.
    async fn whole(
        &mut self,
        grant: &HttpGrant,
        index: usize,
        target: &Target,
        mut reply: Reply,
    ) -> Result<Response, Error> {
        let body = read_body(&mut reply, grant.max_body).await?;
        let response = reply.response;
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        if let Some(secret) = self.secrets.of(index)
            && (secret.is_in(&body) || headers.iter().any(|(_, v)| secret.is_in(v.as_bytes())))
        {
            return Err(self.refuse_http(target.as_str(), Reason::SecretInResponse));
        }
        Ok(Response {
            status: response.status().as_u16(),
            headers,
            body,
        })
    }

    fn refuse_http(&mut self, target: &str, reason: Reason) -> Error {
        self.denied(NAME, target, reason);
        match reason {
            Reason::TooManyRequests => Error::QuotaExceeded(reason.label().to_owned()),
            _ => Error::AccessDenied(reason.label().to_owned()),
        }
    }
}

/// The body, or `quota-exceeded` as soon as it is known to be larger than `cap`: by what the server says,
/// before a byte is read, or by what it sends.
async fn read_body(reply: &mut Reply, cap: u64) -> Result<Vec<u8>, Error> {
    let too_large = || {
        Error::QuotaExceeded(format!(
            "the response is larger than the {cap} bytes that `max-body` allows"
        ))
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

/// The guest's headers, or none when one of them is not for a guest to set.
fn request_headers(request: &Request) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        if tollgate_policy::http::is_reserved(name) {
            return None;
        }
        let name = HeaderName::try_from(name).ok()?;
        let value = HeaderValue::try_from(value).ok()?;
        headers.try_append(name, value).ok()?;
    }
    Some(headers)
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
    request.url.len() as u64 + size_of_pairs(&request.headers)
}

fn size_of_response(response: &Response) -> u64 {
    response.body.len() as u64 + size_of_pairs(&response.headers)
}
