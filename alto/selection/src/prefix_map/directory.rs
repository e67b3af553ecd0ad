//! IPv4 intervals for maps of many prefixes: two memory lines per look-up.

use std::net::Ipv4Addr;

use super::flatten::Interval;

/// One line per /16: where its 256 /24s change code, and where its codes begin. Counting the
/// changes up to a /24 gives the place of its code. A /24 that is split further has an escape
/// instead of a code, which leads to a line of the same shape for its 256 addresses.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// One per /16, then one per split /24.
    lines: Vec<Line>,
    /// Codes; from `ESCAPE` on: which of its /16's split /24s.
    cells: Vec<u16>,
}

/// 256 places, each either changing the code or keeping that of the place before.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line {
    changes: [u64; 4],
    /// Changes before each of the four words.
    before: [u8; 4],
    /// The cell of place 0.
    first: u32,
    /// The line of the first split /24.
    deeper: u32,
}

const SLOTS: usize = 1 << 16;
const ESCAPE: u16 = 0xff00;
/// Look-ups whose misses are overlapped: enough to keep every miss buffer of a core busy.
const BATCH: usize = 32;

impl Directory {
    /// How many lines these intervals need; `None` if a code is too large for its cells.
    pub(super) fn lines_for(intervals: &[Interval<u32>]) -> Option<usize> {
        let fits = intervals.iter().all(|i| i.code < u32::from(ESCAPE));
        let split = |chunk: &&[Interval<u32>]| chunk.iter().any(|i| i.start & 0xff != 0);
        let split_24s = intervals.chunk_by(|a, b| a.start >> 8 == b.start >> 8).filter(split);
        fits.then(|| SLOTS + split_24s.count())
    }

    /// The directory of intervals for which [`Self::lines_for`] gave a number.
    pub(super) fn new(intervals: &[Interval<u32>]) -> Self {
        let mut build = Build::default();
        let mut lines = Vec::with_capacity(SLOTS);
        let mut rest = intervals;
        for slot in 0..=u16::MAX {
            let own = rest.iter().take_while(|i| i.start >> 16 == u32::from(slot)).count();
            let (here, behind) = rest.split_at(own);
            lines.push(build.line_of_16(here));
            rest = behind;
        }
        let Build { splits, mut cells, .. } = build;
        lines.extend(splits.into_iter().map(|split| split.line(&mut cells)));
        cells.shrink_to_fit();
        Self { lines, cells }
    }

    pub(super) fn code(&self, address: Ipv4Addr) -> u32 {
        self.finish(address, self.cells[self.cell(address)])
    }

    /// The codes of many addresses; each is made what the caller wants by `make`.
    pub(super) fn codes<T>(&self, addresses: &[Ipv4Addr], out: &mut [T], make: fn(u32) -> T) {
        for (addresses, out) in addresses.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
            // Two passes: no load waits for one before it in the same pass, so all overlap.
            let mut at = [0; BATCH];
            for (at, address) in at.iter_mut().zip(addresses) {
                *at = self.cell(*address);
            }
            for ((out, address), at) in out.iter_mut().zip(addresses).zip(at) {
                *out = make(self.finish(*address, self.cells[at]));
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.lines) + size_of_val(&*self.cells)
    }

    /// Where each interval starts, and its code, ascending. Neighbours may have one code.
    pub(super) fn starts(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let of_16s = (0..=u16::MAX).map(|slot| (u32::from(slot) << 16, slot));
        of_16s.flat_map(move |(base, slot)| {
            let line = &self.lines[usize::from(slot)];
            line.starts(&self.cells).flat_map(move |(place, cell)| {
                let start = base | u32::from(place) << 8;
                let plain = (cell < ESCAPE).then_some((start, u32::from(cell)));
                let split = cell.checked_sub(ESCAPE).map(|which| {
                    self.lines[line.deeper as usize + usize::from(which)].starts(&self.cells)
                });
                let inside = split.into_iter().flatten();
                let escaped = inside.map(move |(at, cell)| (start | u32::from(at), cell.into()));
                plain.into_iter().chain(escaped)
            })
        })
    }

    #[inline]
    fn cell(&self, address: Ipv4Addr) -> usize {
        let [a, b, c, _] = address.octets();
        self.lines[usize::from(u16::from_be_bytes([a, b]))].cell(c)
    }

    #[inline]
    fn finish(&self, address: Ipv4Addr, cell: u16) -> u32 {
        if cell < ESCAPE { u32::from(cell) } else { self.deeper(address, cell) }
    }

