//! One part of the cache: a table, and who must leave when it is full.
//!
//! A new entry is on probation. Who is read twice there moves to the main queue; who is not must
//! leave first, so a sweep of addresses that are seen once passes through a tenth of the room.
//! Who left is remembered for a while as a ghost (its hash alone): who comes back soon goes to the
//! main queue at once. From the main queue leaves who was not read since its last turn. Whether a
//! fact still holds plays no part: what is read often will be asked for again, into its old place.
//! (The scheme is S3-FIFO: Yang et al., SOSP 2023.)
//!
//! In the main queue no IPv6 network has more than its share, however often it is read.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};

use hashbrown::{HashMap, HashTable};

use super::entry::Entry;
use super::fact::Fact;
use super::ghosts::Ghosts;
use super::key::Key;

/// Reads on probation that make an entry worth keeping. The first is the peer who asked coming back
/// for what was found, so it says nothing about others.
const READS_TO_STAY: u8 = 2;
/// Of the room, the part for those on probation, one in so many.
const PROBATION: usize = 10;
/// Of the main queue, the most one IPv6 network may hold: one part in so many. A site has a /48
/// (RFC 6177), a provider a /32 or more (the registries' smallest allocation).
const SHARES: [(u8, usize); 2] = [(48, 100), (32, 10)];
/// Octets that any network may hold, so that a small cache is of use to it too: a few entries.
const LEAST_SHARE: usize = 4 << 10;

#[derive(Debug)]
pub(super) struct Shard {
    table: HashTable<Entry>,
    probation: VecDeque<u64>,
    main: VecDeque<u64>,
    ghosts: Ghosts,
    shares: HashMap<Network, usize>,
    room: usize,
    bytes: usize,
    probation_bytes: usize,
}

type Network = (u8, u64);

