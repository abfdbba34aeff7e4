//! Properties of the decision on requests: no URL leaves its grant, and no address hides a private one.

use proptest::prelude::*;
use tollgate_policy::{Grants, HttpGrant, Target, egress};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// No URL, however it is spelt, is granted unless its host and path, as sent, are those of the grant.
    #[test]
    fn no_generated_url_escapes_its_grant(url in hostile_url()) {
        let mut grants = Grants::default();
        grants.http.push(HttpGrant::new("https://api.example.com/repos/**"));
        if let Ok(target) = Target::parse(&url)
            && egress::http(&grants, "GET", &target).is_ok()
        {
            prop_assert_eq!(target.host(), "api.example.com");
            prop_assert_eq!(target.port(), 443);
            prop_assert!(target.path_and_query().starts_with("/repos/"));
            prop_assert!(!target.path_and_query().contains(".."));
            prop_assert!(url.starts_with("https://api.example.com"), "{}", url);
        }
    }

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

/// URLs that try to look like, or lead away from, the granted one.
fn hostile_url() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![
        Just("https://"),
        Just("http://"),
        Just("https:"),
        Just("HTTPS://"),
        Just("//")
    ];
    let host = prop_oneof![
        Just("api.example.com".to_owned()),
        "(api|API|a.pi|xn--api-x|127)[.@:#/\\\\%]{0,2}(example|EXAMPLE|evil)[.@:]{0,2}(com|com\\.|com:443|com:80|com@evil.io|0x7f)",
        "[ -~]{0,20}",
    ];
    let path = prop_oneof![
        "/repos/[a-z]{0,5}",
        "(/(repos|\\.\\.|\\.|%2e%2e|%2E|x|))*(\\?[a-z]*)?",
        "[ -~]{0,20}",
    ];
    (scheme, host, path).prop_map(|(scheme, host, path)| format!("{scheme}{host}{path}"))
}
