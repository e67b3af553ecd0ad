//! One download: whom its octets come from.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alto_testkit::process::{Process, wait_until};
use alto_trackers::clients::{Client, Torrent};
use alto_trackers::{Ask, Network, Peer, Setup, Tracker, World, announce};
use tempfile::TempDir;

/// The file's length in octets.
pub(crate) const SIZE: u64 = 96 << 20;
/// For seeds to announce themselves, for the tracker to learn, and for seeds to tell what they sent: seconds,
/// unless the machine is busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// For a download.
const DOWNLOAD: Duration = Duration::from_secs(120);

/// What all downloads share.
pub(crate) struct Bench {
    world: World,
    torrent: Torrent,
}

/// What seeds have uploaded.
pub(crate) struct Side {
    /// In octets.
    pub(crate) octets: u64,
    /// How many of them have uploaded anything.
    pub(crate) used: usize,
}

/// How a download went.
pub(crate) struct Outcome {
    /// The seeds of the leech's network.
    pub(crate) near: Side,
    /// Those of others.
    pub(crate) far: Side,
    /// Whether the leech has the file, octet by octet.
    pub(crate) is_done: bool,
}

impl Bench {
    /// A world of one network with an ALTO server.
    pub(crate) fn new(torrent: Torrent) -> Self {
        Self { world: World::new(1), torrent }
    }

    /// One download from a new swarm, whose tracker is as it is or has the library before it.
    pub(crate) fn download(
        &self,
        client: Client,
        scheme: &str,
        library: Option<&PathBuf>,
    ) -> Outcome {
        let folder = TempDir::new().expect("a folder");
        let tracker = self.tracker(library);
        let url = format!("{scheme}://{}/announce", tracker.address);
        let [near, far] = [self.near(), far()].map(|side| {
            side.map(|address| {
                let log = folder.path().join(address.to_string());
                self.torrent.seed(&url, address, &log)
            })
        });
        self.wait_for_the_swarm(&tracker, library.is_some());
        let leech = self.torrent.leech(client, 6, &url, self.network().host(9), folder.path());
        assert!(wait_until(DOWNLOAD, || !leech.running()), "it takes too long: {}", leech.log());
        let is_done = self.has_all(folder.path());
        // libtorrent brings its counts up to date once a second.
        let uploaded = || -> u64 { near.iter().chain(&far).map(octets).sum() };
        let is_told = !is_done || wait_until(PATIENCE, || uploaded() >= SIZE);
        assert!(is_told, "more was downloaded than the seeds have uploaded: {}", uploaded());
        assert!(tracker.interrupt(), "{}", tracker.log());
        Outcome { near: side(&near), far: side(&far), is_done }
    }

    fn network(&self) -> Network {
        self.world.networks[0]
    }

    fn near(&self) -> [Ipv4Addr; 6] {
        [11, 12, 13, 14, 15, 16].map(|number| self.network().host(number))
    }

    fn tracker(&self, library: Option<&PathBuf>) -> Tracker {
        let config = library.map(|_| self.world.config() + "select.random_share = 0\n");
        let infohash = self.torrent.infohash;
        let preload = library.cloned();
        Tracker::start(&Setup { infohash, preload, config, ..Setup::default() })
    }

    /// Until all seeds have announced themselves and the tracker, if it is to guide, guides the network.
    /// Whoever asks for that leaves the swarm again.
    fn wait_for_the_swarm(&self, tracker: &Tracker, is_guided: bool) {
        let asker = Peer::new(self.network().host(200), tracker.address);
        let ask = |wanted| Ask { infohash: self.torrent.infohash, ..Ask::wanting(wanted) };
        let all_there = || {
            let reply = asker.udp(&ask(50));
            self.near()
                .into_iter()
                .chain(far())
                .all(|one| reply.peers.contains(&announce::record(one)))
        };
        assert!(wait_until(PATIENCE, all_there), "not all seeds announce: {}", tracker.log());
        let near = self.near().map(announce::record);
        // One such list in 924 comes by chance.
        let is_near = |peers: &[announce::Record]| {
            peers.len() == near.len() && peers.iter().all(|one| near.contains(one))
        };
        let guides = || (0..5).all(|_| is_near(&asker.udp(&ask(6)).peers));
        assert!(!is_guided || wait_until(PATIENCE, guides), "not guided: {}", tracker.log());
        asker.udp(&Ask { infohash: self.torrent.infohash, ..Ask::stopping() });
    }

    fn has_all(&self, folder: &Path) -> bool {
        let Ok(file) = fs::read(folder.join("file")) else { return false };
        file == fs::read(self.torrent.file()).expect("the file of the seeds")
    }
}

fn far() -> [Ipv4Addr; 6] {
    [20, 21, 22, 23, 24, 25].map(|second| Ipv4Addr::new(127, second, 0, 11))
}

fn side(seeds: &[Process]) -> Side {
    let each: Vec<u64> = seeds.iter().map(octets).collect();
    Side { octets: each.iter().sum(), used: each.iter().filter(|one| **one > 0).count() }
}

/// The last whole line that a seed has said.
fn octets(seed: &Process) -> u64 {
    let log = seed.log();
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().rev().find_map(|line| line.parse().ok()).unwrap_or(0)
}
