//! The best k of a swarm against "look up each peer in a trie, then select" and a random copy of k.
//!
//! `cargo bench -p alto-selection --bench swarm -- [--full] [--peers MOST] [--prefixes N]`: swarms
//! up to 10,000 peers by default, 1,000,000 with `--full`.

mod common;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddrV4};
use std::sync::Arc;

use alto_selection::{
    Ask, Basis, Built, Costs, Direction, Pid, PrefixMap, Record, Role, Swarm, Table, V4Record,
};
use common::{Draw, Prefix, Random, V4_MIX, option, timed};
use ip_network::IpNetwork;
use ip_network_table::IpNetworkTable;
use ipnet::Ipv4Net;

/// Consumers' PIDs that ask in turn.
const CONSUMERS: u16 = 64;
const ROOM: usize = 1 << 30;
const ROUNDS: usize = 30;

fn main() {
    let mut random = Random(11);
    let most = option("--peers", 10_000, 1_000_000);
    let prefixes = common::prefixes(option("--prefixes", 200_000, 1_000_000), V4_MIX, &mut random);
    let world = World::new(&prefixes, common::PIDS, &mut random);
    for peers in [100, 1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|n| *n <= most) {
        let records = records(peers, &prefixes, &mut random);
        warm(&world, &records);
        changes(&world, &records);
        threads(&world, &records);
    }
    for peers in [100, 1_000, 10_000, 100_000].into_iter().filter(|n| *n <= most) {
        cold(&world, &prefixes, peers, most.min(1_000_000), &mut random);
    }
    for maps in [1, 40, 1_000] {
        many_maps(&prefixes, maps, &mut random);
    }
}

/// One map, in our table and in a trie.
struct World {
    table: Arc<Table>,
    trie: IpNetworkTable<Pid>,
}

impl World {
    fn new(prefixes: &[Prefix], pids: usize, random: &mut Random) -> Self {
        let mut trie = IpNetworkTable::new();
        for (start, length, pid) in prefixes {
            let net =
                IpNetwork::new(IpAddr::V4(common::v4(*start)), *length).expect("no host bits");
            trie.insert(net, Pid::new(*pid));
        }
        Self { table: table(prefixes, pids, random), trie }
    }
}

/// A table with random costs for the consumers that ask.
fn table(prefixes: &[Prefix], pids: usize, random: &mut Random) -> Arc<Table> {
    let nets = prefixes.iter().map(|(start, length, pid)| {
        (Ipv4Net::new_assert(common::v4(*start), *length).into(), Pid::new(*pid))
    });
    let map = PrefixMap::new(nets, prefixes.len()).expect("no prefix twice");
    let places = || (0..u16::MAX).take(pids).map(Pid::new);
    let consumers = places().take(CONSUMERS.into());
    let cells: Vec<_> = consumers
        .flat_map(|consumer| places().map(move |candidate| (consumer, candidate)))
        .map(|(consumer, candidate)| {
            let cost = u16::try_from(random.below(1 << 16)).expect("16 bits");
            (consumer, candidate, f64::from(cost))
        })
        .collect();
    let costs = Costs::new(pids, cells.iter().copied(), Direction::FromConsumer, cells.len());
    Arc::new(Table::new(map, costs.expect("good costs"), 16 << 20))
}

fn records(count: usize, prefixes: &[Prefix], random: &mut Random) -> Vec<V4Record> {
    let addresses = common::addresses(Draw::Peers, count, prefixes, random);
    let record = |(bits, port)| V4Record::from(SocketAddrV4::new(common::v4(bits), port));
    addresses.into_iter().zip((0..=u16::MAX).cycle()).map(record).collect()
}

fn filled(records: &[V4Record]) -> Swarm<V4Record> {
    let swarm = Swarm::new(ROOM);
    for record in records {
        swarm.add(*record, Role::Leecher, 0);
    }
    swarm
}

fn built(swarm: &Swarm<V4Record>, table: &Arc<Table>) {
    while swarm.build(table, 1_024) == Built::Partly {}
}

fn ask(records: &[V4Record], k: usize, seed: u64) -> Ask<V4Record> {
    let at = usize::try_from(seed).expect("small");
    let requester = records[at.wrapping_mul(7_919) % records.len()];
    Ask { requester, role: Role::Leecher, k, pid_cap: usize::MAX, seed }
}

