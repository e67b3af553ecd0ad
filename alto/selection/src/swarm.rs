//! The peers of one torrent and family, and the choice among them.

mod draw;
#[cfg(all(test, shuttle))]
mod models;
mod peers;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use crate::among::choose_among;
use crate::random::Random;
use crate::record::Record;
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::view::View;
use crate::{Pid, Table};
pub(crate) use draw::Taken;
pub(crate) use peers::{Change, Peers};

/// What a peer still wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It downloads.
    Leecher,
    /// It has everything: it is not offered to its like.
    Seeder,
}

/// The peers of one torrent and address family, shared by threads.
///
/// The peers themselves are in the order of their addresses and know no map. For each map in use
/// there may be a view, which groups them by PID: from it the best k are chosen by visiting the
/// nearest groups only. Views are made piece by piece ([`build`](Self::build)) and follow the
/// swarm through a short log of its changes, so that adding a peer costs the same whatever the
/// number of views; without a ready view the choice is made from a sample of fixed size.
///
/// One lock guards a swarm: choices share it, changes hold it for well under a microsecond. A
/// tracker has many swarms, so its threads rarely meet at one.
#[derive(Debug)]
pub struct Swarm<R> {
    inner: RwLock<Inner<R>>,
    view_octets: usize,
}

#[derive(Debug)]
struct Inner<R> {
    peers: Peers<R>,
    /// By the address of the table, which the view keeps alive.
    views: BTreeMap<usize, View<R>>,
    /// Minutes within which promotions are counted together.
    window: u16,
}

/// One question: which k peers for this one?
#[derive(Clone, Copy, Debug)]
pub struct Ask<R> {
    /// The peer that asks, which is never in the answer.
    pub requester: R,
    /// What it wants: seeders get no seeders.
    pub role: Role,
    /// How many peers at most.
    pub k: usize,
    /// How many of them one PID may have where they are chosen by cost (those in no PID count as
    /// one); `usize::MAX` for any number. With it there may be fewer peers than asked for.
    pub pid_cap: usize,
    /// In how many thousandths of the replies that a map shaped within ten minutes a candidate may be
    /// promoted; 1,000 for any number. From the 20th reply on those promoted more often are passed
    /// over for others of equal cost, never for dearer ones. It does not concern candidates as near as
    /// those of the consumer's own PID, nor choices from samples and lists.
    pub promoted_most: u16,
    /// Rotates peers of equal cost: give each request its own, such as a count.
    pub seed: u64,
}

/// From what a choice was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// There were no more peers than asked for.
    Everyone,
    /// A view: no better choice exists.
    View,
    /// A sample, the view not being ready: [`Swarm::build`] it.
    Sample,
}

/// How far a view is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Built {
    /// It shows the swarm as it is.
    Ready,
    /// More calls are needed.
    Partly,
    /// It would take more than the swarm's views may; it was dropped.
    NoRoom,
}

/// The changes that a choice may make up for itself, a few microseconds' worth.
const CATCH_UP: usize = 256;
/// Peers looked at without a view, per peer asked for, and at least.
const SAMPLE: (usize, usize) = (4, 256);

impl<R: Record> Swarm<R> {
    /// No peers; `view_octets` bounds its views together.
    pub fn new(view_octets: usize) -> Self {
        Self::in_steps(view_octets, 10)
    }

    /// The same for whoever counts in other steps than minutes, of which so many are ten minutes (at
    /// least one): wherever a minute is spoken of, it is such a step.
    pub fn in_steps(view_octets: usize, ten_minutes: u16) -> Self {
        let (peers, window) = (Peers::default(), ten_minutes.max(1));
        let inner = Inner { peers, views: BTreeMap::new(), window };
        Self { inner: RwLock::new(inner), view_octets }
    }

    /// Adds a peer, or notes that it was seen again, maybe in another role, in this minute. Minutes
    /// may wrap around.
    pub fn add(&self, record: R, role: Role, minute: u16) {
        self.write().peers.add(record, role, minute);
    }

    /// Removes a peer; whether it was there.
    pub fn remove(&self, record: &R) -> bool {
        self.write().peers.remove(record)
    }

    /// Removes peers not seen for more than `lifetime` minutes, looking at no more than `budget`;
    /// the next call goes on from there. Gives how many were removed.
    pub fn expire(&self, minute: u16, lifetime: u16, budget: usize) -> usize {
        self.write().peers.expire(minute, lifetime, budget)
    }

    /// How many peers of a role there are.
    pub fn count(&self, role: Role) -> usize {
        self.read().peers.count(role)
    }

    /// Replaces `out` by the best peers for a consumer, which is in this PID of this table: as many
    /// as asked for, if there are so many and no PID is capped, and those whose cost is known first.
    ///
    /// Never waits for anything but short work of other threads on this swarm; it may make the
    /// table's order for the consumer.
    pub fn choose(
        &self,
        table: &Arc<Table>,
        consumer: Pid,
        ask: &Ask<R>,
        out: &mut Vec<R>,
    ) -> Basis {
        out.clear();
        self.caught_up(table, ask, |inner| inner.choose(table, consumer, ask, out))
    }

