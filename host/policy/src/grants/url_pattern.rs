//! The URL pattern of an HTTP grant: one scheme, one host, one pattern of paths.
//!
//! A pattern is compared with the URLs that guests request, so it has exactly one spelling: text that two URL parsers
//! could read in two ways is refused.

use crate::error::ValueError;
use crate::toml::messages::shown;

/// Checks `https://host[:port]/pattern`.
pub(crate) fn check(url: &str) -> Result<(), ValueError> {
    parts(url).map_err(|why| ValueError::new(format!("`{}` {why}", shown(url))))
}

fn parts(url: &str) -> Result<(), &'static str> {
    // The characters of a URL (RFC 3986) without `%`, `?`, `#` and brackets, and with `*` for the pattern.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/@!$&'()*+,;=".contains(&b);
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or("does not begin with `https://` or `http://`; write the scheme, in lower case")?;
    if rest.contains('#') {
        return Err("has a fragment (`#`), which is never sent; leave it out");
    }
    if rest.contains('?') {
        return Err("has a query (`?`), and a grant is of paths only; leave it out");
    }
    if rest.contains('%') {
        return Err(
            "has a percent escape, which patterns do not support; grant the part above with `**`",
        );
    }
    if rest.contains(['[', ']']) {
        return Err("has an IPv6 address for a host, which patterns do not support; use a name");
    }
    if !rest.is_ascii() {
        return Err("has characters outside ASCII; write an international host as `xn--…`");
    }
    if !rest.bytes().all(plain) {
        return Err(
            "has a character that a URL cannot have, such as a space, a backslash or a control character",
        );
    }
    let (authority, path) = rest
        .split_once('/')
        .ok_or("has no path; add `/**` for every path or `/` for the first page alone")?;
    if authority.contains('@') {
        return Err("has user info (`@`); a credential does not belong in a URL");
    }
    let host = match authority.split_once(':') {
        Some((host, port)) => {
            check_port(port)?;
            host
        }
        None => authority,
    };
    check_host(host)?;
    check_pattern(path)
}

fn check_port(port: &str) -> Result<(), &'static str> {
    let plain = !port.starts_with(['0', '+']);
    match plain && port.parse::<u16>().is_ok() {
        true => Ok(()),
        false => Err("has a port that is not a number from 1 to 65535"),
    }
}

/// A name, an IPv4 address, or `*.` and a name of at least two labels: `*` and `*.tld` would grant every host.
fn check_host(host: &str) -> Result<(), &'static str> {
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("has upper-case letters in its host; write the host in lower case");
    }
    let (name, wild) = match host.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (host, false),
    };
    if name.contains('*') {
        return Err(
            "has a `*` that is not the whole first label of its host; write `host.name` or `*.host.name`",
        );
    }
    // Limits of the domain name system (RFC 1035): 63 bytes a label, 253 a name.
    let label = |l: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&l.len())
            && l.bytes().all(inner)
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return Err("has a host that is not a name such as `api.example.com`");
    }
    if wild && !name.contains('.') {
        return Err("has a wildcard over a whole top-level domain; name at least `*.name.tld`");
    }
    // Browsers and most libraries read a host that ends in a number as an IPv4 address, in octal and hexadecimal too
    // (`0x7f.1` is 127.0.0.1): only the plain form is accepted.
    let last = name.rsplit('.').next().unwrap_or(name);
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if numeric && (wild || !is_ipv4(name)) {
        return Err(
            "has a host that is neither a name nor a plain IPv4 address such as `192.0.2.1`",
        );
    }
    Ok(())
}

fn is_ipv4(host: &str) -> bool {
    let octet = |o: &str| (o == "0" || !o.starts_with('0')) && o.parse::<u8>().is_ok();
    host.split('.').count() == 4 && host.split('.').all(octet)
}

/// Parts between `/`: literal ones, `*` for any one part, and `**` at the end for everything that follows.
fn check_pattern(path: &str) -> Result<(), &'static str> {
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "" if !last => return Err("has an empty part (`//`) in its path; write a single `/`"),
            "." | ".." => {
                return Err("has a part `.` or `..` in its path; write the path without it");
            }
            "**" if !last => {
                return Err(
                    "has a `**` before the end of its path; `**` is the last part, `*` is any one",
                );
            }
            "*" | "**" => {}
            _ if part.contains('*') => {
                return Err("has a `*` inside a part of its path; `*` stands for a whole part");
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_one_spelling() {
        for good in [
            "https://api.example.com/repos/**",
            "https://example.com/",
            "http://localhost:8080/**",
            "https://*.example.com/a/*/b",
            "https://*.co.uk/**",
            "https://192.0.2.1/**",
            "https://xn--bcher-kva.example/",
            "https://registry.example/@scope/pkg",
            "https://example.com/a/",
            "https://1e100.net/**",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn refuses_with_a_cure() {
        let long = format!("https://{}.example/", "a".repeat(64));
        let cases = [
            ("", "does not begin with"),
            ("example.com/**", "does not begin with"),
            ("HTTPS://example.com/", "does not begin with"),
            ("ftp://example.com/", "does not begin with"),
            ("https:/example.com/", "does not begin with"),
            ("https://", "has no path"),
            ("https://example.com", "add `/**` for every path"),
            ("https:///etc", "not a name"),
            ("https://*/**", "`*` that is not the whole first label"),
            ("https://**/x", "`*` that is not"),
            ("https://*.com/**", "whole top-level domain"),
            ("https://*./**", "not a name"),
            ("https://*.*.com/**", "`*` that is not"),
            ("https://a.*.com/**", "`*` that is not"),
            ("https://api*.example.com/**", "`*` that is not"),
            ("https://user@example.com/", "user info"),
            ("https://user:pw@example.com/", "user info"),
            ("https://example.com/#x", "fragment"),
            ("https://example.com/?q=1", "query"),
            ("https://Example.com/", "lower case"),
            ("https://ex\u{430}mple.com/", "xn--"),
            ("https://example.com./", "not a name"),
            ("https://.example.com/", "not a name"),
            ("https://a..b/", "not a name"),
            ("https://-a.com/", "not a name"),
            ("https://a_b.com/", "not a name"),
            (&long, "not a name"),
            ("https://example.com:/", "port"),
            ("https://example.com:0/", "port"),
            ("https://example.com:080/", "port"),
            ("https://example.com:65536/", "port"),
            ("https://example.com:+80/", "port"),
            ("https://example.com:80:80/", "port"),
            ("https://[::1]/", "IPv6"),
            ("https://0x7f.1/", "plain IPv4"),
            ("https://127.1/", "plain IPv4"),
            ("https://2130706433/", "plain IPv4"),
            ("https://127.0.0.01/", "plain IPv4"),
            ("https://256.0.0.1/", "plain IPv4"),
            ("https://*.0.0.1/", "plain IPv4"),
            ("https://example.com//", "empty part"),
            ("https://example.com/a//b", "empty part"),
            ("https://example.com/../x", "`..`"),
            ("https://example.com/./x", "`..`"),
            ("https://example.com/%2e%2e/", "percent"),
            ("https://example.com/**/x", "before the end"),
            ("https://example.com/a*", "inside a part"),
            ("https://example.com/***", "inside a part"),
            ("https://example.com\\@evil.com/", "backslash"),
            ("https://example.com/ x", "space"),
            ("https://example.com/\r\nHost: x", "control character"),
        ];
        for (url, expected) in cases {
            let message = check(url).unwrap_err().message;
            assert!(message.contains(expected), "{url:?}: {message}");
        }
    }
}
