//! IPv6 intervals, and IPv4 intervals of small maps: a static B-tree.

use super::flatten::Interval;

/// The ends of the intervals of the high 64 bits in a B-tree of 9 children and 64-octet nodes,
/// one memory line per level. Where one /64 is split further, and where a code does not fit its
/// cell, the cell is an escape and `exact` is searched.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// Level by level, root first, leaves last.
    nodes: Vec<Node>,
    /// Where each level above the leaves begins.
    inner: Vec<usize>,
    /// Where the leaves begin.
    leaves: usize,
    /// The code per interval.
    cells: Vec<u16>,
    /// All intervals within escaped ones, ascending.
    exact: Vec<Interval<u128>>,
}

/// Ends (last addresses, high 64 bits) in ascending order, filled up with `u64::MAX`.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Node([u64; KEYS]);

const KEYS: usize = 8;
const ESCAPE: u16 = u16::MAX;
/// Look-ups that walk down in step, so that their misses overlap.
const BATCH: usize = 32;

impl Tree {
    /// The tree of intervals as [`flatten`](super::flatten::flatten) makes them.
    pub(super) fn new(intervals: &[Interval<u128>]) -> Self {
        let mut tops = Tops::default();
        for chunk in intervals.chunk_by(|a, b| high(a.start) == high(b.start)) {
            tops.add(chunk);
        }
        let Tops { starts, mut cells, mut exact, .. } = tops;
        cells.shrink_to_fit();
        exact.shrink_to_fit();
        let ends = starts.iter().skip(1).map(|start| start - 1).chain([u64::MAX]).collect();
        let mut levels = levels(ends);
        levels.reverse();
        let begin = |next: &mut usize, level: &Vec<Node>| {
            *next += level.len();
            Some(*next - level.len())
        };
        let mut inner: Vec<usize> = levels.iter().scan(0, begin).collect();
        let leaves = inner.pop().unwrap_or(0);
        Self { nodes: levels.concat(), inner, leaves, cells, exact }
    }

    pub(super) fn code(&self, address: u128) -> u32 {
        let mut child = 0;
        for level in &self.inner {
            child = self.nodes[level + child].child(child, high(address));
        }
        self.finish(address, self.nodes[self.leaves + child].interval(child, high(address)))
    }

    /// The codes of many addresses, read by `read`; each is made what the caller wants by `make`.
    pub(super) fn codes<A, T>(
        &self,
        addresses: &[A],
        read: impl Fn(&A) -> u128,
        out: &mut [T],
        make: fn(u32) -> T,
    ) {
        for (addresses, out) in addresses.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
            let mut keys = [0; BATCH];
            for (key, address) in keys.iter_mut().zip(addresses) {
                *key = high(read(address));
            }
            let intervals = self.intervals(&keys);
            for ((out, address), interval) in out.iter_mut().zip(addresses).zip(intervals) {
                *out = make(self.finish(read(address), interval));
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.nodes) + size_of_val(&*self.cells) + size_of_val(&*self.exact)
    }

    /// Where each interval starts, and its code, ascending.
    pub(super) fn starts(&self) -> impl Iterator<Item = (u128, u32)> + '_ {
        let end = |at: usize| self.nodes[self.leaves + at / KEYS].0[at % KEYS];
        self.cells.iter().enumerate().flat_map(move |(at, cell)| {
            let start = low_end(at.checked_sub(1).map_or(0, |before| end(before) + 1));
            let plain = (*cell != ESCAPE).then_some((start, u32::from(*cell)));
            let last = low_end(end(at)) | u128::from(u64::MAX);
            let from = self.exact.partition_point(|interval| interval.start < start);
            let inside = self.exact[from..].iter().take_while(move |i| i.start <= last);
            let escaped = inside.map(|i| (i.start, i.code)).filter(move |_| plain.is_none());
            plain.into_iter().chain(escaped)
        })
    }

    fn intervals(&self, keys: &[u64; BATCH]) -> [usize; BATCH] {
        let mut places = [0; BATCH];
        for level in &self.inner {
            for (place, key) in places.iter_mut().zip(keys) {
                *place = self.nodes[level + *place].child(*place, *key);
            }
        }
        for (place, key) in places.iter_mut().zip(keys) {
            *place = self.nodes[self.leaves + *place].interval(*place, *key);
        }
        places
    }

    #[inline]
    fn finish(&self, address: u128, interval: usize) -> u32 {
        match self.cells[interval] {
            ESCAPE => self.exact(address),
            cell => u32::from(cell),
        }
    }

    #[cold]
    fn exact(&self, address: u128) -> u32 {
        let behind = self.exact.partition_point(|interval| interval.start <= address);
        self.exact[behind - 1].code // an escaped interval has its own start in `exact`
    }
}

