//! Tests of networks: the addresses of each, and the texts that are none.

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn names_have_the_addresses_of_their_rfcs() {
    for (network, inside, outside) in [
        (
            Network::Loopback,
            &["127.0.0.0", "127.255.255.255", "::1"][..],
            &[
                "126.255.255.255",
                "128.0.0.0",
                "::",
                "::2",
                "10.0.0.1",
                "::ffff:127.0.0.1",
            ][..],
        ),
        (
            Network::Private,
            &[
                "10.0.0.0",
                "10.255.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "192.168.0.0",
                "192.168.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "fc00::",
                "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
            &[
                "9.255.255.255",
                "11.0.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "192.167.255.255",
                "192.169.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "fbff::",
                "fe00::",
                "127.0.0.1",
            ],
        ),
        (
            Network::LinkLocal,
            &["169.254.0.0", "169.254.255.255", "fe80::", "febf::1"],
            &[
                "169.253.255.255",
                "169.255.0.0",
                "fe7f::",
                "fec0::",
                "10.0.0.1",
            ],
        ),
    ] {
        for text in inside {
            assert!(network.contains(address(text)), "{network} has {text}");
            let others = Network::NAMED.iter().filter(|other| **other != network);
            for other in others {
                assert!(!other.contains(address(text)), "{other} has {text}");
            }
        }
        for text in outside {
            assert!(!network.contains(address(text)), "{network} has {text}");
        }
    }
}

#[test]
fn a_block_has_its_addresses() {
    for (block, inside, outside) in [
        (
            "10.1.0.0/16",
            &["10.1.0.0", "10.1.255.255"][..],
            &["10.0.255.255", "10.2.0.0"][..],
        ),
        (
            "10.0.0.0/8",
            &["10.0.0.0", "10.255.255.255"],
            &["11.0.0.0", "9.255.255.255"],
        ),
        (
            "10.0.0.2/31",
            &["10.0.0.2", "10.0.0.3"],
            &["10.0.0.1", "10.0.0.4"],
        ),
        (
            "127.0.0.1/32",
            &["127.0.0.1"],
            &["127.0.0.0", "127.0.0.2", "::ffff:127.0.0.1", "::7f00:1"],
        ),
        ("fc00::/7", &["fc00::", "fdff::1"], &["fe00::", "252.0.0.0"]),
        (
            "fd12:3456::/32",
            &["fd12:3456::", "fd12:3456:ffff::1"],
            &["fd12:3457::", "fd12:3455:ffff::"],
        ),
        ("::1/128", &["::1"], &["::", "::2", "0.0.0.1"]),
        (
            "169.254.169.254/32",
            &["169.254.169.254"],
            &["169.254.169.253"],
        ),
        ("168.63.129.16/32", &["168.63.129.16"], &["168.63.129.17"]),
        ("192.0.0.192/32", &["192.0.0.192"], &["192.0.0.193"]),
    ] {
        let network: Network = block.parse().unwrap();
        assert_eq!(network.to_string(), block);
        for text in inside {
            assert!(network.contains(address(text)), "{block} has {text}");
        }
        for text in outside {
            assert!(!network.contains(address(text)), "{block} has {text}");
        }
    }
    // An address is read in any of its forms, and written in the shortest.
    let long: Network = "FD12:0:0::/48".parse().unwrap();
    assert_eq!(long.to_string(), "fd12::/48");
    let none = Block {
        first: address("0.0.0.0"),
        prefix: 0,
    };
    assert!(none.contains(address("255.1.2.3")) && !none.contains(address("::")));
}

#[test]
fn a_network_is_the_address_of_a_metadata_service_by_its_one_block() {
    let metadata = address("169.254.169.254");
    let own: Network = "169.254.169.254/32".parse().unwrap();
    assert!(own.is_only(metadata) && !own.is_only(address("169.254.169.253")));
    for wider in ["link-local", "169.254.0.0/16", "169.254.168.0/23"] {
        let wider: Network = wider.parse().unwrap();
        assert!(
            wider.contains(metadata) && !wider.is_only(metadata),
            "{wider}"
        );
    }
}

#[test]
fn what_is_no_network_is_told_with_a_cure() {
    for (text, expected) in [
        (
            "Loopback",
            "`Loopback` is not a network; did you mean `loopback`? Known: loopback, private, link-local, or a block",
        ),
        ("link_local", "did you mean `link-local`?"),
        (
            "",
            "`` is not a network; known: loopback, private, link-local, or a block such as `10.1.0.0/16`",
        ),
        ("public", "is not a network"),
        ("*", "is not a network"),
        ("\u{1b}[31m", "`\\u{1b}[31m` is not a network"),
        (
            "127.0.0.1",
            "`127.0.0.1` is an address; write `127.0.0.1/32`",
        ),
        ("::1", "`::1` is an address; write `::1/128`"),
        ("10.0.0.0/", "is not a network"),
        ("10.0.0.0/+8", "is not a network"),
        ("10.0.0.0/08", "is not a network"),
        ("10.0.0.0/8/8", "is not a network"),
        ("10.0.0.0/256", "is not a network"),
        ("10.0.0/8", "is not a network"),
        ("010.0.0.0/8", "is not a network"),
        ("fe80::1%eth0/128", "is not a network"),
        (" 10.0.0.0/8", "is not a network"),
        (
            "10.0.0.0/33",
            "`10.0.0.0/33` has a prefix of more than 32 bits; write `10.0.0.0/32`",
        ),
        (
            "fd00::/129",
            "`fd00::/129` has a prefix of more than 128 bits; write `fd00::/128`",
        ),
        (
            "10.1.2.3/16",
            "`10.1.2.3/16` begins inside of its block; write `10.1.0.0/16` for the block, or `10.1.2.3/32`",
        ),
        (
            "fd12::1/48",
            "write `fd12::/48` for the block, or `fd12::1/128` for the address",
        ),
        (
            "::ffff:127.0.0.1/128",
            "`::ffff:127.0.0.1/128` is an IPv4 address in the form of an IPv6 one; write it as IPv4",
        ),
        (
            "169.254.169.0/24",
            "has metadata services of clouds alone; each needs its own entry, such as `169.254.169.0/32`",
        ),
        (
            "169.254.169.254/31",
            "has metadata services of clouds alone; each needs its own entry",
        ),
        ("fd00:ec2::/48", "has metadata services of clouds alone"),
        (
            "8.8.8.0/24",
            "`8.8.8.0/24` is not inside the loopback, private or link-local addresses; public ones need no entry",
        ),
        ("0.0.0.0/0", "is not inside"),
        ("::/0", "is not inside"),
        ("10.0.0.0/7", "is not inside"),
        ("224.0.0.0/4", "is not inside"),
        ("0.0.0.0/32", "is not inside"),
        ("192.0.0.0/24", "is not inside"),
        ("2000::/3", "is not inside"),
        ("64:ff9b::/96", "is not inside"),
        ("64:ff9b::a00:0/104", "is not inside"),
        ("2002:a00::/24", "is not inside"),
        ("fe00::/8", "is not inside"),
    ] {
        let message = text.parse::<Network>().unwrap_err().message;
        assert!(message.contains(expected), "{text:?}: {message}");
    }
}
