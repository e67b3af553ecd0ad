//! What is held of each server, and which of them fails. Pure.

mod entry;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use crate::error::Error;
use crate::load::Loaded;
use crate::reach::Reach;
use crate::server_table::ServerTable;
use entry::Entry;

/// Servers of which anything is remembered. Of most it is a failure or a small table.
const MOST_SERVERS: usize = 10_000;

/// What came of a flight, once it has.
pub(crate) type Landing = Option<Result<Arc<ServerTable>, Error>>;

/// The servers, within a number of octets for their tables.
#[derive(Debug)]
pub(crate) struct Shelf {
    servers: HashMap<Url, Entry>,
    reach: Reach,
    octets: usize,
    most_octets: usize,
}

/// Who asks for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// One that waits, and gets what HTTP allows.
    Waiting,
    /// Announces, which do not.
    Announces,
}

/// What is to be done about a server.
#[derive(Debug)]
pub(crate) enum Look {
    /// Nothing: here it is.
    Fresh(Arc<ServerTable>),
    /// Nothing yet: the server cannot be reached; here is what it said before, marked as such.
    Stale(Arc<ServerTable>),
    /// Wait for what is under way.
    Flying(watch::Receiver<Landing>),
    /// Nothing yet: it failed a short time ago.
    Failing(Error),
    /// Fetch it; perhaps it is still what is held.
    Fetch(Option<Arc<Loaded>>),
}

/// What is at hand of a server, at a moment.
#[derive(Clone, Debug)]
pub struct Glance {
    /// Its table, if it is fresh, or marked as stale while the server cannot be reached.
    pub table: Option<Arc<ServerTable>>,
    /// What there is to do about it.
    pub state: State,
}

/// What there is to do about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing: its table will do for a while.
    Rest,
    /// Its table is to be fetched: it is missing or in the last fifth of its life.
    Due,
    /// Its table is being fetched.
    Flying,
    /// It failed a short time ago and is left alone.
    Failing,
}

/// How exactly the time of the last use is known.
const NOTED: Duration = Duration::from_secs(1);

impl Shelf {
    /// An empty one.
    pub(crate) fn new(most_octets: usize) -> Self {
        let (servers, reach) = Default::default();
        Self { servers, reach, octets: 0, most_octets }
    }

    /// The table of a server, if it is fresh, or the best there is.
    pub(crate) fn known(&mut self, server: &Url, now: Instant) -> Option<Arc<ServerTable>> {
        self.touch(server, now);
        self.servers.get(server)?.best(Asker::Announces, now).cloned()
    }

    /// How long what is held of a server stays fresh, as HTTP says.
    pub(crate) fn fresh_for(&self, server: &Url, now: Instant) -> Option<Duration> {
        let held = self.servers.get(server)?.held.as_ref()?;
        Some(held.life.by_http().left(now))
    }

    /// Why a server is left alone now, if it failed a short time ago.
    pub(crate) fn failing(&self, server: &Url, now: Instant) -> Option<Error> {
        self.servers.get(server)?.pausing(server, &self.reach, now).cloned()
    }

    /// What is to be done to have the table of a server.
    pub(crate) fn look(&mut self, server: &Url, asker: Asker, now: Instant) -> Look {
        self.touch(server, now);
        let Some(entry) = self.servers.get(server) else {
            let away = self.reach.away(server, now);
            return away.map_or(Look::Fetch(None), |error| Look::Failing(error.clone()));
        };
        if let Some(held) = entry.held.as_ref().filter(|held| held.is_fresh(asker, now)) {
            return Look::Fresh(Arc::clone(&held.table));
        }
        if let Some(flight) = entry.flight.as_ref().filter(|flight| is_under_way(flight)) {
            return Look::Flying(flight.clone());
        }
        match (entry.pausing(server, &self.reach, now), entry.stale(now)) {
            (Some(_), Some(table)) => Look::Stale(Arc::clone(table)),
            (Some(error), None) => Look::Failing(error.clone()),
            (None, _) => Look::Fetch(entry.held.clone().filter(|held| held.life.may_be_kept)),
        }
    }

    /// What is to be done now so that there is no gap when the table expires: it is fetched again
    /// in the last fifth of its life.
    pub(crate) fn look_ahead(&mut self, server: &Url, now: Instant) -> Look {
        let look = self.look(server, Asker::Announces, now);
        match (&look, self.servers.get(server)) {
            (Look::Fresh(_), Some(entry))
                if entry.state(server, &self.reach, now) == State::Due =>
            {
                Look::Fetch(entry.held.clone().filter(|held| held.life.may_be_kept))
            }
            _ => look,
        }
    }

    /// What is at hand of a server, and whether it is time to fetch.
    pub(crate) fn glance(&mut self, server: &Url, now: Instant) -> Glance {
        self.touch(server, now);
        match self.servers.get(server) {
            Some(entry) => entry.glance(server, &self.reach, now),
            None => self.of_the_host(server, now).unwrap_or(Glance::NOTHING),
        }
    }