impl Node {
    /// The place, in the next level, of the child of this node (itself at `place`) for `key`.
    #[inline]
    fn child(&self, place: usize, key: u64) -> usize {
        place * (KEYS + 1) + self.ends_before(key)
    }

    /// The interval of `key`, this node being the leaf at `place`.
    #[inline]
    fn interval(&self, place: usize, key: u64) -> usize {
        place * KEYS + self.ends_before(key)
    }

    #[inline]
    fn ends_before(&self, key: u64) -> usize {
        // Four steps without a branch: half the comparisons of counting one by one.
        let ends = &self.0;
        let mut place = usize::from(ends[3] < key) * 4;
        place += usize::from(ends[place + 1] < key) * 2;
        place += usize::from(ends[place] < key);
        place + usize::from(ends[place] < key)
    }

    fn new(ends: &[u64]) -> Self {
        let mut node = [u64::MAX; KEYS];
        node[..ends.len()].copy_from_slice(ends);
        Self(node)
    }
}

/// The levels over these ends, leaves first.
fn levels(mut ends: Vec<u64>) -> Vec<Vec<Node>> {
    let mut levels = vec![ends.chunks(KEYS).map(Node::new).collect::<Vec<_>>()];
    let mut children = KEYS;
    while ends.len() > children {
        // A node's last child needs no key: what is behind all keys is in it.
        let last_of = |group: &[u64]| group.last().copied();
        let maxima: Vec<u64> = ends.chunks(children).filter_map(last_of).collect();
        children = KEYS + 1;
        let node = |group: &[u64]| Node::new(&group[..group.len() - 1]);
        levels.push(maxima.chunks(children).map(node).collect());
        ends = maxima;
    }
    levels
}

/// Intervals of the high 64 bits, as they grow.
#[derive(Default)]
struct Tops {
    starts: Vec<u64>,
    cells: Vec<u16>,
    exact: Vec<Interval<u128>>,
    /// The code of the last address so far.
    code: u32,
}

impl Tops {
    /// Adds the intervals that start in one /64.
    fn add(&mut self, chunk: &[Interval<u128>]) {
        let first = chunk[0];
        let top = high(first.start);
        let before = std::mem::replace(&mut self.code, chunk[chunk.len() - 1].code);
        if chunk.len() == 1 && first.start == low_end(top) {
            return self.push(first);
        }
        if first.start != low_end(top) {
            self.exact.push(Interval { start: low_end(top), code: before });
        }
        self.exact.extend(chunk);
        self.set(top, ESCAPE);
        if let Some(next) = top.checked_add(1) {
            self.push(Interval { start: low_end(next), code: self.code });
        }
    }

    /// From this start of a /64 on, its code holds.
    fn push(&mut self, interval: Interval<u128>) {
        let cell = u16::try_from(interval.code).unwrap_or(ESCAPE);
        if cell == ESCAPE {
            self.exact.push(interval);
        }
        self.set(high(interval.start), cell);
    }

    fn set(&mut self, top: u64, cell: u16) {
        if self.starts.last() == Some(&top) {
            self.starts.pop();
            self.cells.pop();
        }
        self.starts.push(top);
        self.cells.push(cell);
    }
}

/// The high 64 bits.
#[inline]
fn high(address: u128) -> u64 {
    u64::try_from(address >> 64).unwrap_or(u64::MAX) // 64 bits always fit
}

/// The first address of a /64.
fn low_end(top: u64) -> u128 {
    u128::from(top) << 64
}
