//! Longest-prefix match against `ip_network_table`, `prefix-trie` and a DIR-24-8 array, in one
//! process, all answers compared.
//!
//! `cargo bench -p alto-selection --bench prefix_map -- [--full] [--v4 N] [--v6 N] [--queries N]`:
//! quick by default; `--full` has 1,000,000 IPv4 and 250,000 IPv6 prefixes.

mod common;

use std::net::{Ipv4Addr, Ipv6Addr};

use alto_selection::{Pid, PrefixMap};
use common::{Contender, Draw, Prefix, Random, V4_MIX, V6_MIX, compare, mixed, option, timed};
use ip_network::IpNetwork;
use ip_network_table::IpNetworkTable;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const ROUNDS: usize = 7;

fn main() {
    let mut random = Random(7);
    let queries = option("--queries", 200_000, 1_000_000);
    let v4 = common::prefixes(option("--v4", 200_000, 1_000_000), V4_MIX, &mut random);
    bench_v4(&v4, queries, &mut random);
    let v6 = common::prefixes(option("--v6", 50_000, 250_000), V6_MIX, &mut random);
    bench_v6(&v6, queries, &mut random);
}

fn bench_v4(table: &[Prefix], queries: usize, random: &mut Random) {
    let nets: Vec<Ipv4Net> =
        table.iter().map(|p| Ipv4Net::new_assert(common::v4(p.0), p.1)).collect();
    let ours = ours("IPv4", table, &nets);
    let (treebitmap, time) = timed(|| treebitmap(table, &nets));
    println!("  ip_network_table built in {time:.0?}");
    let (trie, time) = timed(|| {
        nets.iter()
            .copied()
            .zip(table.iter().map(|p| p.2))
            .collect::<prefix_trie::PrefixMap<_, _>>()
    });
    println!("  prefix-trie built in {time:.0?}");
    let (dir, time) = timed(|| dir_24(table));
    println!("  DIR-24-8 built in {time:.0?}, {} octets", size_of_val(&*dir));

    let by_treebitmap = |a| treebitmap.longest_match_ipv4(a).map_or(0, |(_, pid)| pid + 1);
    let by_trie = |a| trie.get_lpm(&Ipv4Net::from(a)).map_or(0, |(_, pid)| u32::from(*pid) + 1);
    let by_dir = |a: Ipv4Addr| u32::from(dir[(a.to_bits() >> 8) as usize]);
    let by_ours = |a| code(ours.pid_v4(a));
    let contenders: [Contender<'_, Ipv4Addr>; 5] = [
        ("ip_network_table", Box::new(|asked| each(asked, by_treebitmap))),
        ("prefix-trie", Box::new(|asked| each(asked, by_trie))),
        ("DIR-24-8", Box::new(|asked| each(asked, by_dir))),
        ("ours, single", Box::new(|asked| each(asked, by_ours))),
        ("ours, batch", Box::new(|asked| batch(asked, |a, pids| ours.pids_v4(a, pids)))),
    ];
    let chained: [Contender<'_, Ipv4Addr>; 4] = [
        ("ip_network_table", Box::new(|asked| chain(asked, by_treebitmap))),
        ("prefix-trie", Box::new(|asked| chain(asked, by_trie))),
        ("DIR-24-8", Box::new(|asked| chain(asked, by_dir))),
        ("ours, single", Box::new(|asked| chain(asked, by_ours))),
    ];
    report(&contenders, &chained, |draw| {
        common::addresses(draw, queries, table, random).into_iter().map(common::v4).collect()
    });
}

