//! The decision on an address: whether the host may connect to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::grants::http::HttpGrant;

use super::reason::Reason;

/// Whether the host may connect to an address for a request by `grant`. With `private`, addresses of its own machine and
/// network are allowed, too.
///
/// The metadata services of clouds give credentials to every program that asks. Their addresses are allowed only to a
/// grant that has `private` and names the address itself in its URL: a name that leads there is denied.
///
/// An address that embeds another (IPv4-mapped, NAT64, 6to4, Teredo) hides its destination and is never needed to reach a
/// public host. An IPv4-mapped address is decided as the address that it embeds; the others are denied.
///
/// # Errors
///
/// [`Reason::PrivateAddress`].
///
/// ```
/// use tollgate_policy::{HttpGrant, Reason, decide};
///
/// let metadata = "169.254.169.254".parse().unwrap();
/// let of = |url: &str| HttpGrant { private: true, ..HttpGrant::new(url) };
/// assert_eq!(decide::address(metadata, &of("http://inside.example/**")), Err(Reason::PrivateAddress));
/// assert_eq!(decide::address(metadata, &of("http://169.254.169.254/**")), Ok(()));
/// ```
pub fn address(address: IpAddr, grant: &HttpGrant) -> Result<(), Reason> {
    let address = address.to_canonical();
    let scope = match address {
        IpAddr::V4(address) => scope_of_v4(address),
        IpAddr::V6(address) => scope_of_v6(address),
    };
    match scope {
        AddressScope::Public => Ok(()),
        AddressScope::Own if grant.private => Ok(()),
        AddressScope::Metadata if grant.private && is_named(address, &grant.url) => Ok(()),
        _ => Err(Reason::PrivateAddress),
    }
}

/// Whether the host of a grant's URL is this address.
fn is_named(address: IpAddr, url: &str) -> bool {
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let authority = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next());
    authority
        .and_then(|authority| authority.strip_prefix(&*host))
        .is_some_and(|port| port.is_empty() || port.starts_with(':'))
}

/// The hosts that an address leads to.
enum AddressScope {
    /// A host of the public internet.
    Public,
    /// The host's own machine or network.
    Own,
    /// A metadata service of a cloud, or its agent.
    Metadata,
    /// No single host, or one that the address hides.
    Never,
}

/// Metadata services at other addresses than 169.254.169.x and 169.254.170.x.
const METADATA: &[[u8; 4]] = &[
    [169, 254, 0, 23],
    [169, 254, 42, 42],
    [100, 100, 100, 200],
    [168, 63, 129, 16],
];

/// IANA's special-purpose registry for IPv4 (RFC 6890 and its updates).
fn scope_of_v4(address: Ipv4Addr) -> AddressScope {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        // The services of AWS, Azure, Google Cloud and most others (169.254.169.x), credentials of AWS's containers
        // (169.254.170.x), Tencent and Scaleway; Alibaba; the agent of Azure, whose address is a public one.
        (169, 254, 169 | 170) => AddressScope::Metadata,
        _ if METADATA.contains(&address.octets()) => AddressScope::Metadata,
        _ if address.is_loopback() || address.is_private() || address.is_link_local() => {
            AddressScope::Own
        }
        (100, 64..=127, _) => AddressScope::Own,
        (0, _, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18..=19, _)
        | (198, 51, 100)
        | (203, 0, 113)
        | (224..=255, _, _) => AddressScope::Never,
        _ => AddressScope::Public,
    }
}

