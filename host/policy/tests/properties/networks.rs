//! Properties of networks: a longer list never denies more, and every address is public or of a network that is named.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_policy::{HttpGrant, Network, Reason, decide};

/// The blocks of the names, read here from their RFCs once more.
const NAMED: &[(&str, &[&str])] = &[
    ("loopback", &["127.0.0.0/8", "::1/128"]),
    (
        "private",
        &[
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "fc00::/7",
        ],
    ),
    ("link-local", &["169.254.0.0/16", "fe80::/10"]),
];

const METADATA: &[&str] = &[
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.23",
    "169.254.42.42",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::a9fe:a9fe",
    "fd00:42::42",
    "fd00:c1::a9fe:a9fe",
    "fd00:a9fe:a9fe::1",
    "fd00:100::100:200",
];

/// The bits of a text in CIDR notation, compared as text: a second opinion on `contains`.
fn is_in(address: IpAddr, block: &str) -> bool {
    let (first, prefix) = block.split_once('/').unwrap();
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => format!("{:032b}", u32::from(address)),
        IpAddr::V6(address) => format!("{:0128b}", u128::from(address)),
    };
    let (first, prefix): (IpAddr, usize) = (first.parse().unwrap(), prefix.parse().unwrap());
    let (all, wanted) = (bits(address), bits(first));
    all.len() == wanted.len() && all[..prefix] == wanted[..prefix]
}

/// Blocks inside of those that have names, of any size.
fn block() -> impl Strategy<Value = String> {
    let all: Vec<&str> = NAMED
        .iter()
        .flat_map(|(_, blocks)| blocks.iter().copied())
        .collect();
    (select(all), any::<u128>(), 0..128u8).prop_filter_map("metadata", |(block, bits, longer)| {
        let (first, prefix) = block.split_once('/').unwrap();
        let prefix: u8 = prefix.parse().unwrap();
        let text = match first.parse().unwrap() {
            IpAddr::V4(first) => {
                let prefix = (prefix + longer / 4).min(32);
                let free = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
                let inside = u32::MAX.checked_shr(block_prefix(block)).unwrap_or(0);
                let bits = u32::from(first) | (bits as u32 & inside & !free);
                format!("{}/{prefix}", Ipv4Addr::from(bits))
            }
            IpAddr::V6(first) => {
                let prefix = prefix.saturating_add(longer).min(128);
                let free = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
                let inside = u128::MAX.checked_shr(block_prefix(block)).unwrap_or(0);
                let bits = u128::from(first) | (bits & inside & !free);
                format!("{}/{prefix}", Ipv6Addr::from(bits))
            }
        };
        text.parse::<Network>().is_ok().then_some(text)
    })
}

fn block_prefix(block: &str) -> u32 {
    block.split_once('/').unwrap().1.parse().unwrap()
}

/// Lists of networks: names, blocks, and the blocks of metadata services.
pub(crate) fn networks() -> impl Strategy<Value = Vec<String>> {
    let names: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
    let entry = prop_oneof![
        2 => select(names).prop_map(str::to_owned),
        4 => block(),
        1 => select(METADATA).prop_map(single),
    ];
    vec(entry, 0..4).prop_map(|mut entries| {
        entries.sort_unstable();
        entries.dedup();
        entries
    })
}

/// The block of one address.
fn single(address: &str) -> String {
    let longest = if address.contains(':') { 128 } else { 32 };
    format!("{address}/{longest}")
}

/// Addresses anywhere, and many near the edges of blocks and services.
fn any_address() -> impl Strategy<Value = IpAddr> {
    let all: Vec<&str> = NAMED
        .iter()
        .flat_map(|(_, blocks)| blocks.iter().copied())
        .collect();
    let edge =
        (select(all), any::<u128>(), 0..128u32, -1..=1i128).prop_map(|(block, bits, kept, by)| {
            match block.split_once('/').unwrap().0.parse().unwrap() {
                IpAddr::V4(first) => {
                    let noise = bits as u32 & (u32::MAX.checked_shr(kept / 4).unwrap_or(0));
                    IpAddr::from(Ipv4Addr::from(
                        (u32::from(first) ^ noise).wrapping_add(by as u32),
                    ))
                }
                IpAddr::V6(first) => {
                    let noise = bits & (u128::MAX >> kept);
                    IpAddr::from(Ipv6Addr::from(
                        (u128::from(first) ^ noise).wrapping_add(by as u128),
                    ))
                }
            }
        });
    let service =
        (select(METADATA), -1..=1i32).prop_map(|(text, by)| match text.parse().unwrap() {
            IpAddr::V4(at) => Ipv4Addr::from(u32::from(at).wrapping_add(by as u32)).into(),
            IpAddr::V6(at) => Ipv6Addr::from(u128::from(at).wrapping_add(by as u128)).into(),
        });
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::from(Ipv6Addr::from(bits))),
        edge,
        service,
    ]
}