    /// Notes that somebody wants to know of a server, and forgets what its server wants forgotten.
    fn touch(&mut self, server: &Url, now: Instant) {
        let Some(entry) = self.servers.get_mut(server) else { return };
        entry.used = now;
        if entry.is_to_be_forgotten(now) {
            self.octets -= entry.let_go();
        }
    }

    /// The same as [`glance`](Self::glance) for threads that share the shelf: nothing if there is
    /// something to note, a use more than a second after the last or what is to be forgotten.
    pub(crate) fn peek(&self, server: &Url, now: Instant) -> Option<Glance> {
        let Some(entry) = self.servers.get(server) else { return self.of_the_host(server, now) };
        let is_noted = now.saturating_duration_since(entry.used) < NOTED;
        let is_told = is_noted && !entry.is_to_be_forgotten(now);
        is_told.then(|| entry.glance(server, &self.reach, now))
    }

    /// What is at hand of a server that was never asked, if others at its host could not be.
    fn of_the_host(&self, server: &Url, now: Instant) -> Option<Glance> {
        self.reach.away(server, now).map(|_| Glance { state: State::Failing, ..Glance::NOTHING })
    }

    /// Notes that a server's table is being fetched.
    pub(crate) fn take_off(
        &mut self,
        server: &Url,
        flight: watch::Receiver<Landing>,
        now: Instant,
    ) {
        self.make_room(now);
        self.reach.take_off(server, &flight, now);
        let entry = self.servers.entry(server.clone());
        entry.or_insert_with(|| Entry::new(now)).flight = Some(flight);
    }

    /// Notes what came. A new table takes the place of the old one at once and as a whole; if the
    /// server cannot be reached, the old one is what there is.
    pub(crate) fn land(
        &mut self,
        server: &Url,
        result: Result<Loaded, Error>,
        now: Instant,
    ) -> Result<Arc<ServerTable>, Error> {
        match &result {
            Ok(_) => self.reach.replied(server),
            Err(error) if !error.is_ours() => self.reach.failed(server, error, now),
            Err(_) => {}
        }
        let Some(entry) = self.servers.get_mut(server) else {
            return result.map(|loaded| loaded.table);
        };
        entry.flight = None;
        match result {
            Ok(loaded) => {
                let table = Arc::clone(&loaded.table);
                self.octets -= entry.hold(loaded);
                self.octets += table.bytes();
                self.shrink(server);
                Ok(table)
            }
            Err(error) => {
                if !error.is_ours() {
                    entry.fail(error.clone(), now);
                }
                entry.best(Asker::Waiting, now).cloned().ok_or(error)
            }
        }
    }

    /// Notes that a server failed to answer a question of another kind.
    pub(crate) fn failed(&mut self, server: &Url, error: &Error, now: Instant) {
        if error.is_ours() {
            return;
        }
        self.reach.failed(server, error, now);
        if let Some(entry) = self.servers.get_mut(server) {
            entry.fail(error.clone(), now);
        }
    }

    /// Notes that it did answer one.
    pub(crate) fn succeeded(&mut self, server: &Url) {
        self.reach.replied(server);
        if let Some(entry) = self.servers.get_mut(server) {
            entry.recover();
        }
    }

    /// Octets of all tables held.
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    /// Drops the tables used longest ago until the rest fits; never that of `newest`.
    fn shrink(&mut self, newest: &Url) {
        while self.octets > self.most_octets {
            let others = self.servers.iter_mut();
            let others = others.filter(|(uri, entry)| entry.held.is_some() && *uri != newest);
            let Some((_, oldest)) = others.min_by_key(|(_, entry)| entry.used) else { return };
            self.octets -= oldest.let_go();
        }
    }

    /// Forgets the server used longest ago if there are too many; a fifth of them at once, so that
    /// this is rare.
    fn make_room(&mut self, now: Instant) {
        if self.servers.len() < MOST_SERVERS {
            return;
        }
        let mut used: Vec<Instant> = self.servers.values().map(|entry| entry.used).collect();
        used.sort_unstable();
        let oldest = used.get(used.len() / 5).copied().unwrap_or(now);
        let octets = &mut self.octets;
        self.servers.retain(|_, entry| {
            let keep = entry.used > oldest || entry.is_flying();
            if !keep {
                *octets -= entry.let_go();
            }
            keep
        });
    }
}

impl Glance {
    /// Nothing is known of the server.
    const NOTHING: Self = Self { table: None, state: State::Due };
}

/// Whether a flight is: one whose task was dropped never lands.
pub(crate) fn is_under_way(flight: &watch::Receiver<Landing>) -> bool {
    flight.has_changed().is_ok()
}

#[cfg(test)]
mod tests;
