//! The object for opentracker linked into a program, instead of being loaded before it.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod swarm;

use alto_trackers::{Ask, Peer, Setup, Tracker, World, host};
use swarm::{Way, check_reply, fill, guided_places, until_guided};

/// The same object, linked by `--wrap` with a program on static libowfat, by both compilers: its
/// replies are guided by UDP and HTTP, and who stops is gone.
#[test]
fn a_program_linked_with_it_is_guided() {
    let world = World::new(8);
    for compiler in ["gcc", "clang"] {
        let (_folder, program) = host(compiler);
        let config = Some(world.config());
        let tracker = Tracker::start(&Setup { program: Some(program), config, ..Setup::default() });
        let mut peers = fill(&world, &tracker, 60);
        until_guided(&world, &tracker);
        let gone = peers.swap_remove(9);
        assert!(gone.udp(&Ask::stopping()).peers.is_empty());
        let swarm = peers.iter().map(Peer::record).collect();
        for network in &world.networks[1..] {
            let peer = Peer::new(network.host(5), tracker.address);
            for (way, wanted) in
                [(Way::Udp, 50), (Way::Http, 50), (Way::Udp, 200), (Way::Http, 200)]
            {
                let reply = way.announce(&world, &peer, wanted);
                check_reply(&peer, &reply, wanted, &swarm);
                assert!(guided_places(*network, &reply, 60) >= wanted * 8 / 10);
            }
        }
        assert!(tracker.interrupt(), "{}", tracker.log());
    }
}
