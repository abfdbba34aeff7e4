//! The decision on an address: whether the host may connect to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::grants::http::HttpGrant;
use crate::grants::network::{Block, Network, is_metadata};

use super::reason::Reason;

/// Whether the host may connect to an address for a request by `grant`: to a public one, and to one of the grant's
/// `networks`.
///
/// The metadata services of clouds give credentials to every program that asks. The address of one is allowed only if
/// `networks` has the block of that one address; neither a name nor a wider block reaches it.
///
/// An address that embeds another is decided as the address inside. An IPv4-mapped one leads there directly. The others
/// (NAT64, 6to4, Teredo) lead there through a translator, whose networks are not those of this host: they are allowed
/// only if the address inside is public, for every value of `networks`.
///
/// A credential that is sent as plain text goes to `networks` only.
///
/// # Errors
///
/// [`Reason::PrivateAddress`]; [`Reason::PublicAddress`] for a public address and a credential as plain text.
///
/// ```
/// use tollgate_policy::{HttpGrant, Network, Reason, decide};
///
/// let (inside, metadata) = ("10.0.0.1".parse().unwrap(), "169.254.169.254".parse().unwrap());
/// let by = |network: &str| HttpGrant {
///     networks: vec![network.parse().unwrap()],
///     ..HttpGrant::new("http://inside.example/**")
/// };
/// assert_eq!(decide::address(inside, &by("private")), Ok(()));
/// assert_eq!(decide::address(inside, &by("loopback")), Err(Reason::PrivateAddress));
/// assert_eq!(decide::address(metadata, &by("link-local")), Err(Reason::PrivateAddress));
/// assert_eq!(decide::address(metadata, &by("169.254.169.254/32")), Ok(()));
/// ```
pub fn address(address: IpAddr, grant: &HttpGrant) -> Result<(), Reason> {
    let address = address.to_canonical();
    let mut networks = grant.networks.iter();
    match scope_of(address) {
        AddressScope::Public if grant.bares_credential() => Err(Reason::PublicAddress),
        AddressScope::Public => Ok(()),
        AddressScope::Own(_) if networks.any(|network| network.contains(address)) => Ok(()),
        AddressScope::Metadata if networks.any(|network| network.is_only(address)) => Ok(()),
        _ => Err(Reason::PrivateAddress),
    }
}

/// The entry of `networks` that an address needs: its network by name, or the block of one metadata service. `None` if it
/// is public, or if no grant allows it.
///
/// ```
/// use tollgate_policy::{Network, decide};
///
/// assert_eq!(decide::network_of("127.0.0.1".parse().unwrap()), Some(Network::Loopback));
/// assert_eq!(decide::network_of("169.254.169.254".parse().unwrap()).unwrap().to_string(), "169.254.169.254/32");
/// ```
pub fn network_of(address: IpAddr) -> Option<Network> {
    let address = address.to_canonical();
    match scope_of(address) {
        AddressScope::Own(network) => Some(network),
        AddressScope::Metadata => Some(Network::Block(Block::of(address))),
        AddressScope::Public | AddressScope::Never => None,
    }
}

/// The hosts that an address leads to.
#[derive(PartialEq, Eq)]
enum AddressScope {
    /// A host of the public internet.
    Public,
    /// The host's own machine or network, of this name.
    Own(Network),
    /// A metadata service of a cloud, or its agent.
    Metadata,
    /// No single host, or one that the address hides.
    Never,
}

fn scope_of(address: IpAddr) -> AddressScope {
    let mut named = Network::NAMED.iter();
    match (address, named.find(|network| network.contains(address))) {
        _ if is_metadata(address) => AddressScope::Metadata,
        (_, Some(network)) => AddressScope::Own(*network),
        (IpAddr::V4(address), None) => scope_of_v4(address),
        (IpAddr::V6(address), None) => scope_of_v6(address),
    }
}

/// IANA's special-purpose registry for IPv4 (RFC 6890 and its updates), except the networks that have names.
fn scope_of_v4(address: Ipv4Addr) -> AddressScope {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
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

/// IANA's special-purpose registry for IPv6, except the networks that have names. Global unicast is 2000::/3; no other
/// address is global.
fn scope_of_v6(address: Ipv6Addr) -> AddressScope {
    let is_public = |inside| scope_of(IpAddr::V4(inside)) == AddressScope::Public;
    if let Some(inside) = translated(address) {
        return match inside.into_iter().all(is_public) {
            true => AddressScope::Public,
            false => AddressScope::Never,
        };
    }
    let [a, b, ..] = address.segments();
    match (a, b) {
        // Protocol assignments, documentation.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => AddressScope::Never,
        (0x2000..=0x3fff, _) => AddressScope::Public,
        _ => AddressScope::Never,
    }
}

/// The IPv4 addresses inside of one that a translator takes apart: NAT64 by its well-known prefix (RFC 6052), 6to4
/// (RFC 3056), Teredo (RFC 4380), which has that of its server and, with its bits turned, that of its client.
fn translated(address: Ipv6Addr) -> Option<[Ipv4Addr; 2]> {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some([v4(high, low); 2]),
        [0x2002, high, low, ..] => Some([v4(high, low); 2]),
        [0x2001, 0, high, low, _, _, client_high, client_low] => {
            Some([v4(high, low), v4(!client_high, !client_low)])
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
