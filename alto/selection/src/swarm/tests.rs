//! What a swarm chooses.

mod twin;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::{Costs, Direction, PrefixMap, V4Record, V6Record};
use twin::{Twin, check_choice, everyone};

const PIDS: u16 = 6;

/// Addresses 1.0.x.y: x is the PID's place, those from `PIDS` on are in no PID.
///
/// The map has `more` PIDs that hold no address, so that few of all PIDs have peers.
fn table(costs: &[Option<u8>], more: usize) -> Arc<Table> {
    let pids = || (0..PIDS).map(Pid::new);
    let nets = (0..PIDS).map(|x| (format!("1.0.{x}.0/24").parse().unwrap(), Pid::new(x)));
    let pairs = pids().flat_map(|source| pids().map(move |destination| (source, destination)));
    let cells = pairs.zip(costs).filter_map(|((s, d), cost)| Some((s, d, f64::from((*cost)?))));
    let costs = Costs::new(usize::from(PIDS) + more, cells, Direction::FromConsumer, 36).unwrap();
    Arc::new(Table::new(PrefixMap::new(nets, 100).unwrap(), costs, 1_000))
}

fn record(x: u8, y: u8, port: u16) -> V4Record {
    let [high, low] = port.to_be_bytes();
    V4Record([1, 0, x, y, high, low])
}

/// The question of a leecher that is not in the swarm.
fn nobodys(k: usize) -> Ask<V4Record> {
    let requester = record(255, 255, 1);
    Ask { requester, role: Role::Leecher, k, pid_cap: usize::MAX, promoted_most: 500, seed: 1 }
}

/// A swarm of `count` leechers in PID 1, all at one cost, with a ready view.
fn tied(count: u16) -> (Swarm<V4Record>, Arc<Table>) {
    let (swarm, table) = (Swarm::new(1 << 20), table(&[Some(3); 36], 0));
    for port in 0..count {
        // In two PIDs of equal cost, one above the other.
        swarm.add(record(u8::from(port % 3 == 0), 0, port), Role::Leecher, 0);
    }
    assert_eq!(swarm.build(&table, 10_000), Built::Ready);
    (swarm, table)
}

/// Ties rotate: each of the peers of equal cost is as likely as any other, the requester never.
#[test]
fn ties_are_drawn_evenly() {
    for (view, draws) in [(true, 8_000), (false, 8_000)] {
        let (swarm, table) = tied(400);
        if !view {
            swarm.drop_views(0);
        }
        let requester = record(1, 0, 99);
        let mut counts = BTreeMap::new();
        let mut out = Vec::new();
        for seed in 0..draws {
            let ask = Ask { requester, k: 20, seed, ..nobodys(0) };
            let basis = swarm.choose(&table, Pid::new(0), &ask, &mut out);
            assert_eq!(basis, if view { Basis::View } else { Basis::Sample });
            for record in &out {
                *counts.entry(*record).or_insert(0_u32) += 1;
            }
        }
        assert_eq!(counts.len(), 399);
        assert!(!counts.contains_key(&requester));
        // 401 expected of each, standard deviation 20: five of them at most.
        assert!(counts.values().all(|count| (300..=502).contains(count)), "{view} {counts:?}");
    }
}

/// Where the same ones would be promoted each time, the cap gives others of equal cost their turn
/// from the 20th reply on.
#[test]
fn promotions_are_capped_among_equals() {
    capped_among_equals(&Swarm::new(1 << 20), |_| 5);
    // Within ten minutes, whatever the clock counts.
    capped_among_equals(&Swarm::in_steps(1 << 20, 600), |reply| reply);
}

fn capped_among_equals(swarm: &Swarm<V4Record>, clock: impl Fn(u16) -> u16) {
    let mut costs = [None; 36];
    (costs[0], costs[1], costs[2]) = (Some(0), Some(1), Some(2)); // from PID 0 to itself, 1 and 2
    let table = table(&costs, 0);
    for (x, count) in [(0, 10), (1, 100), (2, 100)] {
        for port in 0..count {
            swarm.add(record(x, 0, port), Role::Leecher, clock(0));
        }
    }
    while swarm.build(&table, 1_000) != Built::Ready {}
    let (mut out, mut counts) = (Vec::new(), BTreeMap::<V4Record, u32>::new());
    for reply in 1..=264 {
        let most = if reply <= 64 { 500 } else { 1_000 };
        swarm.add(record(0, 0, 0), Role::Leecher, clock(reply));
        // One seed: without a cap the same 30 of PID 1 each time.
        let ask = Ask { seed: 7, promoted_most: most, ..nobodys(40) };
        assert_eq!(swarm.choose(&table, Pid::new(0), &ask, &mut out), Basis::View);
        assert!(out[..10].iter().all(|record| record.0[2] == 0), "all of one's own");
        assert!(out[10..].iter().all(|record| record.0[2] == 1), "never a dearer one");
        assert_eq!(out.iter().collect::<BTreeSet<_>>().len(), 40);
        for record in &out[10..] {
            *counts.entry(*record).or_default() += 1;
        }
        if reply == 64 {
            assert!(counts.len() >= 60 && counts.values().all(|count| *count <= 33), "{counts:?}");
            counts.clear();
        }
    }
    assert_eq!(counts.len(), 30); // without it
    assert!(counts.values().all(|count| *count == 200));
}

