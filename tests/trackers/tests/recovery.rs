//! Name server and ALTO servers end and come back while peers announce to Debian's opentracker: no reply
//! is lost, and seconds after the last server is back replies are guided again. Everything is taken
//! from sockets.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod swarm;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use alto_testkit::control::ControlTimer;
use alto_testkit::process::wait_until;
use alto_trackers::{Ask, Peer, Record, Setup, Tracker, World, preloaded};
use swarm::{check_reply, filled, until_guided};
use tokio::time::Instant;

/// Peers of each network, and the guided places of a reply with 50.
const EACH: u8 = 60;
const GUIDED: usize = 40;
/// How soon guidance is to be back, the machine's lateness aside.
const SOON: Duration = Duration::from_secs(5);
/// Long enough for what fails to be left alone, and to fail again.
const OUTAGE: Duration = Duration::from_secs(8);
/// From the return of one kind of server to that of the other.
const BETWEEN: Duration = Duration::from_secs(3);

fn start(world: &World) -> (tempfile::TempDir, Tracker) {
    let (folder, library) = preloaded("gcc");
    let (preload, config) = (Some(library), Some(world.config()));
    let tracker = Tracker::start(&Setup { preload, config, ..Setup::default() });
    (folder, tracker)
}

/// A peer of each network that announces several times a second while other things happen.
struct Load {
    over: AtomicBool,
    announces: AtomicUsize,
    /// Networks whose last reply was guided.
    guided: AtomicUsize,
    /// Replies that were not.
    unguided: AtomicUsize,
}

/// Ends the load, also if what happens beside it fails.
struct End<'l>(&'l Load);

impl Load {
    /// What `then` sees while peers announce; each of them has a full reply, each time.
    fn while_it_runs<T>(
        world: &mut World,
        tracker: &Tracker,
        swarm: &HashSet<Record>,
        then: impl FnOnce(&mut World, &Self) -> T,
    ) -> T {
        let (over, announces, guided, unguided) = Default::default();
        let load = Self { over, announces, guided, unguided };
        let peers: Vec<_> = world
            .networks
            .iter()
            .map(|network| (*network, Peer::new(network.host(9), tracker.address)))
            .collect();
        scope(|scope| {
            let announcing = scope.spawn(|| {
                while !load.over.load(Ordering::Relaxed) {
                    let is_guided = |(network, peer): &&(alto_trackers::Network, Peer)| {
                        let reply = peer.udp(&Ask::wanting(50));
                        check_reply(peer, &reply, 50, swarm);
                        reply.peers.iter().filter(|one| network.class_of(one) == 0).count()
                            >= GUIDED
                    };
                    let guided = peers.iter().filter(is_guided).count();
                    load.announces.fetch_add(peers.len(), Ordering::Relaxed);
                    load.unguided.fetch_add(peers.len() - guided, Ordering::Relaxed);
                    load.guided.store(guided, Ordering::Relaxed);
                    sleep(Duration::from_millis(50)); // an announce now and then
                }
            });
            let end = End(&load);
            let seen = then(world, &load);
            drop(end);
            announcing.join().expect("each announce has its reply");
            seen
        })
    }

    /// How long it takes from now on until the replies to all networks are guided.
    fn until_guided(&self, world: &World) -> Duration {
        let start = Instant::now();
        let all = || self.guided.load(Ordering::Relaxed) == world.networks.len();
        self.guided.store(0, Ordering::Relaxed);
        assert!(wait_until(Duration::from_secs(90), all), "not guided");
        start.elapsed()
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// What was learnt before is used all the while: an outage changes nothing.
#[test]
fn what_is_known_guides_through_an_outage() {
    let mut world = World::new(4);
    let (_folder, tracker) = start(&world);
    let swarm = filled(&world, &tracker, EACH);
    until_guided(&world, &tracker);
    let unguided = Load::while_it_runs(&mut world, &tracker, &swarm, |world, load| {
        world.without_servers(|| sleep(OUTAGE));
        load.until_guided(world);
        load.unguided.load(Ordering::Relaxed)
    });
    assert_eq!(unguided, 0);
    assert!(tracker.is_running());
}

/// Nothing was learnt before. Name server and ALTO servers come back one after the other, so that what is
/// learnt first leads to nobody; when all are there, guidance is, too.
fn after_a_cold_outage(mut world: World, restart: impl FnOnce(&mut World)) {
    let (_folder, tracker) = start(&world);
    world.end_name_server();
    world.end_servers();
    let swarm = filled(&world, &tracker, EACH);
    let control = ControlTimer::start();
    let (back, took) = Load::while_it_runs(&mut world, &tracker, &swarm, |world, load| {
        sleep(OUTAGE);
        assert_eq!(load.guided.load(Ordering::Relaxed), 0, "nobody told");
        assert!(load.announces.load(Ordering::Relaxed) > 0);
        restart(world);
        (Instant::now(), load.until_guided(world))
    });
    let late = control.end().around(back);
    assert!(took <= SOON + late, "{took:?}, the machine was {late:?} late");
    for network in &world.networks {
        assert!(world.questions(*network) > 0 && world.requests(*network) > 0);
    }
}

#[test]
fn the_name_server_is_back_first() {
    after_a_cold_outage(World::new(4), |world| {
        world.start_name_server();
        sleep(BETWEEN);
        world.start_servers();
    });
}

#[test]
fn the_alto_servers_are_back_first() {
    after_a_cold_outage(World::new(4), |world| {
        world.start_servers();
        sleep(BETWEEN);
        world.start_name_server();
    });
}

/// The tracker asks a resolver, which stays where it is and has a memory of its own for dead name servers.
#[test]
fn behind_a_resolver() {
    let world = World::new(4).behind_a_resolver();
    after_a_cold_outage(world, |world| {
        world.start_servers();
        world.start_name_server();
    });
}
