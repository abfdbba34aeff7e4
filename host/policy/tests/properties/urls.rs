//! Properties of the decision on requests: no URL leaves its grant, and no address hides a private one.

use proptest::prelude::*;
use tollgate_policy::{Grants, HttpGrant, Target, egress};

use crate::hostile_urls::hostile_url;
use crate::random::a_million;

/// What is granted, and what is inside of it by another reading than the decision's: that of the text itself.
#[derive(Clone, Copy)]
pub(crate) struct Ground {
    pattern: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) host: Host,
    /// The port as it may be written.
    pub(crate) port: &'static str,
    /// Whether it may be left out.
    pub(crate) port_is_default: bool,
    path: fn(&str) -> bool,
    /// Paths inside, to make URLs of; `*` is any word.
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
            inner.is_some_and(|part| !part.is_empty() && !part.contains('/'))
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

/// The first ground that a URL is inside of, when it can be read in one way only.
fn inside(url: &str) -> Option<usize> {
    // What a URL is made of (RFC 3986), without the fragment.
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&b);
    if !url.bytes().all(sound) {
        return None;
    }
    let host_at = url.find("://")? + 3;
    let end = url[host_at..]
        .find(['/', '?'])
        .map_or(url.len(), |at| host_at + at);
    let (origin, rest) = url.split_at(end);
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

/// Whether a path names the same thing to a server that decodes it, and to one that drops what follows a
/// `;` in a part of it. Backslashes are gone by now.
fn leads_where_it_says(path: &str) -> bool {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
        if byte == b'%' {
            match (digit(), digit()) {
                (Some(high), Some(low)) if !b"./\\\0".contains(&((high * 16 + low) as u8)) => {}
                _ => return false,
            }
        }
    }
    let climbs = |part: &str| {
        [".", ".."].contains(&part) || part.starts_with(".;") || part.starts_with("..;")
    };
    !path.split('/').any(climbs)
}

/// Whatever a guest or a server writes, what is granted is inside the grant as it is sent; and what is
/// inside as it is written is granted, or the grant would be worth less than it says.
#[test]
fn no_generated_url_escapes_its_grant() {
    let http = GROUNDS
        .iter()
        .map(|ground| HttpGrant::new(ground.pattern))
        .collect();
    let grants = Grants {
        http,
        ..Grants::default()
    };
    let decide = |target: &Target| egress::http(&grants, "GET", target).ok();
    let from = Target::parse("https://api.example.com/repos/a/b?c").unwrap();

    let (mut all, mut elsewhere, mut led) = (0, 0, 0);
    let mut granted = [0; GROUNDS.len()];
    a_million(hostile_url, |url| {
        all += 1;
        let target = Target::parse(url);
        let decision = target.as_ref().ok().and_then(decide);
        assert_eq!(decision, inside(url), "as it is written");
        match (target, decision) {
            (Ok(target), Some(index)) => {
                granted[index] += 1;
                let scheme = if target.is_https() { "https" } else { "http" };
                let sent = format!(
                    "{scheme}://{}{}",
                    target.authority(),
                    target.path_and_query()
                );
                assert_eq!(inside(&sent), Some(index), "as it is sent: {sent}");
                assert_eq!(inside(target.as_str()), Some(index), "as it is kept");
            }
            (Ok(_), None) => elsewhere += 1,
            _ => {}
        }
        if let Ok(next) = from.join(url) {
            led += usize::from(decide(&next).is_some());
            assert_eq!(decide(&next), inside(next.as_str()), "where it leads");
        }
    });
    // Enough of each, or what was checked above was checked of nothing.
    for count in granted {
        assert!(count * 50 > all, "{granted:?} of {all}");
    }
    assert!(
        granted.iter().sum::<usize>() * 5 > all,
        "{granted:?} of {all}"
    );
    assert!(
        elsewhere * 20 > all,
        "{elsewhere} of {all} are read and not granted"
    );
    assert!(led * 5 > all, "{led} of {all} lead to what is granted");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn no_address_embeds_a_private_one(bits in any::<[u8; 16]>(), prefix in 0..6usize) {
        let mut bits = bits;
        let prefixes: [&[u8]; 6] = [
            &[0; 12],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            &[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x20, 0x02, 127, 0, 0, 1],
            &[0xfc],
            &[0xfe, 0x80],
        ];
        let prefix = prefixes[prefix];
        bits[..prefix.len()].copy_from_slice(prefix);
        bits[12..].copy_from_slice(&[127, 0, 0, 1]);
        let address = std::net::IpAddr::from(bits);
        prop_assert!(egress::address(address, false).is_err(), "{}", address);
    }
}
