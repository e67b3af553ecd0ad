//! Records by PID and role.

use crate::record::Record;
use crate::sorted::{CHUNK, Sorted};
use crate::swarm::Role;

/// The records of each PID (by its code) and role, as sorted runs ready to be copied.
///
/// Which groups exist is a bit each, so that passing over a PID nobody is in costs a bit test.
#[derive(Debug)]
pub(super) struct Groups<R> {
    /// Two bits per code: leechers, seeders.
    words: Vec<u64>,
    /// Groups that exist before each word.
    before: Vec<u32>,
    /// Per existing group, in the order of the bits: its place in `store`.
    slots: Vec<u32>,
    store: Vec<Group<R>>,
    free: Vec<u32>,
    /// Octets on the heap of all groups.
    heap: usize,
}

/// The groups of a code by their places among all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    first: usize,
    count: usize,
}

/// Records in ascending order. In real swarms most groups are tiny, and one may be the whole swarm.
#[derive(Debug)]
pub(super) enum Group<R> {
    One(R),
    Few(Vec<R>),
    Many(Box<Sorted<R>>),
}

impl<R: Record> Groups<R> {
    /// No records; codes go from 0 to `pids`.
    pub(super) fn new(pids: usize) -> Self {
        let words = (pids + 1).div_ceil(32);
        Self {
            words: vec![0; words],
            before: vec![0; words],
            slots: Vec::new(),
            store: Vec::new(),
            free: Vec::new(),
            heap: 0,
        }
    }

    /// Where the groups of a code are that may be offered to a peer of this role.
    #[inline]
    pub(super) fn span(&self, code: usize, to: Role) -> Span {
        let (word, shift) = (code / 32, code % 32 * 2);
        match self.words[word] >> shift & offered(to) {
            0 => Span { first: 0, count: 0 },
            // Two bits at most, so no count of bits, which processors of old have to compute.
            present => Span { first: self.rank(word, shift), count: 1 + usize::from(present == 3) },
        }
    }

    /// The groups there, as long as none comes or goes.
    #[inline]
    pub(super) fn at(&self, span: Span) -> impl Iterator<Item = &Group<R>> {
        let slots = &self.slots[span.first..span.first + span.count];
        slots.iter().map(|slot| &self.store[*slot as usize])
    }

    /// Whether a code has groups that may be offered to a peer of this role.
    #[inline]
    pub(super) fn has(&self, code: usize, to: Role) -> bool {
        self.words[code / 32] >> (code % 32 * 2) & offered(to) != 0
    }

    /// How many groups there are.
    pub(super) fn count(&self) -> usize {
        self.slots.len()
    }

    /// The codes that have groups which may be offered to a peer of this role, ascending.
    pub(super) fn codes(&self, to: Role) -> impl Iterator<Item = usize> {
        let offered = offered(to) * (u64::MAX / 3); // at each code of a word
        self.words.iter().zip(0..).flat_map(move |(word, at): (_, usize)| {
            // One bit for both roles of a code.
            let mut codes = word & offered;
            codes = (codes | codes >> 1) & (u64::MAX / 3);
            std::iter::from_fn(move || {
                let bit = codes.trailing_zeros() as usize;
                codes &= codes.checked_sub(1)?;
                Some(at * 32 + bit / 2)
            })
        })
    }

    /// Puts a record into its group; nothing happens if it is there already.
    pub(super) fn put(&mut self, code: usize, role: Role, record: R) {
        let (word, bit) = place(code, role);
        let rank = self.rank(word, bit);
        if self.words[word] >> bit & 1 == 0 {
            let slot = self.keep(Group::One(record));
            self.slots.insert(rank, slot);
            self.words[word] |= 1 << bit;
            self.before[word + 1..].iter_mut().for_each(|before| *before += 1);
            return;
        }
        let group = &mut self.store[self.slots[rank] as usize];
        self.heap -= group.heap();
        group.put(record);
        self.heap += group.heap();
    }