    #[cold]
    fn deeper(&self, address: Ipv4Addr, escape: u16) -> u32 {
        let [a, b, _, d] = address.octets();
        let line = &self.lines[usize::from(u16::from_be_bytes([a, b]))];
        let line = &self.lines[line.deeper as usize + usize::from(escape - ESCAPE)];
        u32::from(self.cells[line.cell(d)])
    }
}

impl Line {
    /// The places that change what holds, and the cells that hold from there.
    fn starts<'c>(&'c self, cells: &'c [u16]) -> impl Iterator<Item = (u8, u16)> + 'c {
        let changes = (0..=3_u8).flat_map(move |word| {
            ones(self.changes[usize::from(word)]).map(move |bit| word << 6 | bit)
        });
        let starts = std::iter::once(0).chain(changes.filter(|place| *place != 0));
        starts.map(|place| (place, cells[self.cell(place)]))
    }

    /// The cell of a place.
    #[inline]
    fn cell(&self, place: u8) -> usize {
        let word = usize::from(place >> 6);
        let changes = self.changes[word] << (63 - (place & 63));
        self.first as usize + usize::from(self.before[word]) + changes.count_ones() as usize
    }

    /// Lets `cell` hold from `place` on. Places must come in ascending order, 0 first.
    fn set(&mut self, place: u8, cell: u16, cells: &mut Vec<u16>) {
        let bit = 1 << (place & 63);
        let word = &mut self.changes[usize::from(place >> 6)];
        if place == 0 || *word & bit != 0 {
            cells.truncate(cells.len() - 1);
        } else {
            *word |= bit;
        }
        cells.push(cell);
    }

    /// A line whose place 0 has `cell`.
    fn new(cell: u16, cells: &mut Vec<u16>) -> Self {
        let first = index(cells.len());
        cells.push(cell);
        Self { first, ..Self::default() }
    }

    fn finished(mut self) -> Self {
        let mut sum = 0;
        for (before, word) in self.before.iter_mut().zip(self.changes) {
            *before = sum;
            // At most 192 before the last word; the sum behind it is not used.
            sum = sum.wrapping_add(u8::try_from(word.count_ones()).unwrap_or(64));
        }
        self
    }
}

/// What grows while the lines of /16s are made, in the order of addresses.
#[derive(Default)]
struct Build<'i> {
    cells: Vec<u16>,
    splits: Vec<Split<'i>>,
    /// The code of the last address so far.
    code: u16,
}

impl<'i> Build<'i> {
    fn line_of_16(&mut self, intervals: &'i [Interval<u32>]) -> Line {
        let mut line = Line::new(self.code, &mut self.cells);
        line.deeper = index(SLOTS + self.splits.len());
        let mut escape = ESCAPE;
        for chunk in intervals.chunk_by(|a, b| a.start >> 8 == b.start >> 8) {
            let [.., place, within] = chunk[0].start.to_be_bytes();
            let before = std::mem::replace(&mut self.code, code(chunk[chunk.len() - 1]));
            if chunk.len() == 1 && within == 0 {
                line.set(place, self.code, &mut self.cells);
                continue;
            }
            line.set(place, escape, &mut self.cells);
            escape = escape.wrapping_add(1); // 256 at most: wraps only behind the last
            self.splits.push(Split { before, intervals: chunk });
            if let Some(next) = place.checked_add(1) {
                line.set(next, self.code, &mut self.cells);
            }
        }
        line.finished()
    }
}

/// A /24 that changes code within.
struct Split<'i> {
    /// The code of the address before it.
    before: u16,
    intervals: &'i [Interval<u32>],
}

impl Split<'_> {
    fn line(self, cells: &mut Vec<u16>) -> Line {
        let mut line = Line::new(self.before, cells);
        for interval in self.intervals {
            let [.., place] = interval.start.to_be_bytes();
            line.set(place, code(*interval), cells);
        }
        line.finished()
    }
}

/// The places of the bits that are set.
fn ones(mut word: u64) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let bit = u8::try_from(word.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
        word &= word - 1;
        Some(bit)
    })
}

fn code(interval: Interval<u32>) -> u16 {
    u16::try_from(interval.code).expect("`lines_for` refuses larger codes")
}

/// A place among cells or lines: there are never more than addresses.
fn index(place: usize) -> u32 {
    u32::try_from(place).expect("fewer than 2^32")
}