    /// Replaces `out` by a whole reply to `ask`: the best for a consumer in at most `places` of it, as
    /// [`choose`](Self::choose) has them, and peers drawn at random from the others in the rest. Gives
    /// also how many were chosen. One lock is taken for both.
    pub fn reply(
        &self,
        table: &Arc<Table>,
        consumer: Pid,
        places: usize,
        ask: &Ask<R>,
        out: &mut Vec<R>,
    ) -> (Basis, usize) {
        out.clear();
        let best = Ask { k: places.min(ask.k), ..*ask };
        self.caught_up(table, &best, |inner| {
            let basis = inner.choose(table, consumer, &best, out);
            let chosen = out.len();
            let rest = Ask { k: ask.k - chosen, seed: !ask.seed, ..*ask };
            inner.peers.add_random(&rest, out);
            (basis, chosen)
        })
    }

    /// Replaces `out` by peers drawn at random, as many as asked for, if there are so many.
    pub fn random(&self, ask: &Ask<R>, out: &mut Vec<R>) {
        out.clear();
        self.add_random(ask, out);
    }

    /// Appends up to `ask.k` peers drawn at random from those not in `out`.
    pub fn add_random(&self, ask: &Ask<R>, out: &mut Vec<R>) {
        self.read().peers.add_random(ask, out);
    }

    /// Brings the view for a map forward by at most `budget` peers, starting it if there is none.
    /// If views take more than they may, those used longest ago are dropped.
    pub fn build(&self, table: &Arc<Table>, budget: usize) -> Built {
        let inner = &mut *self.write();
        inner.peers.keep_log(true);
        let view = inner.views.entry(key(table));
        let view = view.or_insert_with(|| View::new(table.clone(), &inner.peers));
        view.touch(inner.peers.minute());
        let ready = view.advance(&inner.peers, budget);
        inner.make_room(self.view_octets, key(table));
        match (inner.views.contains_key(&key(table)), ready) {
            (false, _) => Built::NoRoom,
            (true, true) => Built::Ready,
            (true, false) => Built::Partly,
        }
    }

    /// Drops the views not used for `minutes`: 0 drops all.
    pub fn drop_views(&self, minutes: u16) {
        let inner = &mut *self.write();
        let now = inner.peers.minute();
        inner.views.retain(|_, view| view.idle(now) < minutes);
        inner.peers.keep_log(!inner.views.is_empty());
    }

    /// Memory its peers hold, in octets.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.read().peers.bytes()
    }

    /// Memory its views hold, in octets.
    pub fn view_bytes(&self) -> usize {
        self.read().views.values().map(View::bytes).sum()
    }

    /// What `then` makes of the swarm, the view for a table having caught up with a few changes.
    fn caught_up<T>(
        &self,
        table: &Arc<Table>,
        ask: &Ask<R>,
        then: impl FnOnce(&Inner<R>) -> T,
    ) -> T {
        let inner = self.read();
        let lags = |view: &View<R>| !view.ready(&inner.peers);
        let is_chosen_from = inner.peers.offered(ask.role) > ask.k;
        if !is_chosen_from || !inner.views.get(&key(table)).is_some_and(lags) {
            return then(&inner);
        }
        drop(inner);
        let inner = &mut *self.write();
        if let Some(view) = inner.views.get_mut(&key(table)) {
            view.advance(&inner.peers, CATCH_UP);
        }
        then(inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner<R>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner<R>> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Record> Inner<R> {
    fn choose(&self, table: &Arc<Table>, consumer: Pid, ask: &Ask<R>, out: &mut Vec<R>) -> Basis {
        if self.peers.offered(ask.role) <= ask.k {
            self.peers.everyone(ask, out);
            return Basis::Everyone;
        }
        match self.views.get(&key(table)).filter(|view| view.ready(&self.peers)) {
            Some(view) => self.choose_from(view, consumer, ask, out),
            None => self.choose_from_sample(table, consumer, ask, out),
        }
    }

    fn choose_from(&self, view: &View<R>, consumer: Pid, ask: &Ask<R>, out: &mut Vec<R>) -> Basis {
        view.touch(self.peers.minute());
        view.choose(consumer, ask, self.peers.minute() / self.window, out);
        Basis::View
    }

    /// The best of a sample spread evenly over the order of addresses.
    fn choose_from_sample(
        &self,
        table: &Table,
        consumer: Pid,
        ask: &Ask<R>,
        out: &mut Vec<R>,
    ) -> Basis {
        let (per_peer, least) = SAMPLE;
        let mut random = Random::new(ask.seed);
        let sample = self.peers.sample(ask, (per_peer * ask.k).max(least), &mut random);
        choose_among(&sample, table, consumer, ask, out);
        Basis::Sample
    }

    fn make_room(&mut self, most: usize, newest: usize) {
        let mut octets: usize = self.views.values().map(View::bytes).sum();
        let now = self.peers.minute();
        while octets > most {
            let others = self.views.iter().filter(|(key, _)| **key != newest);
            let oldest = others.max_by_key(|(_, view)| view.idle(now)).map(|(key, _)| *key);
            let Some(view) = self.views.remove(&oldest.unwrap_or(newest)) else { break };
            octets -= view.bytes();
        }
        self.peers.keep_log(!self.views.is_empty());
    }
}

/// A table's place in memory names it as long as its view keeps it.
fn key(table: &Arc<Table>) -> usize {
    Arc::as_ptr(table).addr()
}

#[cfg(test)]
mod tests;
