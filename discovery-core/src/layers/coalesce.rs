//! Equal questions in flight are one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::deadline::within;
use super::flights::{Boarding, Flight, Flights, Landing, Question, Reply};
use super::limit::full;
use crate::{Answer, Backend, BoxFuture, Call, Cause, Error, Known, Peer, Setting, Trace, code};

/// Asks equal questions (same prefix, same peer ID) once while they are in flight.
///
/// The layer owns the flights: they run as tasks of the tokio runtime on which the first caller
/// runs, with the time that the backend below allows them and not the first caller's. So a caller
/// that gives up cancels nothing for the others, and each caller waits until its own deadline. A
/// flight that panics is `unavailable` with code `internal` for those who waited for it and for
/// nobody else. What a peer sent does not reach the backend below. Flights end when the layer is
/// dropped.
///
/// A call that asks anew ([`Freshness::Refresh`](crate::Freshness)) shares a flight only with
/// others that do; a call for which remembered facts will do joins either.
#[derive(Debug)]
pub struct Coalesce {
    inner: Arc<dyn Backend>,
    flights: Arc<Flights>,
    tasks: Mutex<JoinSet<()>>,
    most: usize,
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

    /// The longest flight, should the backend below never end.
    const LONGEST: Duration = Duration::from_secs(60);

