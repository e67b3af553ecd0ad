//! The slow twin of the prefix map, and the rules both must keep.

use ipnet::{Ipv4Net, Ipv6Net};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// The slow twin: of the prefixes that hold the address, the longest.
fn slow(prefixes: &[(IpNet, Pid)], address: IpAddr) -> Option<Pid> {
    let holds = prefixes.iter().filter(|(net, _)| net.contains(&address));
    holds.max_by_key(|(net, _)| net.prefix_len()).map(|(_, pid)| *pid)
}

/// Keeps one PID per prefix.
fn agreeing(prefixes: Vec<(IpNet, Pid)>) -> Vec<(IpNet, Pid)> {
    let mut kept: Vec<(IpNet, Pid)> = Vec::new();
    for (net, pid) in prefixes {
        if kept.iter().all(|(other, _)| other.trunc() != net.trunc()) {
            kept.push((net, pid));
        }
    }
    kept
}

/// Mostly few bits differ, so that prefixes nest and share lines, nodes and /64s.
fn v4_bits() -> impl Strategy<Value = u32> {
    let masks = select(&[u32::MAX, 0x0100_0181, 0x8001_0103, 0x0000_0303][..]);
    (any::<u32>(), masks, any::<bool>())
        .prop_map(|(bits, mask, high)| if high { bits | !mask } else { bits & mask })
}

fn v6_bits() -> impl Strategy<Value = u128> {
    let masks = select(&[u128::MAX, 3 << 126 | 3 << 62 | 3, 7 << 64 | 7 << 60, 0xff][..]);
    (any::<u128>(), masks, any::<bool>())
        .prop_map(|(bits, mask, high)| if high { bits | !mask } else { bits & mask })
}

/// Places of PIDs, the last ones included, whose codes do not fit the narrow cells.
fn pid() -> impl Strategy<Value = Pid> {
    prop_oneof![0_u16..5, Just(0xfefe), Just(0xfeff), Just(0xfffe), Just(0xffff)].prop_map(Pid::new)
}

fn v4_net() -> impl Strategy<Value = IpNet> {
    let net = |(bits, length)| Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), length).into();
    (v4_bits(), prop_oneof![0_u8..=32, 22_u8..=32]).prop_map(net)
}

fn v6_net() -> impl Strategy<Value = IpNet> {
    let net = |(bits, length)| Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length).into();
    (v6_bits(), prop_oneof![0_u8..=128, 60_u8..=70, Just(128)]).prop_map(net)
}

/// The addresses asked: random ones, and those on both sides of each prefix's edges.
fn asked(prefixes: &[(IpNet, Pid)], random: Vec<IpAddr>) -> Vec<IpAddr> {
    let edges = prefixes.iter().flat_map(|(net, _)| match net {
        IpNet::V4(net) => {
            let [first, last] = [net.network(), net.broadcast()].map(Ipv4Addr::to_bits);
            let all = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            all.map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)))
        }
        IpNet::V6(net) => {
            let [first, last] = [net.network(), net.broadcast()].map(Ipv6Addr::to_bits);
            let all = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            all.map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits)))
        }
    });
    edges.chain(random).collect()
}

