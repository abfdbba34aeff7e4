//! Tests of `[[grants.http]]`: every key is read and written back, every mistake has its position and a fix.

use std::path::Path;

use crate::grants::{Credential, HttpGrant, Network, SecretSource};
use crate::policy::Policy;

use super::mistakes;

fn parse(keys: &str) -> HttpGrant {
    let text = format!("[[grants.http]]\nurl = \"https://a.example/**\"\n{keys}");
    let policy = Policy::parse(&text, Path::new("/base")).unwrap();
    assert_eq!(policy.check(), Ok(()));
    super::is_written_back(&policy);
    policy.grants.http[0].clone()
}

#[test]
fn every_key_is_read() {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let grant = parse(
        r#"
methods = ["GET", "POST"]
headers = ["accept", "if-none-match"]
escaped-slashes = true
max-body = "2MiB"
max-requests = 3
max-connections = 4
networks = ["loopback", "10.1.0.0/16"]
credential = { header = "authorization", from-file = "./token", prefix = "Bearer " }
ask = true
"#,
    );
    let expected = HttpGrant {
        url: "https://a.example/**".to_owned(),
        methods: owned(&["GET", "POST"]),
        headers: Some(owned(&["accept", "if-none-match"])),
        escaped_slashes: true,
        max_body: 2 << 20,
        max_requests: 3,
        max_connections: 4,
        networks: vec![Network::Loopback, "10.1.0.0/16".parse().unwrap()],
        credential: Some(Credential {
            header: "authorization".to_owned(),
            source: SecretSource::File("/base/./token".into()),
            prefix: "Bearer ".to_owned(),
        }),
        ask: true,
    };
    assert_eq!(grant, expected);
}

#[test]
fn what_is_not_said_is_the_default() {
    let grant = parse("");
    assert_eq!(grant, HttpGrant::new("https://a.example/**"));
    assert_eq!((grant.headers, grant.max_connections), (None, 6));
    // An empty list of headers differs from no list, so it is written.
    assert_eq!(parse("headers = []").headers, Some(Vec::new()));
}

#[test]
fn both_ends_of_a_range_are_in_it() {
    for connections in [1, 64] {
        let keys = format!("max-connections = {connections}");
        assert_eq!(parse(&keys).max_connections, connections);
    }
}

