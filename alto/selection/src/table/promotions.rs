//! How often candidates were promoted lately.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::random::scrambled;
use crate::record::Record;

/// Counts, for one server's table, the replies that it shaped and the candidates in them.
///
/// Each of the first replies of a window is counted, later one in 16: a write would take the counters
/// from other threads' caches at each choice. Candidates share cells by a hash, so that memory is
/// fixed; a count may be too high then, which costs a candidate a place among its equals, no more.
/// Counts of threads at the same moment may get lost.
#[derive(Debug)]
pub(crate) struct Promotions {
    replies: Counter,
    /// Whether any cell was over the limit.
    crowded: Counter,
    cells: Box<[Counter]>,
}

/// A count that starts anew in each window: the window in the high half, the count in the low one.
#[derive(Debug, Default)]
struct Counter(AtomicU32);

/// Before so many replies shares mean nothing.
const FIRST_REPLIES: u32 = 20;
/// So many replies of a window are counted each, then one in so many of a thread's.
const EACH: u32 = 64;
const ONE_IN: u32 = 16;

thread_local! {
    /// Replies of this thread.
    static TURN: Cell<u32> = const { Cell::new(0) };
}
/// What a counter can hold.
const MOST: u32 = 0xffff;
const CELLS: usize = 1_024;

impl Promotions {
    pub(super) fn new() -> Self {
        let cells = (0..CELLS).map(|_| Counter::default()).collect();
        Self { replies: Counter::default(), crowded: Counter::default(), cells }
    }

    /// Whether this reply is one of those counted; it is noted then.
    pub(crate) fn counts_reply(&self, window: u16) -> bool {
        let turn = TURN.get();
        TURN.set(turn.wrapping_add(1));
        let so_far = self.replies.count(window);
        let is_counted = so_far < EACH || turn.is_multiple_of(ONE_IN) && so_far < MOST;
        if is_counted {
            self.replies.bump(window);
        }
        is_counted
    }

    /// Notes that these were promoted, of which no more than `most` thousandths of replies may hold
    /// one.
    pub(crate) fn note<R: Record>(&self, records: &[R], window: u16, most: u16) {
        let limit = self.limit(window, most);
        for record in records {
            if self.cell(record).bump(window) > limit {
                self.crowded.bump(window);
            }
        }
    }

    /// Whether some candidate has been promoted too often.
    pub(crate) fn is_crowded(&self, window: u16) -> bool {
        self.crowded.count(window) > 0
    }

    /// Leaves the first `wanted` of these in front, those that were promoted too often being changed
    /// for others behind that were not.
    pub(crate) fn pass_over<R: Record>(
        &self,
        records: &mut [R],
        wanted: usize,
        window: u16,
        most: u16,
    ) {
        let limit = self.limit(window, most);
        let is_over = |record: &R| self.cell(record).count(window) >= limit;
        let (front, behind) = records.split_at_mut(wanted);
        let mut spares = behind.iter_mut().filter(|record| !is_over(record));
        for record in front.iter_mut().filter(|record| is_over(record)) {
            let Some(spare) = spares.next() else { return };
            std::mem::swap(record, spare);
        }
    }

    /// Memory they hold, in octets.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.cells)
    }

    /// How often a candidate may have been promoted by now.
    fn limit(&self, window: u16, most: u16) -> u32 {
        match self.replies.count(window) {
            replies if replies < FIRST_REPLIES => u32::MAX,
            replies => replies * u32::from(most) / 1_000,
        }
    }

    fn cell<R: Record>(&self, record: &R) -> &Counter {
        let [high, low, ..] = scrambled(record.bits()).to_le_bytes();
        &self.cells[usize::from(u16::from_le_bytes([high, low])) % CELLS]
    }
}

impl Counter {
    fn bump(&self, window: u16) -> u32 {
        let count = (self.count(window) + 1).min(MOST);
        self.0.store(u32::from(window) << 16 | count, Ordering::Relaxed);
        count
    }

    fn count(&self, window: u16) -> u32 {
        let stored = self.0.load(Ordering::Relaxed);
        if stored >> 16 == u32::from(window) { stored & MOST } else { 0 }
    }
}