impl Shard {
    /// A shard that takes up at most `bytes`.
    pub(super) fn new(bytes: usize) -> Self {
        let for_ghosts = bytes / 16;
        Self {
            table: HashTable::new(),
            probation: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: Ghosts::new(for_ghosts),
            shares: HashMap::new(),
            room: bytes - for_ghosts,
            bytes: 0,
            probation_bytes: 0,
        }
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, key: &Key) -> Option<&Entry> {
        self.table.find(hash, |entry| entry.key == *key)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Changes the entry of this key, if there is one. The place of what becomes nothing stays
    /// taken until its turn comes.
    pub(super) fn change(&mut self, hash: u64, key: &Key, change: impl FnOnce(&mut Entry)) {
        let is_meant = |entry: &Entry| entry.hash == hash && entry.key == *key;
        let Some(entry) = self.table.find_mut(hash, is_meant) else { return };
        let before = entry.weight();
        change(entry);
        let (after, is_main) = (entry.weight(), entry.is_main);
        self.leave(before, is_main, key);
        self.enter(after, is_main, key);
    }

    /// Puts an entry in, and tells the keys that had to leave. A place is known by its hash alone:
    /// in the odd case that two keys have the same, the newer one takes the place.
    pub(super) fn insert(&mut self, entry: Entry) -> Vec<Key> {
        let mut left = Vec::new();
        let (hash, key, weight) = (entry.hash, entry.key, entry.weight());
        if weight > self.room / 8 {
            left.push(key);
            return left;
        }
        if let Some(old) = self.table.find_mut(hash, |e| e.hash == hash) {
            let (is_main, reads) = (old.is_main, AtomicU8::new(old.reads()));
            let old = std::mem::replace(old, Entry { reads, is_main, ..entry });
            self.leave(old.weight(), is_main, &old.key);
            left.push(old.key);
            self.enter(weight, is_main, &key);
            if is_main && !self.is_within_share(&key, 0) {
                self.change(hash, &key, |entry| entry.fact = Fact::Nothing);
            }
        } else {
            let is_main = self.ghosts.take(hash) && self.is_within_share(&key, weight);
            self.table.insert_unique(hash, Entry { is_main, ..entry }, |entry| entry.hash);
            if is_main { &mut self.main } else { &mut self.probation }.push_back(hash);
            self.enter(weight, is_main, &key);
        }
        self.make_room(&mut left);
        left
    }

    fn make_room(&mut self, left: &mut Vec<Key>) {
        while self.bytes > self.room {
            let from_probation =
                self.probation_bytes > self.room / PROBATION || self.main.is_empty();
            let gone = if from_probation { self.end_probation() } else { self.end_turn() };
            left.extend(gone);
        }
    }

    /// Who is first on probation moves to the main queue or leaves.
    fn end_probation(&mut self) -> Option<Key> {
        let hash = self.probation.pop_front()?;
        let entry = self.table.find(hash, |entry| entry.hash == hash)?;
        let (key, weight) = (entry.key, entry.weight());
        let earned = entry.reads() >= READS_TO_STAY;
        self.leave(weight, false, &key);
        if !(earned && self.is_within_share(&key, weight)) {
            self.ghosts.add(hash);
            return self.remove(hash);
        }
        self.enter(weight, true, &key);
        self.main.push_back(hash);
        if let Some(entry) = self.table.find_mut(hash, |entry| entry.hash == hash) {
            entry.is_main = true;
            entry.reads.store(0, Ordering::Relaxed);
        }
        None
    }

    /// Who is first in the main queue starts another turn or leaves.
    fn end_turn(&mut self) -> Option<Key> {
        let hash = self.main.pop_front()?;
        let entry = self.table.find(hash, |entry| entry.hash == hash)?;
        let reads = entry.reads();
        if reads > 0 {
            entry.reads.store(reads - 1, Ordering::Relaxed);
            self.main.push_back(hash);
            return None;
        }
        let (key, weight) = (entry.key, entry.weight());
        self.leave(weight, true, &key);
        self.remove(hash)
    }

    fn remove(&mut self, hash: u64) -> Option<Key> {
        let entry = self.table.find_entry(hash, |entry| entry.hash == hash).ok()?;
        Some(entry.remove().0.key)
    }

    fn enter(&mut self, weight: usize, is_main: bool, key: &Key) {
        self.bytes += weight;
        if !is_main {
            self.probation_bytes += weight;
            return;
        }
        for (network, _) in networks(key) {
            *self.shares.entry(network).or_default() += weight;
        }
    }

    fn leave(&mut self, weight: usize, is_main: bool, key: &Key) {
        self.bytes -= weight;
        if !is_main {
            self.probation_bytes -= weight;
            return;
        }
        for (network, _) in networks(key) {
            let Some(held) = self.shares.get_mut(&network) else { continue };
            *held -= weight;
            if *held == 0 {
                self.shares.remove(&network);
            }
        }
    }

    fn share(&self, parts: usize) -> usize {
        (self.room / parts).max(LEAST_SHARE)
    }

    /// Whether the networks around `key` may hold so much more of the main queue.
    fn is_within_share(&self, key: &Key, more: usize) -> bool {
        networks(key).all(|(network, parts)| {
            let held = self.shares.get(&network).copied().unwrap_or(0);
            held + more <= self.share(parts)
        })
    }
}

fn networks(key: &Key) -> impl Iterator<Item = (Network, usize)> {
    let around = |(length, parts)| key.ipv6_within(length).map(|bits| ((length, bits), parts));
    SHARES.into_iter().filter_map(around)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::{absence, answer, peer, scope, seconds};
    use proptest::prelude::*;
    use std::sync::Arc;
    use tokio::time::Instant;

    impl Shard {
        /// Counts everything again, slowly.
        fn audit(&self) {
            let sum = |main: bool| -> usize {
                self.table.iter().filter(|e| e.is_main == main).map(Entry::weight).sum()
            };
            assert_eq!((self.probation_bytes, self.bytes), (sum(false), sum(false) + sum(true)));
            assert!(self.bytes <= self.room, "{} of {}", self.bytes, self.room);
            assert_eq!(self.table.len(), self.probation.len() + self.main.len());
            let mut shares: HashMap<Network, usize> = HashMap::new();
            for entry in self.table.iter().filter(|entry| entry.is_main) {
                for (network, _) in networks(&entry.key) {
                    *shares.entry(network).or_default() += entry.weight();
                }
            }
            assert_eq!(shares, self.shares);
            assert!(self.ghosts.are_bounded());
        }

        fn keeps_shares(&self) -> bool {
            self.shares.iter().all(|((length, _), held)| {
                let (_, parts) = SHARES.iter().find(|share| share.0 == *length).unwrap();
                *held <= self.share(*parts)
            })
        }
    }

    fn key(number: u16) -> Key {
        let (site, host) = (number % 2, number);
        let net = if number.is_multiple_of(3) {
            format!("2001:db8:{site:x}::{host:x}/128")
        } else {
            format!("10.0.{}.{}/32", number >> 8, number & 0xff)
        };
        Key::under(&scope(&net), &peer(&net)).unwrap()
    }

    fn entry(number: u16, hash: u64, now: Instant) -> Entry {
        let fact = if number.is_multiple_of(2) {
            Fact::Answer(Arc::new(answer("a", "alto.example", "0.0.0.0/0", 60)))
        } else {
            Fact::Absence(Arc::new(absence("a", "0.0.0.0/0", 60)))
        };
        Entry::new(key(number), hash, fact, now + seconds(60), now)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Octets, queues and shares add up after any history, also if hashes collide, and the
        /// room is kept.
        #[test]
        fn the_books_balance(
            acts in proptest::collection::vec((0_u8..3, 0_u16..400), 0..1_500),
            hashes in prop_oneof![Just(400), Just(300)],
        ) {
            let mut shard = Shard::new(64 << 10);
            let now = Instant::now();
            for (act, number) in acts {
                let hash = u64::from(number % hashes).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                match act {
                    0 => drop(shard.insert(entry(number, hash, now))),
                    1 => shard.change(hash, &key(number), |entry| entry.fact = Fact::Nothing),
                    _ => {
                        for _ in 0..2 {
                            shard.find(hash, &key(number)).inspect(|entry| entry.was_read());
                        }
                    }
                }
            }
            shard.audit();
            prop_assert!(hashes < 400 || shard.keeps_shares());
        }
    }
}
