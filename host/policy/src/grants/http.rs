//! The grant of HTTP: URLs, methods, headers, quotas and a credential.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::error::ValueError;
use crate::toml::messages::shown;
use crate::toml::names;

use super::network::Network;
use super::rules::in_key;
use super::url_pattern;

/// Default of `max-body`, in bytes: the default of the limit `host-data`, since a body moves in one host call.
pub const MAX_BODY: u64 = 8 << 20;

/// Default of `max-requests`; redirects count. Fetching the metadata of a tool takes a handful; a crawler stops here.
pub const MAX_REQUESTS: u32 = 100;

/// Default of `max-connections`: as many as browsers open to one host.
pub const MAX_CONNECTIONS: u32 = 6;

/// The methods that a grant may list. `CONNECT` (for proxies) and `TRACE` (which returns headers) are left out.
pub const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// URLs that may be requested, and the rules for requests to them.
///
/// ```
/// use tollgate_policy::{Grants, HttpGrant};
///
/// let grant = HttpGrant { max_body: 1 << 20, ..HttpGrant::new("https://api.example.com/repos/**") };
/// assert_eq!(grant.methods, ["GET", "HEAD"]);
/// let grants = Grants { http: vec![grant], ..Grants::default() };
/// assert!(grants.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrant {
    /// `https://host[:port]/pattern`. The host is exact or `*.name.tld`. In the pattern `*` is any one part of the path,
    /// and `**` at the end is everything that follows.
    pub url: String,
    /// The methods, in upper case; `GET` and `HEAD` by default.
    pub methods: Vec<String>,
    /// The only request headers that the guest may set, in lower case; with an empty list it may set none, and with no
    /// list any that is no override ([`is_override`]). [`decide::header`](crate::decide::header) refuses some headers in
    /// any case.
    pub headers: Option<Vec<String>>,
    /// Whether the path of a request may have an escaped `/` (`%2F`) inside a part. Off by default: a server that reads it as
    /// a separator reads a path that the pattern may not match.
    pub escaped_slashes: bool,
    /// Bytes of the largest body, of a request or of a response; [`MAX_BODY`] by default.
    pub max_body: u64,
    /// Requests of one call by this grant; [`MAX_REQUESTS`] by default.
    pub max_requests: u32,
    /// Connections of one call by this grant that are open at the same time; [`MAX_CONNECTIONS`] by default.
    pub max_connections: u32,
    /// The networks beside the public internet that the host's addresses may belong to; none by default. The address of a
    /// cloud's metadata service is reached by a [`Block`](super::Block) of that one address alone.
    pub networks: Vec<Network>,
    /// A header that the host adds to each request; the guest never sees it.
    pub credential: Option<Credential>,
    /// Whether each request needs the answer of an approver; see [`Rule`](crate::Rule). Off by default.
    pub ask: bool,
}

impl HttpGrant {
    /// A grant of this URL with the defaults.
    pub fn new(url: impl Into<String>) -> HttpGrant {
        HttpGrant {
            url: url.into(),
            methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            headers: None,
            escaped_slashes: false,
            max_body: MAX_BODY,
            max_requests: MAX_REQUESTS,
            max_connections: MAX_CONNECTIONS,
            networks: Vec::new(),
            credential: None,
            ask: false,
        }
    }

    /// The port of the URL; that of its scheme unless it names another. `None` if it is no URL pattern.
    pub fn port(&self) -> Option<u16> {
        let (scheme, _, port) = self.server()?;
        match port {
            Some(port) => port.parse().ok(),
            None => Some(if scheme == "https" { 443 } else { 80 }),
        }
    }

    /// Whether the host of the URL is a name, which is looked up, and not an address.
    pub fn names_a_host(&self) -> bool {
        let host = self.server().map(|(_, host, _)| host);
        host.is_some_and(|host| host.parse::<IpAddr>().is_err())
    }

    /// Scheme, host and port of the URL.
    fn server(&self) -> Option<(&str, &str, Option<&str>)> {
        let (scheme, rest) = self.url.split_once("://")?;
        let (authority, _) = rest.split_once('/')?;
        Some(match authority.split_once(':') {
            Some((host, port)) => (scheme, host, Some(port)),
            None => (scheme, authority, None),
        })
    }

