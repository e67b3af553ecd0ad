//! The shelf as threads share it: what is decided and what is noted in one turn. Under `--cfg shuttle`
//! the lock is a model checker's (`make models`).

#[cfg(all(test, shuttle))]
mod models;

use std::sync::{Arc, PoisonError};
#[cfg(not(shuttle))]
use std::sync::{RwLock, RwLockWriteGuard};

#[cfg(shuttle)]
use shuttle::sync::{RwLock, RwLockWriteGuard};
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use crate::error::Error;
use crate::load::Loaded;
use crate::server_table::ServerTable;
use crate::shelf::{Glance, Landing, Look, Shelf};

/// A shelf behind a lock, which is held for a moment only.
#[derive(Debug)]
pub(crate) struct Locked(RwLock<Shelf>);

/// What one that wants a table does.
#[derive(Debug)]
pub(crate) enum Boarding {
    /// It takes this one.
    Table(Arc<ServerTable>),
    /// It leaves the server alone.
    Failing(Error),
    /// It waits for a flight of others.
    Joins(watch::Receiver<Landing>),
    /// It fetches the table, for all who come meanwhile.
    Starts(Departure),
}

/// A flight that has been noted and is to be started.
#[derive(Debug)]
pub(crate) struct Departure {
    /// Perhaps it is still what is held.
    pub(crate) held: Option<Arc<Loaded>>,
    pub(crate) landing: watch::Sender<Landing>,
    pub(crate) flight: watch::Receiver<Landing>,
}

impl Locked {
    pub(crate) fn new(shelf: Shelf) -> Self {
        Self(RwLock::new(shelf))
    }

    /// What is at hand of a server, and whether it is time to fetch.
    pub(crate) fn glance(&self, server: &Url, now: Instant) -> Glance {
        let seen = self.0.read().unwrap_or_else(PoisonError::into_inner).peek(server, now);
        seen.unwrap_or_else(|| self.write().glance(server, now))
    }

    /// Does what a look at the shelf leads to: where that is to fetch, the flight is noted in the same
    /// turn, so that it is one for all.
    pub(crate) fn board(
        &self,
        server: &Url,
        now: Instant,
        look: impl FnOnce(&mut Shelf) -> Look,
    ) -> Boarding {
        let mut all = self.write();
        match look(&mut all) {
            Look::Fresh(table) | Look::Stale(table) => Boarding::Table(table),
            Look::Failing(error) => Boarding::Failing(error),
            Look::Flying(flight) => Boarding::Joins(flight),
            Look::Fetch(held) => Boarding::Starts(departed(&mut all, server, held, now)),
        }
    }

    /// For all else there is to note.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Shelf> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn departed(shelf: &mut Shelf, server: &Url, held: Option<Arc<Loaded>>, now: Instant) -> Departure {
    let (landing, flight) = watch::channel(None);
    shelf.take_off(server, flight.clone(), now);
    Departure { held, landing, flight }
}
