//! The swarms that a handle keeps, by infohash.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use facade::selection::{Record, Role, Swarm, V4Record, V6Record};
use hashbrown::HashMap;

pub(crate) type InfoHash = [u8; 20];

/// Swarms by infohash. Threads meet only at torrents of the same shard, and there only when one of
/// them is new or gone.
#[derive(Debug)]
pub(crate) struct Swarms {
    shards: [Shard; SHARDS],
    sweep: Mutex<Sweep>,
    time: Time,
    /// Octets reported.
    pub(crate) reported: AtomicU64,
}

type Shard = RwLock<HashMap<InfoHash, Box<Torrent>>>;

const SHARDS: usize = 64;
/// What one swarm's views may hold together, in octets: a peer takes some 13 in each, so that is the views of
/// 100 networks for 10,000 peers. What does not fit drops another view, and neither is ever ready.
const VIEWS: usize = 16 << 20;
/// Swarms count seconds.
const TEN_MINUTES: u16 = 600;
/// Views not used for so long are dropped when peers expire.
const IDLE: u16 = TEN_MINUTES;
/// Peers looked at in one go, under the lock of their swarm.
const GO: usize = 1_024;

/// The peers of one torrent.
#[derive(Debug)]
pub(crate) struct Torrent {
    v4: Swarm<V4Record>,
    v6: Swarm<V6Record>,
    /// No peer was last seen before this second: the last complete look for such peers.
    swept: AtomicU32,
}

/// Which of a torrent's swarms holds records of a kind.
pub(crate) trait Kept: Record {
    fn swarm(torrent: &Torrent) -> &Swarm<Self>;
}

impl Kept for V4Record {
    fn swarm(torrent: &Torrent) -> &Swarm<Self> {
        &torrent.v4
    }
}

impl Kept for V6Record {
    fn swarm(torrent: &Torrent) -> &Swarm<Self> {
        &torrent.v6
    }
}

/// How far the look for expired peers is.
#[derive(Debug, Default)]
struct Sweep {
    shard: usize,
    /// What is left of that shard.
    torrents: Vec<InfoHash>,
}

impl Default for Swarms {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            sweep: Mutex::default(),
            time: Time::default(),
            reported: AtomicU64::new(0),
        }
    }
}

impl Swarms {
    /// Adds a peer, or notes that it was seen again, at `now` (seconds).
    pub(crate) fn add<R: Kept>(&self, torrent: &InfoHash, record: R, role: Role, now: u32) {
        let tick = self.time.tick(now);
        let shard = self.shard(torrent);
        if let Some(torrent) = read(shard).get(torrent) {
            R::swarm(torrent).add(record, role, tick);
            return;
        }
        let mut shard = write(shard);
        let torrent = shard.entry(*torrent).or_insert_with(Torrent::new);
        R::swarm(torrent).add(record, role, tick);
    }

    /// Removes a peer; whether it was there.
    pub(crate) fn remove<R: Kept>(&self, torrent: &InfoHash, record: &R) -> bool {
        self.with(torrent, |swarm| swarm.remove(record)).unwrap_or(false)
    }

    /// Works with the swarm of a torrent, if there is one.
    pub(crate) fn with<R: Kept, T>(
        &self,
        torrent: &InfoHash,
        work: impl FnOnce(&Swarm<R>) -> T,
    ) -> Option<T> {
        read(self.shard(torrent)).get(torrent).map(|torrent| work(R::swarm(torrent)))
    }

