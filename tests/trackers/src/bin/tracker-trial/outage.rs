//! Nobody answers: the name server is silent, or there is none.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::UdpSocket;

use alto_trackers::{Ask, Peer, Record, Tracker, World};
use tokio::time::Instant;

use crate::guidance::{fill, wait_for_the_minute};
use crate::{Bench, world};

pub(crate) fn run(bench: &Bench) -> String {
    let mut text = String::new();
    let silent = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
    let silent = silent.local_addr().expect("an address").to_string();
    for (name, resolver) in [("silent", silent.as_str()), ("absent", "127.0.0.1:9")] {
        let world = world();
        let own = world.resolver().to_string();
        let (plain, blind) =
            (crate::plain(0), bench.guided(world.config().replace(&own, resolver), 0));
        fill(&world, &plain);
        fill(&world, &blind);
        wait_for_the_minute();
        let _ = writeln!(text, "resolver {name}: {}", uniform(&world, &blind));
        let _ = writeln!(text, "  {}", latency(&world, &plain, &blind));
    }
    text
}

/// How often each peer is given, in 8,000 replies of 50: chi-square over 10,000 cells.
fn uniform(world: &World, tracker: &Tracker) -> String {
    let mut counts: HashMap<Record, u32> = HashMap::new();
    let (mut replies, mut short) = (0_u32, 0);
    for network in &world.networks {
        let peer = Peer::new(network.host(3), tracker.address);
        for _ in 0..200 {
            let reply = peer.udp(&Ask::wanting(50));
            short += u32::from(reply.peers.len() != 50);
            for one in reply.peers {
                *counts.entry(one).or_default() += 1;
            }
            replies += 1;
        }
    }
    let expected = f64::from(replies) * 50.0 / 10_000.0;
    let seen = counts.values().map(|count| (f64::from(*count) - expected).powi(2) / expected);
    #[allow(clippy::cast_precision_loss)]
    let unseen = (10_000 - counts.len()) as f64 * expected;
    let chi = seen.sum::<f64>() + unseen;
    // 9,999 degrees of freedom: normal with this mean and variance (50 drawn without repetition).
    let z = (chi - 9_999.0) / (2.0 * 9_999.0_f64).sqrt();
    format!(
        "{short} of {replies} replies short; chi-square {chi:.0} of 9999, z = {z:.2} (3.09 is p = 0.001)"
    )
}

/// Median latency of 5,000 announces each, three rounds in turn; the best round counts.
fn latency(world: &World, plain: &Tracker, blind: &Tracker) -> String {
    let rounds = [0, 1, 2].map(|_| {
        let [plain, blind] = [plain, blind].map(|tracker| median(world, tracker));
        (plain * 1e6, blind * 1e6, blind / plain)
    });
    let best = rounds.iter().map(|round| round.2).fold(f64::MAX, f64::min);
    let told = rounds.map(|(plain, blind, ratio)| format!("{plain:.1}/{blind:.1} us ({ratio:.2})"));
    format!("median latency plain/ours: {}; best ratio {best:.2}", told.join(", "))
}

fn median(world: &World, tracker: &Tracker) -> f64 {
    let mut times = Vec::new();
    for network in &world.networks {
        let peer = Peer::new(network.host(5), tracker.address);
        for _ in 0..125 {
            let start = Instant::now();
            peer.udp(&Ask::wanting(50));
            times.push(start.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