proptest! {
    /// RFC 7285 §11.2.2, IPv4: as the slow twin, one by one and in batches.
    #[test]
    fn v4_agrees_with_the_slow_twin(
        prefixes in vec((v4_net(), pid()), 0..60),
        random in vec(v4_bits(), 0..60),
    ) {
        let prefixes = agreeing(prefixes);
        let map = PrefixMap::new(prefixes.iter().copied(), 60).unwrap();
        let random = random.into_iter().map(|bits| Ipv4Addr::from_bits(bits).into()).collect();
        let asked = asked(&prefixes, random);
        let expected: Vec<_> = asked.iter().map(|address| slow(&prefixes, *address)).collect();
        let found: Vec<_> = asked.iter().map(|address| map.pid(*address)).collect();
        prop_assert_eq!(&found, &expected);
        let v4: Vec<Ipv4Addr> = asked.iter().map(|address| match address {
            IpAddr::V4(v4) => *v4,
            IpAddr::V6(_) => unreachable!("only IPv4 is asked here"),
        }).collect();
        let mut batch = vec![Some(Pid::new(9)); v4.len()];
        map.pids_v4(&v4, &mut batch);
        prop_assert_eq!(&batch, &expected);
    }

    /// The same for IPv6, where IPv4-mapped addresses count as IPv4 if asked by `pid`.
    #[test]
    fn v6_agrees_with_the_slow_twin(
        prefixes in vec((v6_net(), pid()), 0..60),
        random in vec(v6_bits(), 0..60),
    ) {
        let prefixes = agreeing(prefixes);
        let map = PrefixMap::new(prefixes.iter().copied(), 60).unwrap();
        let random = random.into_iter().map(|bits| Ipv6Addr::from_bits(bits).into()).collect();
        let v6: Vec<Ipv6Addr> = asked(&prefixes, random).into_iter().map(|address| match address {
            IpAddr::V6(v6) => v6,
            IpAddr::V4(_) => unreachable!("only IPv6 is asked here"),
        }).collect();
        let expected: Vec<_> = v6.iter().map(|v6| slow(&prefixes, (*v6).into())).collect();
        let found: Vec<_> = v6.iter().map(|address| map.pid_v6(*address)).collect();
        prop_assert_eq!(&found, &expected);
        let mut batch = vec![Some(Pid::new(9)); v6.len()];
        map.pids_v6(&v6, &mut batch);
        prop_assert_eq!(&batch, &expected);
    }

}

proptest! {
    // Each case makes the 65,536 lines of a directory.
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The directory, which only large maps get, as the tree, whose twin the tests above are.
    #[test]
    fn directory_agrees_with_the_tree(
        prefixes in vec((v4_bits(), prop_oneof![0_u8..=32, 22_u8..=32], 0_u16..5), 0..60),
        random in vec(v4_bits(), 0..60),
    ) {
        let mut prefixes: Vec<_> = prefixes.into_iter().map(|(bits, length, pid)| {
            (Ipv4Net::new_assert(bits.into(), length).network().to_bits(), length, Pid::new(pid))
        }).collect();
        prefixes.sort_unstable();
        prefixes.dedup_by_key(|(start, length, _)| (*start, *length));
        let intervals = flatten(prefixes.clone()).unwrap();
        let directory = Directory::new(&intervals);
        let tree = Tree::new(&widen(&intervals));
        let asked: Vec<Ipv4Addr> = prefixes.iter()
            .flat_map(|(start, length, _)| {
                let size = 1_u64 << (32 - length);
                let past = u32::try_from((u64::from(*start) + size) & 0xffff_ffff).unwrap();
                [*start, start.wrapping_sub(1), past, past.wrapping_sub(1)]
            })
            .chain(random).map(Ipv4Addr::from_bits).collect();
        let expected: Vec<u32> = asked.iter().map(|a| tree.code(widened(*a))).collect();
        let found: Vec<u32> = asked.iter().map(|a| directory.code(*a)).collect();
        prop_assert_eq!(&found, &expected);
        let mut batch = vec![9; asked.len()];
        directory.codes(&asked, &mut batch, |code| code);
        prop_assert_eq!(&batch, &expected);
        prop_assert_eq!(as_intervals(directory.starts()), intervals);
    }

    /// What a tree is made of comes out of it again.
    #[test]
    fn a_tree_gives_its_intervals(prefixes in vec((v6_net(), pid()), 0..60)) {
        let prefixes = agreeing(prefixes).into_iter().map(|(net, pid)| match net {
            IpNet::V6(net) => (net.network().to_bits(), net.prefix_len(), pid),
            IpNet::V4(_) => unreachable!("only IPv6 is made here"),
        });
        let intervals = flatten(prefixes.collect()).unwrap();
        prop_assert_eq!(as_intervals(Tree::new(&intervals).starts()), intervals);
    }
}

/// Intervals of which neighbours differ.
fn as_intervals<A>(starts: impl Iterator<Item = (A, u32)>) -> Vec<Interval<A>> {
    let mut intervals: Vec<_> = starts.map(|(start, code)| Interval { start, code }).collect();
    intervals.dedup_by_key(|interval| interval.code);
    intervals
}

