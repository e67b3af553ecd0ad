//! A swarm in all networks of a world, and what its replies must be.
#![allow(dead_code)] // each test program uses its part

use std::collections::HashSet;
use std::time::Duration;

use alto_testkit::process::wait_until;
use alto_trackers::{Ask, Network, Peer, Record, Reply, Tracker, World};

/// How a peer announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    Http,
}

impl Way {
    pub(crate) fn announce(self, world: &World, peer: &Peer, wanted: usize) -> Reply {
        let ask = Ask::wanting(i32::try_from(wanted).unwrap());
        match self {
            Self::Udp => peer.udp(&ask),
            Self::Http => world.runtime.block_on(peer.http(&ask, 1)),
        }
    }
}

/// So many peers of each network, which have announced themselves, half of them by HTTP.
pub(crate) fn fill(world: &World, tracker: &Tracker, each: u8) -> Vec<Peer> {
    let mut peers = Vec::new();
    for network in &world.networks {
        for number in 1..=each {
            let peer = Peer::new(network.host(number), tracker.address);
            let way = if number % 2 == 0 { Way::Udp } else { Way::Http };
            way.announce(world, &peer, 50);
            peers.push(peer);
        }
    }
    peers
}

/// The same; their records.
pub(crate) fn filled(world: &World, tracker: &Tracker, each: u8) -> HashSet<Record> {
    fill(world, tracker, each).iter().map(Peer::record).collect()
}

/// Announces until the replies to each network are guided.
pub(crate) fn until_guided(world: &World, tracker: &Tracker) {
    for network in &world.networks {
        let peer = Peer::new(network.host(1), tracker.address);
        let is_guided = || {
            let reply = peer.udp(&Ask::wanting(50));
            reply.peers.iter().filter(|one| network.class_of(one) == 0).count() >= 40
        };
        assert!(wait_until(Duration::from_secs(60), is_guided), "{}", tracker.log());
    }
}

/// As many as wanted, each in the swarm, none twice, and never who asks.
pub(crate) fn check_reply(peer: &Peer, reply: &Reply, wanted: usize, swarm: &HashSet<Record>) {
    assert_eq!(reply.peers.len(), wanted);
    assert!(reply.peers.iter().all(|one| swarm.contains(one)));
    assert!(!reply.peers.contains(&peer.record()));
    assert_eq!(reply.peers.iter().collect::<HashSet<_>>().len(), wanted, "none twice");
}

/// How many places hold peers of the best classes, as far as these go, when each network has `each`
/// peers: all of the network but oneself, then those of its region.
pub(crate) fn guided_places(network: Network, reply: &Reply, each: usize) -> usize {
    let count = |class| reply.peers.iter().filter(|one| network.class_of(one) == class).count();
    let own = count(0);
    if own < each - 1 { own } else { own + count(1) }
}