/// A reply is whole: the places of the best, and all others at random, no peer twice; the whole swarm
/// where that is smaller.
#[test]
fn a_reply_is_whole() {
    let (swarm, table) = tied(300);
    for (places, k, length) in
        [(16, 20, 20), (0, 20, 20), (20, 20, 20), (30, 20, 20), (240, 400, 300)]
    {
        let mut out = Vec::new();
        let (_, chosen) = swarm.reply(&table, Pid::new(0), places, &nobodys(k), &mut out);
        assert_eq!((chosen, out.len()), (places.min(k), length), "{places} of {k}");
        assert_eq!(out.iter().collect::<BTreeSet<_>>().len(), length);
    }
}

/// The same question gets the same answer; another seed gets another.
#[test]
fn a_seed_fixes_the_choice() {
    let (swarm, table) = tied(300);
    let choose = |seed| {
        let mut out = Vec::new();
        swarm.choose(&table, Pid::new(0), &Ask { seed, ..nobodys(20) }, &mut out);
        swarm.add_random(&Ask { seed, ..nobodys(10) }, &mut out);
        out
    };
    assert_eq!(choose(7), choose(7));
    assert_ne!(choose(7), choose(8));
}

/// IPv6 peers are chosen like IPv4 ones.
#[test]
fn ipv6_peers_are_chosen_by_cost() {
    let nets = [("2001:db8:1::/48", 0), ("2001:db8:2::/48", 1)];
    let nets = nets.map(|(net, pid)| (net.parse().unwrap(), Pid::new(pid)));
    let cells = [(Pid::new(0), Pid::new(0), 9.0), (Pid::new(0), Pid::new(1), 1.0)];
    let costs = Costs::new(2, cells, Direction::FromConsumer, 4).unwrap();
    let table = Arc::new(Table::new(PrefixMap::new(nets, 2).unwrap(), costs, 1_000));
    let peer = |net: u16, port| {
        let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, 1);
        V6Record::from(std::net::SocketAddrV6::new(address, port, 0, 0))
    };
    let swarm = Swarm::new(1 << 20);
    for port in 0..50 {
        swarm.add(peer(1, port), Role::Leecher, 0);
        swarm.add(peer(2, port), Role::Seeder, 0);
    }
    while swarm.build(&table, 7) != Built::Ready {}
    let mut out = Vec::new();
    let requester = peer(1, 0);
    let ask = Ask {
        requester,
        role: Role::Leecher,
        k: 60,
        pid_cap: usize::MAX,
        promoted_most: 500,
        seed: 1,
    };
    assert_eq!(swarm.choose(&table, Pid::new(0), &ask, &mut out), Basis::View);
    let far = |record: &&V6Record| record.address().segments()[2] == 1;
    assert_eq!((out.len(), out.iter().filter(far).count()), (60, 10));
    assert!(!out.contains(&requester));
}

/// Many threads on one swarm: every choice is whole, and in the end the view is right.
#[test]
fn threads_share_a_swarm() {
    let costs: [Option<u8>; 36] = std::array::from_fn(|at| u8::try_from(at % 7).ok());
    let (swarm, table) = (Swarm::new(1 << 20), table(&costs, 0));
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let change = |y: u8| {
            let (swarm, table) = (&swarm, &table);
            move || {
                for port in 0..1_500_u16 {
                    swarm.add(record(u8::try_from(port % 8).unwrap(), y, port), Role::Leecher, 0);
                    if port % 3 == 0 {
                        swarm.remove(&record(u8::try_from(port / 2 % 8).unwrap(), y, port / 2));
                    }
                    swarm.build(table, 16);
                }
            }
        };
        let changers = [scope.spawn(change(1)), scope.spawn(change(2))];
        let chooser = scope.spawn(|| {
            let (mut out, mut seed) = (Vec::new(), 0);
            while !ended.load(Ordering::Relaxed) {
                seed += 1;
                swarm.choose(&table, Pid::new(0), &Ask { seed, ..nobodys(50) }, &mut out);
                assert!(out.len() <= 50);
                assert_eq!(out.iter().collect::<BTreeSet<_>>().len(), out.len());
            }
        });
        for changer in changers {
            changer.join().unwrap();
        }
        ended.store(true, Ordering::Relaxed);
        chooser.join().unwrap();
    });
    while swarm.build(&table, 64) != Built::Ready {}
    let twin = Twin(everyone(&swarm).into_iter().map(|r| (r, (Role::Leecher, 0))).collect());
    let ask = nobodys(500);
    let mut out = Vec::new();
    let basis = swarm.choose(&table, Pid::new(0), &ask, &mut out);
    assert_eq!(basis, Basis::View);
    check_choice(&twin, &table, Pid::new(0), &ask, &out, basis).unwrap();
}
