//! The decisions on an outgoing request: whether its URL, its method and its headers are granted, and by which grant.
//! `tollgate:provider/http` and `wasi:http` share them.

use std::borrow::Cow;
use std::net::IpAddr;

use url::{Host, Url};

use crate::grants::Grants;
use crate::grants::http::{HttpGrant, is_override, is_reserved, is_same_header};

use super::path::{Reading, reading, remains};
use super::reason::Reason;

/// The longest URL, in bytes, both as written and as sent. Servers commonly refuse more than 8 KiB.
pub const MAX_URL: usize = 8 << 10;

/// A URL that every parser reads in the same way.
///
/// ```
/// use tollgate_policy::{Reason, Target};
///
/// let target = Target::parse("https://api.example.com/a?b")?;
/// assert_eq!((target.host(), target.port(), &*target.path_and_query()), ("api.example.com", 443, "/a?b"));
/// assert_eq!(Target::parse("http://0x7f.1/"), Err(Reason::BadUrl));
/// # Ok::<(), Reason>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: String,
    port: u16,
    reading: Reading,
}

impl Target {
    /// Parses a URL strictly: text that two parsers could read in two ways is refused.
    ///
    /// The parser refuses control characters, spaces and backslashes (some parsers drop or convert them); user info;
    /// fragments; hosts in any but the plain spelling (octal, hexadecimal, short or decimal IPv4, percent escapes,
    /// upper-case or non-ASCII letters that would be mapped, empty labels, punctuation); and paths that lead elsewhere in
    /// any of the forms that servers decode them to. A path is decoded until nothing changes: in no form it has a part
    /// `.` or `..`, also before a `;` or beside spaces, a separator escaped twice, a control character, a truncated escape,
    /// or bytes that are not UTF-8. A path with `%2F` is one that [`http`] allows only by a grant that says so.
    ///
    /// In the query, the characters `"<>^{|}` and the backtick, which no URL has and programs write, are sent as escapes.
    ///
    /// # Errors
    ///
    /// [`Reason::BadUrl`].
    pub fn parse(text: &str) -> Result<Target, Reason> {
        Target::read(text).map_err(|_| Reason::BadUrl)
    }

    /// The same; the error is the rule that was broken.
    fn read(text: &str) -> Result<Target, &'static str> {
        if text.len() > MAX_URL {
            return Err(LONG);
        }
        let text = &*plain(text).ok_or(ODD)?;
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or("the URL does not begin with https:// or http://")?;
        if text.contains('#') {
            return Err("the URL has a fragment, which no request has");
        }
        let url = Url::parse(text).map_err(|_| "the URL has no valid host or port")?;
        // Escapes make it longer; the parser writes a `'` in the query as `%27`.
        if url.as_str().len() > MAX_URL {
            return Err(LONG);
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or(AMBIGUOUS)?;
        if authority.contains('@') {
            return Err("the URL has a name or a password before its host");
        }
        let host = url.host_str().ok_or(AMBIGUOUS)?.to_owned();
        let port = url.port_or_known_default().ok_or(AMBIGUOUS)?;
        // The host must be written as the parser returns it: another parser might change it differently.
        let plain_authority =
            authority == host || authority == format!("{host}:{port}") && port != 0;
        if !plain_authority {
            return Err(
                "the URL has another spelling of its host or port than the usual one, which is in lower case and has four \
                 decimal numbers for an IPv4 address",
            );
        }
        if !host.starts_with('[') && !host.split('.').all(is_plain_label) {
            return Err("the URL has an empty label or punctuation in its host");
        }
        let path = path.split('?').next().unwrap_or_default();
        let reading = reading(path).ok_or(
            "the URL has a part that a server may read as `..`, a separator or a control character after decoding it, or an \
             escape that is not complete",
        )?;
        Ok(Target {
            url,
            host,
            port,
            reading,
        })
    }

    /// The target of a redirect from this URL to `location`, parsed as strictly.
    ///
    /// # Errors
    ///
    /// [`Reason::BadUrl`].
    pub fn join(&self, location: &str) -> Result<Target, Reason> {
        if plain(location).is_none() {
            return Err(Reason::BadUrl);
        }
        // An absolute location is parsed as it is; a relative one is resolved first.
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

    /// Whether the connection must be encrypted.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The host: a name or an IP address, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as an address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self.url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        }
    }