/// Texts, each with the beginning of the message about it.
const MISTAKES: &[(&str, &str)] = &[
    (
        "[[grants.http]]\nurl='https://a.b/'\nheader = []",
        "3:1: grants.http[0].header: unknown key; did you mean `headers`?",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nmax_connections = 1",
        "3:1: grants.http[0].max_connections: unknown key; did you mean `max-connections`?",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = 'accept'",
        "3:11: grants.http[0].headers: found a string; write a list such as [\"accept\", \"if-none-match\"]",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = [1]",
        "3:12: grants.http[0].headers[0]: found an integer; write a string such as \"accept\"",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['accept', 'If-Match']",
        "3:22: grants.http[0].headers[1]: `If-Match` is not a header's name in lower case, such as",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['']",
        "3:12: grants.http[0].headers[0]: `` is not a header's name in lower case",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['a', 'a b']",
        "3:17: grants.http[0].headers[1]: `a b` is not a header's name in lower case",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = [\"a\\r\\nhost\"]",
        "3:12: grants.http[0].headers[0]: `a\\r\\nhost` is not a header's name in lower case",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['x-*']",
        "3:12: grants.http[0].headers[0]: `x-*` has a `*`, and `headers` has no patterns; name each header,",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['host']",
        "3:12: grants.http[0].headers[0]: `host` is a header that the host itself sets; name another",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['content-length']",
        "3:12: grants.http[0].headers[0]: `content-length` is a header that the host itself sets",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['accept', 'etag', 'accept']",
        "3:30: grants.http[0].headers[2]: `accept` is named twice; keep one",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['accept', 'x-key']\n\
         credential = { header = 'x-key', from-env = 'KEY' }",
        "3:22: grants.http[0].headers[1]: `x-key` is the header of this grant's credential, \
         which the guest may not set; leave it out",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['content_length']",
        "3:12: grants.http[0].headers[0]: `content_length` is a header that the host itself sets",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['accept', 'x_key']\n\
         credential = { header = 'x-key', from-env = 'KEY' }",
        "3:22: grants.http[0].headers[1]: `x_key` is the header of this grant's credential, \
         which the guest may not set; leave it out",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nmax-connections = '6'",
        "3:19: grants.http[0].max-connections: found a string; write a whole number",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nmax-connections = 0",
        "3:19: grants.http[0].max-connections: must be from 1 to 64: each takes a socket",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nmax-connections = 65",
        "3:19: grants.http[0].max-connections: must be from 1 to 64",
    ),
    // The value is 2^32 + 1, which is 1 if it is cut down to 32 bits.
    (
        "[[grants.http]]\nurl='https://a.b/'\nmax-connections = 4294967297",
        "3:19: grants.http[0].max-connections: must be from 1 to 64",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nmax-body = '2GiB'",
        "3:12: grants.http[0].max-body: must be from 1 B to 1 GiB: a body is held in memory",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nmax-requests = 0",
        "3:16: grants.http[0].max-requests: must be from 1 to 1000000",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nnetworks = 'loopback'",
        "3:12: grants.http[0].networks: found a string; write a list such as [\"loopback\", \"10.1.0.0/16\"]",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nnetworks = [true]",
        "3:13: grants.http[0].networks[0]: found a boolean; write a string such as \"loopback\"",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nnetworks = ['loopback', 'lan']",
        "3:25: grants.http[0].networks[1]: `lan` is not a network; known: loopback, private, link-local, or a block \
         such as `10.1.0.0/16`",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nnetworks = ['10.1.2.3/16']",
        "3:13: grants.http[0].networks[0]: `10.1.2.3/16` begins inside of its block; write `10.1.0.0/16` for the",
    ),
    (
        "[[grants.http]]\nurl='https://a.b/'\nnetworks = ['private', 'loopback', 'private']",
        "3:36: grants.http[0].networks[2]: `private` is named twice; keep one",
    ),
    // Keys of earlier policies.
    (
        "[[grants.http]]\nurl='https://a.b/'\nprivate = true",
        "3:1: grants.http[0].private: is no key any more: networks are named one by one; write those that are meant \
         of `networks = [\"loopback\", \"private\", \"link-local\"]`, or delete the line",
    ),
    (
        "grants.http = [{ url = 'https://a.b/', private = false, odd = 1 }]",
        "1:40: grants.http[0].private: is no key any more",
    ),
    // The mistake reported is the first in the text.
    (
        "[[grants.http]]\nurl='https://a.b/'\nheaders = ['host']\nmax-connections = 0",
        "3:12: grants.http[0].headers[0]: ",
    ),
];

#[test]
fn mistakes_are_told_with_their_place_and_a_cure() {
    mistakes::are_told(MISTAKES);
}

#[test]
fn grants_put_together_in_code_are_checked() {
    let refused = |change: fn(&mut HttpGrant), expected: &str| {
        let mut policy = Policy::default();
        let mut grant = HttpGrant::new("https://a.example/");
        change(&mut grant);
        policy.grants.http.push(grant);
        let message = policy.check().unwrap_err().message;
        assert!(message.starts_with(expected), "{message}");
    };
    refused(
        |grant| grant.methods.clear(),
        "grants.http: methods: is empty",
    );
    refused(
        |grant| grant.headers = Some(vec!["Accept".to_owned()]),
        "grants.http: headers: `Accept` is not a header's name",
    );
    refused(
        |grant| grant.headers = Some(vec!["etag".to_owned(); 2]),
        "grants.http: headers: `etag` is named twice",
    );
    refused(
        |grant| {
            grant.headers = Some(vec!["x-key".to_owned()]);
            grant.credential = Some(Credential {
                header: "x-key".to_owned(),
                source: SecretSource::Env("KEY".to_owned()),
                prefix: String::new(),
            });
        },
        "grants.http: headers: `x-key` is the header of this grant's credential",
    );
    refused(
        |grant| grant.networks = vec![Network::Private; 2],
        "grants.http: networks: `private` is named twice",
    );
    refused(|grant| grant.max_body = 0, "grants.http: max-body: must be");
    refused(
        |grant| grant.max_requests = 0,
        "grants.http: max-requests: must be",
    );
    refused(
        |grant| grant.max_connections = 65,
        "grants.http: max-connections: must be",
    );
    refused(
        |grant| {
            grant.url = "http://a.example/".to_owned();
            grant.credential = Some(Credential {
                header: "x-key".to_owned(),
                source: SecretSource::Env("KEY".to_owned()),
                prefix: String::new(),
            });
        },
        "grants.http: credential: would be sent unencrypted",
    );
}

/// A policy that was built in code obeys the rules of a parsed one.
#[test]
fn a_credential_is_checked_in_code_too() {
    let fits = |url: &str, networks: &[Network], env: &str, prefix: &str| {
        let credential = Credential {
            header: "authorization".to_owned(),
            source: SecretSource::Env(env.to_owned()),
            prefix: prefix.to_owned(),
        };
        let grant = HttpGrant {
            networks: networks.to_vec(),
            credential: Some(credential),
            ..HttpGrant::new(url)
        };
        grant.check().is_ok()
    };
    let (https, http) = ("https://a.example/", "http://a.example/");
    for env in ["A", "API_TOKEN", "_9"] {
        assert!(fits(https, &[], env, ""), "{env}");
    }
    for env in ["", "A B", "A=B", "A\0", "\u{e9}"] {
        assert!(!fits(https, &[], env, ""), "{env:?}");
    }
    for (prefix, ok) in [
        (" ~", true),
        ("\r\nx: ", false),
        ("\u{7f}", false),
        ("\u{1f}", false),
    ] {
        assert_eq!(fits(https, &[], "A", prefix), ok, "{prefix:?}");
    }
    // As plain text, the credential is allowed only to a network that is named.
    let inside = [Network::Private];
    assert!(fits(https, &inside, "A", "") && fits(http, &inside, "A", ""));
    assert!(!fits(http, &[], "A", ""));
}

#[test]
fn a_host_is_so_long_and_no_longer() {
    let label = "x".repeat(63);
    for (last, ok) in [(61, true), (62, false)] {
        let host = format!("{label}.{label}.{label}.{}", "x".repeat(last));
        let grant = HttpGrant::new(format!("https://{host}/"));
        assert_eq!(grant.check().is_ok(), ok, "{} bytes", host.len());
    }
}
