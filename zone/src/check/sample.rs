//! Which addresses of a prefix are looked at.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Addresses of a prefix, spread evenly, its first and last ones among them; all if there are no more.
pub(super) fn inside(prefix: IpNet, most: u32) -> impl Iterator<Item = IpNet> {
    let (first, last) = (bits(prefix.network()), bits(prefix.broadcast()));
    let most = u128::from(most.max(2));
    let stride = (last - first) / most + 1;
    // Hosts seldom have the first address of a block.
    let offset = u128::from(stride > 1);
    let spread = (0..most).filter_map(move |nth| first.checked_add(nth * stride + offset));
    let chosen: BTreeSet<u128> =
        spread.filter(move |bits| *bits <= last).chain([first, last]).collect();
    chosen.into_iter().map(move |bits| address(prefix, bits).into())
}

pub(super) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn address(like: IpNet, bits: u128) -> IpAddr {
    match like {
        IpNet::V4(_) => Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into(),
        IpNet::V6(_) => Ipv6Addr::from_bits(bits).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_small_prefix_is_looked_at_as_a_whole() {
        let all = |prefix: &str, most| {
            inside(prefix.parse().unwrap(), most).map(|net| net.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(all("198.51.100.0/24", 1_024).len(), 256);
        assert_eq!(all("198.51.100.7/32", 1_024), ["198.51.100.7/32"]);
        assert_eq!(all("::/0", 2).len(), 4);
    }

    proptest! {
        /// Each /24 of a /16 is looked at, and nothing outside.
        #[test]
        fn the_sample_lies_inside(address: IpAddr, length in 0..=128_u8, most in 2..2_000_u32) {
            let length = if address.is_ipv4() { length.min(32) } else { length };
            let prefix = IpNet::new(address, length).unwrap().trunc();
            let sample: Vec<IpNet> = inside(prefix, most).collect();
            prop_assert!(sample.iter().all(|net| prefix.contains(net)));
            prop_assert!(sample.len() <= most as usize + 2);
            prop_assert!(sample.iter().any(|net| net.addr() == prefix.broadcast()));
        }
    }
}
