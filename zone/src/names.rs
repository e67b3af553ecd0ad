//! Reverse names (RFC 1035 §3.5, RFC 3596 §2.5).

use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::shape::{Block, Shape};

/// An address family's tree of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn of(net: IpNet) -> Self {
        if matches!(net, IpNet::V4(_)) { Self::V4 } else { Self::V6 }
    }

    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::V4 => Shape::IPV4,
            Self::V6 => Shape::IPV6,
        }
    }

    /// The name of a block whose length is one of whole labels: lower case, absolute.
    pub(crate) fn name(self, block: Block) -> String {
        let step = self.shape().step;
        let mut name = labels(block, step, self == Self::V6);
        name.push_str(if self == Self::V4 { "in-addr.arpa." } else { "ip6.arpa." });
        name
    }
}

/// The labels of a block, the last one first, each with its dot.
fn labels(block: Block, step: u8, hexadecimal: bool) -> String {
    let mut labels = String::with_capacity(64);
    for place in 0..block.length / step {
        let label = block.bits >> (place * step) & ((1 << step) - 1);
        let written =
            if hexadecimal { write!(labels, "{label:x}.") } else { write!(labels, "{label}.") };
        debug_assert!(written.is_ok(), "a String takes all");
    }
    labels
}

/// The name of a block of ports, below the label `_p` of its host's name.
pub(crate) fn port_name(host: &str, block: Block) -> String {
    format!("{}_p.{host}", labels(block, Shape::PORTS.step, true))
}

pub(crate) fn block(net: IpNet) -> Block {
    let length = net.prefix_len();
    let (bits, width) = match net.network() {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    Block { bits: bits.checked_shr((width - length).into()).unwrap_or(0), length }
}

/// The reverse name that stands for all of `net`, if one does: its length is a number of whole
/// labels, eight bits each for IPv4 and four for IPv6.
///
/// ```
/// use alto_zone::reverse_name;
///
/// let name = |net: &str| reverse_name(net.parse().unwrap());
/// assert_eq!(name("198.51.100.0/24").unwrap(), "100.51.198.in-addr.arpa.");
/// assert_eq!(name("2001:db8::/36").unwrap(), "0.8.b.d.0.1.0.0.2.ip6.arpa.");
/// assert_eq!(name("198.51.100.0/25"), None);
/// ```
pub fn reverse_name(net: IpNet) -> Option<String> {
    let family = Family::of(net);
    let whole = net.prefix_len().is_multiple_of(family.shape().step);
    whole.then(|| family.name(block(net)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alto_backend_dns::plan::{Granularity, Plan, Transition};
    use alto_discovery_core::Policy;
    use proptest::prelude::*;

    proptest! {
        /// The names written are the names asked for.
        #[test]
        fn names_as_they_are_asked_for(address: IpAddr) {
            let policy = Policy {
                allow_private_peers: true,
                allow_documentation: true,
                ..Policy::default()
            };
            let plan = Plan::new(address.into(), Granularity::Host, Transition::Strict, policy);
            for rung in plan.unwrap().rungs {
                prop_assert_eq!(reverse_name(rung.net).unwrap(), &*rung.name);
            }
        }
    }

    /// 40000 is 0x9c40.
    #[test]
    fn names_of_ports() {
        let port = Block { bits: 40_000, length: 16 };
        let name = port_name("3.100.51.198.in-addr.arpa.", port);
        assert_eq!(name, "0.4.c.9._p.3.100.51.198.in-addr.arpa.");
        let block = Block { bits: 0x9c, length: 8 };
        assert_eq!(port_name("h.", block), "c.9._p.h.");
    }
}
