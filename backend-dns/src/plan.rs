//! Which names to ask for a peer, in which order (RFC 8686 §3.2 to §3.4, and approach 3 before it).

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use alto_discovery_core::{Error, Peer, PeerId, Policy, code};
use data_encoding::BASE32HEX_NOPAD;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::NAME;
use crate::domain::{name_of, text_of};

/// The prefix lengths asked for, longest first (RFC 8686 §3.4, Table 1), and the labels that each
/// name has lost from the full-length one (§3.3).
const IPV4: [(u8, usize); 4] = [(32, 0), (24, 1), (16, 2), (8, 3)];
const IPV6: [(u8, usize); 6] = [(128, 0), (64, 16), (56, 18), (48, 20), (40, 22), (32, 24)];

/// 6to4 (RFC 3056 §2): the IPv4 address is bits 16 to 47.
const SIX_TO_FOUR: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);
/// Teredo (RFC 4380 §4): the client's IPv4 address is the last 32 bits, each bit flipped.
const TEREDO: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32);

/// Whether a host is asked for by its own name first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granularity {
    /// Yes: the procedure of RFC 8686 to the letter.
    #[default]
    Host,
    /// No: hosts are asked for as their /24 or /64. One result serves the block and no host address
    /// leaves this process, but records for single addresses (RFC 2317) are not seen.
    Prefix,
}

impl Granularity {
    /// What is asked for when a peer of `net` is.
    pub fn asked(self, net: IpNet) -> IpNet {
        let coarsest = if matches!(net, IpNet::V4(_)) { 24 } else { 64 };
        match self {
            Self::Prefix if net.prefix_len() > coarsest => shortened(net, coarsest),
            _ => net,
        }
    }
}

/// What to do for IPv6 addresses that carry the peer's IPv4 address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transition {
    /// Nothing: they are IPv6 addresses.
    #[default]
    Strict,
    /// If surely no server speaks for the IPv6 address, ask for the IPv4 address inside.
    FallbackV4,
}

/// The names to ask for one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub rungs: Vec<Rung>,
    /// To be asked after `rungs` gave surely nothing; empty if there is no such fallback.
    pub fallback: Vec<Rung>,
}

/// One name of the procedure and the peers it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The domain name: lower case, absolute.
    pub name: Arc<str>,
    /// Their addresses.
    pub net: IpNet,
    /// The one peer ID it is about (approach 3); none: it is about all.
    pub id: Option<PeerId>,
}

impl Plan {
    /// The names to ask for `peer`: that of its peer ID, if it is a host that has one, then those of
    /// its address. Where hosts are asked for as their prefix, IDs are left aside: their names hold
    /// the host's address.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of(
        peer: &Peer<'_>,
        granularity: Granularity,
        transition: Transition,
        policy: Policy,
    ) -> Result<Self, Error> {
        let mut plan = Self::new(peer.net(), granularity, transition, policy)?;
        if let (Some(id), Some(host)) =
            (peer.id(), plan.rungs.first().filter(|rung| rung.is_host()))
        {
            let first = Rung { name: id_name(id, &host.name).into(), net: host.net, id: Some(*id) };
            plan.rungs.insert(0, first);
        }
        Ok(plan)
    }

    /// The names to ask for `peer`, whatever its ID.
    ///
    /// # Errors
    /// In this order: [`Error::Invalid`] if the prefix is shorter than the procedure knows (/8 for
    /// IPv4, /32 for IPv6), [`Error::NotApplicable`] if nobody outside its network can speak for it.
    pub fn new(
        peer: IpNet,
        granularity: Granularity,
        transition: Transition,
        policy: Policy,
    ) -> Result<Self, Error> {
        let rungs = ladder(granularity.asked(peer));
        if rungs.is_empty() {
            return Err(too_short(peer));
        }
        policy.check_peer(peer).map_err(|refusal| Error::not_global(NAME, refusal))?;
        let fallback = match transition {
            Transition::Strict => Vec::new(),
            Transition::FallbackV4 => embedded_ipv4(peer)
                .filter(|inner| policy.check_peer(*inner).is_ok())
                .map(|inner| ladder(granularity.asked(inner)))
                .unwrap_or_default(),
        };
        Ok(Self { rungs, fallback })
    }

    /// One name of the caller's own, asked for the sake of a host, and no other (RFC 7286 §3.2). `name` is
    /// lower case, absolute.
    ///
    /// # Errors
    /// [`Error::Invalid`] if that is no name.
    pub fn at(name: &Arc<str>, host: IpAddr) -> Result<Self, Error> {
        let is_name = name_of(name).is_some_and(|read| text_of(&read) == *name);
        if !is_name {
            let message = format!("`{}` is no absolute domain name", name.escape_debug());
            return Err(Error::invalid(code::INVALID_INPUT, message));
        }
        let rung = Rung { name: Arc::clone(name), net: host.to_canonical().into(), id: None };
        Ok(Self { rungs: vec![rung], fallback: Vec::new() })
    }
}

