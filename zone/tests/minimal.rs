//! The number of records, against a slow twin that tries each choice at each name that is asked for.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use alto_zone::{Entry, Publication, ServerLine};
use ipnet::IpNet;
use proptest::prelude::*;

/// RFC 8686 §3.4, and the whole address space before it, which has no name that is asked for. IPv6 as
/// far as hosts are not named.
const V4: [u8; 5] = [0, 8, 16, 24, 32];
const V6: [u8; 6] = [0, 32, 40, 48, 56, 64];

/// Which servers speak for a prefix: none, `a`, `b`, or `c` and `a`.
type Plan = BTreeMap<IpNet, usize>;
const SETS: [&[&str]; 4] = [&[], &["a"], &["b"], &["c", "a"]];

/// More than can be written.
const IMPOSSIBLE: u64 = 1 << 40;

/// What the longest prefix around a block says.
fn said(plan: &Plan, block: IpNet) -> usize {
    let around = plan.iter().filter(|(net, _)| net.contains(&block));
    around.max_by_key(|(net, _)| net.prefix_len()).map_or(0, |(_, set)| *set)
}

/// What it takes to say at one name who speaks for it. "Nobody" cannot be said.
fn weight(set: usize) -> u64 {
    if set == 0 { IMPOSSIBLE } else { SETS[set].len() as u64 }
}

/// The fewest records in a block of an asked length where those of `inherited` are found above.
fn fewest(plan: &Plan, block: IpNet, lengths: &[u8], inherited: usize) -> u64 {
    let own = said(plan, block);
    let has_name = block.prefix_len() > 0;
    let inside: Vec<IpNet> =
        plan.keys().copied().filter(|net| *net != block && block.contains(net)).collect();
    if inside.is_empty() && own == inherited {
        return 0;
    }
    if inside.is_empty() && has_name {
        return weight(own);
    }
    let below = lengths[1];
    let sets: BTreeSet<usize> = inside.iter().map(|net| plan[net]).chain([own]).collect();
    let here = sets.into_iter().filter(|set| *set > 0 && has_name).map(|set| (set, weight(set)));
    let parts = parts(&inside, below);
    let untouched = (1_u64 << (below - block.prefix_len())) - parts.len() as u64;
    let cost = |(set, records): (usize, u64)| {
        let each = if own == set { 0 } else { weight(own) };
        let touched = parts.iter().map(|part| fewest(plan, *part, &lengths[1..], set));
        let all = touched.fold(untouched.saturating_mul(each), u64::saturating_add);
        all.saturating_add(records).min(IMPOSSIBLE)
    };
    here.chain([(inherited, 0)]).map(cost).min().unwrap_or(IMPOSSIBLE)
}

/// The parts of a block, of this length, in which somebody may speak who does not for all of it.
fn parts(inside: &[IpNet], length: u8) -> BTreeSet<IpNet> {
    let part = |net: &IpNet| match net.prefix_len() {
        longer if longer >= length => vec![IpNet::new(net.addr(), length).unwrap().trunc()],
        _ => net.subnets(length).unwrap().collect(),
    };
    inside.iter().flat_map(part).collect()
}

fn v4() -> impl Strategy<Value = IpNet> {
    (12..=32_u8, 0..3_u32, 0..3_u32, any::<u8>()).prop_map(|(length, b, c, d)| {
        let bits = 44 << 24 | b << 16 | (c * 7) << 8 | u32::from(d);
        IpNet::new(Ipv4Addr::from_bits(bits).into(), length).unwrap().trunc()
    })
}

fn v6() -> impl Strategy<Value = IpNet> {
    (30..=64_u8, 0..3_u128, 0..3_u128, 0..3_u128).prop_map(|(length, b, c, d)| {
        let bits = 0x2a00 << 112 | b << 88 | c << 72 | d << 64;
        IpNet::new(Ipv6Addr::from_bits(bits).into(), length).unwrap().trunc()
    })
}

fn written(plan: &Plan) -> usize {
    let servers = |set: &usize| {
        let uris = (0..).zip(SETS[*set]);
        uris.map(|(nth, name)| ServerLine::new(nth, format!("https://{name}.example/ird")))
            .collect()
    };
    let entries = plan.iter().map(|(net, set)| Entry::new(*net, servers(set))).collect();
    Publication { entries, ..Publication::default() }.records().unwrap().len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// RFC 8686 §5.2.1: no choice of names takes fewer records than are written.
    #[test]
    fn nobody_needs_fewer(
        v4 in proptest::collection::btree_map(v4(), 0..SETS.len(), 1..8),
        v6 in proptest::collection::btree_map(v6(), 0..SETS.len(), 1..8),
    ) {
        let all: [(Plan, IpAddr, &[u8]); 2] = [
            (v4, Ipv4Addr::UNSPECIFIED.into(), &V4),
            (v6, Ipv6Addr::UNSPECIFIED.into(), &V6),
        ];
        for (plan, first, lengths) in all {
            let whole = IpNet::new(first, 0).unwrap();
            prop_assert_eq!(written(&plan) as u64, fewest(&plan, whole, lengths, 0));
        }
    }
}

/// The twin counts as anybody would: RFC 8686 §5.2.1 has the first.
#[test]
fn by_hand() {
    for (prefixes, records) in [
        (&[("198.51.64.0/18", 1)][..], 64),
        (&[("198.51.0.0/16", 1), ("198.51.100.0/24", 0)], 255),
        (&[("198.51.0.0/16", 3), ("198.51.100.0/24", 1), ("198.51.100.7/32", 2)], 4),
    ] {
        let plan = prefixes.iter().map(|(net, set)| (net.parse().unwrap(), *set)).collect();
        assert_eq!(fewest(&plan, "0.0.0.0/0".parse().unwrap(), &V4, 0), records);
        assert_eq!(written(&plan) as u64, records);
    }
}
