//! Methods, headers and credentials of a request.

use super::tests::grants;
use super::*;
use crate::grants::{Credential, SecretSource};

#[test]
fn methods_are_granted_one_by_one() {
    let target = Target::parse("https://a.example/").unwrap();
    let grants = grants(&["https://a.example/**"]);
    assert_eq!(http(&grants, "GET", &target).map(|it| it.index), Ok(0));
    assert_eq!(http(&grants, "HEAD", &target).map(|it| it.index), Ok(0));
    assert_eq!(http(&grants, "POST", &target), Err(Reason::Method));
    assert_eq!(http(&grants, "get", &target), Err(Reason::Method));
}

/// Any other method is refused a body, also one that is not known here or is in other letters.
#[test]
fn four_methods_may_have_a_body() {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        assert_eq!(body(method), Ok(()), "{method}");
    }
    for method in [
        "GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "QUERY", "post", "",
    ] {
        assert_eq!(body(method), Err(Reason::Method), "{method}");
    }
}

/// Three grants: one that lists headers, one that lists none, and one with a credential that takes any.
fn with_headers() -> Grants {
    let mut grants = grants(&[
        "https://a.example/",
        "https://b.example/",
        "https://c.example/",
    ]);
    grants.http[0].headers = Some(vec!["accept".to_owned(), "x-key".to_owned()]);
    grants.http[1].headers = Some(Vec::new());
    grants.http[2].credential = Some(Credential {
        header: "x-key".to_owned(),
        source: SecretSource::Env("KEY".to_owned()),
        prefix: String::new(),
    });
    grants
}

#[test]
fn a_grant_that_lists_headers_takes_those_alone() {
    let header = |index, name| header(&with_headers(), index, name);
    for name in ["accept", "Accept", "ACCEPT"] {
        assert_eq!(header(0, name), Ok(()), "{name}");
        assert_eq!(header(1, name), Err(Reason::Header), "{name}");
        assert_eq!(header(2, name), Ok(()), "{name}");
    }
    for name in ["etag", "accep", "accept-", "accept ", ""] {
        assert_eq!(header(0, name), Err(Reason::Header), "{name}");
        assert_eq!(header(2, name), Ok(()), "{name}");
    }
}

#[test]
fn reserved_headers_are_for_no_guest() {
    for name in ["host", "Host", "content-length", "Transfer-Encoding", "te"] {
        assert_eq!(header(&with_headers(), 2, name), Err(Reason::BadHeader));
    }
    // Such a header is refused even under a grant that lists it, in a policy that was built in code and not checked.
    let mut grants = grants(&["https://a.example/"]);
    grants.http[0].headers = Some(vec!["host".to_owned()]);
    assert_eq!(header(&grants, 0, "host"), Err(Reason::BadHeader));
}

#[test]
fn a_credentials_header_is_for_no_guest_under_any_grant() {
    for index in 0..3 {
        for name in ["x-key", "X-Key"] {
            let decision = header(&with_headers(), index, name);
            assert_eq!(decision, Err(Reason::BadHeader), "{index} {name}");
        }
    }
    // The header is refused in any case of letters, in a policy that was built in code.
    let mut grants = with_headers();
    grants.http[2].credential.as_mut().unwrap().header = "X-KEY".to_owned();
    assert_eq!(header(&grants, 0, "x-key"), Err(Reason::BadHeader));
}

/// A server behind CGI takes each of these for the header that is denied.
#[test]
fn a_denied_header_is_denied_in_every_spelling() {
    for name in [
        "Content_Length",
        "content.length",
        "TRANSFER_ENCODING",
        "transfer_encoding",
        "transfer!encoding",
        "keep_alive",
        "proxy_authorization",
        "x_key",
        "X_KEY",
        "x.key",
        "x~key",
    ] {
        for index in 0..3 {
            let decision = header(&with_headers(), index, name);
            assert_eq!(decision, Err(Reason::BadHeader), "{index} {name}");
        }
    }
    // A header that a grant lists is allowed as it is listed, and in any case of letters.
    let mut grants = grants(&["https://a.example/"]);
    grants.http[0].headers = Some(vec!["x-own".to_owned()]);
    assert_eq!(header(&grants, 0, "X-Own"), Ok(()));
    assert_eq!(header(&grants, 0, "x_own"), Err(Reason::Header));
}

/// An override makes a server take a granted GET for a DELETE, or a granted URL for another.
#[test]
fn an_override_is_sent_only_if_it_is_named() {
    let mut named = grants(&["https://a.example/"]);
    for name in [
        "x-http-method-override",
        "X-HTTP-Method-Override",
        "x_http_method_override",
        "x-http-method",
        "x-method-override",
        "x-original-url",
        "X_Original_URL",
        "x.original.url",
        "x-rewrite-url",
        "x-forwarded-host",
        "x-forwarded-prefix",
        "x_forwarded_for",
        "x-forwarded",
        "forwarded",
        "x-host",
        "x_host",
        "x-real-ip",
        "true-client-ip",
        "x-http-path-override",
        "x-envoy-original-dst-host",
        "proxy",
    ] {
        let none = header(&grants(&["https://a.example/"]), 0, name);
        assert_eq!(none, Err(Reason::Header), "{name}");
        named.http[0].headers = Some(vec!["x-own".to_owned()]);
        assert_eq!(header(&named, 0, name), Err(Reason::Header), "{name}");
        named.http[0].headers = Some(vec![name.to_ascii_lowercase()]);
        assert_eq!(header(&named, 0, name), Ok(()), "{name}");
    }
    // The name that is listed, and no other that a server takes for it.
    named.http[0].headers = Some(vec!["x-forwarded-for".to_owned()]);
    for name in ["x_forwarded_for", "x-forwarded-host"] {
        assert_eq!(header(&named, 0, name), Err(Reason::Header), "{name}");
    }
    for name in [
        "accept",
        "x-own",
        "x-hosted",
        "x-forward",
        "origin",
        "x-methods",
    ] {
        assert_eq!(
            header(&grants(&["https://a.example/"]), 0, name),
            Ok(()),
            "{name}"
        );
    }
}

/// The host decides, for every scheme, port and path: a server that knows a credential may answer at any of them.
#[test]
fn a_server_knows_the_credentials_for_its_host() {
    let mut grants = grants(&[
        "https://a.example/private/**",
        "https://a.example/**",
        "http://a.example:81/x",
        "https://*.a.example/**",
        "https://b.example/**",
    ]);
    for index in [0, 2, 3, 4] {
        grants.http[index].credential = with_headers().http[2].credential.clone();
    }
    for (url, known) in [
        ("https://a.example/", &[0, 2][..]),
        ("http://a.example:8080/x", &[0, 2]),
        ("https://x.a.example/", &[3]),
        ("https://b.example/", &[4]),
        ("https://c.example/", &[]),
    ] {
        let target = Target::parse(url).unwrap();
        assert_eq!(known_credentials(&grants, &target), known, "{url}");
    }
}

#[test]
fn a_header_needs_a_grant() {
    for index in [3, usize::MAX] {
        let decision = header(&with_headers(), index, "accept");
        assert_eq!(decision, Err(Reason::NotGranted));
    }
    assert_eq!(
        header(&Grants::default(), 0, "host"),
        Err(Reason::NotGranted)
    );
}
