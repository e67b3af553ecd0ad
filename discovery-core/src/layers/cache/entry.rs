//! A place in the cache.

use std::mem::offset_of;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::time::Instant;

use super::fact::Fact;
use super::key::Key;

/// A fact in its place.
///
/// What a read looks at comes first and shares a cache line: all down to the key's three words.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Entry {
    pub(super) fact: Fact,
    /// From when on it is not told any more, except as stale.
    pub(super) expires: Instant,
    pub(super) reads: AtomicU8,
    pub(super) is_main: bool,
    pub(super) key: Key,
    pub(super) hash: u64,
    /// From when on it should be asked for again; until then a stale answer is told without.
    pub(super) ahead: Instant,
}

const _: () = assert!(offset_of!(Entry, key) + Key::WORDS <= 64 && size_of::<Entry>() <= 128);

/// Reads that are counted; as many rounds an entry survives in the main queue.
const READS_COUNTED: u8 = 3;
/// What a place costs beside its fact: table (filled to at least 7/16), queues, shares.
const PLACE: usize = 2 * size_of::<Entry>() + 96;

impl Entry {
    pub(super) fn new(key: Key, hash: u64, fact: Fact, expires: Instant, ahead: Instant) -> Self {
        Self { key, hash, fact, expires, ahead, reads: AtomicU8::new(0), is_main: false }
    }

    /// Whether its fact holds.
    pub(super) fn holds(&self, now: Instant) -> bool {
        now < self.expires
    }

    /// Notes that it was read. Of reads at the same moment one may be lost; that is good enough,
    /// and readers of what is read often write nothing.
    pub(super) fn was_read(&self) {
        let reads = self.reads();
        if reads < READS_COUNTED {
            self.reads.store(reads + 1, Ordering::Relaxed);
        }
    }

    pub(super) fn reads(&self) -> u8 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Octets, about.
    pub(super) fn weight(&self) -> usize {
        PLACE + self.fact.weight()
    }
}
