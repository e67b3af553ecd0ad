//! Address ranges that do not name a host on the public Internet, as data.
//!
//! Taken from the IANA special-purpose address registries (RFC 6890 and its successors), but not
//! from their "Global" column: it marks Teredo and documentation space as non-global and 6to4 as
//! "N/A", while here the question is whether asking or contacting makes sense.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why a range is special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Used inside one network (RFC 1918, RFC 6598, RFC 4193).
    Private,
    /// This machine.
    Loopback,
    /// This link; cloud metadata services live there.
    LinkLocal,
    /// Many machines.
    Multicast,
    /// Set aside for protocols, tests or the future.
    Reserved,
    /// Set aside for texts and tests (RFC 5737, RFC 3849).
    Documentation,
}

impl Class {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Documentation => "documentation",
        }
    }
}

/// The class of the range that holds all of `net`, if any.
pub(crate) fn class_of(net: IpNet) -> Option<Class> {
    match net {
        IpNet::V4(net) => {
            V4.iter().find(|(range, _)| range.contains(&net)).map(|(_, class)| *class)
        }
        IpNet::V6(net) => {
            V6.iter().find(|(range, _)| range.contains(&net)).map(|(_, class)| *class)
        }
    }
}

/// The IPv4 address inside an IPv6 address that a translator, tunnel or socket layer would reach.
pub(crate) fn embedded_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let octets = v6.octets();
    let at = |i: usize| Ipv4Addr::new(octets[i], octets[i + 1], octets[i + 2], octets[i + 3]);
    let within = |range: &Ipv6Net| range.contains(&v6);
    if LAST_32_BITS.iter().any(within) && !v6.is_loopback() && !v6.is_unspecified() {
        Some(at(12))
    } else if SIX_TO_FOUR.contains(&v6) {
        Some(at(2))
    } else if TEREDO.contains(&v6) {
        Some(Ipv4Addr::from_bits(!at(12).to_bits())) // RFC 4380 §4: the client, each bit flipped
    } else {
        None
    }
}

const fn v4(a: u8, b: u8, c: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), length)
}

const fn v6(a: u16, b: u16, c: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

const V4: [(Ipv4Net, Class); 15] = [
    (v4(0, 0, 0, 8), Class::Reserved),
    (v4(10, 0, 0, 8), Class::Private),
    (v4(100, 64, 0, 10), Class::Private),
    (v4(127, 0, 0, 8), Class::Loopback),
    (v4(169, 254, 0, 16), Class::LinkLocal),
    (v4(172, 16, 0, 12), Class::Private),
    (v4(192, 0, 0, 24), Class::Reserved),
    (v4(192, 0, 2, 24), Class::Documentation),
    (v4(192, 88, 99, 24), Class::Reserved),
    (v4(192, 168, 0, 16), Class::Private),
    (v4(198, 18, 0, 15), Class::Reserved),
    (v4(198, 51, 100, 24), Class::Documentation),
    (v4(203, 0, 113, 24), Class::Documentation),
    (v4(224, 0, 0, 4), Class::Multicast),
    (v4(240, 0, 0, 4), Class::Reserved),
];

const V6: [(Ipv6Net, Class); 12] = [
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), Class::Reserved),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), Class::Loopback),
    (v6(0x64, 0xff9b, 1, 48), Class::Reserved),
    (v6(0x100, 0, 0, 64), Class::Reserved),
    (v6(0x2001, 2, 0, 48), Class::Reserved),
    (v6(0x2001, 0x10, 0, 28), Class::Reserved),
    (v6(0x2001, 0x20, 0, 28), Class::Reserved),
    (v6(0x2001, 0xdb8, 0, 32), Class::Documentation),
    (v6(0xfc00, 0, 0, 7), Class::Private),
    (v6(0xfe80, 0, 0, 10), Class::LinkLocal),
    (v6(0xfec0, 0, 0, 10), Class::Private),
    (v6(0xff00, 0, 0, 8), Class::Multicast),
];

/// IPv4-compatible, IPv4-mapped, NAT64: the IPv4 address is the last 32 bits. The local-use NAT64
/// prefix has its translator's own layouts (RFC 8215), of which the /96 is the usual one.
const LAST_32_BITS: [Ipv6Net; 4] = [
    v6(0, 0, 0, 96),
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    v6(0x64, 0xff9b, 0, 96),
    v6(0x64, 0xff9b, 1, 48),
];

const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 16);
const TEREDO: Ipv6Net = v6(0x2001, 0, 0, 32);
