//! Facts by scope: many readers, one writer at a time. No I/O; `now` is an argument.

#[cfg(all(test, shuttle))]
mod models;

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hashbrown::DefaultHashBuilder;
use tokio::time::Instant;

use super::super::sync::{Mutex, MutexGuard, RwLock};
use super::entry::Entry;
use super::fact::{Fact, past_its_life};
use super::key::{Address, Key, Question, shapes_of};
use super::presence::{Counts, Presence};
use super::shard::Shard;
use crate::{Answer, Error, Known, Peer};

/// How long an outage is taken for granted before a read asks for another try.
///
/// RFC 8767 §5 proposes 30 s for resolvers; a backend that knows its upstream is down fails fast,
/// so trying more often costs little and brings fresh answers back sooner.
const RECHECK: Duration = Duration::from_secs(5);
/// A life is cut at random by at most one part in so many, so that facts learnt together don't
/// expire together.
const JITTER: u64 = 10;
/// In the last of so many parts of its life a fact is asked for again.
const AHEAD: u32 = 10;
const MIB: usize = 1 << 20;

pub(super) struct Store {
    stripes: Box<[Stripe]>,
    presence: Presence,
    /// Held through each change, so that of two facts the newer one stays.
    writer: Mutex<Writer>,
    /// Keyed at random per process: peers choose what is hashed.
    hasher: DefaultHashBuilder,
    stale: Duration,
    evictions: AtomicU64,
}

/// Cache lines of its own, so that readers of different stripes don't meet.
#[repr(align(128))]
struct Stripe {
    shard: RwLock<Shard>,
    hits: AtomicU64,
    misses: AtomicU64,
    stale: AtomicU64,
}

struct Writer {
    counts: Counts,
    random: u64,
}

/// A fact that holds, as `discover` tells it.
pub(super) struct Hit {
    pub(super) reply: Result<Arc<Answer>, Error>,
    /// Its life is nearly over.
    pub(super) is_ageing: bool,
}

impl Store {
    pub(super) fn new(bytes: usize, stale: Duration, seed: u64) -> Self {
        let most = (bytes / MIB).clamp(1, 256);
        let stripes = 1 << most.ilog2();
        let stripe = |_| Stripe {
            shard: RwLock::new(Shard::new(bytes / stripes)),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            stale: AtomicU64::new(0),
        };
        Self {
            stripes: (0..stripes).map(stripe).collect(),
            presence: Presence::default(),
            writer: Mutex::new(Writer { counts: Counts::default(), random: seed }),
            hasher: DefaultHashBuilder::default(),
            stale,
            evictions: AtomicU64::new(0),
        }
    }

    /// What is known of `peer`: the fact with the longest prefix of those that hold, and of these
    /// the one with the narrowest peer IDs.
    pub(super) fn known(&self, peer: &Peer<'_>, now: Instant) -> Option<Known> {
        self.read(peer, now, |entry| entry.fact.as_known())
    }

    /// The same for `discover`.
    pub(super) fn hit(&self, peer: &Peer<'_>, now: Instant) -> Option<Hit> {
        self.read(peer, now, |entry| {
            Some(Hit { reply: entry.fact.as_reply()?, is_ageing: now >= entry.ahead })
        })
    }

    /// An answer past its life that was served a moment ago, for want of a better one.
    pub(super) fn known_stale(&self, peer: &Peer<'_>, now: Instant) -> Option<Arc<Answer>> {
        self.walk(peer, |stripe, entry| match &entry.fact {
            Fact::Stale(answer) if now < entry.ahead => {
                count(&stripe.stale);
                Some(answer.clone())
            }
            _ => None,
        })
    }

    /// Whether there is an answer to serve if the source can't be reached.
    pub(super) fn has_stale(&self, peer: &Peer<'_>, now: Instant) -> bool {
        self.stale_place(peer, now).is_some()
    }

