//! What matters of a server's maps for one host: prefixes and what they cost it. Pure.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use alto_backend_peerinfo::blob::{self, Fitted};
use alto_discovery_core::PeerCost;
use alto_guidance::Maps;
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

/// What the maps say for the host at `host`, within the limits of an announce: the cheapest prefixes
/// first, of equal ones the largest. They do not overlap, so that each address is told its true cost or
/// none. Costs that are no whole numbers of 32 bits are told as ranks (RFC 7285 §6.1.2): who chooses
/// needs their order alone.
///
/// # Errors
/// If the maps have no PID for the host, or no costs for that.
pub fn guidance(maps: &Maps, host: IpAddr, lifetime: Duration) -> Result<Fitted, NoGuidance> {
    let table = maps.table();
    let own = table.prefixes().pid(host).ok_or(NoGuidance::NoPid)?;
    let row = || table.costs().row(own);
    let whole = whole(&row().map(|(_, cost)| cost).collect::<Vec<_>>());
    let costs: HashMap<_, _> = row().map(|(pid, cost)| (pid, whole(cost))).collect();
    let ranges = table.prefixes().ranges();
    let ranges = ranges.filter_map(|(first, last, pid)| Some((first, last, *costs.get(&pid)?)));
    let prefixes = joined(ranges).flat_map(|(first, last, cost)| {
        prefixes(first, last).map(move |net| PeerCost { net, cost })
    });
    blob::fit(prefixes, lifetime).ok_or(NoGuidance::NoCosts)
}

/// How costs are told as whole numbers: as they are, or by their rank.
fn whole(costs: &[f64]) -> impl Fn(f64) -> u32 + use<> {
    let exact = |cost: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it is compared
        let whole = cost as u32;
        (f64::from(whole).to_bits() == cost.to_bits()).then_some(whole)
    };
    // Costs are not negative, so their bits are in the order of their values.
    let ranks: BTreeSet<u64> = costs.iter().map(|cost| cost.to_bits()).collect();
    let ranks: Vec<u64> = ranks.into_iter().collect();
    let all_exact = costs.iter().all(|cost| exact(*cost).is_some());
    let rank = move |cost: f64| {
        let rank = ranks.partition_point(|other| *other < cost.to_bits());
        u32::try_from(rank).unwrap_or(u32::MAX) // there are no more than PIDs
    };
    move |cost| exact(cost).filter(|_| all_exact).unwrap_or_else(|| rank(cost))
}

type Range = (IpAddr, IpAddr, u32);

/// Neighbours of one cost as one.
fn joined(ranges: impl Iterator<Item = Range>) -> impl Iterator<Item = Range> {
    let mut ranges = ranges.peekable();
    std::iter::from_fn(move || {
        let (first, mut last, cost) = ranges.next()?;
        while let Some((_, end, _)) =
            ranges.next_if(|(start, _, other)| *other == cost && next(last) == Some(*start))
        {
            last = end;
        }
        Some((first, last, cost))
    })
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => v4.to_bits().checked_add(1).map(|bits| IpAddr::V4(bits.into())),
        IpAddr::V6(v6) => v6.to_bits().checked_add(1).map(|bits| IpAddr::V6(bits.into())),
    }
}

/// The fewest prefixes that are exactly this range.
fn prefixes(first: IpAddr, last: IpAddr) -> impl Iterator<Item = IpNet> {
    let (v4, v6) = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => (Some(Ipv4Subnets::new(first, last, 0)), None),
        (IpAddr::V6(first), IpAddr::V6(last)) => (None, Some(Ipv6Subnets::new(first, last, 0))),
        _ => (None, None),
    };
    let v4 = v4.into_iter().flatten().map(IpNet::V4);
    v4.chain(v6.into_iter().flatten().map(IpNet::V6))
}

/// Why a server's maps are of no use to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoGuidance {
    /// Its address is in no PID.
    NoPid,
    /// Its PID has no costs.
    NoCosts,
}

impl fmt::Display for NoGuidance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPid => "the server's network map does not know this host's address",
            Self::NoCosts => "the server's cost map has no costs for this host's network",
        })
    }
}

impl std::error::Error for NoGuidance {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn costs_as_they_are_or_by_rank() {
        let told = |costs: &[f64]| {
            let whole = whole(costs);
            costs.iter().map(|cost| whole(*cost)).collect::<Vec<_>>()
        };
        assert_eq!(told(&[7.0, 0.0, 4_294_967_295.0]), [7, 0, u32::MAX]);
        assert_eq!(told(&[0.5, 3.0, 0.25, 0.5]), [1, 2, 0, 1]);
        assert_eq!(told(&[4_294_967_296.0, 1.0]), [1, 0]);
    }

    #[test]
    fn ranges_are_joined_and_cut() {
        let range =
            |first: &str, last: &str, cost| (first.parse().unwrap(), last.parse().unwrap(), cost);
        let ranges = [
            range("10.0.0.0", "10.0.0.127", 1),
            range("10.0.0.128", "10.0.1.255", 1),
            range("10.0.2.0", "10.0.2.2", 2),
            range("255.255.255.255", "255.255.255.255", 3),
            range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 3),
        ];
        let nets = joined(ranges.into_iter()).flat_map(|(first, last, _)| prefixes(first, last));
        let nets: Vec<_> = nets.map(|net| net.to_string()).collect();
        assert_eq!(
            nets,
            ["10.0.0.0/23", "10.0.2.0/31", "10.0.2.2/32", "255.255.255.255/32", "::/0"]
        );
        assert_eq!(
            prefixes([0; 4].into(), [255; 4].into()).next().unwrap().to_string(),
            "0.0.0.0/0"
        );
    }

    proptest! {
        /// The prefixes are the range: they begin and end with it, and leave no gap.
        #[test]
        fn nothing_is_added_or_lost(a: u32, b: u32, shift in 0..32_u32) {
            let (first, last) = (a.min(b) >> shift, a.max(b) >> shift);
            let address = |bits: u32| IpAddr::V4(bits.into());
            let mut at = Some(address(first));
            for net in prefixes(address(first), address(last)) {
                prop_assert_eq!(Some(net.network()), at);
                at = next(net.broadcast());
            }
            prop_assert_eq!(at, next(address(last)));
        }
    }
}