    /// Removes at most `budget` peers that were last seen more than `max_age` seconds before `now`.
    /// None removed means there are none. Each peer is looked at once at most.
    pub(crate) fn expire(&self, now: u32, max_age: u32, budget: usize) -> usize {
        let now = self.time.latest(now);
        let Some(cutoff) = now.checked_sub(max_age) else { return 0 };
        let mut sweep = self.sweep.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut removed, mut looked, mut shards) = (0, 0, 0);
        while removed < budget && (removed == 0 || looked < budget) {
            let Some(key) = sweep.torrents.last().copied() else {
                if shards > SHARDS {
                    break; // once round, and the rest of the shard it began in
                }
                shards += 1;
                sweep.shard = (sweep.shard + 1) % SHARDS;
                sweep.torrents = read(&self.shards[sweep.shard]).keys().copied().collect();
                continue;
            };
            let shard = &self.shards[sweep.shard];
            let done =
                read(shard).get(&key).map(|torrent| torrent.expire(now, cutoff, budget - removed));
            let done = done.unwrap_or_default();
            (removed, looked) = (removed + done.removed, looked + done.looked);
            if done.is_over {
                sweep.torrents.pop();
                drop_if_empty(shard, &key);
            }
        }
        removed
    }

    /// Torrents, and peers of all of them.
    pub(crate) fn count(&self) -> (usize, usize) {
        self.shards.iter().fold((0, 0), |(torrents, peers), shard| {
            let shard = read(shard);
            (torrents + shard.len(), peers + shard.values().map(|one| one.len()).sum::<usize>())
        })
    }

    /// Notes the time.
    pub(crate) fn note(&self, now: u32) {
        self.time.latest(now);
    }

    /// An infohash is spread already; whoever makes up some for one shard makes that one slow, no more.
    fn shard(&self, torrent: &InfoHash) -> &Shard {
        &self.shards[usize::from(torrent[0]) % SHARDS]
    }
}

/// What a look at one torrent came to.
struct Done {
    removed: usize,
    looked: usize,
    is_over: bool,
}

impl Default for Done {
    /// A torrent that is there no longer.
    fn default() -> Self {
        Self { removed: 0, looked: 0, is_over: true }
    }
}

impl Torrent {
    fn new() -> Box<Self> {
        let (v4, v6) = (Swarm::in_steps(VIEWS, TEN_MINUTES), Swarm::in_steps(VIEWS, TEN_MINUTES));
        Box::new(Self { v4, v6, swept: AtomicU32::new(0) })
    }

    fn len(&self) -> usize {
        len(&self.v4) + len(&self.v6)
    }

    /// Removes at most `budget` peers that were last seen before `cutoff`.
    fn expire(&self, now: u32, cutoff: u32, budget: usize) -> Done {
        if self.swept.load(Ordering::Relaxed) >= cutoff && self.len() > 0 {
            return Done::default();
        }
        let first = expire(&self.v4, now, now - cutoff, budget);
        if !first.is_over {
            return first;
        }
        let second = expire(&self.v6, now, now - cutoff, budget - first.removed);
        if second.is_over {
            self.swept.store(cutoff, Ordering::Relaxed);
        }
        Done {
            removed: first.removed + second.removed,
            looked: first.looked + second.looked,
            is_over: second.is_over,
        }
    }
}

fn expire<R: Record>(swarm: &Swarm<R>, now: u32, max_age: u32, budget: usize) -> Done {
    let (tick, lifetime) = (tick(now), u16::try_from(max_age).unwrap_or(u16::MAX - 1));
    let all = len(swarm);
    let (mut removed, mut looked) = (0, 0);
    while looked < all && removed < budget {
        let go = GO.min(budget - removed);
        removed += swarm.expire(tick, lifetime, go);
        looked += go;
    }
    if looked >= all {
        swarm.drop_views(IDLE);
    }
    Done { removed, looked: looked.min(all), is_over: looked >= all }
}

fn len<R: Record>(swarm: &Swarm<R>) -> usize {
    swarm.count(Role::Leecher) + swarm.count(Role::Seeder)
}

fn drop_if_empty(shard: &Shard, key: &InfoHash) {
    if read(shard).get(key).is_some_and(|torrent| torrent.len() == 0) {
        let mut shard = write(shard);
        if shard.get(key).is_some_and(|torrent| torrent.len() == 0) {
            shard.remove(key);
        }
    }
}

/// The caller's clock: the latest second that any thread told. A thread that is a little behind must
/// not make what another has just seen look old.
#[derive(Debug, Default)]
struct Time(AtomicU32);

impl Time {
    /// So far back is a clock that was set, not a thread that is late.
    const SET_BACK: u32 = 3_600;

    fn latest(&self, now: u32) -> u32 {
        let latest = self.0.load(Ordering::Relaxed);
        if now > latest || latest - now > Self::SET_BACK {
            self.0.store(now, Ordering::Relaxed);
            return now;
        }
        latest
    }

    fn tick(&self, now: u32) -> u16 {
        tick(self.latest(now))
    }
}

/// Swarms count in 16 bits, which wrap around.
fn tick(now: u32) -> u16 {
    #[allow(clippy::cast_possible_truncation)]
    let tick = now as u16;
    tick
}

