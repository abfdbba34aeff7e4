//! Networks beside the public internet: by name or as a block of addresses. The tables are IANA's registries of special
//! addresses, and the metadata services of clouds.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::ValueError;
use crate::toml::messages::{shown, suggestion};

/// A network that a grant of HTTP may reach beside the public internet.
///
/// Its text is one of the names, or a block in CIDR notation:
///
/// ```
/// use tollgate_policy::Network;
///
/// assert_eq!("loopback".parse(), Ok(Network::Loopback));
/// let block: Network = "10.1.0.0/16".parse()?;
/// assert!(block.contains("10.1.2.3".parse().unwrap()) && !block.contains("10.2.0.0".parse().unwrap()));
/// // Public addresses need no entry, so a block of them is a mistake.
/// assert!("8.8.8.0/24".parse::<Network>().is_err());
/// # Ok::<(), tollgate_policy::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// The host's own machine: 127.0.0.0/8 and ::1 (RFC 1122, RFC 4291).
    Loopback,
    /// Networks of an organisation: 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 (RFC 1918), fc00::/7 (RFC 4193), and the
    /// addresses that carriers, clouds and overlay networks share, 100.64.0.0/10 (RFC 6598).
    Private,
    /// The link that the host is on: 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291).
    LinkLocal,
    /// The addresses of one block.
    Block(Block),
}

/// A block of addresses in CIDR notation, such as `10.1.0.0/16` or `fd12::/48`.
///
/// It lies inside the networks that have names, or is the one address of a metadata service, since an entry for any other
/// addresses would change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    first: IpAddr,
    prefix: u8,
}

const fn v4(octets: [u8; 4], prefix: u8) -> Block {
    let [a, b, c, d] = octets;
    Block {
        first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        prefix,
    }
}

const fn v6(segments: [u16; 8], prefix: u8) -> Block {
    let [a, b, c, d, e, f, g, h] = segments;
    Block {
        first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)),
        prefix,
    }
}

const LOOPBACK: &[Block] = &[v4([127, 0, 0, 0], 8), v6([0, 0, 0, 0, 0, 0, 0, 1], 128)];

const PRIVATE: &[Block] = &[
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v4([100, 64, 0, 0], 10),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
];

const LINK_LOCAL: &[Block] = &[
    v4([169, 254, 0, 0], 16),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
];

/// Metadata services of clouds, and the agents beside them. They give credentials to every program that asks.
const METADATA: &[Block] = &[
    // AWS, Azure, Google Cloud and most others; credentials of AWS's containers.
    v4([169, 254, 169, 0], 24),
    v4([169, 254, 170, 0], 24),
    // Tencent, Scaleway, Alibaba, Oracle.
    v4([169, 254, 0, 23], 32),
    v4([169, 254, 42, 42], 32),
    v4([100, 100, 100, 200], 32),
    v4([192, 0, 0, 192], 32),
    // The agent of Azure, whose address is a public one.
    v4([168, 63, 129, 16], 32),
    // AWS, Google Cloud, OpenStack, Scaleway, Oracle, Akamai, Alibaba.
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32),
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
    v6([0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128),
    v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128),
    v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128),
    v6([0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1], 128),
    v6([0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200], 128),
];

/// Whether an address is that of a metadata service or an agent of a cloud.
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    METADATA.iter().any(|block| block.contains(address))
}

impl Network {
    /// The networks that have names.
    pub const NAMED: &'static [Network] =
        &[Network::Loopback, Network::Private, Network::LinkLocal];

    /// The name, if it is one of [`Network::NAMED`].
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Network::Loopback => Some("loopback"),
            Network::Private => Some("private"),
            Network::LinkLocal => Some("link-local"),
            Network::Block(_) => None,
        }
    }

    /// Whether an address belongs to it, that of a metadata service included. [`decide::address`](crate::decide::address)
    /// wants such an address by itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        let blocks = match self {
            Network::Loopback => LOOPBACK,
            Network::Private => PRIVATE,
            Network::LinkLocal => LINK_LOCAL,
            Network::Block(block) => return block.contains(address),
        };
        blocks.iter().any(|block| block.contains(address))
    }

    /// Whether it is this address and no other.
    pub(crate) fn is_only(&self, address: IpAddr) -> bool {
        *self == Network::Block(Block::of(address))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Network::Block(block) => block.fmt(f),
            named => f.write_str(named.name().unwrap_or_default()),
        }
    }
}

