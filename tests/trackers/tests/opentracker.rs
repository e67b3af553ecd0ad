//! Debian's opentracker with the object loaded before it, as peers see it. Every figure is taken from
//! sockets; the logs of the name server and the ALTO servers prove what it rests on.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod swarm;

use std::collections::HashSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use alto_testkit::ports;
use alto_testkit::process::{Process, installed, wait_until};
use alto_trackers::{Ask, Peer, Setup, Tracker, World, announce, preloaded};
use swarm::{Way, check_reply, fill, filled, guided_places, until_guided};

/// Whether UDP is served by the main loop or by threads of its own.
const WORKERS: [u32; 2] = [0, 2];

fn start(config: String, workers: u32) -> (tempfile::TempDir, Tracker) {
    let (folder, library) = preloaded("gcc");
    let setup = Setup { preload: Some(library), config: Some(config), workers, ..Setup::default() };
    let tracker = Tracker::start(&setup);
    (folder, tracker)
}

/// By UDP and HTTP, whatever serves UDP: as many peers as plain opentracker gives, none twice, never
/// oneself; of these the guided places, and no more, hold the best of the whole swarm, drawn anew each
/// time. And it ends in order although it lives in an empty folder.
#[test]
fn guides_every_reply() {
    let world = World::new(8);
    for workers in WORKERS {
        let (_folder, tracker) = start(world.config(), workers);
        let peers = filled(&world, &tracker, 60);
        until_guided(&world, &tracker);
        for (way, wanted) in [(Way::Udp, 50), (Way::Http, 50), (Way::Udp, 200), (Way::Http, 200)] {
            let mut lists = HashSet::new();
            let (mut beyond, mut count) = (0, 0);
            for network in &world.networks {
                let peer = Peer::new(network.host(7), tracker.address);
                for _ in 0..8 {
                    let reply = way.announce(&world, &peer, wanted);
                    check_reply(&peer, &reply, wanted, &peers);
                    assert!(guided_places(*network, &reply, 60) >= wanted * 8 / 10);
                    let near = reply.peers.iter().filter(|one| network.class_of(one) < 1).count();
                    beyond += near.saturating_sub((wanted * 8 / 10).min(59));
                    count += 1;
                    lists.insert(reply.peers);
                }
            }
            assert_eq!(lists.len(), count, "drawn anew");
            // 10 of 50 at random: of 439 others 19 are in the network, where 40 were chosen already.
            let most = if wanted == 50 { count } else { 0 };
            assert!(beyond <= most, "{beyond} of {count} replies: more than the guided places");
        }
        for network in &world.networks {
            assert!(world.questions(*network) > 0 && world.requests(*network) > 0);
        }
        assert!(tracker.interrupt() && !tracker.log().contains("libgcc_s"), "{}", tracker.log());
    }
}

/// A tracker set up for another torrent than the usual one serves that one, and refuses the usual one.
#[test]
fn serves_the_torrent_of_its_setup() {
    let other = Ask { infohash: [7; 20], ..Ask::wanting(50) };
    let tracker = Tracker::start(&Setup { infohash: other.infohash, ..Setup::default() });
    let peer = Peer::new(Ipv4Addr::new(127, 1, 0, 1), tracker.address);
    assert_eq!(peer.udp(&other).peers, [peer.record()], "as opentracker does it, with oneself");
    let refused = peer.raw(&peer.datagram(&Ask::wanting(50))).unwrap();
    assert_eq!(refused.len(), 8, "no success");
}

/// A swarm smaller than what is wanted comes whole, without who asks; who has stopped, by UDP or HTTP,
/// is never returned; and in parts a request is understood, too.
#[test]
fn a_small_swarm_comes_whole() {
    let world = World::new(1);
    let (_folder, tracker) = start(world.config(), 0);
    let peers = fill(&world, &tracker, 30);
    let all: HashSet<_> = peers.iter().map(Peer::record).collect();
    for peer in &peers {
        let replies =
            [peer.udp(&Ask::wanting(50)), world.runtime.block_on(peer.http(&Ask::wanting(200), 3))];
        for reply in replies {
            let mut found: HashSet<_> = reply.peers.iter().copied().collect();
            assert_eq!(found.len(), reply.peers.len());
            assert!(found.insert(peer.record()));
            assert_eq!(found, all);
        }
    }
    assert!(peers[0].udp(&Ask::stopping()).peers.is_empty());
    assert!(world.runtime.block_on(peers[1].http(&Ask::stopping(), 1)).peers.is_empty());
    for wanted in [10, 50] {
        for peer in &peers[2..] {
            let reply = peer.udp(&Ask::wanting(wanted));
            assert!(
                !reply.peers.contains(&peers[0].record())
                    && !reply.peers.contains(&peers[1].record())
            );
            assert!(!reply.peers.contains(&peer.record()));
            assert_eq!(reply.peers.len(), 27.min(usize::try_from(wanted).unwrap()));
        }
    }
    assert!(peers[3].udp(&Ask::wanting(0)).peers.is_empty());
    // While it shrinks below what was had in full a moment ago, nobody is left out either.
    for left in (1..28).rev() {
        let leaving = &peers[left + 2];
        assert!(leaving.udp(&Ask::stopping()).peers.is_empty());
        let reply = peers[2].udp(&Ask::wanting(10));
        let found: HashSet<_> = reply.peers.iter().collect();
        assert_eq!((reply.peers.len(), found.len()), ((left - 1).min(10), (left - 1).min(10)));
        assert!(!found.contains(&peers[2].record()) && !found.contains(&leaving.record()));
    }
}