fn read(shard: &Shard) -> RwLockReadGuard<'_, HashMap<InfoHash, Box<Torrent>>> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &Shard) -> RwLockWriteGuard<'_, HashMap<InfoHash, Box<Torrent>>> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u32) -> V4Record {
        let [a, b, c, d] = number.to_be_bytes();
        V4Record([a, b, c, d, 0, 1])
    }

    fn filled(count: u32, now: impl Fn(u32) -> u32) -> Swarms {
        let swarms = Swarms::default();
        for number in 0..count {
            let torrent = [(number % 100) as u8; 20];
            swarms.add(&torrent, record(number), Role::Leecher, now(number));
        }
        swarms
    }

    /// Budget after budget, until 0 says that none is left; and then no torrent is, either.
    #[test]
    fn expiry_goes_on_until_none_is_left() {
        let swarms = filled(10_000, |_| 1_000);
        let mut calls = Vec::new();
        loop {
            match swarms.expire(1_000 + 61, 60, 300) {
                0 => break,
                count => calls.push(count),
            }
        }
        assert!(calls.iter().all(|count| *count <= 300));
        assert_eq!(calls.iter().sum::<usize>(), 10_000);
        assert_eq!(swarms.expire(5_000, 60, 300), 0);
        assert_eq!(swarms.count(), (0, 0));
    }

    /// To the second, and with half of each swarm fresh: 0 comes only when no old one is left.
    #[test]
    fn only_old_peers_expire() {
        let swarms = filled(5_000, |number| 1_000 + number / 2_500);
        assert_eq!(swarms.expire(1_060, 60, 10_000), 0, "60 s is not more than 60 s");
        let mut removed = 0;
        loop {
            match swarms.expire(1_061, 60, 7) {
                0 => break,
                count => removed += count,
            }
        }
        assert_eq!((removed, swarms.count()), (2_500, (100, 2_500)));
        assert_eq!(swarms.expire(1_062, 60, 10_000), 2_500);
    }

    /// A thread whose clock is a second behind does not make a peer look 18 hours old.
    #[test]
    fn a_late_thread_removes_nothing() {
        let swarms = filled(10, |_| 1_000);
        assert_eq!(swarms.expire(999, 60, 100), 0);
        swarms.add(&[1; 20], record(77), Role::Seeder, 990);
        assert_eq!(swarms.expire(1_055, 60, 100), 0);
        assert_eq!(swarms.count().1, 11);
    }

    /// What is there is kept as often as it is seen again.
    #[test]
    fn a_peer_that_is_seen_again_stays() {
        let swarms = filled(10, |_| 1_000);
        swarms.add(&[3; 20], record(3), Role::Seeder, 1_050);
        assert_eq!(swarms.expire(1_070, 60, 100), 9);
        assert!(swarms.remove(&[3; 20], &record(3)));
        assert!(!swarms.remove(&[3; 20], &record(3)));
    }

    /// A network that asks has its view of the swarm whatever others do: those of 100 networks fit beside
    /// each other for 10,000 peers, made at the same time, piece by piece.
    #[test]
    fn views_of_many_networks_fit() {
        use facade::selection::{Built, Costs, Direction, Pid, PrefixMap, Table};
        use std::sync::Arc;

        let torrent = Torrent::new();
        for number in 0..10_000_u32 {
            let [.., host, network] = number.to_be_bytes();
            torrent.v4.add(record(u32::from_be_bytes([127, 1, network, host])), Role::Leecher, 0);
        }
        let [own, far] = [0, 1].map(Pid::new);
        let table = |network: u8| {
            let own_net = format!("127.1.{network}.0/24").parse().unwrap();
            let nets = [(own_net, own), ("0.0.0.0/0".parse().unwrap(), far)];
            let cells = [(own, own, 1.0), (own, far, 9.0)];
            let costs = Costs::new(2, cells, Direction::FromConsumer, 9).unwrap();
            Arc::new(Table::new(PrefixMap::new(nets, 9).unwrap(), costs, 1 << 16))
        };
        let tables: Vec<_> = (0..100).map(table).collect();
        for _ in 0..40 {
            for table in &tables {
                torrent.v4.build(table, 300);
            }
        }
        let is_ready = |table: &&Arc<Table>| torrent.v4.build(table, 1) == Built::Ready;
        assert_eq!(tables.iter().filter(is_ready).count(), 100);
    }
}