/// Parses a name or a block.
impl FromStr for Network {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Network, ValueError> {
        let named = Network::NAMED
            .iter()
            .find(|network| network.name() == Some(text));
        match named {
            Some(network) => Ok(*network),
            None => text.parse().map(Network::Block),
        }
    }
}

impl Block {
    /// The block that begins at `first` and has `prefix` fixed bits.
    ///
    /// # Errors
    ///
    /// If `prefix` is longer than the address, if `first` is not the first address of the block, or if the block is
    /// neither inside the networks that have names nor the address of a metadata service.
    pub fn new(first: IpAddr, prefix: u8) -> Result<Block, ValueError> {
        let block = Block { first, prefix };
        let refuse = |why: String| Err(ValueError::new(format!("`{block}` {why}")));
        let (bits, longest) = (bits(first), longest(first));
        let Some(free) = longest.checked_sub(prefix) else {
            return refuse(format!(
                "has a prefix of more than {longest} bits; write `{first}/{longest}` for the one address"
            ));
        };
        let start = bits & mask(free);
        if start != bits {
            let start = Block {
                first: address_of(first, start),
                prefix,
            };
            return refuse(format!(
                "begins inside of its block; write `{start}` for the block, or `{first}/{longest}` for the address"
            ));
        }
        if let IpAddr::V6(address) = first
            && address.to_ipv4_mapped().is_some()
        {
            return refuse(
                "is an IPv4 address in the form of an IPv6 one; write it as IPv4".to_owned(),
            );
        }
        if free == 0 && is_metadata(first) {
            return Ok(block);
        }
        if METADATA.iter().any(|metadata| metadata.covers(&block)) {
            return refuse(format!(
                "has metadata services of clouds alone; each needs its own entry, such as `{first}/{longest}`"
            ));
        }
        let mut named = [LOOPBACK, PRIVATE, LINK_LOCAL].into_iter().flatten();
        match named.any(|known| known.covers(&block)) {
            true => Ok(block),
            false => refuse(
                "is not inside the loopback, private or link-local addresses; public ones need no entry, and others are \
                 never reached: leave it out"
                    .to_owned(),
            ),
        }
    }

    /// The block of one address.
    pub(crate) fn of(address: IpAddr) -> Block {
        Block {
            first: address,
            prefix: longest(address),
        }
    }

    /// Whether an address belongs to it. An IPv4-mapped address differs from the address that it embeds.
    pub fn contains(&self, address: IpAddr) -> bool {
        let free = longest(self.first).saturating_sub(self.prefix);
        self.first.is_ipv4() == address.is_ipv4() && bits(address) & mask(free) == bits(self.first)
    }

    /// Whether every address of the other one belongs to it.
    fn covers(&self, other: &Block) -> bool {
        self.prefix <= other.prefix && self.contains(other.first)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address with these bits, of the same family as another.
fn address_of(family: IpAddr, bits: u128) -> IpAddr {
    match (family, u32::try_from(bits)) {
        (IpAddr::V4(_), Ok(bits)) => Ipv4Addr::from_bits(bits).into(),
        _ => Ipv6Addr::from_bits(bits).into(),
    }
}

/// The length of the longest prefix.
fn longest(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// All bits but the last `free` ones.
fn mask(free: u8) -> u128 {
    u128::MAX.checked_shl(free.into()).unwrap_or_default()
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// Parses CIDR notation: an address, `/`, and the number of fixed bits.
impl FromStr for Block {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Block, ValueError> {
        let refuse = |why: String| Err(ValueError::new(format!("`{}` {why}", shown(text))));
        if let Ok(address) = text.parse::<IpAddr>() {
            return refuse(format!("is an address; write `{}`", Block::of(address)));
        }
        let parts = text.split_once('/');
        let parsed = parts.and_then(|(first, prefix)| {
            let (first, bits) = (first.parse().ok()?, prefix.parse::<u8>().ok()?);
            // `+8` and `08` are numbers too, and the latter is octal to some.
            (bits.to_string() == prefix).then_some((first, bits))
        });
        match parsed {
            Some((first, prefix)) => Block::new(first, prefix),
            None => {
                let names: Vec<&str> = Network::NAMED.iter().filter_map(Network::name).collect();
                refuse(format!(
                    "is not a network{}, or a block such as `10.1.0.0/16`",
                    suggestion(text, &names)
                ))
            }
        }
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