    /// Lists one more header that the guest may set.
    pub(crate) fn add_header(&mut self, name: &str) -> Result<(), ValueError> {
        check_header(name)?;
        // Such a header name is valid, but its author means a pattern.
        if name.contains('*') {
            return Err(ValueError::new(format!(
                "`{name}` has a `*`, and `headers` has no patterns; name each header, or leave out `headers` \
                 for any"
            )));
        }
        let headers = self.headers.get_or_insert_default();
        if headers.iter().any(|known| known == name) {
            return Err(ValueError::new(format!(
                "`{name}` is named twice; keep one"
            )));
        }
        headers.push(name.to_owned());
        Ok(())
    }

    /// Names one more network.
    pub(crate) fn add_network(&mut self, network: Network) -> Result<(), ValueError> {
        if self.networks.contains(&network) {
            return Err(ValueError::new(format!(
                "`{network}` is named twice; keep one"
            )));
        }
        self.networks.push(network);
        Ok(())
    }

    /// Whether the requests are encrypted.
    fn is_encrypted(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// Whether the credential is sent as plain text, which only the grant's `networks` may carry.
    pub(crate) fn bares_credential(&self) -> bool {
        self.credential.is_some() && !self.is_encrypted()
    }

    /// Checks that a header which the guest may set is not the one that the host adds.
    pub(crate) fn check_not_own(&self, name: &str) -> Result<(), ValueError> {
        match &self.credential {
            Some(credential) if is_same_header(&credential.header, name) => {
                Err(ValueError::new(format!(
                    "`{name}` is the header of this grant's credential, which the guest may not set; leave it out"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Checks the rules of the grant.
    pub(crate) fn check(&self) -> Result<(), ValueError> {
        url_pattern::check(&self.url)?;
        check_methods(&self.methods).map_err(in_key("methods"))?;
        let mut rebuilt = HttpGrant::new("");
        for name in self.headers.iter().flatten() {
            rebuilt.add_header(name).map_err(in_key("headers"))?;
            self.check_not_own(name).map_err(in_key("headers"))?;
        }
        for network in &self.networks {
            rebuilt.add_network(*network).map_err(in_key("networks"))?;
        }
        check_max_body(self.max_body).map_err(in_key("max-body"))?;
        check_max_requests(self.max_requests.into()).map_err(in_key("max-requests"))?;
        check_max_connections(self.max_connections.into()).map_err(in_key("max-connections"))?;
        match &self.credential {
            Some(credential) => credential
                .check(self.is_encrypted() || !self.networks.is_empty())
                .map_err(in_key("credential")),
            None => Ok(()),
        }
    }
}

/// A header that the host adds to the requests of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The header's name, in lower case. The guest may not set it.
    pub header: String,
    /// The place of the secret.
    pub source: SecretSource,
    /// The text before the secret in the header, such as `Bearer `.
    pub prefix: String,
}

/// The place of a secret. A policy names the place and never holds the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the host's environment.
    Env(String),
    /// The content of a file, without a line end at its end.
    File(PathBuf),
}

impl Credential {
    fn check(&self, safe_to_send: bool) -> Result<(), ValueError> {
        check_header(&self.header)?;
        check_prefix(&self.prefix)?;
        match &self.source {
            SecretSource::Env(name) => check_env(name)?,
            SecretSource::File(path) => names::path(path)?,
        }
        if !safe_to_send {
            return Err(ValueError::new(
                "would be sent unencrypted; use an `https://` URL, or name the host's network in `networks`, such as \
                 `networks = [\"private\"]`",
            ));
        }
        Ok(())
    }
}

pub(crate) fn check_methods(methods: &[String]) -> Result<(), ValueError> {
    if methods.is_empty() {
        return Err(ValueError::new(
            "is empty, which grants nothing; leave it out for GET and HEAD",
        ));
    }
    for method in methods {
        if !METHODS.contains(&method.as_str()) {
            return Err(ValueError::new(format!(
                "`{}` is not one of {}; write one of these, in upper case",
                shown(method),
                METHODS.join(", ")
            )));
        }
    }
    Ok(())
}

pub(crate) fn check_max_body(bytes: u64) -> Result<(), ValueError> {
    match (1..=1 << 30).contains(&bytes) {
        true => Ok(()),
        false => Err(ValueError::new(
            "must be from 1 B to 1 GiB: a body is held in memory",
        )),
    }
}

pub(crate) fn check_max_requests(requests: u64) -> Result<u32, ValueError> {
    match u32::try_from(requests) {
        Ok(requests @ 1..=1_000_000) => Ok(requests),
        _ => Err(ValueError::new("must be from 1 to 1000000")),
    }
}

pub(crate) fn check_max_connections(connections: u64) -> Result<u32, ValueError> {
    match u32::try_from(connections) {
        Ok(connections @ 1..=64) => Ok(connections),
        _ => Err(ValueError::new(
            "must be from 1 to 64: each takes a socket of the host",
        )),
    }
}

/// A header name (RFC 9110 token) in lower case that is not reserved.
pub(crate) fn check_header(name: &str) -> Result<(), ValueError> {
    let token =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(ValueError::new(format!(
            "`{}` is not a header's name in lower case, such as `authorization`",
            shown(name)
        )));
    }
    if is_reserved(name) {
        return Err(ValueError::new(format!(
            "`{name}` is a header that the host itself sets; name another"
        )));
    }
    Ok(())
}

pub(crate) fn check_prefix(prefix: &str) -> Result<(), ValueError> {
    match prefix.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        true => Ok(()),
        false => Err(ValueError::new(
            "has a character that a header cannot have; use printable ASCII",
        )),
    }
}

pub(crate) fn check_env(name: &str) -> Result<(), ValueError> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    match !name.is_empty() && name.bytes().all(inner) {
        true => Ok(()),
        // It is not repeated: it may be the secret itself.
        false => Err(ValueError::new(
            "this is not the name of an environment variable, such as `API_TOKEN`; write the name, not the secret",
        )),
    }
}

/// Whether a header frames the message or controls the connection (RFC 9110, 9112), in any spelling that a server takes
/// for it ([`is_same_header`]). Only the host sets such headers.
///
/// `content-length` is one of them: the host knows the body of a request through `tollgate:provider/http` and writes the
/// length itself. A WASI guest declares the length of its body by this header and has no other way to, so the
/// implementation of `wasi:http` compares it with the body instead of asking here.
///
/// ```
/// use tollgate_policy::grants::http::is_reserved;
///
/// assert!(is_reserved("Host") && is_reserved("content-length") && !is_reserved("accept"));
/// assert!(is_reserved("Transfer_Encoding"));
/// ```
pub fn is_reserved(header: &str) -> bool {
    const RESERVED: &[&str] = &[
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    RESERVED.iter().any(|name| is_same_header(name, header))
}

/// Whether a header asks the server to take the request for another one than was decided on: for another method, another
/// URL or host, or one from another client, or to send its own requests through another (`proxy`). Such a header is sent
/// only if a grant's `headers` names it.
///
/// ```
/// use tollgate_policy::grants::http::is_override;
///
/// assert!(is_override("X-HTTP-Method-Override") && is_override("x_original_url") && !is_override("x-own"));
/// ```
pub fn is_override(header: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "x-envoy-original-",
        "x-forwarded",
        "x-http-",
        "x-original-",
        "x-rewrite-",
    ];
    const OVERRIDES: &[&str] = &[
        "base-url",
        "cf-connecting-ip",
        "client-ip",
        "destination",
        "fastly-client-ip",
        "forwarded",
        "front-end-https",
        "proxy",
        "remote-user",
        "request-uri",
        "true-client-ip",
        "via",
        "x-backend-host",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-host",
        "x-method",
        "x-method-override",
        "x-originating-ip",
        "x-path",
        "x-proxy-host",
        "x-proxy-url",
        "x-real-ip",
        "x-remote-addr",
        "x-remote-ip",
        "x-remote-user",
        "x-request-uri",
        "x-uri",
        "x-url",
    ];
    let begins = |beginning: &&str| {
        let front = header.as_bytes().get(..beginning.len());
        front.is_some_and(|front| folds_to(front, beginning.as_bytes()))
    };
    BEGINNINGS.iter().any(begins) || OVERRIDES.iter().any(|name| is_same_header(name, header))
}

/// Whether a server may take two header names for the same. Programs behind CGI and its successors get a header as a
/// variable in upper case, with `_` for every character that is not a letter or a digit: `X-Own`, `x_own` and `x.own`
/// are one.
pub fn is_same_header(one: &str, other: &str) -> bool {
    folds_to(one.as_bytes(), other.as_bytes())
}

fn folds_to(one: &[u8], other: &[u8]) -> bool {
    let fold = |b: &u8| match b.is_ascii_alphanumeric() {
        true => b.to_ascii_lowercase(),
        false => b'-',
    };
    one.iter().map(fold).eq(other.iter().map(fold))
}
