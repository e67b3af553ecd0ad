//! Peers in the order of their addresses, and the log of their changes.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::{Ask, Role};
use crate::random::{Random, scrambled};
use crate::record::Record;
use crate::sorted::{CHUNK, Sorted};

/// The peers of a swarm.
#[derive(Debug)]
pub(crate) struct Peers<R> {
    leechers: Sorted<Peer<R>>,
    seeders: Sorted<Peer<R>>,
    /// The last changes, the newest last; empty while nobody follows.
    log: VecDeque<Change<R>>,
    /// Changes ever logged.
    logged: u64,
    keep_log: bool,
    /// Where the search for expired peers goes on: behind this one.
    sweep: (Role, Option<Peer<R>>),
    /// The last minute heard of.
    minute: u16,
}

/// A record that came or went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<R> {
    pub(crate) record: R,
    pub(crate) role: Role,
    pub(crate) added: bool,
}

/// A record and the minute in which it was seen; ordered and equal by record.
#[derive(Clone, Copy, Debug)]
struct Peer<R> {
    record: R,
    seen: u16,
}

impl<R: Record> Peers<R> {
    pub(crate) fn add(&mut self, record: R, role: Role, minute: u16) {
        self.minute = minute;
        let peer = Peer { record, seen: minute };
        if self.list_mut(role).put(peer).is_some() {
            return;
        }
        let other = if role == Role::Leecher { Role::Seeder } else { Role::Leecher };
        if self.list_mut(other).take(&peer).is_some() {
            self.note(Change { record, role: other, added: false });
        }
        self.note(Change { record, role, added: true });
    }

    pub(crate) fn remove(&mut self, record: &R) -> bool {
        let peer = Peer { record: *record, seen: 0 };
        let role = [Role::Leecher, Role::Seeder]
            .into_iter()
            .find(|role| self.list_mut(*role).take(&peer).is_some());
        if let Some(role) = role {
            self.note(Change { record: *record, role, added: false });
        }
        role.is_some()
    }

    pub(crate) fn expire(&mut self, minute: u16, lifetime: u16, budget: usize) -> usize {
        self.minute = minute;
        let (mut left, mut removed) = (budget, 0);
        let mut ends = 0;
        // From within one list: its rest, the other list, and its beginning.
        while left > 0 && ends < 3 {
            let (role, last) = self.sweep;
            let behind = self.list(role).behind(last.as_ref());
            let looked = &behind[..behind.len().min(left)];
            let Some(last) = looked.last().copied() else {
                ends += 1;
                self.sweep =
                    (if role == Role::Leecher { Role::Seeder } else { Role::Leecher }, None);
                continue;
            };
            left -= looked.len();
            let old = |peer: &&Peer<R>| minute.wrapping_sub(peer.seen) > lifetime;
            let expired: Vec<R> = looked.iter().filter(old).map(|peer| peer.record).collect();
            self.sweep = (role, Some(last));
            removed += expired.len();
            for record in expired {
                self.remove(&record);
            }
        }
        removed
    }

    pub(crate) fn count(&self, role: Role) -> usize {
        self.list(role).len()
    }

    /// How many peers may be offered to one of this role, itself counted if it is here.
    pub(crate) fn offered(&self, role: Role) -> usize {
        self.lists_for(role).map(Sorted::len).sum()
    }

    /// Appends all peers for a requester.
    pub(crate) fn everyone(&self, ask: &Ask<'_, R>, out: &mut Vec<R>) {
        let all = self.lists_for(ask.role).flat_map(Sorted::chunks).flatten();
        out.extend(all.map(|peer| peer.record).filter(|record| *record != ask.requester));
    }

    /// About `most` peers for a requester, and at least so many if there are: runs of neighbours,
    /// evenly apart.
    pub(crate) fn sample(&self, ask: &Ask<'_, R>, most: usize, random: &mut Random) -> Vec<R> {
        let mut sample = Vec::with_capacity(most + CHUNK);
        let offered = self.offered(ask.role).max(1);
        for list in self.lists_for(ask.role).filter(|list| list.len() > 0) {
            // One more, for the requester may be met.
            let share = ((most + 1) * list.len()).div_ceil(offered);
            // Runs so long that all chunks together have enough, however uneven they are.
            let run = (CHUNK * share).div_ceil(list.len()).clamp(RUN, CHUNK);
            let enough = sample.len() + share;
            for chunk in spread(list.chunks(), share.div_ceil(run), random) {
                let run = run.min(chunk.len()).min(enough - sample.len());
                let start = random.below(chunk.len() - run + 1);
                sample.extend(chunk[start..start + run].iter().map(|peer| peer.record));
                if sample.len() == enough {
                    break;
                }
            }
        }
        sample.retain(|record| *record != ask.requester);
        sample
    }

    /// Appends up to `ask.k` peers drawn at random from those not in `out`.
    pub(crate) fn add_random(&self, ask: &Ask<'_, R>, out: &mut Vec<R>) {
        let lists: Vec<_> = self.lists_for(ask.role).filter(|list| list.len() > 0).collect();
        let offered = self.offered(ask.role);
        let mut taken = Taken::new(out, ask.requester);
        let enough = out.len().saturating_add(ask.k);
        let mut random = Random::new(ask.seed);
        if offered / 2 <= enough {
            let all = lists.iter().copied().flat_map(Sorted::chunks).flatten();
            let free = all.map(|peer| peer.record).filter(|record| taken.is_free(record, out));
            let mut free: Vec<R> = free.collect();
            let count = free.len();
            for at in 0..ask.k.min(count) {
                free.swap(at, at + random.below(count - at));
            }
            out.extend(free.into_iter().take(ask.k));
            return;
        }
        // At least half of the peers are free, so this ends soon.
        while out.len() < enough {
            let first = random.below(offered) < lists[0].len();
            let record = lists[usize::from(!first)].draw(&mut random).record;
            if taken.is_free(&record, out) {
                taken.mark(&record);
                out.push(record);
            }
        }
    }