/// Debian's build serves IPv4 alone, and says so: no reply of its holds IPv6 peers. When a later one does,
/// this fails, and such replies are to be tested.
#[test]
fn debians_build_is_for_ipv4() {
    let folder = tempfile::TempDir::new().unwrap();
    let log = folder.path().join("log");
    let port = ports::free().port().to_string();
    let program = installed("opentracker", "opentracker");
    let tracker = Process::start(&program, &["-i", "::1", "-p", &port], &log);
    assert!(wait_until(Duration::from_secs(20), || !tracker.running()), "{}", tracker.log());
    assert!(tracker.log().contains("V4 Tracker is V4 only!"), "{}", tracker.log());
}

/// An announce that opentracker refuses changes nothing: with a connection id of somebody else, or of
/// a torrent that is not allowed, by UDP and by HTTP.
#[test]
fn what_is_refused_is_not_learnt() {
    let world = World::new(1);
    let (_folder, tracker) = start(world.config(), 0);
    let peers = fill(&world, &tracker, 60);
    let stranger = Peer::new(Ipv4Addr::new(127, 99, 0, 1), tracker.address);
    let reply = stranger.raw(&peers[0].datagram(&Ask::wanting(50))).unwrap();
    assert_eq!(reply[..4], [0, 0, 0, 3], "an error");
    let other = Ask { infohash: [7; 20], ..Ask::wanting(50) };
    let reply = stranger.raw(&stranger.datagram(&other)).unwrap();
    assert_eq!(reply.len(), 8, "no success");
    // Two torrents in one request: opentracker refuses that.
    let both = format!("{}&{}", announce::query(&other), announce::query(&Ask::wanting(50)));
    for query in [announce::query(&other), both] {
        let body = world.runtime.block_on(stranger.http_raw(&query, 1));
        assert!(!body.starts_with(b"d8:complete"), "{}", String::from_utf8_lossy(&body));
    }
    for peer in peers.iter().cycle().take(300) {
        assert!(!peer.udp(&Ask::wanting(50)).peers.contains(&stranger.record()));
    }
}

/// Without a configuration, or with one that is missing, broken, or names a way of finding servers that
/// there is not: opentracker serves as if nothing were loaded, and one line says why.
#[test]
fn misconfigured_it_serves_as_ever() {
    let (_folder, library) = preloaded("clang");
    let broken =
        ["", "backends = [\n", "backends = [\"carrier-pigeon\"]\n", "dns.timeuot = \"2s\"\n"];
    let configs = broken.map(|text| Some(text.to_owned())).into_iter().chain([None]);
    for config in configs {
        let setup = Setup { preload: Some(library.clone()), config, ..Setup::default() };
        let tracker = Tracker::start(&setup);
        let said = tracker.log();
        assert_eq!(said.lines().filter(|line| line.contains("alto")).count(), 1, "{said}");
        let peers: Vec<Peer> = (1..=9)
            .map(|last| Peer::new(Ipv4Addr::new(127, 1, 0, last), tracker.address))
            .collect();
        for (number, peer) in peers.iter().enumerate() {
            let reply = peer.udp(&Ask::wanting(50));
            assert_eq!(reply.peers.len(), number + 1, "as opentracker does it, with oneself");
        }
        assert!(tracker.interrupt());
    }
}

/// A resolver that never answers: as many peers as ever, from the first announce on, and at once.
#[test]
fn a_silent_resolver_changes_no_count() {
    let world = World::new(4);
    let silent = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let config = world.config().replace(
        &format!("\"127.0.0.1:{}\"", world.resolver().port()),
        &format!("\"{}\"", silent.local_addr().unwrap()),
    );
    let (_folder, tracker) = start(config, 2);
    let peers = filled(&world, &tracker, 60);
    for peer in (1..=60).map(|last| Peer::new(world.networks[1].host(last), tracker.address)) {
        for way in [Way::Udp, Way::Http] {
            let reply = way.announce(&world, &peer, 50);
            check_reply(&peer, &reply, 50, &peers);
        }
    }
    assert_eq!(world.all_questions(), 0);
    silent.set_nonblocking(true).unwrap();
    assert!(silent.recv(&mut [0; 512]).is_ok(), "it was asked, all the same");
}

/// While nothing is known for a peer its interval is short, if so configured; afterwards it is
/// opentracker's again. That holds for both numbers that HTTP tells.
#[test]
fn a_cold_cache_shortens_the_interval() {
    let world = World::new(4);
    let config = world.config() + "opentracker.cold_interval = \"2m\"\n";
    let (_folder, tracker) = start(config, 0);
    let peers: Vec<Peer> = (1..=100)
        .map(|last| Peer::new(Ipv4Addr::new(127, 200, 0, last), tracker.address))
        .collect();
    for peer in &peers {
        peer.udp(&Ask::wanting(0));
    }
    for (number, network) in world.networks.iter().enumerate() {
        let peer = Peer::new(network.host(1), tracker.address);
        let way = if number % 2 == 0 { Way::Udp } else { Way::Http };
        assert_eq!(way.announce(&world, &peer, 50).interval, 120);
        let is_long = || way.announce(&world, &peer, 50).interval > 1_500;
        assert!(wait_until(Duration::from_secs(30), is_long), "learnt by now");
    }
}
