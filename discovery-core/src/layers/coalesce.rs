//! Equal questions in flight are one.

#[cfg(all(test, shuttle))]
mod models;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::deadline::within;
use super::flights::{Boarding, Flight, Flights, Landing, Question, Reply};
use super::limit::full;
use super::sync::{self, Mutex};
use crate::{
    Answer, Backend, BoxFuture, Call, Cause, Error, Freshness, Known, Peer, Setting, Trace,
    Validity, code,
};

/// Asks equal questions (same prefix, same peer ID) once while they are in flight.
///
/// The layer owns the flights: they run as tasks of the tokio runtime on which the first caller
/// runs, with time of their own ([`lasting`](Self::lasting)) and not the first caller's. So a caller
/// that gives up cancels nothing for the others, and each caller waits until its own deadline; how
/// long a discovery takes is for whoever builds the stack to say, not for a call. A
/// flight that panics is `unavailable` with code `internal` for those who waited for it and for
/// nobody else. What a peer sent does not reach the backend below. Flights end when the layer is
/// dropped.
///
/// A call that asks anew ([`Freshness::Refresh`]) shares a flight only with others that do; a call
/// for which remembered facts will do joins either, and needs no flight for what the backend below
/// knows already.
///
/// Above a [`Cache`](super::Cache) it sees to it that what was found is kept even if all callers
/// have given up, and that nobody asks again between the reply and its keeping.
#[derive(Debug)]
pub struct Coalesce {
    inner: Arc<dyn Backend>,
    flights: Arc<Flights>,
    tasks: Mutex<JoinSet<()>>,
    most: usize,
    longest: Duration,
}

impl Coalesce {
    /// How many flights there may be at once; over that, a call is unavailable at once.
    pub const FLIGHTS: Setting<usize> = Setting {
        key: "coalesce.flights",
        default: 1_024,
        floor: 1,
        ceiling: 65_536,
        source: "decision: well above what `Limit` lets through, so that it is there to bound memory",
    };

    /// How long a flight may take if nothing else is said, should the backend below never end.
    const LONGEST: Duration = Duration::from_secs(60);

    /// Merges equal calls to `inner`.
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        Self::with_flights(inner, Self::FLIGHTS.default)
    }

    /// Merges equal calls to `inner`, at most `most` different ones at once.
    pub fn with_flights(inner: Arc<dyn Backend>, most: usize) -> Self {
        let most = Self::FLIGHTS.clamp(most);
        let flights = Arc::new(Flights::new(most));
        Self { inner, flights, tasks: Mutex::default(), most, longest: Self::LONGEST }
    }

    /// Gives each flight `longest` from its start (60 s if not set). The backend below is told, so
    /// that it can share the time out among its questions; what misses it is unavailable with code
    /// `timeout`.
    #[must_use]
    pub fn lasting(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// How many different questions are under way.
    pub fn under_way(&self) -> usize {
        self.flights.len()
    }

    async fn join(&self, peer: Peer<'static>, call: &Call) -> Reply {
        if call.freshness == Freshness::Cached
            && let Some(reply) = self.at_hand(&peer, Instant::now())
        {
            return reply;
        }
        let question = Question { peer, freshness: call.freshness };
        let runtime = Handle::try_current().map_err(|_| self.lost("there is no tokio runtime"))?;
        let landing = match self.flights.board(question) {
            Boarding::Joined(landing) => landing,
            Boarding::Started(flight, landing) => self.start(&runtime, flight, *call, landing),
            Boarding::Full => return Err(full(self.name(), self.most)),
        };
        let reply = async { landing.reply().await.unwrap_or_else(|| Err(self.lost("it failed"))) };
        within(call, self.name(), reply).await
    }

    /// What is known below, unless it is so old that a cache may want to hear of the call, to ask
    /// again before the end.
    fn at_hand(&self, peer: &Peer<'_>, now: Instant) -> Option<Reply> {
        let is_young = |validity: Validity| validity.left(now) > validity.lifetime() / 4;
        match self.inner.known(peer, now) {
            Known::Fresh(answer) if is_young(answer.validity) => Some(Ok(answer)),
            Known::None(none) if is_young(none.validity) => Some(Err(Error::NoServer(none))),
            _ => None,
        }
    }

    fn start(&self, runtime: &Handle, flight: Flight, call: Call, landing: Landing) -> Landing {
        let inner = self.inner.clone();
        let call = Call { deadline: Some(Instant::now() + self.longest), ..call };
        let task = async move {
            let reply = within(&call, inner.name(), inner.discover(flight.peer(), &call)).await;
            flight.land(reply);
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        sync::spawn(&mut tasks, task, runtime);
        landing
    }

    fn lost(&self, how: &str) -> Error {
        let cause = Cause::new(code::INTERNAL, format!("the discovery did not take place: {how}"));
        Error::Unavailable {
            backend: self.name(),
            retry_after: None,
            cause,
            trace: Trace::default(),
        }
    }
}

impl Backend for Coalesce {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(self.join(peer.without_hints(), call))
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        self.inner.known(&peer.without_hints(), now)
    }
}