impl Rung {
    fn is_host(&self) -> bool {
        self.net.prefix_len() == self.net.max_prefix_len()
    }
}

/// The name of a peer ID below its host's name: the four nibbles of a port, reversed, below `_p`, so
/// that wildcards stand for blocks of ports; a token in one label, in base32hex (RFC 4648 §7).
fn id_name(id: &PeerId, host: &str) -> String {
    match id {
        PeerId::Port(port) => {
            let [a, b, c, d] = [12, 8, 4, 0].map(|place| port >> place & 15);
            format!("{d:x}.{c:x}.{b:x}.{a:x}._p.{host}")
        }
        PeerId::Token(token) => {
            let label = BASE32HEX_NOPAD.encode(token.as_bytes()).to_ascii_lowercase();
            format!("_t{label}.{host}")
        }
    }
}

/// Whether [`Plan::new`] would say that nobody outside its network can speak for the peer.
pub(crate) fn is_refused(peer: IpNet, policy: Policy) -> bool {
    peer.prefix_len() >= least(peer) && policy.check_peer(peer).is_err()
}

/// The shortest prefix that can be asked for.
fn least(peer: IpNet) -> u8 {
    if matches!(peer, IpNet::V4(_)) { 8 } else { 32 }
}

fn too_short(peer: IpNet) -> Error {
    let least = least(peer);
    let message = format!("{peer}: prefixes shorter than /{least} cannot be asked for");
    Error::invalid(code::UNSUPPORTED_PREFIX_LENGTH, message)
}

/// The candidate lengths no longer than the prefix, longest first.
fn ladder(net: IpNet) -> Vec<Rung> {
    let (full, lengths) = match net {
        IpNet::V4(v4) => (full_name_v4(v4.network()), &IPV4[..]),
        IpNet::V6(v6) => (full_name_v6(v6.network()), &IPV6[..]),
    };
    lengths
        .iter()
        .filter(|(length, _)| *length <= net.prefix_len())
        .map(|(length, labels)| Rung {
            name: skip(&full, *labels).into(),
            net: shortened(net, *length),
            id: None,
        })
        .collect()
}

/// RFC 1035 §3.5.
fn full_name_v4(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
}

/// RFC 3596 §2.5.
fn full_name_v6(address: Ipv6Addr) -> String {
    let mut name = String::with_capacity(73);
    for octet in address.octets().into_iter().rev() {
        let _ = write!(name, "{:x}.{:x}.", octet & 15, octet >> 4); // a String takes all
    }
    name + "ip6.arpa."
}

/// All behind the n-th dot (RFC 8686 §3.3).
fn skip(name: &str, n: usize) -> &str {
    name.match_indices('.').take(n).last().map_or(name, |(at, _)| &name[at + 1..])
}

fn shortened(net: IpNet, length: u8) -> IpNet {
    IpNet::new(net.addr(), length).map_or(net, |shorter| shorter.trunc())
}

/// The IPv4 addresses that IPv6 addresses of a transition mechanism carry.
fn embedded_ipv4(net: IpNet) -> Option<IpNet> {
    let IpNet::V6(v6) = net else { return None };
    let octets = v6.network().octets();
    if SIX_TO_FOUR.contains(&v6) {
        let length = (v6.prefix_len() - SIX_TO_FOUR.prefix_len()).min(32);
        Ipv4Net::new(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5]), length)
            .ok()
            .map(|inner| inner.trunc().into())
    } else if TEREDO.contains(&v6) && v6.prefix_len() == 128 {
        let [.., a, b, c, d] = octets;
        Some(IpAddr::V4(Ipv4Addr::new(!a, !b, !c, !d)).into())
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