fn bench_v6(table: &[Prefix], queries: usize, random: &mut Random) {
    let nets: Vec<Ipv6Net> =
        table.iter().map(|p| Ipv6Net::new_assert(common::v6(p.0), p.1)).collect();
    let ours = ours("IPv6", table, &nets);
    let (treebitmap, time) = timed(|| treebitmap(table, &nets));
    println!("  ip_network_table built in {time:.0?}");
    let (trie, time) = timed(|| {
        nets.iter()
            .copied()
            .zip(table.iter().map(|p| p.2))
            .collect::<prefix_trie::PrefixMap<_, _>>()
    });
    println!("  prefix-trie built in {time:.0?}");

    let by_treebitmap = |a| treebitmap.longest_match_ipv6(a).map_or(0, |(_, pid)| pid + 1);
    let by_trie = |a| trie.get_lpm(&Ipv6Net::from(a)).map_or(0, |(_, pid)| u32::from(*pid) + 1);
    let by_ours = |a| code(ours.pid_v6(a));
    let contenders: [Contender<'_, Ipv6Addr>; 4] = [
        ("ip_network_table", Box::new(|asked| each(asked, by_treebitmap))),
        ("prefix-trie", Box::new(|asked| each(asked, by_trie))),
        ("ours, single", Box::new(|asked| each(asked, by_ours))),
        ("ours, batch", Box::new(|asked| batch(asked, |a, pids| ours.pids_v6(a, pids)))),
    ];
    let chained: [Contender<'_, Ipv6Addr>; 3] = [
        ("ip_network_table", Box::new(|asked| chain(asked, by_treebitmap))),
        ("prefix-trie", Box::new(|asked| chain(asked, by_trie))),
        ("ours, single", Box::new(|asked| chain(asked, by_ours))),
    ];
    report(&contenders, &chained, |draw| {
        common::addresses(draw, queries, table, random).into_iter().map(common::v6).collect()
    });
}

fn ours<N: Copy + Into<IpNet>>(family: &str, table: &[Prefix], nets: &[N]) -> PrefixMap {
    let pairs = || nets.iter().map(|net| (*net).into()).zip(table.iter().map(|p| Pid::new(p.2)));
    let (map, time) = timed(|| PrefixMap::new(pairs(), table.len()).expect("no prefix twice"));
    let tenths = 10 * map.bytes() / table.len();
    println!("{family}, {} prefixes", table.len());
    println!("  ours built in {time:.0?}, {}.{} octets each", tenths / 10, tenths % 10);
    map
}

fn treebitmap<N: Copy + Into<IpNet>>(table: &[Prefix], nets: &[N]) -> IpNetworkTable<u32> {
    let mut made = IpNetworkTable::new();
    for (prefix, net) in table.iter().zip(nets) {
        let net: IpNet = (*net).into();
        let net = IpNetwork::new(net.network(), prefix.1).expect("no host bits");
        made.insert(net, u32::from(prefix.2));
    }
    made
}

/// A cell per /24: all prefixes of the table are this long or shorter, which come first.
fn dir_24(table: &[Prefix]) -> Vec<u16> {
    let mut cells = vec![0; 1 << 24];
    for (start, length, pid) in table {
        let first = common::v4(*start).to_bits() as usize >> 8;
        cells[first..first + (1 << (24 - length))].fill(pid + 1);
    }
    cells
}

fn code(pid: Option<Pid>) -> u32 {
    pid.map_or(0, |pid| u32::try_from(pid.index()).expect("16 bits") + 1)
}

fn each<A: Copy>(asked: &[A], look_up: impl Fn(A) -> u32) -> u64 {
    asked.iter().fold(0, |sum, address| mixed(sum, look_up(*address)))
}

fn batch<A: Copy>(asked: &[A], look_up: impl Fn(&[A], &mut [Option<Pid>])) -> u64 {
    let mut pids = [None; 1_024];
    asked.chunks(pids.len()).fold(0, |sum, asked| {
        let pids = &mut pids[..asked.len()];
        look_up(asked, pids);
        pids.iter().fold(sum, |sum, pid| mixed(sum, code(*pid)))
    })
}

/// Each question depends on the answer before: latency instead of throughput.
fn chain<A: Copy>(asked: &[A], look_up: impl Fn(A) -> u32) -> u64 {
    let mut last = 0;
    (0..asked.len() - 1).fold(0, |sum, at| {
        last = look_up(asked[at + (last & 1) as usize]);
        mixed(sum, last)
    })
}

fn report<A>(
    contenders: &[Contender<'_, A>],
    chained: &[Contender<'_, A>],
    mut draw: impl FnMut(Draw) -> Vec<A>,
) {
    for drawn in [Draw::Uniform, Draw::Peers, Draw::Zipf] {
        print(&format!("{drawn:?}"), contenders, &compare(ROUNDS, &draw(drawn), contenders));
    }
    let title = "Peers, each question waiting for the answer before";
    print(title, chained, &compare(ROUNDS, &draw(Draw::Peers), chained));
}

/// Ratios are against the faster of the two crates, which come first.
fn print<A>(title: &str, contenders: &[Contender<'_, A>], times: &[f64]) {
    println!("  {title}");
    let fastest = times[0].min(times[1]);
    for ((name, _), time) in contenders.iter().zip(times) {
        println!("    {name:18} {time:7.1} ns {:6.1}x", fastest / time);
    }
}