    /// The answer to serve since the source can't be reached, marked; from now on reads tell it
    /// for a moment without asking.
    pub(super) fn serve_stale(&self, peer: &Peer<'_>, now: Instant) -> Option<Arc<Answer>> {
        let _writer = self.writer();
        let key = self.stale_place(peer, now)?;
        let mut served = None;
        self.change(&key, |entry| {
            let marked = match &entry.fact {
                Fact::Answer(answer) => Arc::new(past_its_life(answer, entry.expires)),
                Fact::Stale(answer) => answer.clone(),
                Fact::Absence(_) | Fact::Nothing => return,
            };
            served = Some(marked.clone());
            entry.ahead = (now + RECHECK).min(entry.expires + self.stale);
            entry.fact = Fact::Stale(marked);
        });
        if served.is_some() {
            count(&self.stripe(self.hash(&key)).stale);
        }
        served
    }

    /// Keeps a fact learnt for `peer` in the place of all that was known of it, unless something
    /// better is known: a newer fact, or for an incomplete answer a complete one.
    pub(super) fn keep(&self, peer: &Peer<'_>, fact: Fact, now: Instant) {
        let mut writer = self.writer();
        if !self.knows_better(peer, &fact, now) {
            self.put(peer, fact, now, &mut writer);
        }
    }

    fn knows_better(&self, peer: &Peer<'_>, fact: &Fact, now: Instant) -> bool {
        let is_better = |_: &Stripe, entry: &Entry| {
            let is_newer = entry.fact.since() > fact.since();
            let is_fuller = fact.is_incomplete() && entry.fact.is_complete();
            (entry.holds(now) && (is_newer || is_fuller)).then_some(())
        };
        self.walk(peer, is_better).is_some()
    }

    fn put(&self, peer: &Peer<'_>, fact: Fact, now: Instant, writer: &mut Writer) {
        let life = writer.shortened(fact.life(now));
        let key = fact.scope().and_then(|scope| Key::under(scope, peer));
        let key = key.filter(|_| !life.is_zero() && !fact.is_claim());
        if let Some(key) = key {
            let ahead = now + life / AHEAD * (AHEAD - 1);
            let entry = Entry::new(key, self.hash(&key), fact, now + life, ahead);
            self.insert(entry, writer);
        }
        // Last, so that a reader meanwhile finds the old or the new if their scopes are the same. If
        // not, it may have passed the one and come late for the other: a miss, and never wrong.
        self.forget_all_but(key, peer);
    }

    /// Forgets all that is known of `peer`.
    pub(super) fn forget(&self, peer: &Peer<'_>) {
        let _writer = self.writer();
        self.forget_all_but(None, peer);
    }

    /// Whether it falls to the caller to ask again for what is known of `peer`: true once in the
    /// life of a fact.
    pub(super) fn claim_refresh(&self, peer: &Peer<'_>, now: Instant) -> bool {
        let _writer = self.writer();
        let key = self.ageing(peer, now);
        if let Some(key) = key {
            self.put_off_refresh(&key);
        }
        key.is_some()
    }

    fn ageing(&self, peer: &Peer<'_>, now: Instant) -> Option<Key> {
        let is_ageing = |_: &Stripe, entry: &Entry| {
            (entry.holds(now) && entry.fact.as_known().is_some())
                .then(|| (now >= entry.ahead).then_some(entry.key))
        };
        self.walk(peer, is_ageing).flatten()
    }

    fn put_off_refresh(&self, key: &Key) {
        self.change(key, |entry| entry.ahead = entry.expires);
    }

    pub(super) fn stats(&self) -> super::Stats {
        let mut stats = super::Stats {
            evictions: self.evictions.load(Ordering::Relaxed),
            ..super::Stats::default()
        };
        for stripe in &self.stripes {
            let shard = stripe.shard.read().unwrap_or_else(PoisonError::into_inner);
            stats.entries += shard.len();
            stats.bytes += shard.bytes();
            stats.hits += stripe.hits.load(Ordering::Relaxed);
            stats.misses += stripe.misses.load(Ordering::Relaxed);
            stats.stale += stripe.stale.load(Ordering::Relaxed);
        }
        stats
    }

    fn read<T>(
        &self,
        peer: &Peer<'_>,
        now: Instant,
        tell: impl Fn(&Entry) -> Option<T>,
    ) -> Option<T> {
        let told = self.walk(peer, |stripe, entry| {
            let told = if entry.holds(now) { tell(entry)? } else { return None };
            entry.was_read();
            count(&stripe.hits);
            Some(told)
        });
        if told.is_none() {
            let spread = Address::of(peer.net()).some_bits();
            count(&self.stripe(spread << 32).misses);
        }
        told
    }

