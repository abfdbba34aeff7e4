//! Tests of the decision on addresses.

use super::*;
use crate::grants::{Credential, SecretSource};

fn parse(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn by(networks: &[&str]) -> HttpGrant {
    HttpGrant {
        networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
        ..HttpGrant::new("http://inside.example/**")
    }
}

const ALL: &[&str] = &["loopback", "private", "link-local"];

/// Addresses, each with the entry that it needs: `Ok` if it needs no entry, and `Err` if no entry allows it.
const ADDRESSES: &[(&str, Result<(), Option<&str>>)] = &[
    ("1.1.1.1", Ok(())),
    ("93.184.216.34", Ok(())),
    ("172.32.0.1", Ok(())),
    ("168.63.129.17", Ok(())),
    ("2606:4700:4700::1111", Ok(())),
    ("::ffff:8.8.8.8", Ok(())),
    ("127.0.0.1", Err(Some("loopback"))),
    ("127.255.255.254", Err(Some("loopback"))),
    ("::1", Err(Some("loopback"))),
    ("::ffff:127.0.0.1", Err(Some("loopback"))),
    ("10.0.0.1", Err(Some("private"))),
    ("172.16.0.1", Err(Some("private"))),
    ("192.168.1.1", Err(Some("private"))),
    ("100.64.0.1", Err(Some("private"))),
    ("100.100.100.201", Err(Some("private"))),
    ("fc00::1", Err(Some("private"))),
    ("fd00:ec3::254", Err(Some("private"))),
    ("169.254.1.1", Err(Some("link-local"))),
    ("fe80::1", Err(Some("link-local"))),
    ("0.0.0.0", Err(None)),
    ("224.0.0.1", Err(None)),
    ("240.0.0.1", Err(None)),
    ("255.255.255.255", Err(None)),
    ("198.18.0.1", Err(None)),
    ("192.0.2.1", Err(None)),
    ("192.0.0.191", Err(None)),
    ("192.88.99.1", Err(None)),
    ("::", Err(None)),
    ("::127.0.0.1", Err(None)),
    ("::8.8.8.8", Err(None)),
    ("2001:db8::1", Err(None)),
    ("2001:2::1", Err(None)),
    ("3fff::1", Err(None)),
    ("fec0::1", Err(None)),
    ("ff02::1", Err(None)),
    ("4000::1", Err(None)),
    // Through a translator: to the public internet only.
    ("64:ff9b::808:808", Ok(())),
    ("64:ff9b::7f00:1", Err(None)),
    ("64:ff9b::a00:1", Err(None)),
    ("64:ff9b::a9fe:a9fe", Err(None)),
    ("64:ff9b::a83f:8110", Err(None)),
    ("64:ff9b:1::808:808", Err(None)),
    ("64:ff9b:1::7f00:1", Err(None)),
    ("2002:808:808::1", Ok(())),
    ("2002:7f00:1::", Err(None)),
    ("2002:a9fe:a9fe::1", Err(None)),
    ("2001:0:808:808:0:0:f7f7:f7f7", Ok(())),
    // The server of a Teredo address is not public, or its client, 10.0.0.1.
    ("2001:0:a00:1:0:0:f7f7:f7f7", Err(None)),
    ("2001:0:808:808:0:0:f5ff:fffe", Err(None)),
];

#[test]
fn addresses_need_their_network_by_name() {
    for (text, needed) in ADDRESSES {
        let parsed = parse(text);
        let entry = network_of(parsed).map(|network| network.to_string());
        assert_eq!(
            address(parsed, &by(&[])),
            needed.map_err(|_| Reason::PrivateAddress),
            "{text}"
        );
        match needed {
            Ok(()) | Err(None) => {
                assert_eq!(entry, None, "{text}");
                let decision = address(parsed, &by(ALL));
                assert_eq!(
                    decision.is_ok(),
                    needed.is_ok(),
                    "{text} with every network"
                );
            }
            Err(Some(name)) => {
                assert_eq!(entry.as_deref(), Some(*name), "{text}");
                assert_eq!(address(parsed, &by(&[name])), Ok(()), "{text} by {name}");
                let others: Vec<&str> = ALL.iter().copied().filter(|other| other != name).collect();
                assert_eq!(
                    address(parsed, &by(&others)),
                    Err(Reason::PrivateAddress),
                    "{text} by {others:?}"
                );
            }
        }
    }
}

#[test]
fn a_block_reaches_its_addresses_and_no_others() {
    for (block, text, reached) in [
        ("10.1.0.0/16", "10.1.2.3", true),
        ("10.1.0.0/16", "::ffff:10.1.2.3", true),
        ("10.1.0.0/16", "10.2.0.1", false),
        ("10.1.0.0/16", "127.0.0.1", false),
        ("10.1.0.0/16", "64:ff9b::a01:203", false),
        ("127.0.0.1/32", "127.0.0.1", true),
        ("127.0.0.1/32", "127.0.0.2", false),
        ("127.0.0.1/32", "::1", false),
        ("fd12::/16", "fd12:1::1", true),
        ("fd12::/16", "fd13::1", false),
    ] {
        let decision = address(parse(text), &by(&[block]));
        assert_eq!(decision.is_ok(), reached, "{text} by {block}");
        assert_eq!(
            address(parse("1.1.1.1"), &by(&[block])),
            Ok(()),
            "{block} takes the public away"
        );
    }
}

/// The services and agents of the clouds that are known, in any form of the address.
const METADATA: &[(&str, &str)] = &[
    ("169.254.169.254", "169.254.169.254/32"),
    ("169.254.169.253", "169.254.169.253/32"),
    ("169.254.170.2", "169.254.170.2/32"),
    ("169.254.170.23", "169.254.170.23/32"),
    ("169.254.0.23", "169.254.0.23/32"),
    ("169.254.42.42", "169.254.42.42/32"),
    ("100.100.100.200", "100.100.100.200/32"),
    ("168.63.129.16", "168.63.129.16/32"),
    ("192.0.0.192", "192.0.0.192/32"),
    ("::ffff:169.254.169.254", "169.254.169.254/32"),
    ("::ffff:168.63.129.16", "168.63.129.16/32"),
    ("fd00:ec2::254", "fd00:ec2::254/128"),
    ("fd00:ec2::23", "fd00:ec2::23/128"),
    ("fd20:ce::254", "fd20:ce::254/128"),
    ("fe80::a9fe:a9fe", "fe80::a9fe:a9fe/128"),
    ("fd00:42::42", "fd00:42::42/128"),
    ("fd00:c1::a9fe:a9fe", "fd00:c1::a9fe:a9fe/128"),
    ("fd00:a9fe:a9fe::1", "fd00:a9fe:a9fe::1/128"),
    ("fd00:100::100:200", "fd00:100::100:200/128"),
];

#[test]
fn metadata_services_are_reached_by_their_own_address_alone() {
    let wide = [
        ALL,
        &[
            "169.254.0.0/16",
            "169.254.168.0/22",
            "100.64.0.0/10",
            "100.100.100.200/31",
            "fd00::/8",
            "fd00:ec0::/28",
            "fe80::/10",
            "fc00::/7",
        ],
    ]
    .concat();
    for (text, own) in METADATA {
        let parsed = parse(text);
        assert_eq!(address(parsed, &by(&[own])), Ok(()), "{text}");
        assert_eq!(network_of(parsed).unwrap().to_string(), *own);
        // Not allowed by any wider network, by the host of the URL or by the addresses of the others.
        let others = METADATA
            .iter()
            .map(|(_, other)| *other)
            .filter(|other| other != own);
        let mut all: Vec<&str> = others.chain(wide.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        let host = std::net::SocketAddr::new(parsed.to_canonical(), 80);
        let grant = HttpGrant {
            url: format!("http://{host}/**"),
            ..by(&all)
        };
        assert_eq!(
            address(parsed, &grant),
            Err(Reason::PrivateAddress),
            "{text}"
        );
    }
}

#[test]
fn a_credential_as_plain_text_goes_to_named_networks_only() {
    let with_credential = |url: &str| HttpGrant {
        url: url.to_owned(),
        credential: Some(Credential {
            header: "authorization".to_owned(),
            source: SecretSource::Env("TOKEN".to_owned()),
            prefix: String::new(),
        }),
        ..by(&["private"])
    };
    let (plain, sealed) = ("http://inside.example/**", "https://inside.example/**");
    for (text, plainly) in [
        ("10.0.0.1", Ok(())),
        ("1.1.1.1", Err(Reason::PublicAddress)),
        ("2606:4700:4700::1111", Err(Reason::PublicAddress)),
        ("64:ff9b::808:808", Err(Reason::PublicAddress)),
        ("127.0.0.1", Err(Reason::PrivateAddress)),
    ] {
        let parsed = parse(text);
        assert_eq!(address(parsed, &with_credential(plain)), plainly, "{text}");
        let encrypted = address(parsed, &with_credential(sealed));
        assert_eq!(
            encrypted,
            plainly.or_else(|reason| match reason {
                Reason::PublicAddress => Ok(()),
                other => Err(other),
            }),
            "{text}, encrypted"
        );
    }
}
