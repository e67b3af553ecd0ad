//! Real clients say in their announces which ALTO server is theirs (approach 5), to Debian's opentracker:
//! python3-libtorrent by UDP, which puts the query of its tracker's URL into an option (BEP 41), and aria2 by
//! HTTP. What passes is noted by a relay; what was asked of the server, by the server.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use alto_testkit::alto;
use alto_testkit::process::wait_until;
use alto_trackers::clients::{Client, Torrent};
use alto_trackers::{Ask, Exchange, Peer, Record, Relay, Setup, Tracker, World, preloaded};
use tempfile::TempDir;

/// Peers of each of the three networks: the clients', that of their friends, and another one.
const EACH: u8 = 60;
const OWN: [u8; 3] = [127, 1, 0];
const FRIENDS: [u8; 3] = [127, 20, 0];
const OTHERS: [u8; 3] = [127, 30, 0];

/// Places of a reply with 50: a claim shapes half of them at most, DNS four fifths.
const BY_CLAIM: usize = 25;
const BY_DNS: usize = 40;

const PATIENCE: Duration = Duration::from_secs(60);

/// A tracker that believes what peers say as far as `trust` goes, its swarm, and the clients' network, for
/// which DNS names a server that prefers the network's own peers.
struct Bed {
    _world: World,
    torrent: Torrent,
    tracker: Tracker,
    relay: Relay,
    /// Where its clients are. Each test has its own: clients listen on one and the same port.
    from: Ipv4Addr,
    folder: TempDir,
    _object: TempDir,
}

impl Bed {
    fn new(trust: &str, host: u8) -> Self {
        let (world, torrent) = (World::new(1), Torrent::new(1 << 16));
        let (object, library): (_, PathBuf) = preloaded("gcc");
        let config = world.config().replace("[\"dns\"]", "[\"peerinfo\", \"dns\"]");
        let config = format!("{config}peerinfo.trust = \"{trust}\"\n");
        let (infohash, preload, config) = (torrent.infohash, Some(library), Some(config));
        let tracker = Tracker::start(&Setup { infohash, preload, config, ..Setup::default() });
        let relay = Relay::before(tracker.address, &world.runtime);
        let (from, folder) = (world.networks[0].host(host), TempDir::new().unwrap());
        let bed = Self { _world: world, torrent, tracker, relay, from, folder, _object: object };
        for [a, b, c] in [OWN, FRIENDS, OTHERS] {
            for host in 1..=EACH {
                bed.announce(Ipv4Addr::new(a, b, c, host));
            }
        }
        let is_guided = || count(&bed.announce(Ipv4Addr::new(127, 1, 0, 1)), OWN) >= BY_DNS;
        assert!(wait_until(PATIENCE, is_guided), "{}", bed.tracker.log());
        bed
    }

    /// What a peer gets that claims nothing.
    fn announce(&self, from: Ipv4Addr) -> Vec<Record> {
        let ask = Ask { infohash: self.torrent.infohash, ..Ask::wanting(50) };
        Peer::new(from, self.tracker.address).udp(&ask).peers
    }

    /// Starts a client that claims this server, until it has its reply: that exchange.
    fn claim(&self, client: Client, uri: &str) -> Exchange {
        let scheme = if client == Client::Aria2 { "http" } else { "udp" };
        let encoded = uri.replace(':', "%3A").replace('/', "%2F");
        let url = format!("{scheme}://{}/announce?alto={encoded}", self.relay.address);
        let before = self.relay.log().len();
        let leech = self.torrent.leech(client, 50, &url, self.from, self.folder.path());
        let has_come = || self.relay.log().len() > before;
        assert!(wait_until(PATIENCE, has_come), "no announce: {}", leech.log());
        let exchange = self.relay.log()[before].clone();
        let said = String::from_utf8_lossy(&exchange.request);
        assert!(said.contains(&format!("alto={encoded}")), "{client} does not say it: {said}");
        exchange
    }

    /// A client says whose server is its own; the first announce has the server asked, and a later one is
    /// answered by what it said.
    fn is_used(&self, client: Client) {
        let server = alto::serve(
            &alto::network_map(&[
                ("own", "127.1.0.0/24"),
                ("friends", "127.20.0.0/24"),
                ("far", "0.0.0.0/0"),
            ]),
            &alto::cost_map(&[("own", "friends", 1.0), ("own", "own", 10.0), ("own", "far", 20.0)]),
        );
        let uri = server.uri("/ird");
        let first = self.claim(client, &uri).read().peers;
        assert!(count(&first, OWN) >= BY_DNS, "nothing is known of its server yet");
        let paths = ["/ird", "/network", "/cost"];
        let is_asked = || paths.iter().all(|path| server.count(path) > 0);
        assert!(wait_until(PATIENCE, is_asked), "the claimed server is not asked");
        let is_shaped = || {
            let peers = self.claim(client, &uri).read().peers;
            assert_eq!(peers.len(), 50);
            count(&peers, FRIENDS) >= BY_CLAIM
        };
        assert!(wait_until(PATIENCE, is_shaped), "{}", self.tracker.log());
        assert_eq!(paths.map(|path| server.count(path)), [1; 3]);
        self.nobody_else_is_shaped();
    }

    /// A client names a server that does not count: its reply is as if it had not, and nobody connects.
    fn is_not_used(&self, client: Client, host: Ipv4Addr) {
        let server = TcpListener::bind((host, 0)).unwrap();
        server.set_nonblocking(true).unwrap();
        let uri = format!("http://{}/ird", server.local_addr().unwrap());
        for _ in 0..3 {
            let peers = self.claim(client, &uri).read().peers;
            assert!(peers.len() == 50 && count(&peers, OWN) >= BY_DNS);
        }
        assert_eq!(server.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        self.nobody_else_is_shaped();
    }

    /// A claim counts for the announce that carries it.
    fn nobody_else_is_shaped(&self) {
        for host in 1..=EACH {
            let peers = self.announce(Ipv4Addr::new(127, 1, 0, host));
            assert!(count(&peers, OWN) >= BY_DNS && count(&peers, FRIENDS) < BY_CLAIM);
        }
    }
}

fn count(peers: &[Record], network: [u8; 3]) -> usize {
    peers.iter().filter(|one| one[..3] == network).count()
}

const CLIENTS: [Client; 2] = [Client::Libtorrent, Client::Aria2];

/// Whatever server a peer names.
#[test]
fn open_trust() {
    for client in CLIENTS {
        Bed::new("open", 200).is_used(client);
    }
}

/// A server at the host that DNS names for the peer's network, at another port; and none elsewhere.
#[test]
fn confirmed_trust() {
    let bed = Bed::new("confirm", 201);
    for client in CLIENTS {
        bed.is_used(client);
        bed.is_not_used(client, Ipv4Addr::new(127, 0, 0, 2));
    }
}

/// None at all, unless trust says otherwise: not even one at the host that DNS names.
#[test]
fn no_trust() {
    let bed = Bed::new("off", 202);
    for client in CLIENTS {
        bed.is_not_used(client, Ipv4Addr::LOCALHOST);
    }
}