#[test]
fn ranges_are_what_each_address_gets() {
    let prefixes = [("198.51.100.0/24", 2), ("198.51.100.64/26", 3), ("2001:db8::/32", 4)];
    let map = map(&prefixes).unwrap();
    let ranges: Vec<_> =
        map.ranges().map(|(first, last, pid)| format!("{first} {last} {}", pid.index())).collect();
    assert_eq!(
        ranges,
        [
            "198.51.100.0 198.51.100.63 2",
            "198.51.100.64 198.51.100.127 3",
            "198.51.100.128 198.51.100.255 2",
            "2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 4",
        ]
    );
    let all =
        PrefixMap::new(["0.0.0.0/0", "::/0"].map(|net| (net.parse().unwrap(), Pid::new(0))), 2);
    assert_eq!(all.unwrap().ranges().count(), 2);
}

fn map(prefixes: &[(&str, u16)]) -> Result<PrefixMap, PrefixFault> {
    PrefixMap::new(prefixes.iter().map(|(net, pid)| (net.parse().unwrap(), Pid::new(*pid))), 100)
}

/// The map for vectors.
#[test]
fn longest_prefix_wins() {
    let prefixes = [
        ("::/0", 0),
        ("0.0.0.0/0", 1),
        ("192.0.2.0/24", 2),
        ("198.51.100.0/24", 2),
        ("192.0.2.0/25", 3),
        ("192.0.2.128/25", 3),
    ];
    let map = map(&prefixes).unwrap();
    let place = |text: &str| map.pid(text.parse().unwrap()).map(Pid::index);
    assert_eq!(place("192.0.2.1"), Some(3));
    assert_eq!(place("198.51.100.9"), Some(2));
    assert_eq!(place("8.8.8.8"), Some(1));
    assert_eq!(place("2001:db8::1"), Some(0));
    assert_eq!(place("::ffff:192.0.2.1"), Some(3));
    assert_eq!(map.prefixes(), 6);
}

/// One prefix in two PIDs is refused, also when told apart by host bits only; the same
/// pair twice is not.
#[test]
fn one_prefix_has_one_pid() {
    let fault = map(&[("192.0.2.0/24", 7), ("0.0.0.0/0", 1), ("192.0.2.9/24", 3)]).unwrap_err();
    let net = "192.0.2.0/24".parse().unwrap();
    assert_eq!(fault, PrefixFault::Twice { net, pids: [Pid::new(3), Pid::new(7)] });
    let fault = map(&[("2001:db8::/32", 1), ("2001:db8::/32", 2)]).unwrap_err();
    assert!(fault.to_string().contains("2001:db8::/32"));
    assert!(map(&[("192.0.2.0/24", 7), ("192.0.2.9/24", 7)]).is_ok());
}

/// The cap is met exactly.
#[test]
fn limit_counts_both_families() {
    let nets = ["192.0.2.0/24", "2001:db8::/32", "::/0"].map(|net| net.parse().unwrap());
    let with = |most| PrefixMap::new(nets.map(|net| (net, Pid::new(0))), most);
    assert_eq!(with(2).unwrap_err(), PrefixFault::TooMany { most: 2 });
    assert!(with(3).is_ok() && with(4).is_ok());
}

/// A map large enough for the directory, with PIDs of all sizes: spot checks through the front.
#[test]
fn large_maps_use_the_directory_and_small_ones_stay_small() {
    let large = |pids: u32| {
        let prefix = |i: u32| {
            let pid = Pid::new(u16::try_from(i % pids).unwrap());
            (Ipv4Net::new_assert((i << 9).into(), 24).into(), pid)
        };
        PrefixMap::new((0..200_000).map(prefix), 200_000).unwrap()
    };
    for (pids, directory) in [(5_000, true), (65_536, false)] {
        let map = large(pids);
        assert_eq!(matches!(map.v4, V4::Directory(_)), directory);
        for i in (0..200_000_u32).step_by(997) {
            let inside = map.pid_v4(Ipv4Addr::from_bits((i << 9) + 255)).map(Pid::index);
            assert_eq!(inside, Some((i % pids) as usize));
            assert_eq!(map.pid_v4(Ipv4Addr::from_bits((i << 9) + 256)), None);
        }
    }
    assert!(map(&[("0.0.0.0/0", 1), ("::/0", 2)]).unwrap().bytes() < 1_024);
}
