//! What is held of one server, and how it failed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use super::{Asker, Glance, Landing, State, is_under_way};
use crate::error::Error;
use crate::load::Loaded;
use crate::reach::Reach;
use crate::server_table::ServerTable;

/// How long a server that failed is left alone: twice as long each time, unless it says how long.
/// One that says "now", or names a time that is past, is not asked at each announce for that. This is
/// the first pause after what may pass soon, such as a body that broke off; one whose host cannot be
/// reached is left alone as [`Reach`] says.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_secs(5);
/// The first pause of a server that refuses, or sends what we refuse.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(30);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// How long past its life a table is still used while its server cannot be reached, as RFC 8767
/// does it for DNS: guidance an hour old is better than none, and marked.
pub(super) const LONGEST_STALE: Duration = Duration::from_secs(3_600);

/// One server.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) held: Option<Arc<Loaded>>,
    /// What is held, marked as out of date, while the server cannot be reached.
    stale: Option<Arc<ServerTable>>,
    failure: Option<Failure>,
    pub(super) flight: Option<watch::Receiver<Landing>>,
    pub(super) used: Instant,
}

/// How a server failed last.
#[derive(Debug)]
struct Failure {
    error: Error,
    times: u32,
    /// Until when it is left alone; `None` as long as a host cannot be reached.
    until: Option<Instant>,
}

impl Entry {
    /// Nothing is known of it.
    pub(super) fn new(now: Instant) -> Self {
        Self { held: None, stale: None, failure: None, flight: None, used: now }
    }

    pub(super) fn glance(&self, server: &Url, reach: &Reach, now: Instant) -> Glance {
        let table = self.best(Asker::Announces, now).cloned();
        Glance { table, state: self.state(server, reach, now) }
    }

    /// Whether its server wants what is held forgotten by now.
    pub(super) fn is_to_be_forgotten(&self, now: Instant) -> bool {
        self.held.as_ref().is_some_and(|held| held.life.is_to_be_forgotten(now))
    }

    pub(super) fn is_flying(&self) -> bool {
        self.flight.as_ref().is_some_and(is_under_way)
    }

    /// Why the server is left alone now. What is held is looked after by its own fetches.
    pub(super) fn pausing<'a>(
        &'a self,
        server: &Url,
        reach: &'a Reach,
        now: Instant,
    ) -> Option<&'a Error> {
        match &self.failure {
            Some(Failure { error, until: Some(until), .. }) => (now < *until).then_some(error),
            Some(Failure { error, until: None, .. }) => reach.away(&error.uri, now),
            None if self.held.is_none() => reach.away(server, now),
            None => None,
        }
    }

    /// What is fresh, or stale.
    pub(super) fn best(&self, asker: Asker, now: Instant) -> Option<&Arc<ServerTable>> {
        let fresh = self.held.as_ref().filter(|held| held.is_fresh(asker, now));
        fresh.map(|held| &held.table).or_else(|| self.stale(now))
    }

    /// What is held although it has expired, while its server cannot be reached.
    pub(super) fn stale(&self, now: Instant) -> Option<&Arc<ServerTable>> {
        let expired = self.held.as_ref()?.life.by_http().until();
        let age = now.saturating_duration_since(expired);
        self.stale.as_ref().filter(|_| age < LONGEST_STALE)
    }

    /// Takes a new table in place of what is held; how many octets that makes free.
    pub(super) fn hold(&mut self, loaded: Loaded) -> usize {
        let octets = self.let_go();
        (self.failure, self.held) = (None, Some(Arc::new(loaded)));
        octets
    }

    /// Notes that its server answers.
    pub(super) fn recover(&mut self) {
        (self.failure, self.stale) = (None, None);
    }

    /// Drops the table; how many octets that makes free.
    pub(super) fn let_go(&mut self) -> usize {
        self.stale = None; // it has the same maps
        self.held.take().map_or(0, |held| held.table.bytes())
    }

    pub(super) fn state(&self, server: &Url, reach: &Reach, now: Instant) -> State {
        let is_young = |held: &Arc<Loaded>| {
            let life = held.life.for_announces();
            life.holds(now) && life.left(now) >= life.lifetime() / 5
        };
        if self.held.as_ref().is_some_and(is_young) {
            State::Rest
        } else if self.is_flying() {
            State::Flying
        } else if self.pausing(server, reach, now).is_some() {
            State::Failing
        } else {
            State::Due
        }
    }

    /// Notes a failure. What a server refuses, or what we refuse, is no reason to go by what it
    /// said before.
    pub(super) fn fail(&mut self, error: Error, now: Instant) {
        let held = self.held.as_ref().filter(|held| error.is_passing() && held.life.may_be_stale);
        self.stale = held.map(|held| Arc::new(held.table.out_of_date(&error)));
        let times = self.failure.as_ref().map_or(0, |failure| failure.times);
        self.failure = Some(if error.is_unreachable() {
            Failure { error, times, until: None }
        } else {
            let first = if error.is_passing() { SHORTEST_PAUSE } else { FIRST_PAUSE };
            let pause = first.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX));
            let pause = error.retry_after().unwrap_or(pause).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            Failure { error, times: times + 1, until: Some(now + pause) }
        });
    }
}

impl Loaded {
    pub(super) fn is_fresh(&self, asker: Asker, now: Instant) -> bool {
        let validity = match asker {
            Asker::Waiting => self.life.by_http(),
            Asker::Announces => self.life.for_announces(),
        };
        validity.holds(now)
    }
}
