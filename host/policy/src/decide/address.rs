//! The decision on an address: whether the host may connect to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::reason::Reason;

/// Whether the host may connect to an address. With `private`, addresses of its own machine and network are allowed,
/// too.
///
/// An address that embeds another (IPv4-mapped, NAT64, 6to4, Teredo) hides its destination and is never needed to reach a
/// public host. An IPv4-mapped address is decided as the address that it embeds; the others are denied.
///
/// # Errors
///
/// [`Reason::PrivateAddress`].
///
/// ```
/// use tollgate_policy::{Reason, decide};
///
/// let metadata = "169.254.169.254".parse().unwrap();
/// assert_eq!(decide::address(metadata, false), Err(Reason::PrivateAddress));
/// assert_eq!(decide::address(metadata, true), Ok(()));
/// ```
pub fn address(address: IpAddr, private: bool) -> Result<(), Reason> {
    let scope = match address {
        IpAddr::V4(address) => scope_of_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => scope_of_v4(mapped),
            None => scope_of_v6(address),
        },
    };
    match scope {
        AddressScope::Public => Ok(()),
        AddressScope::Own if private => Ok(()),
        _ => Err(Reason::PrivateAddress),
    }
}

/// The hosts that an address leads to.
enum AddressScope {
    /// A host of the public internet.
    Public,
    /// The host's own machine or network. Metadata services are here, at 169.254.169.254 and fd00:ec2::254.
    Own,
    /// No single host, or one that the address hides.
    Never,
}

/// IANA's special-purpose registry for IPv4 (RFC 6890 and its updates).
fn scope_of_v4(address: Ipv4Addr) -> AddressScope {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
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

/// IANA's special-purpose registry for IPv6. Global unicast is 2000::/3; no other address is global.
fn scope_of_v6(address: Ipv6Addr) -> AddressScope {
    let [a, b, ..] = address.segments();
    match (a, b) {
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
            assert_eq!(address(parsed, false).is_ok(), public, "{text}");
            assert_eq!(
                address(parsed, true).is_ok(),
                private,
                "{text} with private"
            );
        }
    }
}
