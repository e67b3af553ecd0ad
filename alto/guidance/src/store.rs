//! Server URI to table: each fetched once for all who ask, kept while it is fresh, replaced as a
//! whole.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use crate::answers::Answers;
use crate::error::{Error, Fault};
use crate::load::Loader;
use crate::locked::{Boarding, Departure, Locked};
use crate::server_table::ServerTable;
use crate::shelf::{Asker, Glance, Landing, Shelf};

/// The tables of servers. Its lock is held for a moment only, never while something is awaited.
pub(crate) struct Store {
    pub(crate) loader: Loader,
    shelf: Locked,
    answers: Mutex<Answers>,
    tell: OnceLock<Tell>,
}

/// What came of fetching a server's table.
#[derive(Clone, Copy, Debug)]
pub struct Told<'t> {
    /// The server.
    pub server: &'t Url,
    /// Its table, or why there is none.
    pub outcome: Result<&'t ServerTable, &'t Error>,
}

/// Whom that is told.
pub(crate) type Tell = Box<dyn Fn(Told<'_>) + Send + Sync>;

impl Store {
    /// An empty store.
    pub(crate) fn new(loader: Loader) -> Self {
        let shelf = Locked::new(Shelf::new(loader.config.memory));
        let answers = Mutex::new(Answers::new(loader.config.ecs_memory));
        Self { loader, shelf, answers, tell: OnceLock::new() }
    }

    /// Tells what comes of each fetch from now on.
    pub(crate) fn tell(&self, tell: Tell) {
        self.tell.set(tell).ok(); // the first one stays
    }

    /// The table of a server if it is fresh, or its server cannot be reached: no I/O, no waiting.
    pub(crate) fn known(&self, server: &Url, now: Instant) -> Option<Arc<ServerTable>> {
        self.shelf.write().known(server, now)
    }

    /// How long what is held of a server stays fresh, as HTTP says.
    pub(crate) fn fresh_for(&self, server: &Url, now: Instant) -> Option<Duration> {
        self.shelf.write().fresh_for(server, now)
    }

    /// Why a server is left alone now, if it failed a short time ago.
    pub(crate) fn failing(&self, server: &Url) -> Option<Error> {
        self.shelf.write().failing(server, Instant::now())
    }

    /// What is at hand of a server, and whether it is time to fetch.
    pub(crate) fn glance(&self, server: &Url, now: Instant) -> Glance {
        self.shelf.glance(server, now)
    }

    /// The table of a server, fetched if need be. Whoever gives up cancels nothing for others.
    pub(crate) async fn get(
        self: &Arc<Self>,
        server: &Url,
        asker: Asker,
    ) -> Result<Arc<ServerTable>, Error> {
        let now = Instant::now();
        let boarding = self.shelf.board(server, now, |shelf| shelf.look(server, asker, now));
        let mut flight = match boarding {
            Boarding::Table(table) => return Ok(table),
            Boarding::Failing(error) => return Err(error),
            Boarding::Joins(flight) => flight,
            Boarding::Starts(departure) => self.start(server, departure),
        };
        let landed = flight.wait_for(Option::is_some).await;
        let landed = landed.ok().and_then(|landing| landing.clone());
        landed.unwrap_or_else(|| Err(Error::new(server, Fault::BrokenOff)))
    }

    /// Starts to fetch the table of a server if it is missing or about to expire. Needs a tokio
    /// runtime around it; does not wait.
    pub(crate) fn prepare(self: &Arc<Self>, server: &Url) {
        let now = Instant::now();
        let boarding = self.shelf.board(server, now, |shelf| shelf.look_ahead(server, now));
        if let Boarding::Starts(departure) = boarding {
            self.start(server, departure);
        }
    }

    /// Notes how a server answered a question of another kind.
    pub(crate) fn note<T>(&self, server: &Url, answer: &Result<T, Error>) {
        match answer {
            Ok(_) => self.shelf.write().succeeded(server),
            Err(error) => self.shelf.write().failed(server, error, Instant::now()),
        }
    }

    /// Octets of all tables held.
    pub(crate) fn octets(&self) -> usize {
        self.shelf.write().octets()
    }

    /// The endpoint costs that are kept.
    pub(crate) fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: &Arc<Self>, server: &Url, departure: Departure) -> watch::Receiver<Landing> {
        let Departure { held, landing, flight } = departure;
        let (store, server) = (Arc::clone(self), server.clone());
        tokio::spawn(async move {
            let result = store.loader.load(&server, held.as_deref()).await;
            if let Some(tell) = store.tell.get() {
                let outcome = result.as_ref().map(|loaded| &*loaded.table);
                tell(Told { server: &server, outcome });
            }
            let landed = store.shelf.write().land(&server, result, Instant::now());
            landing.send_replace(Some(landed));
        });
        flight
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Store");
        told.field("loader", &self.loader).field("shelf", &self.shelf);
        told.field("answers", &self.answers).finish_non_exhaustive()
    }
}
