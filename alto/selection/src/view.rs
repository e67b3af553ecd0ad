//! A swarm grouped by the PIDs of one map, to choose from without a scan.

mod groups;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::random::Random;
use crate::record::Record;
use crate::swarm::{Ask, Change, Peers, Role};
use crate::table::{Order, Step};
use crate::{Pid, Table};
use groups::Groups;

/// A swarm as one map sees it. It is made piece by piece from the swarm's own order and then kept
/// up by the swarm's log of changes; as long as it lags behind, it is not chosen from.
#[derive(Debug)]
pub(crate) struct View<R> {
    table: Arc<Table>,
    groups: Groups<R>,
    /// The role whose peers are being grouped, and the last one grouped; `None` when all are.
    making: Option<(Role, Option<R>)>,
    /// Changes of the swarm it has seen.
    seen: u64,
    /// The minute in which it was used last.
    used: AtomicU16,
}

impl<R: Record> View<R> {
    pub(crate) fn new(table: Arc<Table>, peers: &Peers<R>) -> Self {
        let groups = Groups::new(table.costs().pids());
        let making = Some((Role::Leecher, None));
        Self { table, groups, making, seen: peers.logged(), used: AtomicU16::new(peers.minute()) }
    }

    /// Whether it shows the swarm as it is.
    pub(crate) fn ready(&self, peers: &Peers<R>) -> bool {
        self.making.is_none() && self.seen == peers.logged()
    }

    /// Groups what is missing, at most `budget` records now; whether it is ready then.
    pub(crate) fn advance(&mut self, peers: &Peers<R>, budget: usize) -> bool {
        let Some(changes) = peers.changes_since(self.seen, budget) else {
            // The log no longer goes back so far.
            *self = Self::new(self.table.clone(), peers);
            return self.advance(peers, budget);
        };
        let mut left = budget - changes.len();
        self.seen += changes.len() as u64;
        // A change may concern a record that was grouped after it; in the end the last one wins.
        self.apply(&changes);
        while let Some((role, last)) = self.making
            && left > 0
        {
            let (records, end) = peers.behind(role, last.as_ref(), left);
            left -= records.len();
            let added = |record: &R| Change { record: *record, role, added: true };
            self.apply(&records.iter().map(added).collect::<Vec<_>>());
            self.making = match (end, role) {
                (false, _) => Some((role, records.last().copied())),
                (true, Role::Leecher) => Some((Role::Seeder, None)),
                (true, Role::Seeder) => None,
            };
        }
        self.ready(peers)
    }

    /// Appends the best peers for a consumer, fewer than asked for only if there are no more.
    pub(crate) fn choose(&self, order: &Order, ask: &Ask<'_, R>, out: &mut Vec<R>) {
        let mut own = [None];
        R::pids(self.table.prefixes(), &[ask.requester.address()], &mut own);
        let mut choice = Choice {
            groups: &self.groups,
            role: ask.role,
            requester: ask.requester,
            own: Pid::code(own[0]) as usize,
            random: Random::new(ask.seed),
            left: ask.k,
            out,
        };
        for class in order.steps().chunk_by(|_, next| next.ties()) {
            choice.take(class);
            if choice.left == 0 {
                break;
            }
        }
    }

    /// Notes that it was used now.
    pub(crate) fn touch(&self, minute: u16) {
        // A write would take the line from other threads' caches at each choice.
        if self.used.load(Ordering::Relaxed) != minute {
            self.used.store(minute, Ordering::Relaxed);
        }
    }

    /// Minutes since it was used.
    pub(crate) fn idle(&self, minute: u16) -> u16 {
        minute.wrapping_sub(self.used.load(Ordering::Relaxed))
    }

    /// Memory it holds, in octets, without the table.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.groups.bytes()
    }

    fn apply(&mut self, changes: &[Change<R>]) {
        let addresses: Vec<_> = changes.iter().map(|change| change.record.address()).collect();
        let mut pids = vec![None; changes.len()];
        R::pids(self.table.prefixes(), &addresses, &mut pids);
        for (change, pid) in changes.iter().zip(pids) {
            let code = Pid::code(pid) as usize;
            if change.added {
                self.groups.put(code, change.role, change.record);
            } else {
                self.groups.take(code, change.role, &change.record);
            }
        }
    }
}

/// A choice under way.
struct Choice<'a, R> {
    groups: &'a Groups<R>,
    role: Role,
    requester: R,
    /// The code of the requester's PID: the only one whose groups it may be in.
    own: usize,
    random: Random,
    left: usize,
    out: &'a mut Vec<R>,
}

impl<R: Record> Choice<'_, R> {
    /// Takes all of a class of equal costs, or as many as are wanted from a random place on.
    fn take(&mut self, class: &[Step]) {
        let size: usize = class.iter().map(|step| self.size(step.code())).sum();
        if size <= self.left {
            if size > 0 {
                self.copy(class, 0);
            }
            return;
        }
        // The class is a ring: each member is as likely as any other.
        let start = self.random.below(size);
        self.copy(class, start);
        self.copy(class, 0);
    }

    #[inline]
    fn size(&self, code: usize) -> usize {
        let others = |group: &groups::Group<R>| {
            let is_here = code == self.own && group.contains(&self.requester);
            group.len() - usize::from(is_here)
        };
        self.groups.of(code, self.role).map(others).sum()
    }

    /// Copies what is left to take from the class, the first `skip` records passed over.
    fn copy(&mut self, class: &[Step], mut skip: usize) {
        for step in class {
            for piece in self.groups.of(step.code(), self.role).flat_map(groups::Group::pieces) {
                for piece in without(piece, &self.requester, step.code() == self.own) {
                    let passed = skip.min(piece.len());
                    skip -= passed;
                    let taken = self.left.min(piece.len() - passed);
                    self.out.extend_from_slice(&piece[passed..passed + taken]);
                    self.left -= taken;
                }
                if self.left == 0 {
                    return;
                }
            }
        }
    }
}

/// A piece in two, one record left out if it is there.
#[inline]
fn without<'p, R: Record>(piece: &'p [R], record: &R, may_be: bool) -> [&'p [R]; 2] {
    match may_be.then(|| piece.binary_search(record)) {
        Some(Ok(place)) => [&piece[..place], &piece[place + 1..]],
        _ => [piece, &[]],
    }
}
