//! The heads of a request and of a response that pass between a client and a guest. Those headers that frame a message or control
//! a connection are removed by the runtime, and set by the server.
//!
//! A guest that is at a path of the server's own host name shares that name with the server, with other guests, and on a
//! developer's machine with other servers: browsers have one origin and one set of cookies for it. So such a guest neither gets
//! nor sets cookies, speaks for the host in no other way, and its pages are of no origin (`sandbox`). A guest with a
//! host name of its own has an origin to itself.

use http::header::{
    ALT_SVC, AUTHORIZATION, CONNECTION, CONTENT_SECURITY_POLICY, COOKIE, HeaderMap, HeaderName,
    HeaderValue, SET_COOKIE, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::uri::Authority;

use crate::problem::Problem;

/// The prefix that the guest does not see.
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Headers by which a response changes what a browser does with the whole host name.
const OF_HOST: [HeaderName; 9] = [
    SET_COOKIE,
    ALT_SVC,
    STRICT_TRANSPORT_SECURITY,
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("service-worker-allowed"),
    // A password that a browser has for the realm of another guest.
    WWW_AUTHENTICATE,
    HeaderName::from_static("nel"),
    HeaderName::from_static("report-to"),
    HeaderName::from_static("accept-ch"),
];

/// A page may run scripts, and is of an origin that is no other's.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts",
);

/// The place that a request is for.
pub(crate) struct Place<'a> {
    /// The name of the provider.
    pub(crate) provider: &'a str,
    /// The beginning of the path, which the guest does not see.
    pub(crate) prefix: &'a str,
    /// The host that the request names, with its port.
    pub(crate) authority: Authority,
    pub(crate) filter: Filter,
}

/// The headers that do not pass, in a head or in trailers: some programs add trailers to the headers.
#[derive(Clone, Copy)]
pub(crate) struct Filter {
    /// Whether the host name is that of the server itself, which other guests share.
    pub(crate) shares_host: bool,
    /// Whether `Authorization` holds a token of the server.
    pub(crate) has_token: bool,
}

impl Filter {
    /// Removes the headers that are not for a guest.
    pub(crate) fn for_guest(self, headers: &mut HeaderMap) {
        let forwarded = headers.keys().filter(|name| is_forwarded(name));
        let forwarded: Vec<_> = forwarded.cloned().collect();
        for name in forwarded {
            headers.remove(name);
        }
        if self.has_token {
            headers.remove(AUTHORIZATION);
        }
        if self.shares_host {
            headers.remove(COOKIE);
        }
    }

    /// Removes the headers of a guest that are not for its client.
    pub(crate) fn for_client(self, headers: &mut HeaderMap) {
        if self.shares_host {
            for name in OF_HOST {
                headers.remove(name);
            }
        }
    }
}

/// The headers of a request that the guest gets.
pub(crate) fn of_request(head: &Parts, place: &Place<'_>) -> Result<HeaderMap, Problem> {
    let mut headers = head.headers.clone();
    let listed = head.headers.get_all(CONNECTION).iter();
    let listed = listed.filter_map(|value| value.to_str().ok());
    for name in listed.flat_map(|value| value.split(',')) {
        headers.remove(name.trim());
    }
    place.filter.for_guest(&mut headers);
    if !place.prefix.is_empty() {
        let prefix = HeaderValue::from_str(place.prefix);
        let prefix = prefix.map_err(|_| Problem::bad("path", "the path is not plain"))?;
        let added = headers.try_insert(PREFIX, prefix);
        added.map_err(|_| Problem::bad("path", "the request has too many headers"))?;
    }
    Ok(headers)
}

/// Whether a proxy in front would tell of the client by this header. A client that comes past one could say what it likes. Some
/// programs read `_` as `-`.
fn is_forwarded(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    name == "forwarded" || name.starts_with("x-forwarded")
}

/// Changes the headers of a guest's response to those that the client gets.
pub(crate) fn of_response(headers: &mut HeaderMap, filter: Filter) {
    filter.for_client(headers);
    if filter.shares_host {
        // One more beside those of the guest, which all hold. A head of so many bytes is never full.
        let _ = headers.try_append(CONTENT_SECURITY_POLICY, SANDBOX);
    }
}
