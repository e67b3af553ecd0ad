//! Which of many prefixes go into guidance: the most useful ones.

use std::collections::BTreeSet;
use std::time::Duration;

use alto_discovery_core::{PeerCost, PeerCosts};
use ipnet::IpNet;

use super::{MOST_ENTRIES, octets_of, write};
use crate::announce::MOST_GUIDANCE;

/// Version, flags, lifetime and number of entries.
const HEAD: usize = 5;
/// Family, length and cost of an entry, beside its prefix.
const BESIDE_PREFIX: usize = 6;

/// Guidance within its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// What was chosen, the most useful first.
    pub costs: PeerCosts,
    /// The same as [`read`](super::read) reads it.
    pub octets: Vec<u8>,
    /// How many prefixes had to be left out.
    pub left_out: usize,
}

/// As much of `costs` as fits, the cheapest prefixes first, of equal ones those that cover the largest part of
/// their family's addresses. `None` if there is none.
///
/// The prefixes must not overlap. Then whatever is left out makes nothing wrong that is said: an
/// address is told its true cost, or none. Takes time in proportion to their number, and no memory.
pub fn fit(costs: impl IntoIterator<Item = PeerCost>, lifetime: Duration) -> Option<Fitted> {
    let mut best = BTreeSet::new();
    let mut count = 0;
    for PeerCost { net, cost } in costs {
        count += 1;
        best.insert((cost, net.prefix_len(), net));
        if best.len() > MOST_ENTRIES {
            best.pop_last();
        }
    }
    let mut room = MOST_GUIDANCE - HEAD;
    let entries: Vec<PeerCost> = best
        .into_iter()
        .map(|(cost, _, net)| PeerCost { net, cost })
        .take_while(|entry| take(&mut room, entry.net))
        .collect();
    let left_out = count - entries.len();
    let costs = PeerCosts { entries: entries.into(), lifetime };
    Some(Fitted { octets: write(&costs)?, costs, left_out })
}

fn take(room: &mut usize, net: IpNet) -> bool {
    let left = room.checked_sub(BESIDE_PREFIX + octets_of(net));
    *room = left.unwrap_or(0);
    left.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::read;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn costs(texts: &[(&str, u32)]) -> Vec<PeerCost> {
        texts
            .iter()
            .map(|(net, cost)| PeerCost { net: net.parse().unwrap(), cost: *cost })
            .collect()
    }

    #[test]
    fn cheapest_first_then_largest() {
        let all = costs(&[
            ("192.0.2.0/24", 5),
            ("198.51.100.0/25", 1),
            ("10.0.0.0/8", 5),
            ("198.51.100.128/26", 1),
        ]);
        let fitted = fit(all, HOUR).unwrap();
        let order: Vec<_> = fitted.costs.entries.iter().map(|e| e.net.to_string()).collect();
        assert_eq!(order, ["198.51.100.0/25", "198.51.100.128/26", "10.0.0.0/8", "192.0.2.0/24"]);
        assert_eq!((read(&fitted.octets), fitted.left_out), (Ok(fitted.costs), 0));
        assert_eq!(fit([], HOUR), None);
    }

    /// 128 entries of IPv4 /8, and as many of IPv6 /128 as go into 1,024 octets.
    #[test]
    fn within_both_limits() {
        let short =
            (0..=255).map(|a| PeerCost { net: format!("{a}.0.0.0/8").parse().unwrap(), cost: 1 });
        let fitted = fit(short, HOUR).unwrap();
        assert_eq!((fitted.costs.entries.len(), fitted.left_out), (128, 128));
        let long = (0..200)
            .map(|a| PeerCost { net: format!("2001:db8::{a:x}/128").parse().unwrap(), cost: a });
        let fitted = fit(long, HOUR).unwrap();
        assert_eq!((fitted.costs.entries.len(), fitted.octets.len()), (46, 5 + 46 * 22));
        assert_eq!(fitted.costs.entries[45].cost, 45);
        assert_eq!(fitted.left_out, 154);
    }

    proptest! {
        /// Nothing that was left out was worth more than what was taken, whatever the order it came in.
        #[test]
        fn the_best_are_taken(
            costs in prop::collection::hash_map(any::<u16>(), 0..20_u32, 1..400),
        ) {
            let all: Vec<_> = costs.into_iter().map(|(bits, cost)| {
                let [a, b] = bits.to_be_bytes();
                PeerCost { net: format!("10.{a}.{b}.0/24").parse().unwrap(), cost }
            }).collect();
            let fitted = fit(all.iter().copied(), HOUR).unwrap();
            let taken = &fitted.costs.entries;
            prop_assert_eq!(read(&fitted.octets), Ok(fitted.costs.clone()));
            prop_assert_eq!(taken.len(), all.len().min((1_024 - 5) / 9));
            let dearest = taken.iter().map(|entry| entry.cost).max().unwrap();
            let left_out = all.iter().filter(|entry| !taken.contains(entry));
            prop_assert!(left_out.clone().all(|entry| entry.cost >= dearest));
            prop_assert_eq!(left_out.count(), fitted.left_out);
        }
    }
}
