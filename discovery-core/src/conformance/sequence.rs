//! A tiny seeded generator (splitmix64), so that every run of the laws asks the same questions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A sequence of numbers that is the same for the same seed.
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A port from `low` to `high`, both included.
    pub(crate) fn port(&mut self, low: u16, high: u16) -> u16 {
        let width = u64::from(high.saturating_sub(low)) + 1;
        low + u16::try_from(self.below(width)).unwrap_or(0)
    }

    /// An address of `net`.
    pub(crate) fn address(&mut self, net: IpNet) -> IpAddr {
        let random = (u128::from(self.next()) << 64) | u128::from(self.next());
        match net {
            IpNet::V4(net) => {
                let low = u32::try_from(random & u128::from(u32::MAX)).unwrap_or(0);
                let host = low & net.hostmask().to_bits();
                Ipv4Addr::from_bits(net.network().to_bits() | host).into()
            }
            IpNet::V6(net) => {
                let host = random & net.hostmask().to_bits();
                Ipv6Addr::from_bits(net.network().to_bits() | host).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is drawn from a prefix or a range lies in it, and the same seed draws the same.
        #[test]
        fn draws_stay_inside(seed: u64, v4: u32, v6: u128, short in 0_u8..=32, long in 0_u8..=128,
                             low: u16, more: u16) {
            let high = low.saturating_add(more);
            for net in [
                IpNet::new(Ipv4Addr::from_bits(v4).into(), short).unwrap(),
                IpNet::new(Ipv6Addr::from_bits(v6).into(), long).unwrap(),
            ] {
                let drawn = Sequence::new(seed).address(net);
                prop_assert!(net.contains(&drawn));
                prop_assert_eq!(drawn, Sequence::new(seed).address(net));
            }
            prop_assert!((low..=high).contains(&Sequence::new(seed).port(low, high)));
        }
    }
}