/// The forms of IPv6 that embed an IPv4 address and are taken apart by a translator.
fn behind_a_translator(address: Ipv4Addr) -> [Ipv6Addr; 4] {
    let bits = u128::from(u32::from(address));
    let public = u128::from(u32::from(Ipv4Addr::new(8, 8, 8, 8)));
    let turned = |bits: u128| bits ^ 0xffff_ffff;
    [
        (0x64_ff9b << 96) | bits,
        (0x2002 << 112) | (bits << 80) | 1,
        (0x2001 << 112) | (bits << 64) | turned(public),
        (0x2001 << 112) | (public << 64) | turned(bits),
    ]
    .map(Ipv6Addr::from)
}

fn by(networks: &[String]) -> HttpGrant {
    HttpGrant {
        networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
        ..HttpGrant::new("https://a.example/**")
    }
}

fn allowed(address: IpAddr, networks: &[String]) -> bool {
    decide::address(address, &by(networks)).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_longer_list_never_denies_more(address in any_address(), some in networks(), more in networks()) {
        let both = [&some[..], &more].concat();
        prop_assert!(!allowed(address, &some) || allowed(address, &both), "{}", address);
    }

    /// A name or a block that is wider than another never denies an address that the other allows.
    #[test]
    fn a_wider_network_never_denies_more(address in any_address(), block in block()) {
        let wider = NAMED.iter().find(|(_, blocks)| {
            let first = block.split_once('/').unwrap().0.parse().unwrap();
            blocks.iter().any(|of_name| is_in(first, of_name))
        });
        let by_block = allowed(address, std::slice::from_ref(&block));
        let by_name = allowed(address, &[wider.unwrap().0.to_owned()]);
        let metadata = METADATA.iter().any(|service| single(service) == block);
        prop_assert!(!by_block || by_name || metadata, "{} by {}", address, block);
    }

    #[test]
    fn no_address_outside_of_the_named_networks_passes(address in any_address(), networks in networks()) {
        let public = allowed(address, &[]);
        let named = networks.iter().any(|network| {
            match NAMED.iter().find(|(name, _)| name == network) {
                Some((_, blocks)) => blocks.iter().any(|block| is_in(address, block)),
                None => is_in(address, network),
            }
        });
        let decision = allowed(address, &networks);
        prop_assert!(!decision || public || named, "{} by {:?}", address, networks);
        // No address that has a name is public.
        let own = NAMED.iter().flat_map(|(_, blocks)| *blocks).any(|block| is_in(address, block));
        prop_assert!(!(own && public), "{} is public", address);
    }

    #[test]
    fn every_metadata_service_needs_its_own_entry(service in select(METADATA), networks in networks()) {
        let (address, own) = (service.parse().unwrap(), single(service));
        prop_assert_eq!(allowed(address, &networks), networks.contains(&own), "{} by {:?}", service, networks);
    }

    #[test]
    fn an_address_that_embeds_another_is_decided_as_the_one_inside(address in any_address(), networks in networks()) {
        let IpAddr::V4(inside) = address else {
            return Ok(());
        };
        let mapped = IpAddr::from(inside.to_ipv6_mapped());
        prop_assert_eq!(allowed(mapped, &networks), allowed(address, &networks), "{}", mapped);
        for outside in behind_a_translator(inside) {
            prop_assert_eq!(allowed(outside.into(), &networks), allowed(address, &[]), "{}", outside);
        }
    }

    #[test]
    fn the_entry_that_an_address_needs_allows_it(address in any_address()) {
        match (decide::address(address, &by(&[])), decide::network_of(address)) {
            (Ok(()), None) => {}
            (Err(Reason::PrivateAddress), Some(network)) => {
                prop_assert!(allowed(address, &[network.to_string()]), "{} by {}", address, network);
            }
            (Err(Reason::PrivateAddress), None) => {
                let every: Vec<String> = NAMED.iter().map(|(name, _)| (*name).to_owned()).collect();
                prop_assert!(!allowed(address, &every), "{}", address);
            }
            odd => prop_assert!(false, "{}: {:?}", address, odd),
        }
    }

    #[test]
    fn any_text_is_a_network_or_refused(text in "\\PC{0,12}|[0-9a-f:.]{1,20}/[0-9+]{1,3}|.*") {
        match text.parse::<Network>() {
            Ok(network) => prop_assert_eq!(network.to_string().parse(), Ok(network)),
            Err(error) => prop_assert!(!error.message.contains(char::is_control), "{:?}", error.message),
        }
    }
}
