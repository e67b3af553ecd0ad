//! Five access networks, each publishing its ALTO server in its own way, and their peers.
//!
//! All addresses are from documentation prefixes (RFC 5737, RFC 3849).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use alto_discovery::Peer;

/// An access network.
#[derive(Debug)]
pub(super) struct Network {
    name: &'static str,
    prefix: Prefix,
    peers: u16,
}

#[derive(Debug)]
enum Prefix {
    /// The first three octets of a /24.
    V4([u8; 3]),
    /// The first three groups of a /48.
    V6([u16; 3]),
}

/// The peers of all networks and of elsewhere: 10,000.
pub(super) const NETWORKS: [Network; 5] = [
    Network { name: "network 1", prefix: Prefix::V4([192, 0, 2]), peers: 250 },
    Network { name: "network 2", prefix: Prefix::V4([198, 51, 100]), peers: 250 },
    Network { name: "network 3", prefix: Prefix::V4([203, 0, 113]), peers: 250 },
    Network { name: "network 4", prefix: Prefix::V6([0x2001, 0xdb8, 0x4000]), peers: 5_000 },
    Network { name: "network 5", prefix: Prefix::V6([0x2001, 0xdb8, 0x5000]), peers: 4_000 },
];

/// A network that publishes nothing.
const ELSEWHERE: Network =
    Network { name: "elsewhere", prefix: Prefix::V6([0x2001, 0xdb8, 0xe000]), peers: 250 };

impl Network {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn holds(&self, peer: &Peer<'_>) -> bool {
        let within = |address: IpAddr| match (&self.prefix, address) {
            (Prefix::V4(prefix), IpAddr::V4(v4)) => v4.octets().starts_with(prefix),
            (Prefix::V6(prefix), IpAddr::V6(v6)) => v6.segments().starts_with(prefix),
            _ => false,
        };
        within(peer.net().addr())
    }

    /// Its n-th peer; in IPv6 each eight share a /64.
    fn peer(&self, n: u16) -> IpAddr {
        match self.prefix {
            Prefix::V4([a, b, c]) => Ipv4Addr::new(a, b, c, n.to_be_bytes()[1]).into(),
            Prefix::V6([a, b, c]) => Ipv6Addr::new(a, b, c, n / 8, 0x227, 0xeff, 0xfe6a, n).into(),
        }
    }
}

/// The addresses of all peers, in the order in which they announce: the networks mixed.
pub(super) fn announces() -> impl Iterator<Item = IpAddr> {
    let most = NETWORKS.iter().map(|network| network.peers).max().unwrap_or(0);
    (0..most).flat_map(|n| {
        let everywhere = NETWORKS.iter().chain([&ELSEWHERE]);
        everywhere.filter(move |network| n < network.peers).map(move |network| network.peer(n))
    })
}

/// The reverse tree as a master file. What it doesn't name does not exist.
pub(super) fn zone() -> String {
    let naptr = |owner: &str, preference: u16, uri: &str| {
        format!("{owner} 3600 IN NAPTR 100 {preference} \"u\" \"ALTO:https\" \"!.*!{uri}!\" .\n")
    };
    [
        "$ORIGIN .\n".to_owned(),
        "@ 3600 IN SOA ns.example. hostmaster.example. 1 3600 600 604800 300\n".to_owned(),
        "@ 3600 IN NS ns.example.\n".to_owned(),
        // Network 1: a /24 with two servers, the first preferred.
        naptr("2.0.192.in-addr.arpa.", 10, "https://alto1.net1.example/ird"),
        naptr("2.0.192.in-addr.arpa.", 20, "https://alto2.net1.example/ird"),
        // Network 2: a /24, and one address with a server of its own.
        naptr("100.51.198.in-addr.arpa.", 10, "https://alto.net2.example/ird"),
        naptr("3.100.51.198.in-addr.arpa.", 10, "https://special.net2.example/ird"),
        // Network 3: the reverse zone points to a name that the ALTO team keeps.
        "113.0.203.in-addr.arpa. 3600 IN NAPTR 100 10 \"\" \"ALTO:https\" \"\" alto.net3.example.\n".to_owned(),
        naptr("alto.net3.example.", 10, "https://alto.net3.example/ird"),
        // Network 4: a wildcard below a /48 answers the first question of a walk already.
        naptr("*.0.0.0.4.8.b.d.0.1.0.0.2.ip6.arpa.", 10, "https://alto.net4.example/ird"),
        // Network 5: the /48, and one of its /56 with a server of its own.
        naptr("0.0.0.5.8.b.d.0.1.0.0.2.ip6.arpa.", 10, "https://alto.net5.example/ird"),
        naptr("1.0.0.0.0.5.8.b.d.0.1.0.0.2.ip6.arpa.", 10, "https://east.net5.example/ird"),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ten_thousand_different_peers() {
        let addresses: HashSet<IpAddr> = announces().collect();
        assert_eq!(addresses.len(), 10_000);
        assert_eq!(announces().count(), 10_000);
    }
}
