//! Whom each network's peers get, of 10,000.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::thread::sleep;
use std::time::Duration;

use alto_trackers::{Ask, Network, Peer, Record, Reply, Tracker, World};
use tokio::time::Instant;

use crate::{Bench, world};

pub(crate) const EACH: u8 = 250;

pub(crate) fn run(bench: &Bench) -> String {
    let mut text = String::new();
    for workers in [0, 2] {
        let world = world();
        let plain = crate::plain(workers);
        let guided = bench.guided(world.config(), workers);
        let swarm = fill(&world, &guided);
        let _ = writeln!(text, "{workers} UDP workers; {} peers in 40 networks", swarm.len());
        let _ = writeln!(text, "  after the fill: {}", until_guided(&world, &guided));
        fill(&world, &plain);
        wait_for_the_minute();
        for wanted in [50, 200] {
            for way in ["UDP", "HTTP"] {
                for (name, tracker) in [("plain", &plain), ("guided", &guided)] {
                    let tally = tally(&world, tracker, way, wanted, &swarm);
                    let _ = writeln!(text, "  {name:6} {way:4} numwant {wanted:3}: {tally}");
                }
            }
        }
        let asked: Vec<usize> = world.networks.iter().map(|one| world.questions(*one)).collect();
        let served: Vec<u64> = world.networks.iter().map(|one| world.requests(*one)).collect();
        let (least, most) = (asked.iter().min().unwrap_or(&0), asked.iter().max().unwrap_or(&0));
        let all = world.all_questions();
        let _ = writeln!(
            text,
            "  questions at the name server: {all}; {least} to {most} for a network"
        );
        let least = served.iter().min().unwrap_or(&0);
        let _ = writeln!(text, "  requests at the ALTO servers: at least {least} each");
    }
    text
}

/// Each peer announces once, from its own address.
pub(crate) fn fill(world: &World, tracker: &Tracker) -> HashSet<Record> {
    let mut swarm = HashSet::new();
    for number in 1..=EACH {
        for network in &world.networks {
            let peer = Peer::new(network.host(number), tracker.address);
            peer.udp(&Ask::wanting(50));
            swarm.insert(peer.record());
        }
    }
    swarm
}

/// opentracker sorts a large swarm into buckets when its minute turns.
pub(crate) fn wait_for_the_minute() {
    sleep(Duration::from_secs(75));
}

/// One peer of each network announces every three seconds until its list is guided.
pub(crate) fn until_guided(world: &World, tracker: &Tracker) -> String {
    let start = Instant::now();
    let mut waiting: Vec<(Network, Peer)> = world
        .networks
        .iter()
        .map(|network| (*network, Peer::new(network.host(1), tracker.address)))
        .collect();
    while start.elapsed() < Duration::from_secs(120) {
        waiting.retain(|(network, peer)| own(*network, &peer.udp(&Ask::wanting(50))) < 40);
        if waiting.is_empty() {
            return format!(
                "lists of all networks guided within {:.1} s",
                start.elapsed().as_secs_f64()
            );
        }
        sleep(Duration::from_secs(3));
    }
    format!("{} networks not guided after 120 s", waiting.len())
}

pub(crate) fn own(network: Network, reply: &Reply) -> usize {
    reply.peers.iter().filter(|one| network.class_of(one) == 0).count()
}

/// 20 announces of each network: guided places held by the network's own peers, and what is wrong.
fn tally(
    world: &World,
    tracker: &Tracker,
    way: &str,
    wanted: usize,
    swarm: &HashSet<Record>,
) -> String {
    let places = wanted * 8 / 10;
    let (mut best, mut all, mut replies, mut wrong, mut mean) = (0, 0, 0, 0, 0);
    let mut lists = HashSet::new();
    let ask = Ask::wanting(i32::try_from(wanted).expect("small"));
    for network in &world.networks {
        for number in 1..=20 {
            let peer = Peer::new(network.host(number * 12), tracker.address);
            let reply = match way {
                "UDP" => peer.udp(&ask),
                _ => world.runtime.block_on(peer.http(&ask, 1)),
            };
            let distinct: HashSet<_> = reply.peers.iter().collect();
            let is_right = reply.peers.len() == wanted
                && distinct.len() == wanted
                && !reply.peers.contains(&peer.record())
                && reply.peers.iter().all(|one| swarm.contains(one));
            wrong += usize::from(!is_right);
            mean += own(*network, &reply);
            best += own(*network, &reply).min(places);
            all += places;
            replies += 1;
            lists.insert(reply.peers);
        }
    }
    #[allow(clippy::cast_precision_loss)]
    let (share, mean) = (100.0 * best as f64 / all as f64, mean as f64 / f64::from(replies));
    format!(
        "{share:6.2}% of {places} places best; {mean:.1} of {wanted} own; {wrong} of {replies} replies \
         short, double or with oneself; {} lists differ",
        lists.len()
    )
}