    /// The port; that of the scheme when none is written.
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

    /// The path and the query, as the request line has them.
    pub fn path_and_query(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// Whether both have the same scheme, host and port, so that a redirect between them keeps the credential.
    pub fn same_origin(&self, other: &Target) -> bool {
        self.url.scheme() == other.url.scheme()
            && self.host == other.host
            && self.port == other.port
    }
}

const LONG: &str = "the URL is longer than 8 KiB";
const ODD: &str =
    "the URL has a space, a backslash, a control character or another one that no URL has";
const AMBIGUOUS: &str = "two programs could read the URL in two ways";

/// The rule that a URL breaks which was denied as [`Reason::BadUrl`]. It may have been escaped and cut since.
pub(super) fn why_bad(url: &str) -> &'static str {
    Target::read(url).err().unwrap_or(AMBIGUOUS)
}

/// `text` in characters that URLs have; none if it has others that some parsers drop or convert. Those that no URL has but
/// that mean the same to all servers are escaped, in the query alone: no decision depends on it.
fn plain(text: &str) -> Option<Cow<'_, str>> {
    const ESCAPED: &[char] = &['"', '<', '>', '^', '`', '{', '|', '}'];
    let (before, query) = match text.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (text, None),
    };
    if before.contains(ESCAPED) || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return None;
    }
    let Some(query) = query.filter(|query| query.contains(ESCAPED)) else {
        return Some(Cow::Borrowed(text));
    };
    let mut escaped = format!("{before}?");
    for c in query.chars() {
        match ESCAPED.contains(&c) {
            true => escaped.push_str(&format!("%{:02X}", u32::from(c))),
            false => escaped.push(c),
        }
    }
    Some(Cow::Owned(escaped))
}

/// A label of a host name: letters, digits, `-`, and `_`, which some names have. The URL standard accepts many more
/// characters that no name has.
fn is_plain_label(label: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !label.is_empty() && label.bytes().all(plain)
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or(url)
}

/// A granted request over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpDecision {
    /// The index in `grants.http` of the grant that allows the request.
    pub index: usize,
    /// Whether the grant asks: the request is allowed once an approver has said yes.
    pub ask: bool,
}

/// The first grant that allows `method` on `target`; one that asks only if all that allow it do.
///
/// # Errors
///
/// [`Reason::NotGranted`] if no grant matches the URL, [`Reason::Method`] if some do and none of them allows the
/// method, [`Reason::EscapedSlash`] if the path has an escaped `/` and the last that matches does not allow that.
pub fn http(grants: &Grants, method: &str, target: &Target) -> Result<HttpDecision, Reason> {
    let mut reason = Reason::NotGranted;
    let mut asks = None;
    for (index, grant) in grants.http.iter().enumerate() {
        if !matches(&grant.url, target) {
            continue;
        }
        reason = match (target.reading, grant.escaped_slashes) {
            _ if !grant.methods.iter().any(|known| known == method) => Reason::Method,
            (Reading::EscapedSlash, false) => Reason::EscapedSlash,
            _ if grant.ask => {
                let first = HttpDecision { index, ask: true };
                asks.get_or_insert(first);
                continue;
            }
            _ => return Ok(HttpDecision { index, ask: false }),
        };
    }
    asks.ok_or(reason)
}

/// The indices in `grants.http` of the grants with a credential that the server of `target` may know: those whose URL has
/// its host, by any scheme and port. It can give each of them back in any response.
pub fn known_credentials(grants: &Grants, target: &Target) -> Vec<usize> {
    let known = |grant: &&HttpGrant| {
        let host = parts(&grant.url).map(|(_, host, ..)| host);
        grant.credential.is_some() && host.is_some_and(|host| host_matches(host, target))
    };
    let numbered = grants.http.iter().enumerate();
    let known = numbered.filter(|(_, grant)| known(grant));
    known.map(|(index, _)| index).collect()
}

