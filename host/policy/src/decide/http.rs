//! The one decision on outgoing requests: is this URL granted, by which grant, with this header, and may this
//! address be dialled. Our own `http` and WASI's share it.

use std::net::IpAddr;

use url::{Host, Url};

use crate::grants::Grants;
use crate::grants::http::is_reserved;

use super::reason::Reason;

/// The longest URL, in bytes, as it is written and as it is sent. Servers commonly refuse more than 8 KiB.
pub const MAX_URL: usize = 8 << 10;

/// A URL that has one reading only, whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: String,
    port: u16,
}

impl Target {
    /// Reads a URL strictly: what two parsers could read in two ways is refused.
    ///
    /// Refused are control characters, spaces and backslashes (some parsers drop or turn them), user
    /// info, fragments, hosts that are spelt in any but the plain way (octal, hexadecimal, short or
    /// decimal IPv4, percent escapes, upper-case or non-ASCII letters that would be mapped, empty labels,
    /// punctuation), and paths with `.` or `..`, also where some servers see them (before a `;`), with
    /// escaped separators or dots, which servers decode into something else, or with half an escape.
    ///
    /// # Errors
    ///
    /// [`Reason::BadUrl`].
    pub fn parse(text: &str) -> Result<Target, Reason> {
        let plain = |b: u8| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b);
        if text.len() > MAX_URL || !text.bytes().all(plain) {
            return Err(Reason::BadUrl);
        }
        let url = Url::parse(text).map_err(|_| Reason::BadUrl)?;
        // A `'` in the query is sent as `%27`.
        if url.as_str().len() > MAX_URL {
            return Err(Reason::BadUrl);
        }
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or(Reason::BadUrl)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') || text.contains('#') {
            return Err(Reason::BadUrl);
        }
        let host = url.host_str().ok_or(Reason::BadUrl)?.to_owned();
        let port = url.port_or_known_default().ok_or(Reason::BadUrl)?;
        // As written, or not at all: whatever the parser had to change, another might change differently.
        let plain_authority =
            authority == host || authority == format!("{host}:{port}") && port != 0;
        let plain_host = host.starts_with('[') || host.split('.').all(is_plain_label);
        if !plain_authority || !plain_host {
            return Err(Reason::BadUrl);
        }
        let path_only = path
            .split('?')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        // Java's servers drop what follows a `;` in a part, and see the `..` that is left.
        let is_dot_segment = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
        let truncated_escape =
            |rest: &str| rest.bytes().take_while(u8::is_ascii_hexdigit).count() < 2;
        if ["%2e", "%2f", "%5c", "%00"]
            .iter()
            .any(|bad| path_only.contains(bad))
            || path_only.split('%').skip(1).any(truncated_escape)
            || path_only.split('/').any(is_dot_segment)
        {
            return Err(Reason::BadUrl);
        }
        Ok(Target { url, host, port })
    }

    /// Where a redirect leads, seen from this URL.
    ///
    /// # Errors
    ///
    /// [`Reason::BadUrl`].
    pub fn join(&self, location: &str) -> Result<Target, Reason> {
        let plain = |b: u8| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b);
        if !location.bytes().all(plain) {
            return Err(Reason::BadUrl);
        }
        // An absolute one is read as strictly as a guest's; a relative one is resolved first.
        if location.contains("://") || location.starts_with("//") {
            let absolute = match location.strip_prefix("//") {
                Some(rest) => format!("{}://{rest}", self.url.scheme()),
                None => location.to_owned(),
            };
            return Target::parse(without_fragment(&absolute));
        }
        let joined = self.url.join(location).map_err(|_| Reason::BadUrl)?;
        Target::parse(without_fragment(joined.as_str()))
    }

    /// The URL as it is sent.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Whether the connection is to be encrypted.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// A name, or an IP address, an IPv6 one in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address that the host is, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self.url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        }
    }

    /// The port, the scheme's own when none is written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of the `host` header.
    pub fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// What stands in the request line.
    pub fn path_and_query(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// Whether both are the same scheme, host and port: where a credential may follow.
    pub fn same_origin(&self, other: &Target) -> bool {
        self.url.scheme() == other.url.scheme()
            && self.host == other.host
            && self.port == other.port
    }
}

/// A label of a host's name: letters, digits, `-`, and `_` since there are such names. The URL standard lets
/// through much more that no name has.
fn is_plain_label(label: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !label.is_empty() && label.bytes().all(plain)
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or(url)
}

/// Which of `grants.http` allows `method` on `target`: the first that matches.
///
/// # Errors
///
/// [`Reason::NotGranted`] when no grant matches the URL, [`Reason::Method`] when some do and none of them
/// allows the method.
pub fn http(grants: &Grants, method: &str, target: &Target) -> Result<usize, Reason> {
    let mut reason = Reason::NotGranted;
    for (index, grant) in grants.http.iter().enumerate() {
        if !matches(&grant.url, target) {
            continue;
        }
        if grant.methods.iter().any(|known| known == method) {
            return Ok(index);
        }
        reason = Reason::Method;
    }
    Err(reason)
}

/// Whether the guest may set the header `name`, in any case, on a request that `grants.http[index]` allows.
///
/// It sets no credential's header, whichever grant the credential belongs to: what a server makes of such a
/// header is for the host to bring about, not for the guest. That `name` is a header's name at all is for
/// whoever builds the message to see to.
///
/// # Errors
///
/// [`Reason::NotGranted`] when there is no such grant; [`Reason::BadHeader`] for a reserved header
/// ([`is_reserved`], `content-length` included) and a credential's; [`Reason::Header`] for one that the grant does not
/// list.
pub fn header(grants: &Grants, index: usize, name: &str) -> Result<(), Reason> {
    let grant = grants.http.get(index).ok_or(Reason::NotGranted)?;
    let is_it = |header: &String| header.eq_ignore_ascii_case(name);
    let mut credentials = grants.http.iter().flat_map(|grant| &grant.credential);
    if is_reserved(name) || credentials.any(|credential| is_it(&credential.header)) {
        return Err(Reason::BadHeader);
    }
    match &grant.headers {
        Some(listed) if !listed.iter().any(is_it) => Err(Reason::Header),
        _ => Ok(()),
    }
}

/// Whether `target` is one of those that a grant's URL pattern stands for.
fn matches(pattern: &str, target: &Target) -> bool {
    let Some((scheme, rest)) = pattern.split_once("://") else {
        return false;
    };
    let Some((authority, path)) = rest.split_once('/') else {
        return false;
    };
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (authority, Some(if scheme == "https" { 443 } else { 80 })),
    };
    scheme == target.url.scheme()
        && port == Some(target.port)
        && host_matches(host, target)
        && path_matches(
            path,
            target.url.path().strip_prefix('/').unwrap_or_default(),
        )
}

fn host_matches(pattern: &str, target: &Target) -> bool {
    match pattern.strip_prefix("*.") {
        // One label or more before the dot, and never an address: those have no sub-domains.
        Some(suffix) => {
            target.address().is_none()
                && target
                    .host
                    .strip_suffix(suffix)
                    .and_then(|front| front.strip_suffix('.'))
                    .is_some_and(|labels| {
                        // An `xn--` label may look like any other; only an exact grant names one.
                        !labels.is_empty() && !labels.split('.').any(|l| l.starts_with("xn--"))
                    })
        }
        None => pattern == target.host,
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    for wanted in pattern.split('/') {
        if wanted == "**" {
            // What follows a `/`, if only that.
            return parts.next().is_some();
        }
        match parts.next() {
            Some(part) if wanted == part || (wanted == "*" && !part.is_empty()) => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
