//! The example of the slides: 100 good peers among 10,000, 100 wanted.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use alto_trackers::{Ask, MapText, Network, Peer, Tracker, World};

use crate::Bench;
use crate::guidance::wait_for_the_minute;

const ANNOUNCES: usize = 600;
/// The chance that none of 100 is good: C(9900, 100) / C(10000, 100).
const EXACT: f64 = 0.3642;

/// Peer number `n` of 10,000, in address order; who asks is none of them.
fn peer(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x7f40_0000 + (n / 250) * 256 + n % 250 + 1)
}

fn scattered() -> impl Iterator<Item = Ipv4Addr> {
    (0..100).map(|n| peer(n * 100 + n * 37 % 100))
}

fn adjacent() -> impl Iterator<Item = Ipv4Addr> {
    (4_000..4_100).map(peer)
}

fn map(good: impl Iterator<Item = Ipv4Addr>) -> MapText {
    let mut map = "prefix,pid\n0.0.0.0/0,far\n::/0,far\n127.1.0.0/24,own\n".to_owned();
    for address in good {
        let _ = writeln!(map, "{address}/32,good");
    }
    (map, "src,dst,cost\nown,good,1\nown,own,20\nown,far,20\n")
}

/// A name, what the ALTO server says, and who is good.
type Case = (&'static str, fn(Network) -> MapText, HashSet<Ipv4Addr>);

pub(crate) fn run(bench: &Bench) -> String {
    let maps: [Case; 2] = [
        ("scattered", |_| map(scattered()), scattered().collect()),
        ("adjacent", |_| map(adjacent()), adjacent().collect()),
    ];
    let mut text = String::new();
    for (name, map, good) in maps {
        let world = World::with(1, map);
        let plain = crate::plain(0);
        let shares = ["0.2", "0"].map(|share| {
            (share, bench.guided(world.config() + &format!("select.random_share = {share}\n"), 0))
        });
        fill(&plain);
        let _ = writeln!(text, "{name}, exact P(0) by chance {EXACT}");
        let _ = writeln!(text, "  plain, just filled:     {}", told(&plain, &good));
        for (_, tracker) in &shares {
            fill(tracker);
        }
        wait_for_the_minute();
        let _ = writeln!(text, "  plain, a minute later:  {}", told(&plain, &good));
        for (share, tracker) in &shares {
            let asker = Peer::new(world.networks[0].host(1), tracker.address);
            let is_guided = || count(&asker, &good) >= 80;
            let within = std::time::Duration::from_secs(30);
            let guided = alto_testkit::process::wait_until(within, is_guided);
            let note = if guided { "" } else { " (not guided!)" };
            let _ = writeln!(text, "  guided, share {share:4}:     {}{note}", told(tracker, &good));
        }
    }
    text
}

fn fill(tracker: &Tracker) {
    for n in 0..10_000 {
        // Not in order of addresses, as peers never come.
        Peer::new(peer(n * 7_919 % 10_000), tracker.address).udp(&Ask::wanting(0));
    }
}

fn count(asker: &Peer, good: &HashSet<Ipv4Addr>) -> usize {
    let address = |one: &[u8; 6]| Ipv4Addr::new(one[0], one[1], one[2], one[3]);
    asker.udp(&Ask::wanting(100)).peers.iter().filter(|one| good.contains(&address(one))).count()
}

/// P(0) with its 99% interval (Wilson), and the fewest, mean and most good peers.
fn told(tracker: &Tracker, good: &HashSet<Ipv4Addr>) -> String {
    let asker = Peer::new(Ipv4Addr::new(127, 1, 0, 1), tracker.address);
    let counts: Vec<usize> = (0..ANNOUNCES).map(|_| count(&asker, good)).collect();
    let none = counts.iter().filter(|count| **count == 0).count();
    #[allow(clippy::cast_precision_loss)]
    let (n, p) = (ANNOUNCES as f64, none as f64 / ANNOUNCES as f64);
    let z = 2.575_829;
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
    #[allow(clippy::cast_precision_loss)]
    let mean = counts.iter().sum::<usize>() as f64 / n;
    format!(
        "P(0) {p:.4} [{:.4}, {:.4}]; good peers {} to {}, mean {mean:.2}",
        (middle - half).max(0.0),
        middle + half,
        counts.iter().min().unwrap_or(&0),
        counts.iter().max().unwrap_or(&0)
    )
}
