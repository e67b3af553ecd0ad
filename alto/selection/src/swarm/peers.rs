//! Peers in the order of their addresses, and the log of their changes.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::{Ask, Role};
use crate::record::Record;
use crate::sorted::Sorted;

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
pub(super) struct Peer<R> {
    pub(super) record: R,
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
    pub(crate) fn everyone(&self, ask: &Ask<R>, out: &mut Vec<R>) {
        let all = self.lists_for(ask.role).flat_map(Sorted::chunks).flatten();
        out.extend(all.map(|peer| peer.record).filter(|record| *record != ask.requester));
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

    pub(super) fn list(&self, role: Role) -> &Sorted<Peer<R>> {
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
    pub(super) fn lists_for(&self, role: Role) -> impl Iterator<Item = &Sorted<Peer<R>>> {
        let seeders = (role == Role::Leecher).then_some(&self.seeders);
        std::iter::once(&self.leechers).chain(seeders)
    }
}

/// Changes that are logged at least.
const LOG: usize = 64;

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
