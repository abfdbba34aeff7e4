//! A second opinion on whether a URL or a path is inside a grant: it reads the text itself, without the parser of the
//! decision. The fuzzing targets use it too (`fuzz/targets`).

/// A grant, and the URLs that are inside it by the text alone.
#[derive(Clone, Copy)]
pub(crate) struct Ground {
    pub(crate) pattern: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) host: Host,
    /// The port as it is written.
    pub(crate) port: &'static str,
    /// Whether the port may be left out.
    pub(crate) port_is_default: bool,
    path: fn(&str) -> bool,
    /// Paths inside, for making URLs; `*` is any word.
    pub(crate) paths: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub(crate) enum Host {
    Is(&'static str),
    Below(&'static str),
}

pub(crate) const GROUNDS: &[Ground] = &[
    Ground {
        pattern: "https://api.example.com/repos/**",
        scheme: "https://",
        host: Host::Is("api.example.com"),
        port: ":443",
        port_is_default: true,
        path: |path| path.starts_with("/repos/"),
        paths: &["/repos/", "/repos/*", "/repos/*/*.json", "/repos//*/"],
    },
    Ground {
        pattern: "https://api.example.com/v1/*/tags",
        scheme: "https://",
        host: Host::Is("api.example.com"),
        port: ":443",
        port_is_default: true,
        path: |path| {
            let inner = path
                .strip_prefix("/v1/")
                .and_then(|rest| rest.strip_suffix("/tags"));
            inner.is_some_and(|part| !part.contains('/') && is_part(part))
        },
        paths: &[
            "/v1/*/tags",
            "/v1/tags/tags",
            "/v1/%20*/tags",
            "/v1/.*/tags",
        ],
    },
    Ground {
        pattern: "http://localhost:8080/",
        scheme: "http://",
        host: Host::Is("localhost"),
        port: ":8080",
        port_is_default: false,
        path: |path| path == "/",
        paths: &["/", ""],
    },
    Ground {
        pattern: "http://192.0.2.1/**",
        scheme: "http://",
        host: Host::Is("192.0.2.1"),
        port: ":80",
        port_is_default: true,
        path: |_| true,
        paths: &["/", "", "/*/*", "//*"],
    },
    Ground {
        pattern: "https://xn--bcher-kva.example/x",
        scheme: "https://",
        host: Host::Is("xn--bcher-kva.example"),
        port: ":443",
        port_is_default: true,
        path: |path| path == "/x",
        paths: &["/x"],
    },
    Ground {
        pattern: "https://*.example.org:8443/pub/**",
        scheme: "https://",
        host: Host::Below(".example.org"),
        port: ":8443",
        port_is_default: false,
        path: |path| path.starts_with("/pub/"),
        paths: &["/pub/", "/pub/*/*", "/pub/..*"],
    },
];

/// The first ground that a URL is inside of, if every parser reads the URL in the same way.
pub(crate) fn inside(url: &str) -> Option<usize> {
    // The characters of a URL (RFC 3986), without the fragment.
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&b);
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    let is_sound = before.bytes().all(sound) && query.bytes().all(|b| sound(b) || is_escaped(b));
    if !is_sound || url.len() > 8 << 10 {
        return None;
    }
    let host_at = url.find("://")? + 3;
    let end = url[host_at..]
        .find(['/', '?'])
        .map_or(url.len(), |at| host_at + at);
    let (origin, rest) = url.split_at(end);
    if sent(origin, rest) > 8 << 10 {
        return None;
    }
    let path = match rest.split('?').next() {
        None | Some("") => "/",
        Some(path) => path,
    };
    if !leads_where_it_says(path) {
        return None;
    }
    GROUNDS
        .iter()
        .position(|ground| ground.holds(origin) && (ground.path)(path))
}

/// Whether a character is outside the characters of a URL (RFC 3986), and is escaped in a query.
fn is_escaped(byte: u8) -> bool {
    b"\"<>^`{|}".contains(&byte)
}

/// The length of a URL as it is sent: a `'` in the query is escaped like characters that no URL may contain, an empty
/// path becomes `/`, and the scheme's own port is dropped.
fn sent(origin: &str, rest: &str) -> usize {
    let quotes = rest.split_once('?').map_or(0, |(_, query)| {
        query
            .bytes()
            .filter(|b| *b == b'\'' || is_escaped(*b))
            .count()
    });
    let slash = usize::from(!rest.starts_with('/'));
    let ports = [("https://", ":443"), ("http://", ":80")];
    let port = ports
        .iter()
        .find(|(scheme, port)| origin.starts_with(scheme) && origin.ends_with(port));
    origin.len() + slash + rest.len() + 2 * quotes - port.map_or(0, |(_, port)| port.len())
}

impl Ground {
    fn holds(&self, origin: &str) -> bool {
        let Some(authority) = origin.strip_prefix(self.scheme) else {
            return false;
        };
        let host = match authority.strip_suffix(self.port) {
            Some(host) => host,
            None if self.port_is_default => authority,
            None => return false,
        };
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(letter) && !label.starts_with("xn--")
        };
        match self.host {
            Host::Is(name) => host == name,
            Host::Below(name) => host
                .strip_suffix(name)
                .is_some_and(|front| front.split('.').all(label)),
        }
    }
}

