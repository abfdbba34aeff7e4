//! URLs, patterns and redirects.

use super::*;
use crate::grants::HttpGrant;

pub(super) fn grants(urls: &[&str]) -> Grants {
    Grants {
        http: urls.iter().map(|url| HttpGrant::new(*url)).collect(),
        ..Grants::default()
    }
}

pub(super) fn decide(url: &str, pattern: &str) -> Result<usize, Reason> {
    let decided = http(&grants(&[pattern]), "GET", &Target::parse(url)?);
    decided.map(|decided| decided.index)
}

fn index(decided: HttpDecision) -> usize {
    decided.index
}

/// A rule without `ask` that allows the request wins, wherever it is; a method that the rule does not list is no question.
#[test]
fn a_question_comes_only_of_a_rule_that_allows_the_request() {
    let target = Target::parse("https://a.example/x").unwrap();
    let mut grants = grants(&["https://a.example/*", "https://a.example/**"]);
    grants.http[0].ask = true;
    let decide = |grants: &Grants, method| http(grants, method, &target);
    let decided = |index, ask| Ok(HttpDecision { index, ask });
    assert_eq!(decide(&grants, "GET"), decided(1, false));
    grants.http[1].ask = true;
    assert_eq!(decide(&grants, "GET"), decided(0, true));
    assert_eq!(decide(&grants, "POST"), Err(Reason::Method));
    let elsewhere = Target::parse("https://b.example/x").unwrap();
    assert_eq!(http(&grants, "GET", &elsewhere), Err(Reason::NotGranted));
}

#[test]
fn what_a_pattern_stands_for() {
    for (pattern, url, granted) in [
        (
            "https://a.example/x/**",
            "https://a.example/x/y/z?q=1",
            true,
        ),
        ("https://a.example/x/**", "https://a.example/x/", true),
        ("https://a.example/x/**", "https://a.example/x", false),
        ("https://a.example/x/**", "https://a.example/xy/z", false),
        ("https://a.example/x/**", "http://a.example/x/y", false),
        (
            "https://a.example/x/**",
            "https://a.example:8443/x/y",
            false,
        ),
        ("https://a.example/x/**", "https://a.example:443/x/y", true),
        ("https://a.example/x/**", "https://b.example/x/y", false),
        (
            "https://a.example/x/**",
            "https://a.example.evil.example/x/y",
            false,
        ),
        ("https://a.example:8443/**", "https://a.example:8443/", true),
        ("https://a.example/", "https://a.example/", true),
        ("https://a.example/", "https://a.example", true),
        ("https://a.example/", "https://a.example/x", false),
        (
            "https://a.example/*/b",
            "https://a.example/anything/b",
            true,
        ),
        ("https://a.example/*/b", "https://a.example//b", false),
        ("https://a.example/*/b", "https://a.example/;x/b", false),
        ("https://a.example/*/b", "https://a.example/%2520/b", false),
        ("https://a.example/*", "https://a.example/%C2%AD", false),
        ("https://a.example/*", "https://a.example/x;y", true),
        ("https://a.example/*/b", "https://a.example/x/y/b", false),
        ("https://*.a.example/**", "https://x.a.example/", true),
        ("https://*.a.example/**", "https://x.y.a.example/", true),
        ("https://*.a.example/**", "https://a.example/", false),
        ("https://*.a.example/**", "https://xa.example/", false),
        (
            "https://*.a.example/**",
            "https://xn--pple-43d.a.example/",
            false,
        ),
        (
            "https://xn--pple-43d.com/**",
            "https://xn--pple-43d.com/",
            true,
        ),
        ("http://127.0.0.1:80/**", "http://127.0.0.1/", true),
    ] {
        assert_eq!(decide(url, pattern).is_ok(), granted, "{pattern} for {url}");
    }
}

