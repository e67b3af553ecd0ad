use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{Costs, Direction, PrefixMap};

fn candidates() -> impl Strategy<Value = Vec<(u8, Option<f64>)>> {
    let cost = prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(2.0), any::<f64>()];
    vec((any::<u8>(), proptest::option::of(cost)), 0..40)
}

fn same(one: &Ranked<u8>, other: &Ranked<u8>) -> bool {
    let bits = |ranked: &Ranked<u8>| ranked.cost.map(f64::to_bits);
    (one.rank, one.candidate, bits(one)) == (other.rank, other.candidate, bits(other))
}

proptest! {
    /// A ranking is a permutation of the input, and each rank is one more than the number of
    /// candidates that are better (the slow twin).
    #[test]
    fn ranks_count_the_better(input in candidates()) {
        let ranked = rank(input.clone());
        let mut given: Vec<_> = input.iter().map(|(c, cost)| (*c, cost.map(|cost| (cost + 0.0).to_bits()))).collect();
        let mut found: Vec<_> = ranked.iter().map(|r| (r.candidate, r.cost.map(f64::to_bits))).collect();
        given.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(given, found);
        for one in &ranked {
            let better = |other: &&(u8, Option<f64>)| match (one.cost, other.1) {
                (Some(own), Some(cost)) => (cost + 0.0).total_cmp(&own).is_lt(),
                (None, Some(_)) => true,
                (_, None) => false,
            };
            prop_assert_eq!(one.rank, 1 + input.iter().filter(better).count());
        }
        prop_assert!(ranked.windows(2).all(|pair| pair[0].rank <= pair[1].rank));
    }

    /// The order given does not show, but for candidates without a cost, which keep it.
    #[test]
    fn input_order_does_not_show(
        (input, shuffled) in candidates().prop_flat_map(|c| (Just(c.clone()), Just(c).prop_shuffle())),
    ) {
        let (one, other) = (rank(input.clone()), rank(shuffled));
        let known = input.iter().filter(|(_, cost)| cost.is_some()).count();
        prop_assert!(one[..known].iter().zip(&other[..known]).all(|(one, other)| same(one, other)));
        let unknown: Vec<u8> = input.iter().filter(|(_, cost)| cost.is_none()).map(|(c, _)| *c).collect();
        let last: Vec<u8> = one[known..].iter().map(|ranked| ranked.candidate).collect();
        prop_assert_eq!(last, unknown);
    }

    /// To a consumer outside the prefix that led to the server, its map means nothing.
    #[test]
    fn a_map_ranks_nothing_for_others(consumer: u32, candidates: Vec<u32>) {
        let table = everywhere();
        let address = |bits: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(bits));
        let scope = "198.51.100.0/24".parse().unwrap();
        let own = table.consumer(address(consumer), scope);
        prop_assert_eq!(own.is_some(), consumer >> 8 == 0xc633_6400 >> 8);
        let candidates: Vec<IpAddr> = candidates.into_iter().map(address).collect();
        let judged = table.judge(own, &candidates);
        prop_assert!(judged.iter().all(|(pid, cost)| pid.is_some() && cost.is_some() == own.is_some()));
        let inside = table.consumer(address(0xc633_6407), scope);
        let judged = table.judge(inside, &candidates);
        prop_assert!(judged.iter().all(|(_, cost)| *cost == Some(4.5)));
    }
}

/// A map of one PID that holds all of IPv4.
fn everywhere() -> Table {
    let pid = Pid::new(0);
    let costs = Costs::new(1, [(pid, pid, 4.5)], Direction::default(), 1).unwrap();
    Table::new(PrefixMap::new([("0.0.0.0/0".parse().unwrap(), pid)], 1).unwrap(), costs, 0)
}

/// Ranks 1, 1, 3; those without a cost share the rank behind all others, duplicates stay.
#[test]
fn competition_ranks() {
    let ranked =
        rank([("d", None), ("c", Some(7.0)), ("b", Some(2.0)), ("a", Some(2.0)), ("d", None)]);
    let ranks: Vec<(usize, &str)> = ranked.iter().map(|r| (r.rank, r.candidate)).collect();
    assert_eq!(ranks, [(1, "a"), (1, "b"), (3, "c"), (4, "d"), (4, "d")]);
}