/// Whether a path means the same to a server that decodes it, once or often, and to one that drops the text after a `;`,
/// spaces or dots in each part.
fn leads_where_it_says(path: &str) -> bool {
    let mut bytes = path.as_bytes().to_vec();
    let slashes = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'/').count();
    for _ in 0..5 {
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return false;
        };
        if slashes(&bytes) != path.matches('/').count() || text.contains(ends_a_part) {
            return false;
        }
        for part in text.split('/') {
            let name = &part[..part.find(';').unwrap_or(part.len())];
            let visible = name.replace(|c: char| !('!'..='~').contains(&c), "");
            if name.contains('.') && visible.trim_matches('.').is_empty() {
                return false;
            }
        }
        if !bytes.contains(&b'%') {
            return true;
        }
        match decoded(bytes) {
            Some(next) => bytes = next,
            None => return false,
        }
    }
    false
}

/// One layer of escapes decoded; none if one is no escape.
fn decoded(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let mut rest = bytes.into_iter();
    let mut next = Vec::new();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
        next.push(match byte {
            b'%' => (digit()? * 16 + digit()?) as u8,
            _ => byte,
        });
    }
    Some(next)
}

/// Whether a server that drops parameters, invisible characters and dots at the end keeps something of a part.
fn is_part(part: &str) -> bool {
    let mut bytes = part.as_bytes().to_vec();
    for _ in 0..5 {
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return false;
        };
        let name = &text[..text.find(';').unwrap_or(text.len())];
        if !name.contains(|c: char| c != '.' && ('!'..='~').contains(&c)) {
            return false;
        }
        match decoded(bytes.clone()) {
            Some(next) if next != bytes => bytes = next,
            decoded => return decoded.is_some(),
        }
    }
    false
}

/// A character that is, or becomes on some system, a separator, a dot, a control or the end of a path.
fn ends_a_part(c: char) -> bool {
    let narrow = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0),
        '\u{ff61}' | '\u{3002}' | '\u{2024}'..='\u{2026}' | '\u{fe52}' => Some('.'),
        '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}'
        | '\u{fe68}' => Some('\\'),
        '\u{fe54}' => Some(';'),
        '\u{fe56}' => Some('?'),
        '\u{fe5f}' => Some('#'),
        '\u{fe6a}' => Some('%'),
        _ => None,
    };
    narrow.is_some_and(|c| "./\\;?#%".contains(c)) || c.is_control() || "\\?#".contains(c)
}

/// The place below its root that a path leads to, found part by part. None if the path begins elsewhere, leads above
/// the folder that it starts from, or has text that some system reads in another way. Without a folder to start from,
/// no part leads upwards.
pub(crate) fn walk<'p>(base: Option<&'p str>, path: &'p str) -> Option<Vec<&'p str>> {
    let mut at = Vec::new();
    if path.is_empty() || path.starts_with('/') {
        return None;
    }
    at.extend(base.unwrap_or(".").split('/').filter(|part| *part != "."));
    let mut below = 0_u32;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                base?;
                below = below.checked_sub(1)?;
                at.push(part);
            }
            part if part.contains(['\\', '\0']) => return None,
            part => {
                below += 1;
                at.push(part);
            }
        }
    }
    Some(at)
}
