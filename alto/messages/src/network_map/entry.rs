//! A prefix and its PID, packed so that comparing entries orders them by address, then by length.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::pid_table::PidId;

/// A kind of entry.
pub(super) trait Entry: Copy + Ord {
    /// The prefix.
    fn net(self) -> IpNet;

    /// Its PID.
    fn pid(self) -> PidId;

    /// Whether the other has the same prefix.
    fn is_same_net(self, other: Self) -> bool;
}

/// An IPv4 prefix: 32 bits of address, 16 of length, 16 of PID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry4(u64);

/// An IPv6 prefix: the halves of the address; 16 bits of length, 16 of PID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry6(u64, u64, u32);

impl Entry4 {
    pub(super) fn new(net: Ipv4Net, pid: PidId) -> Self {
        Self(u64::from(net.addr().to_bits()) << 32 | u64::from(rest(net.prefix_len(), pid)))
    }

    pub(super) fn unpack(self) -> (Ipv4Net, PidId) {
        let [a, b, c, d, _, length, high, low] = self.0.to_be_bytes();
        let pid = PidId::numbered(u16::from_be_bytes([high, low]));
        (Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length), pid)
    }
}

impl Entry6 {
    pub(super) fn new(net: Ipv6Net, pid: PidId) -> Self {
        let bits = net.addr().to_bits();
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        Self((bits >> 64) as u64, bits as u64, rest(net.prefix_len(), pid))
    }

    pub(super) fn unpack(self) -> (Ipv6Net, PidId) {
        let [_, length, high, low] = self.2.to_be_bytes();
        let address = Ipv6Addr::from_bits(u128::from(self.0) << 64 | u128::from(self.1));
        let pid = PidId::numbered(u16::from_be_bytes([high, low]));
        (Ipv6Net::new_assert(address, length), pid)
    }
}

impl Entry for Entry4 {
    fn net(self) -> IpNet {
        self.unpack().0.into()
    }

    fn pid(self) -> PidId {
        self.unpack().1
    }

    fn is_same_net(self, other: Self) -> bool {
        self.0 >> 16 == other.0 >> 16
    }
}

impl Entry for Entry6 {
    fn net(self) -> IpNet {
        self.unpack().0.into()
    }

    fn pid(self) -> PidId {
        self.unpack().1
    }

    fn is_same_net(self, other: Self) -> bool {
        (self.0, self.1, self.2 >> 16) == (other.0, other.1, other.2 >> 16)
    }
}

fn rest(length: u8, pid: PidId) -> u32 {
    u32::from(length) << 16 | u32::from(pid.number())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Packing loses nothing and keeps the order by address, length and PID.
        #[test]
        fn packing_keeps_prefix_and_order(bits: [u128; 2], lengths in [0_u8..=128, 0..=128], pids: [u16; 2]) {
            let of6 = |at: usize| {
                let net = Ipv6Net::new(bits[at].into(), lengths[at]).unwrap().trunc();
                (net, PidId::numbered(pids[at]))
            };
            let of4 = |at: usize| {
                let address = u32::try_from(bits[at] >> 96).unwrap();
                let net = Ipv4Net::new(address.into(), lengths[at] / 4).unwrap().trunc();
                (net, PidId::numbered(pids[at]))
            };
            let pack4 = |(net, pid)| Entry4::new(net, pid);
            let pack6 = |(net, pid)| Entry6::new(net, pid);
            prop_assert_eq!(pack4(of4(0)).unpack(), of4(0));
            prop_assert_eq!(pack6(of6(0)).unpack(), of6(0));
            prop_assert_eq!(pack4(of4(0)).cmp(&pack4(of4(1))), of4(0).cmp(&of4(1)));
            prop_assert_eq!(pack6(of6(0)).cmp(&pack6(of6(1))), of6(0).cmp(&of6(1)));
        }
    }
}