    /// Merges equal calls to `inner`.
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        Self::with_flights(inner, Self::FLIGHTS.default)
    }

    /// Merges equal calls to `inner`, at most `most` different ones at once.
    pub fn with_flights(inner: Arc<dyn Backend>, most: usize) -> Self {
        let most = Self::FLIGHTS.clamp(most);
        Self { inner, flights: Arc::new(Flights::new(most)), tasks: Mutex::default(), most }
    }

    /// How many different questions are under way.
    pub fn under_way(&self) -> usize {
        self.flights.len()
    }

    async fn join(&self, peer: &Peer<'_>, call: &Call) -> Reply {
        let question = Question { peer: peer.without_hints(), freshness: call.freshness };
        let runtime = Handle::try_current().map_err(|_| self.lost("there is no tokio runtime"))?;
        let landing = match self.flights.board(question) {
            Boarding::Joined(landing) => landing,
            Boarding::Started(flight, landing) => self.start(&runtime, flight, *call, landing),
            Boarding::Full => return Err(full(self.name(), self.most)),
        };
        let reply = async { landing.reply().await.unwrap_or_else(|| Err(self.lost("it failed"))) };
        within(call, self.name(), reply).await
    }

    fn start(&self, runtime: &Handle, flight: Flight, call: Call, landing: Landing) -> Landing {
        let inner = self.inner.clone();
        let task = async move {
            let deadline = Some(Instant::now() + Self::LONGEST);
            let call = Call { deadline, ..call };
            let reply = within(&call, inner.name(), inner.discover(flight.peer(), &call)).await;
            flight.land(reply);
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, runtime);
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
        Box::pin(self.join(peer, call))
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        self.inner.known(&peer.without_hints(), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::{self, Fake, Kind, peer, seconds};
    use crate::{Freshness, Hints};
    use std::borrow::Cow;
    use tokio::task::yield_now;

    const REFRESH: Call = Call { deadline: None, freshness: Freshness::Refresh };

    fn slow(ms: u64) -> Arc<Fake> {
        Arc::new(Fake::new("a", move |_, _, _| {
            (Duration::from_millis(ms), Kind::Answer.reply("a"))
        }))
    }

    /// A call to the layer as a task of its own.
    fn spawn(
        layer: &Arc<Coalesce>,
        peer: Peer<'static>,
        call: Call,
    ) -> tokio::task::JoinHandle<Reply> {
        let layer = layer.clone();
        tokio::spawn(async move { layer.discover(&peer, &call).await })
    }

    /// A thousand callers, one question, one answer; a caller that comes later asks anew.
    #[tokio::test(start_paused = true)]
    async fn equal_questions_are_asked_once() {
        let inner = slow(100);
        let layer = Arc::new(Coalesce::new(inner.clone()));
        let callers: Vec<_> =
            (0..1_000).map(|_| spawn(&layer, peer("192.0.2.7"), Call::default())).collect();
        let other = spawn(&layer, peer("192.0.2.8"), Call::default());
        for caller in callers {
            assert!(caller.await.unwrap().is_ok());
        }
        assert!(other.await.unwrap().is_ok());
        assert_eq!((inner.asked(), layer.under_way()), (2, 0));
        assert!(spawn(&layer, peer("192.0.2.7"), Call::default()).await.unwrap().is_ok());
        assert_eq!(inner.asked(), 3);
    }

    /// What a peer sent makes no difference, and does not reach the backend.
    #[tokio::test(start_paused = true)]
    async fn hints_stay_above() {
        let inner = Fake::new("a", |peer, _, _| {
            assert_eq!(*peer.hints(), Hints::None);
            (seconds(1), Kind::Answer.reply("a"))
        });
        let inner = Arc::new(inner);
        let layer = Arc::new(Coalesce::new(inner.clone()));
        let claiming = |text: &'static [u8]| {
            spawn(
                &layer,
                peer("192.0.2.7").with_hints(Hints::HttpQuery(Cow::Borrowed(text))),
                Call::default(),
            )
        };
        let (one, two) = (claiming(b"alto=x"), claiming(b"alto=y"));
        assert!(one.await.unwrap().is_ok() && two.await.unwrap().is_ok());
        assert_eq!(inner.asked(), 1);
    }

    /// The first caller gives up, by being dropped or by its deadline: the others get their answer.
    #[tokio::test(start_paused = true)]
    async fn giving_up_cancels_nothing_for_others() {
        let inner = slow(1_000);
        let layer = Arc::new(Coalesce::new(inner.clone()));
        let dropped = spawn(&layer, peer("192.0.2.7"), Call::default());
        yield_now().await;
        let hasty = spawn(&layer, peer("192.0.2.7"), Call::until(Instant::now() + seconds(1) / 2));
        let patient = spawn(&layer, peer("192.0.2.7"), Call::default());
        yield_now().await;
        dropped.abort();
        let error = hasty.await.unwrap().unwrap_err();
        assert_eq!((error.code(), error.backend()), (code::TIMEOUT, Some("a")));
        assert!(patient.await.unwrap().is_ok());
        assert_eq!((inner.asked(), inner.ended()), (1, 1));
    }

    /// A flight that panics fails those who waited for it, as a failure of ours, and leaves the
    /// question open for the next.
    #[tokio::test(start_paused = true)]
    async fn a_panic_fails_only_its_own() {
        let inner = Fake::new("a", |asked, _, number| {
            assert!(number > 0 || *asked != peer("192.0.2.7"), "as the test wants");
            (seconds(1), Kind::Answer.reply("a"))
        });
        let layer = Arc::new(Coalesce::new(Arc::new(inner)));
        let lost = spawn(&layer, peer("192.0.2.7"), Call::default());
        let other = spawn(&layer, peer("192.0.2.8"), Call::default());
        let error = lost.await.unwrap().unwrap_err();
        assert_eq!(error.code(), code::INTERNAL);
        assert_eq!(Kind::of(&Err(error)), Kind::Unavailable);
        assert!(other.await.unwrap().is_ok());
        assert!(spawn(&layer, peer("192.0.2.7"), Call::default()).await.unwrap().is_ok());
        assert_eq!(layer.under_way(), 0);
    }

    /// Each kind of failure arrives as what it is at every caller.
    #[tokio::test(start_paused = true)]
    async fn failures_stay_what_they_are() {
        for kind in Kind::ALL {
            let inner = Fake::new("a", move |_, _, _| (seconds(1), kind.reply("a")));
            let layer = Arc::new(Coalesce::new(Arc::new(inner)));
            let callers = [(); 3].map(|()| spawn(&layer, peer("192.0.2.7"), Call::default()));
            for caller in callers {
                assert_eq!(Kind::of(&caller.await.unwrap()), kind);
            }
        }
    }

    /// Asking anew does not join a flight that may be told remembered facts; the reverse does.
    #[tokio::test(start_paused = true)]
    async fn asking_anew_really_asks() {
        let inner = slow(1_000);
        let layer = Arc::new(Coalesce::new(inner.clone()));
        let calls = [Call::default(), REFRESH, Call::default(), REFRESH];
        let callers = calls.map(|call| spawn(&layer, peer("192.0.2.7"), call));
        for caller in callers {
            assert!(caller.await.unwrap().is_ok());
        }
        assert_eq!(inner.asked(), 2);
    }

    /// Hung flights are bounded in number and in time.
    #[tokio::test(start_paused = true)]
    async fn flights_are_bounded() {
        let layer = Arc::new(Coalesce::with_flights(slow(3_600_000), 1));
        let hung = spawn(&layer, peer("192.0.2.7"), Call::default());
        yield_now().await;
        let over = spawn(&layer, peer("192.0.2.8"), Call::default()).await.unwrap();
        assert_eq!(over.unwrap_err().code(), code::LIMIT);
        assert_eq!(hung.await.unwrap().unwrap_err().code(), code::TIMEOUT);
        assert_eq!(layer.under_way(), 0);
    }

    /// Dropping the layer ends its flights; a runtime that ends under a flight loses only that.
    #[test]
    fn flights_end_with_layer_and_runtime() {
        let inner = slow(10);
        let layer = Coalesce::new(inner.clone());
        let asked = peer("192.0.2.7");
        let give_up = async |layer: &Coalesce| {
            let call = Call::until(Instant::now() + Duration::from_millis(5));
            assert!(layer.discover(&asked, &call).await.is_err());
        };
        testing::run(give_up(&layer));
        assert_eq!((inner.asked(), layer.under_way()), (1, 0), "lost with its runtime");
        testing::run(async {
            give_up(&layer).await;
            drop(layer);
            tokio::time::sleep(seconds(1)).await;
        });
        assert_eq!((inner.asked(), inner.ended()), (2, 0));
    }
}