    /// The records behind one, at most `most`, of one chunk; and whether there are none.
    pub(crate) fn behind(&self, role: Role, last: Option<&R>, most: usize) -> (Vec<R>, bool) {
        let last = last.map(|record| Peer { record: *record, seen: 0 });
        let behind = self.list(role).behind(last.as_ref());
        (behind.iter().take(most).map(|peer| peer.record).collect(), behind.is_empty())
    }

    /// The last minute heard of.
    pub(crate) fn minute(&self) -> u16 {
        self.minute
    }

    /// Changes ever logged.
    pub(crate) fn logged(&self) -> u64 {
        self.logged
    }

    /// Whether somebody follows the changes.
    pub(crate) fn keep_log(&mut self, keep: bool) {
        self.keep_log = keep;
        if !keep {
            self.log = VecDeque::new();
        }
    }

    /// The changes behind the first `seen`, oldest first, at most `most`; `None` if the log no
    /// longer goes back so far.
    pub(crate) fn changes_since(&self, seen: u64, most: usize) -> Option<Vec<Change<R>>> {
        let pending = usize::try_from(self.logged - seen).ok()?;
        let start = self.log.len().checked_sub(pending)?;
        Some(self.log.iter().skip(start).take(most).copied().collect())
    }

    /// Memory they hold, in octets.
    pub(crate) fn bytes(&self) -> usize {
        let log = self.log.capacity() * size_of::<Change<R>>();
        self.leechers.bytes() + self.seeders.bytes() + log
    }

    fn note(&mut self, change: Change<R>) {
        if !self.keep_log {
            return;
        }
        // A view that lags further behind is made anew: that costs about as much.
        let most = (self.leechers.len() + self.seeders.len()).max(LOG * 8) / 8;
        while self.log.len() >= most {
            self.log.pop_front();
        }
        self.log.push_back(change);
        self.logged += 1;
    }

    fn list(&self, role: Role) -> &Sorted<Peer<R>> {
        match role {
            Role::Leecher => &self.leechers,
            Role::Seeder => &self.seeders,
        }
    }

    fn list_mut(&mut self, role: Role) -> &mut Sorted<Peer<R>> {
        match role {
            Role::Leecher => &mut self.leechers,
            Role::Seeder => &mut self.seeders,
        }
    }

    /// The lists that are offered to a peer of this role.
    fn lists_for(&self, role: Role) -> impl Iterator<Item = &Sorted<Peer<R>>> {
        let seeders = (role == Role::Leecher).then_some(&self.seeders);
        std::iter::once(&self.leechers).chain(seeders)
    }
}

/// The least length of a run in a sample: neighbours share memory lines.
const RUN: usize = 16;
/// Changes that are logged at least.
const LOG: usize = 64;

/// All chunks from a random one on, those about `count` apart first.
fn spread<'c, T>(
    chunks: &'c [Vec<T>],
    count: usize,
    random: &mut Random,
) -> impl Iterator<Item = &'c Vec<T>> + use<'c, T> {
    let first = random.below(chunks.len());
    let stride = (chunks.len() / count).max(1);
    (0..stride)
        .flat_map(move |offset| (offset..chunks.len()).step_by(stride))
        .map(move |at| &chunks[(first + at) % chunks.len()])
}

/// Which records are taken: a hint in bits, since comparing with each would cost more.
struct Taken<R> {
    bits: [u64; 64],
    requester: R,
}

impl<R: Record> Taken<R> {
    fn new(out: &[R], requester: R) -> Self {
        let mut taken = Self { bits: [0; 64], requester };
        for record in out {
            taken.mark(record);
        }
        taken
    }

    fn mark(&mut self, record: &R) {
        let (word, bit) = Self::place(record);
        self.bits[word] |= bit;
    }

    fn is_free(&self, record: &R, out: &[R]) -> bool {
        let (word, bit) = Self::place(record);
        let may_be_taken = self.bits[word] & bit != 0;
        *record != self.requester && !(may_be_taken && out.contains(record))
    }

    fn place(record: &R) -> (usize, u64) {
        let [high, low, ..] = scrambled(record.bits()).to_be_bytes();
        (usize::from(high % 64), 1 << (low % 64))
    }
}

impl<R: Record> Default for Peers<R> {
    fn default() -> Self {
        Self {
            leechers: Sorted::default(),
            seeders: Sorted::default(),
            log: VecDeque::new(),
            logged: 0,
            keep_log: false,
            sweep: (Role::Leecher, None),
            minute: 0,
        }
    }
}

impl<R: Ord> Ord for Peer<R> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.record.cmp(&other.record)
    }
}

impl<R: Ord> PartialOrd for Peer<R> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R: Eq> PartialEq for Peer<R> {
    fn eq(&self, other: &Self) -> bool {
        self.record == other.record
    }
}

impl<R: Eq> Eq for Peer<R> {}
