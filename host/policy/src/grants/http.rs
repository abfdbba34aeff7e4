//! What an HTTP grant says: which URLs, by which methods, how much, and with which credential.

use std::path::PathBuf;

use crate::error::ValueError;
use crate::toml::messages::shown;
use crate::toml::names;

use super::rules::in_key;
use super::url_pattern;

/// The largest body unless the grant says otherwise: that of one host call, since that is how a provider
/// gets or gives it.
pub const MAX_BODY: u64 = 8 << 20;

/// Requests in one call unless the grant says otherwise, redirects counted. A tool's metadata takes a
/// handful; a hundred is a crawler.
pub const MAX_REQUESTS: u32 = 100;

/// Connections open at the same time unless the grant says otherwise: what browsers open to one host.
pub const MAX_CONNECTIONS: u32 = 6;

/// The methods that a grant may name. `CONNECT` and `TRACE` are for proxies and for reading headers back.
pub const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// URLs that may be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrant {
    /// `https://host[:port]/pattern`. The host is exact or `*.name.tld`. In the pattern `*` is any one
    /// part of the path, and `**` at the end is everything that follows.
    pub url: String,
    /// The methods, upper case. `GET` and `HEAD` unless said otherwise.
    pub methods: Vec<String>,
    /// The only request headers that the guest may set, lower case; an empty list is none of them. Absent, it
    /// may set any. Which it never may, [`decide::header`](crate::decide::header) says.
    pub headers: Option<Vec<String>>,
    /// The largest body, of a request or of a response, in bytes; [`MAX_BODY`] unless said otherwise.
    pub max_body: u64,
    /// Requests in one call, over all that this grant allows; [`MAX_REQUESTS`] unless said otherwise.
    pub max_requests: u32,
    /// Connections open at the same time in one call, over all that this grant allows; [`MAX_CONNECTIONS`]
    /// unless said otherwise.
    pub max_connections: u32,
    /// Whether the host may be at an address that is not public: loopback, private, link-local.
    pub private: bool,
    /// What the host adds to each request, and the guest never sees.
    pub credential: Option<Credential>,
}

impl HttpGrant {
    /// A grant of that URL with the defaults.
    pub fn new(url: impl Into<String>) -> HttpGrant {
        HttpGrant {
            url: url.into(),
            methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            headers: None,
            max_body: MAX_BODY,
            max_requests: MAX_REQUESTS,
            max_connections: MAX_CONNECTIONS,
            private: false,
            credential: None,
        }
    }

    /// One more header that the guest may set.
    pub(crate) fn add_header(&mut self, name: &str) -> Result<(), ValueError> {
        check_header(name)?;
        // A header may be named so, and whoever writes it means a pattern.
        if name.contains('*') {
            return Err(ValueError::new(format!(
                "`{name}` has a `*`, which stands for nothing here; name each header, or leave out `headers` \
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

    /// That a header which the guest may set is not the one that the host adds.
    pub(crate) fn check_not_own(&self, name: &str) -> Result<(), ValueError> {
        match &self.credential {
            Some(credential) if credential.header == name => Err(ValueError::new(format!(
                "`{name}` is the header of this grant's credential, which the guest may not set; leave it out"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether the grant keeps the rules.
    pub(crate) fn check(&self) -> Result<(), ValueError> {
        url_pattern::check(&self.url)?;
        check_methods(&self.methods).map_err(in_key("methods"))?;
        let mut rebuilt = HttpGrant::new("");
        for name in self.headers.iter().flatten() {
            rebuilt.add_header(name).map_err(in_key("headers"))?;
            self.check_not_own(name).map_err(in_key("headers"))?;
        }
        check_max_body(self.max_body).map_err(in_key("max-body"))?;
        check_max_requests(self.max_requests.into()).map_err(in_key("max-requests"))?;
        check_max_connections(self.max_connections.into()).map_err(in_key("max-connections"))?;
        match &self.credential {
            Some(credential) => credential
                .check(self.url.starts_with("https://") || self.private)
                .map_err(in_key("credential")),
            None => Ok(()),
        }
    }
}

/// A header that the host adds to the requests of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The header's name, lower case. The guest may not set it.
    pub header: String,
    /// Where the secret is.
    pub source: SecretSource,
    /// What stands before the secret in the header, such as `Bearer `.
    pub prefix: String,
}

/// Where a secret is kept. The policy names the place and never holds the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the host's environment.
    Env(String),
    /// A file; what it holds, without the line end.
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
                "would be sent unencrypted; use an `https://` URL (or `private = true` for a host of \
                 your own)",
            ));
        }
        Ok(())
    }
}

pub(crate) fn check_methods(methods: &[String]) -> Result<(), ValueError> {
    if methods.is_empty() {
        return Err(ValueError::new(
            "is empty, which would grant nothing; leave it out for GET and HEAD",
        ));
    }
    for method in methods {
        if !METHODS.contains(&method.as_str()) {
            return Err(ValueError::new(format!(
                "`{}` is not one of {}, in upper case",
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

/// A header name (RFC 9110 token), lower case, and none that carries the request itself.
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
            "may hold printable ASCII only; it goes into a header",
        )),
    }
}

pub(crate) fn check_env(name: &str) -> Result<(), ValueError> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    match !name.is_empty() && name.bytes().all(inner) {
        true => Ok(()),
        false => Err(ValueError::new(format!(
            "`{}` is not the name of an environment variable, such as `API_TOKEN`",
            shown(name)
        ))),
    }
}

/// Headers that frame a message or steer the connection; only the host sets them (RFC 9110, 9112).
///
/// `content-length` is one of them: our own `http` knows the body and writes the length itself. A WASI guest
/// says how long its body is going to be by this header, and has no other way to; whoever serves it compares
/// the header with the body and asks here about the others.
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
    RESERVED
        .iter()
        .any(|name| name.eq_ignore_ascii_case(header))
}