/// Who asks: one PID after the other.
fn consumer(seed: u64) -> Pid {
    Pid::new(u16::try_from(seed % u64::from(CONSUMERS)).expect("few"))
}

/// What users do today: each peer's PID from the trie, then the k least costs.
fn looked_up(world: &World, records: &[V4Record], ask: &Ask<V4Record>) -> Vec<V4Record> {
    let mut judged: Vec<(f64, V4Record)> = records
        .iter()
        .filter(|record| **record != ask.requester)
        .map(|record| {
            let pid = world.trie.longest_match_ipv4(record.address()).map(|(_, pid)| *pid);
            let cost = world.table.cost(Some(consumer(ask.seed)), pid);
            (cost.unwrap_or(f64::INFINITY), *record)
        })
        .collect();
    if ask.k < judged.len() {
        judged.select_nth_unstable_by(ask.k, |(one, _), (other, _)| one.total_cmp(other));
        judged.truncate(ask.k);
    }
    judged.into_iter().map(|(_, record)| record).collect()
}

fn cost_sum(world: &World, ask: &Ask<V4Record>, chosen: &[V4Record]) -> f64 {
    let pid = |record: &V4Record| world.table.prefixes().pid_v4(record.address());
    let cost = |record| world.table.cost(Some(consumer(ask.seed)), pid(record)).unwrap_or(1e9);
    chosen.iter().map(cost).sum()
}

/// The time per call in ns in the fastest of many short slices: what else the machine does then
/// hardly shows.
fn each(calls: u32, mut call: impl FnMut(u64)) -> f64 {
    let slice = (calls / 64).max(1);
    let mut best = f64::INFINITY;
    for start in (0..calls).step_by(slice as usize) {
        let ((), time) = timed(|| (start..start + slice).for_each(|seed| call(seed.into())));
        best = best.min(time.as_secs_f64() * 1e9 / f64::from(slice));
    }
    best
}

fn warm(world: &World, records: &[V4Record]) {
    let swarm = filled(records);
    let ((), building) = timed(|| built(&swarm, &world.table));
    let (peers, view) = (swarm.bytes() / records.len(), swarm.view_bytes() / records.len());
    println!(
        "{} peers: {peers} octets per peer, {view} more per peer with a view, made in {building:.1?}",
        records.len()
    );
    let slow_calls = u32::try_from((2_000_000 / records.len()).clamp(5, 2_000)).expect("small");
    for k in [50, 200].into_iter().filter(|k| *k < records.len()) {
        let slow = each(slow_calls, |seed| {
            std::hint::black_box(looked_up(world, records, &ask(records, k, seed)));
        });
        let mut out = Vec::new();
        let chosen = each(20_000, |seed| {
            let ask = ask(records, k, seed);
            assert_eq!(swarm.choose(&world.table, consumer(seed), &ask, &mut out), Basis::View);
        });
        for seed in 0..slow_calls.min(100).into() {
            let ask = ask(records, k, seed);
            swarm.choose(&world.table, consumer(seed), &ask, &mut out);
            let best = cost_sum(world, &ask, &looked_up(world, records, &ask));
            let sum = cost_sum(world, &ask, &out);
            assert!((sum - best).abs() < 0.5, "{sum} is not {best}"); // whole costs: exact sums
        }
        let mut random = Random(3);
        let copied = each(100_000, |_| copy(records, k, &mut random, &mut out));
        let other = filled(records);
        let sampled = each(2_000, |seed| {
            other.choose(&world.table, consumer(seed), &ask(records, k, seed), &mut out);
        });
        println!(
            "  k={k}: {chosen:.0} ns; trie and select {slow:.0} ns = {:.0}x; random copy {copied:.0} ns \
             = 1/{:.0}; without a view {sampled:.0} ns",
            slow / chosen,
            chosen / copied
        );
    }
}

/// A window of k records from a random place.
fn copy(records: &[V4Record], k: usize, random: &mut Random, out: &mut Vec<V4Record>) {
    out.clear();
    let start = random.below(records.len() - k + 1);
    out.extend_from_slice(&records[start..start + k]);
    std::hint::black_box(out);
}