/// Attacks 37 and 38: in some parser, each of these reaches 127.0.0.1, or another host than it seems to.
#[test]
fn odd_spellings_are_refused_before_anything_is_looked_up() {
    for url in [
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://017700000001/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://localhost./",
        "http://a..example/",
        "http://.a.example/",
        "http://a,b.example/",
        "http://a!b.example/",
        "http://*.example/",
        "http://a&b.example/",
        "http://127.0.0.01/",
        "http://①②⑦.⓪.⓪.①/",
        "http://ａ.example/",
        "http://A.example/",
        "http://a%2eexample/",
        "http://a.example%00.b.example/",
        "http://user@a.example/",
        "http://user:pass@a.example/",
        "http://a.example@b.example/",
        "http://a.example\\@b.example/",
        "http://a.example\t/",
        "http://a.exa\nmple/",
        "http://a.example/\r\nHost: b",
        " http://a.example/",
        "http://a.example/ x",
        "http:a.example/",
        "http:///a.example/",
        "http:/a.example/",
        "//a.example/",
        "https:\\\\a.example/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "HTTP://a.example/",
        "http://a.example/#f",
        "http://a.example:0/",
        "http://a.example:080/",
        "http://a.example:/",
        "http://a.example:99999/",
        "http://[::ffff:7f00:0001]/",
        "http://[::FFFF:127.0.0.1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::1%25lo]/",
        "http://a.example/%2e%2e/x",
        "http://a.example/a%252fb",
        "http://a.example/a%2f..%2fb",
        "http://a.example/{x}",
        "http://a.example/a|b",
        "http://a.example/?a\\b",
        "http://a.example/?a b",
        "http://a.example/a%5Cb",
        "http://a.example/x/../y",
        "http://a.example/./y",
        "http://a.example/x/..;/y",
        "http://a.example/x/..;v=1/y",
        "http://a.example/x/..;",
        "http://a.example/.;/y",
        "http://a.example/%",
        "http://a.example/%2",
        "http://a.example/%+f",
        "http://a.example/%u002e%u002e/y",
        "http://a.example/x/..%3b/y",
        "http://a.example/x/%252e%252e/y",
        "http://a.example/x/%c0%ae%c0%ae/y",
        "http://a.example/x/%0d%0a/y",
        "http://a.example/x/%ff",
        "http://аpple.com/",
        "http://a.example\u{202e}/",
        "",
    ] {
        assert_eq!(Target::parse(url), Err(Reason::BadUrl), "{url:?}");
    }
}

/// No decision depends on a query, and every server reads the escape as the character.
#[test]
fn what_no_url_has_is_escaped_in_a_query() {
    for (url, sent) in [
        (
            "https://a.example/x?q={\"a\"|`b`^<>}",
            "/x?q=%7B%22a%22%7C%60b%60%5E%3C%3E%7D",
        ),
        ("https://a.example?a|b?c|d", "/?a%7Cb?c%7Cd"),
    ] {
        let target = Target::parse(url).unwrap();
        assert_eq!(target.path_and_query(), sent);
        let again = Target::parse(target.as_str()).unwrap();
        assert_eq!(again.path_and_query(), sent);
    }
    let from = Target::parse("https://a.example/x").unwrap();
    let next = from.join("/y?a|b").unwrap();
    assert_eq!(next.path_and_query(), "/y?a%7Cb");
    let long = format!("https://a.example/?{}", "|".repeat(MAX_URL / 3));
    assert_eq!(Target::parse(&long), Err(Reason::BadUrl));
}

/// A server that reads a separator reads another path than the pattern was compared with.
#[test]
fn an_escaped_slash_is_granted_by_name() {
    let target = Target::parse("https://a.example/x/b%2Fc/d").unwrap();
    let mut grants = grants(&["https://a.example/x/*/d", "https://a.example/**"]);
    assert_eq!(http(&grants, "GET", &target), Err(Reason::EscapedSlash));
    grants.http[1].escaped_slashes = true;
    assert_eq!(http(&grants, "GET", &target).map(index), Ok(1));
    assert_eq!(http(&grants, "PUT", &target), Err(Reason::Method));
    grants.http[0].escaped_slashes = true;
    assert_eq!(http(&grants, "GET", &target).map(index), Ok(0));
    // The pattern is compared with the path as it is sent.
    let other = Target::parse("https://a.example/x/b/c/d").unwrap();
    assert_eq!(http(&grants, "GET", &other).map(index), Ok(1));
}

