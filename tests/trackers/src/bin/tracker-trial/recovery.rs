//! Name server and ALTO servers go and come back while peers of 10,000 announce.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use alto_trackers::{Ask, Network, Peer, Tracker, World};
use tokio::time::Instant;

use crate::guidance::{EACH, fill, own, until_guided};
use crate::{Bench, world};

/// How long they are away, in seconds.
const OUTAGES: [u64; 3] = [5, 20, 60];
/// How long replies are looked at when they are back.
const AFTERWARDS: Duration = Duration::from_secs(30);

pub(crate) fn run(bench: &Bench) -> String {
    let mut text = String::new();
    for seconds in OUTAGES {
        for (name, is_known) in [("all was learnt before", true), ("nothing was", false)] {
            let told = outage(bench, Duration::from_secs(seconds), is_known);
            let _ = writeln!(text, "{seconds} s without servers, {name}: {told}");
        }
    }
    text
}

/// One announce and its reply.
struct Seen {
    when: Instant,
    took: Duration,
    is_whole: bool,
    is_guided: bool,
}

/// Ends the load, also if what happens beside it fails.
struct End<'o>(&'o AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn outage(bench: &Bench, long: Duration, is_known: bool) -> String {
    let mut world = world();
    let tracker = bench.guided(world.config(), 0);
    if is_known {
        fill(&world, &tracker);
        until_guided(&world, &tracker);
    }
    world.end_name_server();
    world.end_servers();
    if !is_known {
        fill(&world, &tracker);
    }
    let (over, networks) = (AtomicBool::new(false), world.networks.clone());
    let (seen, back) = scope(|scope| {
        let load = scope.spawn(|| announce(&networks, &tracker, &over));
        let end = End(&over);
        sleep(long);
        world.start_name_server();
        world.start_servers();
        let back = Instant::now();
        sleep(AFTERWARDS);
        drop(end);
        (load.join().expect("each announce has its reply"), back)
    });
    told(&world, &seen, back)
}

/// Some hundred announces a second, from one network after the other.
fn announce(networks: &[Network], tracker: &Tracker, over: &AtomicBool) -> Vec<Seen> {
    let mut seen = Vec::new();
    for number in (1..=EACH).cycle() {
        for network in networks {
            if over.load(Ordering::Relaxed) {
                return seen;
            }
            let peer = Peer::new(network.host(number), tracker.address);
            let asked = Instant::now();
            let reply = peer.udp(&Ask::wanting(50));
            let when = Instant::now();
            let (is_whole, is_guided) = (reply.peers.len() == 50, own(*network, &reply) >= 40);
            seen.push(Seen { when, took: when - asked, is_whole, is_guided });
            sleep(Duration::from_millis(2));
        }
    }
    seen
}

fn told(world: &World, seen: &[Seen], back: Instant) -> String {
    let short = seen.iter().filter(|one| !one.is_whole).count();
    let slowest = seen.iter().map(|one| one.took).max().unwrap_or_default();
    let unguided = seen.iter().filter(|one| !one.is_guided);
    let last = unguided.clone().map(|one| one.when.saturating_duration_since(back)).max();
    let guided = match last {
        None => "guided all the while".into(),
        Some(last) => format!("guided from {:.1} s after they are back", last.as_secs_f64()),
    };
    let (announces, unguided, asked) = (seen.len(), unguided.count(), world.all_questions());
    format!(
        "{announces} announces, {short} replies short, the slowest after {slowest:.0?}; {unguided} not \
         guided, {guided}; {asked} questions at the name server"
    )
}