/// Peers come and go, against a plain hash map, without a view and with one.
fn changes(world: &World, records: &[V4Record]) {
    let calls = u32::try_from(records.len()).expect("few").min(100_000);
    let at = |seed: u64| records[usize::try_from(seed).expect("small") * 7_919 % records.len()];
    let mut map: HashMap<V4Record, (Role, u16)> =
        records.iter().map(|record| (*record, (Role::Leecher, 0))).collect();
    let hashed = each(calls, |seed| {
        map.remove(&at(seed));
        map.insert(at(seed), (Role::Leecher, 1));
    });
    let swarm = filled(records);
    let change = |seed| {
        swarm.remove(&at(seed));
        swarm.add(at(seed), Role::Leecher, 1);
    };
    let plain = each(calls, change);
    built(&swarm, &world.table);
    let mut out = Vec::new();
    let viewed = each(calls, |seed| {
        change(seed);
        if seed % 16 == 15 {
            swarm.build(&world.table, 1_024);
        }
    });
    built(&swarm, &world.table);
    swarm.choose(&world.table, consumer(1), &ask(records, 20, 1), &mut out);
    println!(
        "  remove and add: {plain:.0} ns = {:.1}x a hash map ({hashed:.0} ns), with a view {viewed:.0} ns = {:.1}x",
        plain / hashed,
        viewed / hashed
    );
}

/// One thread and two, each choosing as fast as it can.
fn threads(world: &World, records: &[V4Record]) {
    let swarm = filled(records);
    built(&swarm, &world.table);
    let work = |salt: u64| {
        let mut out = Vec::new();
        for seed in 0..4_000 {
            swarm.choose(
                &world.table,
                consumer(seed),
                &ask(records, 50, seed * 2 + salt),
                &mut out,
            );
        }
    };
    let one = (0..ROUNDS).map(|_| timed(|| work(0)).1).min().expect("rounds");
    let both = || {
        std::thread::scope(|scope| {
            scope.spawn(|| work(0));
            scope.spawn(|| work(1));
        });
    };
    let two = (0..ROUNDS).map(|_| timed(both).1).min().expect("rounds");
    println!(
        "  two threads: {:.2}x the choices of one",
        2.0 * one.as_secs_f64() / two.as_secs_f64()
    );
}

/// Another swarm at each call: nothing of it is in the memory caches.
fn cold(world: &World, prefixes: &[Prefix], peers: usize, total: usize, random: &mut Random) {
    let lists: Vec<Vec<V4Record>> =
        (0..(total / peers).max(1)).map(|_| records(peers, prefixes, random)).collect();
    let swarms: Vec<Swarm<V4Record>> = lists.iter().map(|list| filled(list)).collect();
    for swarm in &swarms {
        built(swarm, &world.table);
    }
    let mut out = Vec::new();
    let (mut draw, mut other) = (Random(5), Random(5));
    let k = 50;
    let chosen = each(20_000, |seed| {
        let at = draw.below(swarms.len());
        swarms[at].choose(&world.table, consumer(seed), &ask(&lists[at], k, seed), &mut out);
    });
    let copied = each(20_000, |_| {
        let at = other.below(lists.len());
        copy(&lists[at], k, &mut other, &mut out);
    });
    println!(
        "cold, {} swarms of {peers}, k={k}: {chosen:.0} ns, random copy {copied:.0} ns = 1/{:.0}",
        swarms.len(),
        chosen / copied
    );
}

/// Requesters of many networks in one swarm of 10,000, each network with its own small map.
fn many_maps(prefixes: &[Prefix], maps: usize, random: &mut Random) {
    let records = records(10_000, prefixes, random);
    let small: Vec<Prefix> = prefixes
        .iter()
        .take(10_000)
        .map(|(start, length, pid)| (*start, *length, pid % 500))
        .collect();
    let tables: Vec<Arc<Table>> = (0..maps).map(|_| table(&small, 500, random)).collect();
    let swarm = filled(&records);
    for table in &tables {
        built(&swarm, table);
    }
    let mut out = Vec::new();
    let chosen = each(20_000, |seed| {
        let table = &tables[usize::try_from(seed).expect("small") * 31 % maps];
        assert_eq!(
            swarm.choose(table, consumer(seed), &ask(&records, 50, seed), &mut out),
            Basis::View
        );
    });
    println!(
        "{maps} maps on 10,000 peers, k=50: {chosen:.0} ns, {} octets per peer in all",
        (swarm.bytes() + swarm.view_bytes()) / records.len()
    );
}
