//! Announces per second of the tracker's processor time, plain and guided in turn.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use alto_trackers::{Ask, Peer, Tracker, World};
use tokio::time::Instant;

use crate::guidance::{fill, until_guided, wait_for_the_minute};
use crate::{Bench, world};

/// Plain and guided: announces per second, and per second of processor time.
type Round = ((f64, f64), (f64, f64));

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

pub(crate) fn run(bench: &Bench) -> String {
    let mut text = String::new();
    for size in [100, 10_000] {
        for workers in [1, 2] {
            let world = world();
            let trackers = [crate::plain(workers), bench.guided(world.config(), workers)];
            for tracker in &trackers {
                populate(&world, tracker, size);
            }
            let guided =
                if size > 100 { until_guided(&world, &trackers[1]) } else { String::new() };
            wait_for_the_minute();
            for wanted in [50, 200] {
                let rates = [(); ROUNDS].map(|()| {
                    let [plain, guided] =
                        [0, 1].map(|at| rate(&world, &trackers[at], size, wanted));
                    (plain, guided)
                });
                let _ = writeln!(
                    text,
                    "{size:6} peers, numwant {wanted:3}, {workers} UDP workers: {}",
                    told(&rates)
                );
            }
            if !guided.is_empty() {
                let _ = writeln!(text, "  ({guided})");
            }
        }
    }
    text
}

pub(crate) fn populate(world: &World, tracker: &Tracker, size: usize) {
    if size > 100 {
        fill(world, tracker);
        return;
    }
    for number in 0..100 {
        Peer::new(member(world, size, number), tracker.address).udp(&Ask::wanting(0));
    }
}

/// One of the swarm: announces change nothing but when they were.
pub(crate) fn member(world: &World, size: usize, number: u8) -> Ipv4Addr {
    let network = usize::from(number) % if size > 100 { world.networks.len() } else { 4 };
    world.networks[network].host(number / if size > 100 { 1 } else { 4 } + 1)
}

/// Announces per second, and per second of the tracker's processor time.
fn rate(world: &World, tracker: &Tracker, size: usize, wanted: i32) -> (f64, f64) {
    let (count, before, start) = (AtomicU64::new(0), tracker.cpu(), Instant::now());
    thread::scope(|scope| {
        for part in 0..8_u8 {
            let count = &count;
            scope.spawn(move || {
                let peers: Vec<Peer> = (part * 5..part * 5 + 5)
                    .map(|number| Peer::new(member(world, size, number), tracker.address))
                    .collect();
                while start.elapsed() < ROUND {
                    for peer in &peers {
                        peer.udp(&Ask::wanting(wanted));
                    }
                    count.fetch_add(5, Ordering::Relaxed);
                }
            });
        }
    });
    #[allow(clippy::cast_precision_loss)]
    let count = count.into_inner() as f64;
    (count / start.elapsed().as_secs_f64(), count / (tracker.cpu() - before))
}

fn told(rates: &[Round]) -> String {
    let median = |of: &dyn Fn(&Round) -> f64| {
        let mut all: Vec<f64> = rates.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        (all[0], all[all.len() / 2], all[all.len() - 1])
    };
    let (_, plain, _) = median(&|round| round.0.1);
    let (_, guided, _) = median(&|round| round.1.1);
    let (_, plain_wall, _) = median(&|round| round.0.0);
    let (_, guided_wall, _) = median(&|round| round.1.0);
    let (least, ratio, most) = median(&|round| round.1.1 / round.0.1);
    format!(
        "{plain:.0} plain, {guided:.0} guided per CPU second, ratio {ratio:.2} ({least:.2} to {most:.2}); \
         {plain_wall:.0} and {guided_wall:.0} per second"
    )
}
