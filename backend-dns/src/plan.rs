//! Which names to ask for a peer, in which order (RFC 8686 §3.2 to §3.4, and approach 3 before it).

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use alto_discovery_core::{Cause, Error, Peer, PeerId, Policy, code};
use data_encoding::BASE32HEX_NOPAD;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::NAME;

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
        policy.check_peer(peer).map_err(|refusal| Error::NotApplicable {
            backend: NAME,
            needs: Cause::from_error(code::NOT_GLOBAL, refusal.to_string(), refusal),
        })?;
        let fallback = match transition {
            Transition::Strict => Vec::new(),
            Transition::FallbackV4 => embedded_ipv4(peer)
                .filter(|inner| policy.check_peer(*inner).is_ok())
                .map(|inner| ladder(granularity.asked(inner)))
                .unwrap_or_default(),
        };
        Ok(Self { rungs, fallback })
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
mod tests {
    use super::*;
    use alto_discovery_core::Token;
    use proptest::prelude::*;

    const OPEN: Policy = Policy {
        allow_private_peers: true,
        allow_private_servers: false,
        allow_link_local: false,
        allow_documentation: true,
        allow_http: false,
    };

    fn names(rungs: &[Rung]) -> Vec<&str> {
        rungs.iter().map(|rung| &*rung.name).collect()
    }

    fn plan(peer: &str, granularity: Granularity, transition: Transition) -> Plan {
        Plan::new(peer.parse().unwrap(), granularity, transition, OPEN).unwrap()
    }

    fn host(peer: &str) -> Plan {
        plan(peer, Granularity::Host, Transition::Strict)
    }