    /// Takes a record out of its group; nothing happens if it is not there.
    pub(super) fn take(&mut self, code: usize, role: Role, record: &R) {
        let (word, bit) = place(code, role);
        if self.words[word] >> bit & 1 == 0 {
            return;
        }
        let rank = self.rank(word, bit);
        let slot = self.slots[rank];
        let group = &mut self.store[slot as usize];
        self.heap -= group.heap();
        let empty = group.take(record);
        self.heap += group.heap();
        if empty {
            self.slots.remove(rank);
            self.free.push(slot);
            self.words[word] &= !(1 << bit);
            self.before[word + 1..].iter_mut().for_each(|before| *before -= 1);
        }
    }

    /// Memory they hold, in octets.
    pub(super) fn bytes(&self) -> usize {
        self.words.capacity() * (size_of::<u64>() + size_of::<u32>())
            + (self.slots.capacity() + self.free.capacity()) * size_of::<u32>()
            + self.store.capacity() * size_of::<Group<R>>()
            + self.heap
    }

    /// Groups that exist before this bit.
    #[inline]
    fn rank(&self, word: usize, bit: usize) -> usize {
        let below = self.words[word] & ((1 << bit) - 1);
        self.before[word] as usize + below.count_ones() as usize
    }

    fn keep(&mut self, group: Group<R>) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.store[slot as usize] = group;
            return slot;
        }
        self.store.push(group);
        u32::try_from(self.store.len() - 1).unwrap_or(u32::MAX) // two per PID at most
    }
}

/// The bits, of a code's two, of groups that may be offered to a peer of this role.
fn offered(to: Role) -> u64 {
    if to == Role::Seeder { 1 } else { 3 }
}

/// The word and the bit of a group.
fn place(code: usize, role: Role) -> (usize, usize) {
    (code / 32, code % 32 * 2 + usize::from(role == Role::Seeder))
}

impl<R: Record> Group<R> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Few(records) => records.len(),
            Self::Many(records) => records.len(),
        }
    }

    pub(super) fn contains(&self, record: &R) -> bool {
        match self {
            Self::One(own) => own == record,
            Self::Few(records) => records.binary_search(record).is_ok(),
            Self::Many(records) => records.contains(record),
        }
    }

    /// The records in ascending order, piece by piece.
    #[inline]
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[R]> {
        let (first, chunks): (&[R], &[Vec<R>]) = match self {
            Self::One(record) => (std::slice::from_ref(record), &[]),
            Self::Few(records) => (records, &[]),
            Self::Many(records) => (&[], records.chunks()),
        };
        std::iter::once(first).chain(chunks.iter().map(Vec::as_slice))
    }

    fn put(&mut self, record: R) {
        match self {
            Self::One(own) if *own == record => {}
            Self::One(own) => *self = Self::Few(vec![record.min(*own), record.max(*own)]),
            Self::Few(records) => {
                let Err(place) = records.binary_search(&record) else { return };
                records.insert(place, record);
                if records.len() > CHUNK {
                    *self = Self::Many(Box::new(Sorted::from_sorted(records)));
                }
            }
            Self::Many(records) => {
                records.put(record);
            }
        }
    }

    /// Takes a record out; whether none is left then.
    fn take(&mut self, record: &R) -> bool {
        match self {
            Self::One(own) => return own == record,
            Self::Few(records) => {
                if let Ok(place) = records.binary_search(record) {
                    records.remove(place);
                }
                if let [last] = records[..] {
                    *self = Self::One(last);
                }
            }
            Self::Many(records) => {
                records.take(record);
                if records.len() <= CHUNK / 2 {
                    *self = Self::Few(records.chunks().concat());
                }
            }
        }
        false
    }

    /// Octets on the heap.
    fn heap(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Few(records) => records.capacity() * size_of::<R>(),
            Self::Many(records) => size_of::<Sorted<R>>() + records.bytes(),
        }
    }
}
