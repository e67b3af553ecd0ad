//! A swarm grouped by the PIDs of one map, to choose from without a scan.

mod choice;
mod groups;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::record::Record;
use crate::swarm::{Ask, Change, Peers, Role};
use crate::{Pid, Table};
use choice::Choice;
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
    pub(crate) fn choose(&self, consumer: Pid, ask: &Ask<R>, window: u16, out: &mut Vec<R>) {
        Choice::new(&self.table, &self.groups, consumer, ask, window).run(out);
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