#[test]
fn redirects_are_read_as_strictly() {
    let from = Target::parse("https://a.example/x/y?q").unwrap();
    for (location, leads) in [
        ("/z", Some("https://a.example/z")),
        ("z", Some("https://a.example/x/z")),
        ("?r", Some("https://a.example/x/y?r")),
        ("https://b.example/", Some("https://b.example/")),
        ("//b.example/z", Some("https://b.example/z")),
        ("/z#top", Some("https://a.example/z")),
        ("http://0x7f.1/", None),
        ("//user@b.example/", None),
        ("ftp://b.example/", None),
        ("javascript:alert(1)", None),
        ("/a b", None),
        ("/a\r\nx: y", None),
        // A relative location is resolved first; the decision is on the result.
        ("/%2e%2e/", Some("https://a.example/")),
        ("/x/..%3b/z", None),
        ("%252e%252e/z", None),
        ("%c0%ae%c0%ae/z", None),
    ] {
        let joined = from.join(location);
        assert_eq!(
            joined.as_ref().map(Target::as_str).ok(),
            leads,
            "{location}"
        );
    }
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let at = |url| Target::parse(url).unwrap();
    let origin = at("https://a.example/");
    assert!(origin.same_origin(&at("https://a.example:443/x")));
    for other in [
        "http://a.example/",
        "https://b.a.example/",
        "https://a.example:444/",
    ] {
        assert!(!origin.same_origin(&at(other)), "{other}");
    }
}

#[test]
fn a_target_says_what_it_is() {
    let https = Target::parse("https://a.example/x?y").unwrap();
    let http = Target::parse("http://a.example:81/x").unwrap();
    assert!(https.is_https() && !http.is_https());
    assert_eq!((https.port(), http.port()), (443, 81));
    assert_eq!(
        (https.host(), &*http.authority()),
        ("a.example", "a.example:81")
    );
    assert_eq!(https.path_and_query(), "/x?y");
    assert_eq!(https.as_str(), "https://a.example/x?y");
    assert_eq!(https.address(), None);
    for address in ["192.0.2.1", "2001:db8::1"] {
        let address: IpAddr = address.parse().unwrap();
        let host = std::net::SocketAddr::from((address, 82));
        let target = Target::parse(&format!("http://{host}/")).unwrap();
        assert_eq!(target.address(), Some(address), "{target:?}");
    }
}

#[test]
fn a_url_is_so_long_and_no_longer() {
    let start = "https://a.example/";
    let longest = format!("{start}{}", "x".repeat(MAX_URL - start.len()));
    // Each `'` takes three bytes when sent.
    let quotes = format!("{start}?{}", "'".repeat(MAX_URL / 3));
    assert_eq!(Target::parse(&quotes), Err(Reason::BadUrl));
    let from = Target::parse(start).unwrap();
    let relative = format!("?{}", "'".repeat(MAX_URL / 3));
    assert_eq!(from.join(&relative), Err(Reason::BadUrl));
    assert!(Target::parse(&longest).is_ok());
    assert_eq!(Target::parse(&format!("{longest}x")), Err(Reason::BadUrl));
}

#[test]
fn an_escape_has_two_digits() {
    for (path, ok) in [
        ("%20", true),
        ("%2", false),
        ("%", false),
        ("%2x", false),
        ("%20%a", false),
    ] {
        let url = format!("https://a.example/{path}");
        assert_eq!(Target::parse(&url).is_ok(), ok, "{url}");
    }
}