    fn fault(peer: &str, policy: Policy) -> &'static str {
        Plan::new(peer.parse().unwrap(), Granularity::Host, Transition::Strict, policy)
            .unwrap_err()
            .code()
    }

    /// RFC 8686 §3.2 and §3.3, spelled out.
    #[test]
    fn names_as_in_the_rfc() {
        let expected = [
            "3.100.51.198.in-addr.arpa.",
            "100.51.198.in-addr.arpa.",
            "51.198.in-addr.arpa.",
            "198.in-addr.arpa.",
        ];
        assert_eq!(names(&host("198.51.100.3/32").rungs), expected);
        let expected = [
            "2.4.e.d.a.6.e.f.f.f.e.0.7.2.2.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
            "2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
            "0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
            "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
            "0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
            "8.b.d.0.1.0.0.2.ip6.arpa.",
        ];
        assert_eq!(names(&host("2001:db8:1:2:227:eff:fe6a:de42/128").rungs), expected);
    }

    /// Approach 3: 40000 is 0x9c40, and a token is one label.
    #[test]
    fn a_hosts_peer_id_comes_first() {
        let with = |peer: &str, id, granularity| {
            let peer = peer.parse::<Peer<'_>>().unwrap().with_id(id);
            let plan = Plan::of(&peer, granularity, Transition::Strict, OPEN).unwrap();
            plan.rungs.iter().map(|rung| rung.name.to_string()).collect::<Vec<_>>()
        };
        let token = |octets: &[u8]| PeerId::Token(Token::new(octets).unwrap());
        let by_port = with("198.51.100.3", PeerId::Port(40_000), Granularity::Host);
        assert_eq!(by_port[0], "0.4.c.9._p.3.100.51.198.in-addr.arpa.");
        assert_eq!(by_port[1..], names(&host("198.51.100.3/32").rungs));
        let by_token = with("2001:db8::1", token(b"gold"), Granularity::Host);
        let host_name = &*host("2001:db8::1/128").rungs[0].name;
        assert_eq!(by_token[0], format!("_tctnmop0.{host_name}"));
        assert_eq!(by_token.len(), 7);
        let longest = with("198.51.100.3", token(&[0xff; 32]), Granularity::Host);
        assert_eq!(longest[0].split('.').next().unwrap().len(), 54);
        for (peer, granularity) in
            [("198.51.100.3", Granularity::Prefix), ("198.51.100.0/24", Granularity::Host)]
        {
            assert_eq!(with(peer, PeerId::Port(7), granularity)[0], "100.51.198.in-addr.arpa.");
        }
    }

    /// The rungs' addresses: what a denial at each name is about.
    #[test]
    fn each_rung_knows_its_addresses() {
        let nets =
            |peer| host(peer).rungs.iter().map(|rung| rung.net.to_string()).collect::<Vec<_>>();
        assert_eq!(
            nets("198.51.100.3/32"),
            ["198.51.100.3/32", "198.51.100.0/24", "198.51.0.0/16", "198.0.0.0/8"]
        );
        assert_eq!(nets("2001:db8:1::/48"), ["2001:db8:1::/48", "2001:db8::/40", "2001:db8::/32"]);
    }

    /// With `prefix` no host address leaves, and a prefix is asked for as ever.
    #[test]
    fn prefix_granularity_starts_at_the_block() {
        let plan = |peer| plan(peer, Granularity::Prefix, Transition::Strict);
        assert_eq!(plan("198.51.100.3/32"), host("198.51.100.0/24"));
        assert_eq!(plan("198.51.0.0/16"), host("198.51.0.0/16"));
        assert_eq!(plan("2001:db8:1:2::9/128"), host("2001:db8:1:2::/64"));
    }

    /// The prefix length is checked before the address class.
    #[test]
    fn faults_in_order() {
        let strict = Policy::default();
        assert_eq!(fault("10.0.0.0/7", strict), code::UNSUPPORTED_PREFIX_LENGTH);
        assert_eq!(fault("0.0.0.0/0", strict), code::UNSUPPORTED_PREFIX_LENGTH);
        assert_eq!(fault("2001:db8::/31", strict), code::UNSUPPORTED_PREFIX_LENGTH);
        assert_eq!(fault("10.0.0.0/8", strict), code::NOT_GLOBAL);
        assert_eq!(fault("198.51.100.3/32", strict), code::NOT_GLOBAL);
    }

    /// Vectors 55 and 56.
    #[test]
    fn transition_addresses_fall_back_to_the_ipv4_inside() {
        let fallback = |peer| plan(peer, Granularity::Host, Transition::FallbackV4).fallback;
        let six_to_four = fallback("2002:c633:6403::1/128");
        assert_eq!(six_to_four, host("198.51.100.3/32").rungs);
        assert_eq!(fallback("2002:c633:6400::/40"), host("198.51.100.0/24").rungs);
        let teredo = fallback("2001:0:c633:6401:0:63bf:34ff:8efa/128");
        assert_eq!(teredo, host("203.0.113.5/32").rungs);
        assert!(fallback("2001:0:c633:6401::/64").is_empty(), "many clients share a Teredo /64");
        assert!(fallback("2001:db8::1/128").is_empty());
        let strict = Policy { allow_documentation: true, ..Policy::default() };
        let private = "2002:a01:203::1/128".parse().unwrap(); // carries 10.1.2.3
        let plan = Plan::new(private, Granularity::Host, Transition::FallbackV4, strict).unwrap();
        assert!(plan.fallback.is_empty());
    }

    /// Table 1 of RFC 8686 §3.4, row by row: the lengths for each range of L.
    fn table(v4: bool, length: u8) -> Option<&'static [u8]> {
        Some(match (v4, length) {
            (true, 32) => &[32, 24, 16, 8],
            (true, 24..=31) => &[24, 16, 8],
            (true, 16..=23) => &[16, 8],
            (true, 8..=15) => &[8],
            (false, 128) => &[128, 64, 56, 48, 40, 32],
            (false, 64..=127) => &[64, 56, 48, 40, 32],
            (false, 56..=63) => &[56, 48, 40, 32],
            (false, 48..=55) => &[48, 40, 32],
            (false, 40..=47) => &[40, 32],
            (false, 32..=39) => &[32],
            _ => return None,
        })
    }

    /// Twenty lines that build a reverse name the slow way.
    fn slow_name(address: IpAddr, length: u8) -> String {
        let length = usize::from(length);
        match address {
            IpAddr::V4(v4) => {
                let octets = v4.octets();
                let labels = octets[..length / 8].iter().rev().map(ToString::to_string);
                labels.chain(["in-addr.arpa.".into()]).collect::<Vec<_>>().join(".")
            }
            IpAddr::V6(v6) => {
                let hex = format!("{:032x}", v6.to_bits());
                let labels = hex[..length / 4].chars().rev().map(String::from);
                labels.chain(["ip6.arpa.".into()]).collect::<Vec<_>>().join(".")
            }
        }
    }

    proptest! {
        /// Names and their order follow the table, whatever the host bits.
        #[test]
        fn agrees_with_the_table(address: IpAddr, length in 0_u8..=128) {
            let v4 = address.is_ipv4();
            let length = if v4 { length % 33 } else { length };
            let net = IpNet::new(address, length).unwrap();
            let plan = Plan::new(net, Granularity::Host, Transition::Strict, OPEN);
            match (table(v4, length), plan) {
                (Some(lengths), Ok(plan)) => {
                    let expected: Vec<_> =
                        lengths.iter().map(|length| slow_name(address, *length)).collect();
                    prop_assert_eq!(names(&plan.rungs), expected);
                    let net = |length: &u8| IpNet::new(address, *length).unwrap().trunc();
                    let nets: Vec<_> = plan.rungs.iter().map(|rung| rung.net).collect();
                    prop_assert_eq!(nets, lengths.iter().map(net).collect::<Vec<_>>());
                }
                (None, Err(error)) => prop_assert_eq!(error.code(), code::UNSUPPORTED_PREFIX_LENGTH),
                (expected, plan) => prop_assert!(false, "{expected:?} {plan:?}"),
            }
        }
    }
}