    /// What `look` makes of the first entry about `peer` of which it makes something.
    fn walk<T>(
        &self,
        peer: &Peer<'_>,
        mut look: impl FnMut(&Stripe, &Entry) -> Option<T>,
    ) -> Option<T> {
        let (address, id, question) = (Address::of(peer.net()), peer.id(), Question::of(peer));
        let family = self.presence.of(address.is_v6());
        let shapes = family.shapes(shapes_of(id));
        for length in family.lengths(peer.net().prefix_len()) {
            for shape in shapes.clone() {
                let key = Key::probe(address, length, shape, id, question);
                let hash = self.hash(&key);
                let stripe = self.stripe(hash);
                let shard = stripe.shard.read().unwrap_or_else(PoisonError::into_inner);
                if let Some(seen) = shard.find(hash, &key).and_then(|entry| look(stripe, entry)) {
                    return Some(seen);
                }
            }
        }
        None
    }

    /// Where the latest word about `peer` is, if it is an answer that may still be served: not
    /// after a denial, nor after an answer that was incomplete when it was learnt.
    fn stale_place(&self, peer: &Peer<'_>, now: Instant) -> Option<Key> {
        let mut latest: Option<(Instant, bool, Key)> = None;
        let _: Option<()> = self.walk(peer, |_, entry| {
            let since = entry.fact.since()?;
            let is_answer = matches!(entry.fact, Fact::Stale(_)) || entry.fact.is_complete();
            let has_ended = !entry.holds(now) && now < entry.expires + self.stale;
            // Of words of one moment a denial counts.
            let rank = (since, !(is_answer && has_ended));
            if latest.is_none_or(|(since, denies, _)| rank > (since, denies)) {
                latest = Some((rank.0, rank.1, entry.key));
            }
            None
        });
        latest.and_then(|(_, denies, key)| (!denies).then_some(key))
    }

    fn forget_all_but(&self, kept: Option<Key>, peer: &Peer<'_>) {
        let mut keys = Vec::new();
        let _: Option<()> = self.walk(peer, |_, entry| {
            if Some(entry.key) != kept {
                keys.push(entry.key);
            }
            None
        });
        for key in keys {
            self.change(&key, |entry| entry.fact = Fact::Nothing);
        }
    }

    fn insert(&self, entry: Entry, writer: &mut Writer) {
        self.presence.add(&entry.key, &mut writer.counts);
        let kept = entry.key;
        let mut shard =
            self.stripe(entry.hash).shard.write().unwrap_or_else(PoisonError::into_inner);
        let left = shard.insert(entry);
        drop(shard);
        let evicted = left.iter().filter(|key| **key != kept).count();
        self.evictions.fetch_add(evicted as u64, Ordering::Relaxed);
        for key in left {
            self.presence.remove(&key, &mut writer.counts);
        }
    }

    fn change(&self, key: &Key, change: impl FnOnce(&mut Entry)) {
        let hash = self.hash(key);
        let mut shard = self.stripe(hash).shard.write().unwrap_or_else(PoisonError::into_inner);
        shard.change(hash, key, change);
    }

    fn hash(&self, key: &Key) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The table uses the lowest and the highest bits, so the stripe is chosen by those between.
    fn stripe(&self, hash: u64) -> &Stripe {
        let between = usize::try_from((hash >> 32) & 0xffff).unwrap_or(0);
        &self.stripes[between & (self.stripes.len() - 1)]
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one more. Of two at the same moment one may be lost: a counter that never loses any would
/// cost a read a fifth of its time.
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

impl Writer {
    /// A life, cut by a random part.
    fn shortened(&mut self, life: Duration) -> Duration {
        let cut = self.next_random() % (1_000 / JITTER);
        life / 1_000 * u32::try_from(1_000 - cut).unwrap_or(1_000)
    }

    /// SplitMix64: Steele, Lea and Flood, OOPSLA 2014.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