/// Metadata services at other addresses than fd00:ec2::/32: Google Cloud, OpenStack, Scaleway.
const METADATA_V6: &[Ipv6Addr] = &[
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

/// IANA's special-purpose registry for IPv6. Global unicast is 2000::/3; no other address is global.
fn scope_of_v6(address: Ipv6Addr) -> AddressScope {
    let [a, b, ..] = address.segments();
    match (a, b) {
        // AWS, whose services have fd00:ec2::/32.
        (0xfd00, 0xec2) => AddressScope::Metadata,
        _ if METADATA_V6.contains(&address) => AddressScope::Metadata,
        _ if address == Ipv6Addr::LOCALHOST => AddressScope::Own,
        (0xfc00..=0xfdff, _) | (0xfe80..=0xfebf, _) => AddressScope::Own,
        // Teredo and the other protocol assignments, documentation, 6to4.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x2002, _) | (0x3fff, 0..=0xfff) => AddressScope::Never,
        (0x2000..=0x3fff, _) => AddressScope::Public,
        _ => AddressScope::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_by_their_scope() {
        for (text, public, private) in [
            ("1.1.1.1", true, true),
            ("93.184.216.34", true, true),
            ("127.0.0.1", false, true),
            ("127.255.255.254", false, true),
            ("10.0.0.1", false, true),
            ("172.16.0.1", false, true),
            ("172.32.0.1", true, true),
            ("192.168.1.1", false, true),
            ("169.254.169.254", false, true),
            ("100.64.0.1", false, true),
            ("0.0.0.0", false, false),
            ("224.0.0.1", false, false),
            ("240.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("198.18.0.1", false, false),
            ("192.0.2.1", false, false),
            ("::1", false, true),
            ("::", false, false),
            ("::ffff:127.0.0.1", false, true),
            ("::ffff:8.8.8.8", true, true),
            ("::127.0.0.1", false, false),
            ("64:ff9b::7f00:1", false, false),
            ("64:ff9b:1::7f00:1", false, false),
            ("2002:7f00:1::", false, false),
            ("2001:0:4136:e378::", false, false),
            ("2001:db8::1", false, false),
            ("fc00::1", false, true),
            ("fd00:ec2::254", false, true),
            ("fe80::1", false, true),
            ("fec0::1", false, false),
            ("ff02::1", false, false),
            ("2606:4700:4700::1111", true, true),
            ("4000::1", false, false),
        ] {
            let parsed: IpAddr = text.parse().unwrap();
            // The grant names the address itself.
            let host = std::net::SocketAddr::new(parsed.to_canonical(), 80);
            let mut grant = HttpGrant::new(format!("http://{host}/**"));
            assert_eq!(address(parsed, &grant).is_ok(), public, "{text}");
            grant.private = true;
            assert_eq!(
                address(parsed, &grant).is_ok(),
                private,
                "{text} with private"
            );
        }
    }

    #[test]
    fn metadata_services_are_reached_by_their_own_address_alone() {
        for text in [
            "169.254.169.254",
            "169.254.169.253",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.0.23",
            "169.254.42.42",
            "100.100.100.200",
            "168.63.129.16",
            "::ffff:169.254.169.254",
            "::ffff:168.63.129.16",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fe80::a9fe:a9fe",
            "fd00:42::42",
        ] {
            let parsed: IpAddr = text.parse().unwrap();
            let own = match parsed.to_canonical() {
                IpAddr::V4(own) => own.to_string(),
                IpAddr::V6(own) => format!("[{own}]"),
            };
            let of = |host: &str, private| HttpGrant {
                private,
                ..HttpGrant::new(format!("http://{host}/**"))
            };
            for (host, private, reached) in [
                (&*own, true, true),
                (&*format!("{own}:8080"), true, true),
                (&*own, false, false),
                ("inside.example", true, false),
                ("*.inside.example", true, false),
                ("10.0.0.1", true, false),
                (&*format!("{own}.example"), true, false),
                (&*format!("{own}0"), true, false),
                ("inside.example", false, false),
            ] {
                let decision = address(parsed, &of(host, private));
                assert_eq!(decision.is_ok(), reached, "{text} by {host}, {private}");
            }
        }
        // Beside them is the network that `private` is for, or the internet.
        let private = HttpGrant {
            private: true,
            ..HttpGrant::new("http://inside.example/**")
        };
        for text in [
            "169.254.1.1",
            "100.100.100.201",
            "168.63.129.17",
            "fd00:ec3::254",
            "fe80::1",
        ] {
            assert_eq!(address(text.parse().unwrap(), &private), Ok(()), "{text}");
        }
    }
}