/// Whether a request with `method` may have a body.
///
/// POST, PUT and PATCH define one, and APIs give DELETE one. For every other method, servers disagree on where a body
/// ends (RFC 9110, 9.3.1): one that expects no body reads it as the next request on the connection, with a method and a
/// URL without a decision. DELETE is in the list because it is granted by its name only, and the body is framed; the
/// host also closes each connection after one request, so that a server reads no second one from it.
///
/// # Errors
///
/// [`Reason::Method`].
///
/// ```
/// use tollgate_policy::{Reason, decide};
///
/// assert_eq!((decide::body("POST"), decide::body("GET")), (Ok(()), Err(Reason::Method)));
/// ```
pub fn body(method: &str) -> Result<(), Reason> {
    match ["POST", "PUT", "PATCH", "DELETE"].contains(&method) {
        true => Ok(()),
        false => Err(Reason::Method),
    }
}

/// Whether the guest may set the header `name`, in any case of letters, on a request that `grants.http[index]` allows.
///
/// It may not set the header of any grant's credential: only the host authenticates. A denied name is denied in every
/// spelling that servers take for it; a name that a grant lists is allowed in that spelling alone. The caller checks
/// that `name` is a valid header name.
///
/// # Errors
///
/// [`Reason::NotGranted`] if there is no such grant; [`Reason::BadHeader`] for a reserved header ([`is_reserved`],
/// `content-length` included) and for that of a credential; [`Reason::Header`] for one that the grant does not list, and
/// for an override ([`is_override`]) if it lists none.
///
/// ```
/// use tollgate_policy::{Grants, HttpGrant, Reason, decide};
///
/// let grant = HttpGrant { headers: Some(vec!["accept".to_owned()]), ..HttpGrant::new("https://a.example/") };
/// let grants = Grants { http: vec![grant], ..Grants::default() };
/// assert_eq!(decide::header(&grants, 0, "Accept"), Ok(()));
/// assert_eq!(decide::header(&grants, 0, "etag"), Err(Reason::Header));
/// assert_eq!(decide::header(&grants, 0, "host"), Err(Reason::BadHeader));
/// ```
pub fn header(grants: &Grants, index: usize, name: &str) -> Result<(), Reason> {
    let grant = grants.http.get(index).ok_or(Reason::NotGranted)?;
    let is_it = |header: &String| header.eq_ignore_ascii_case(name);
    let is_taken_for = |header: &String| is_same_header(header, name);
    let mut credentials = grants.http.iter().flat_map(|grant| &grant.credential);
    if is_reserved(name) || credentials.any(|credential| is_taken_for(&credential.header)) {
        return Err(Reason::BadHeader);
    }
    match &grant.headers {
        Some(listed) if !listed.iter().any(is_it) => Err(Reason::Header),
        None if is_override(name) => Err(Reason::Header),
        _ => Ok(()),
    }
}

/// Whether a grant's URL pattern matches `target`.
fn matches(pattern: &str, target: &Target) -> bool {
    let Some((scheme, host, port, path)) = parts(pattern) else {
        return false;
    };
    scheme == target.url.scheme()
        && port == Some(target.port)
        && host_matches(host, target)
        && path_matches(
            path,
            target.url.path().strip_prefix('/').unwrap_or_default(),
        )
}

/// Scheme, host, port and path of a grant's URL pattern.
fn parts(pattern: &str) -> Option<(&str, &str, Option<u16>, &str)> {
    let (scheme, rest) = pattern.split_once("://")?;
    let (authority, path) = rest.split_once('/')?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (authority, Some(if scheme == "https" { 443 } else { 80 })),
    };
    Some((scheme, host, port, path))
}

fn host_matches(pattern: &str, target: &Target) -> bool {
    match pattern.strip_prefix("*.") {
        // The suffix follows one label or more and a dot. An address has no subdomains.
        Some(suffix) => {
            target.address().is_none()
                && target
                    .host
                    .strip_suffix(suffix)
                    .and_then(|front| front.strip_suffix('.'))
                    .is_some_and(|labels| {
                        // An `xn--` label may look like any other label, so only an exact grant matches one.
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
            // `**` matches the rest after a `/`, even an empty one.
            return parts.next().is_some();
        }
        match parts.next() {
            Some(part) if wanted == part || (wanted == "*" && remains(part)) => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "http_header_tests.rs"]
mod header_tests;
