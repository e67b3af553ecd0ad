//! The backend: searches from the starting servers, many at once.

use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{
    Answer, Backend, BoxFuture, Call, Cause, Error, Freshness, Known, Origin, Peer, Policy, Trace,
    code,
};
use alto_fetch::Fetcher;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::batches::Batches;
use crate::config::RedirectConfig;
use crate::directories::Directories;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::flights::Place;
use crate::request::Question;
use crate::walk::{Lives, Next, Walk};
use crate::{NAME, UNKNOWN_PEER};

/// Discovery by asking an ALTO server that redirects (approaches 2 and 4).
///
/// An answer holds for the address asked about and, if the peer has an ID, for that ID alone: more is
/// not proven. It never says "none": there is no message by which a server could say so. A server that
/// does not know a peer is no proof that nobody speaks for it.
#[derive(Debug)]
pub struct RedirectBackend {
    servers: Vec<Url>,
    policy: Policy,
    timeout: Duration,
    lives: Lives,
    fetcher: Arc<Fetcher>,
    directories: Directories,
    batches: Arc<Batches>,
}

impl RedirectBackend {
    /// A backend that starts at the servers of the configuration. Reads files at most; connections
    /// are made and tasks started only by [`discover`](Backend::discover), on the runtime that it is
    /// called on.
    ///
    /// # Errors
    /// [`Error::Config`] if a value is out of bounds, or no server is named that may be contacted.
    pub fn new(config: &RedirectConfig, policy: Policy) -> Result<Self, Error> {
        config.check(policy)?;
        Self::with_fetcher(config, policy, Arc::new(Fetcher::new(&config.fetch, policy)?))
    }

    /// A backend that fetches by this client, whose policy should be the same.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_fetcher(
        config: &RedirectConfig,
        policy: Policy,
        fetcher: Arc<Fetcher>,
    ) -> Result<Self, Error> {
        config.check(policy)?;
        let exchange =
            Arc::new(Exchange { fetcher: Arc::clone(&fetcher), patience: config.timeout });
        Ok(Self {
            servers: config.servers.clone(),
            policy,
            timeout: config.timeout,
            lives: Lives { least: config.ttl_min, most: config.ttl_max },
            fetcher,
            directories: Directories::new(Arc::clone(&exchange), config.ttl_min),
            batches: Arc::new(Batches::new(exchange, config.batch)),
        })
    }

    /// Tries one starting server after the other; each gets its share of the time left.
    async fn search(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        let question = self.question(peer)?;
        let end = call.end_within(self.timeout, Instant::now());
        let mut failed = Failed::default();
        for (at, server) in self.servers.iter().enumerate() {
            let mut walk = Walk::new(question.clone(), server, self.fetcher.hops(), self.policy);
            let left = end.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(self.servers.len() - at).unwrap_or(u32::MAX);
            self.follow(&mut walk, Instant::now() + share, call.freshness).await;
            let was_sent_on = walk.has_left_its_start();
            match walk.outcome(peer, self.lives, Instant::now()) {
                Ok(answer) => return Ok(Arc::new(failed.before(answer))),
                Err(error) => failed.add(error, was_sent_on),
            }
        }
        Err(failed.verdict())
    }

    /// Walks to the end, or until the time is over.
    async fn follow(&self, walk: &mut Walk, end: Instant, freshness: Freshness) {
        let walked = timeout_at(end, async {
            while let Some(next) = walk.next().cloned() {
                self.step(walk, next, freshness).await;
            }
        });
        if walked.await.is_err() {
            walk.fail(Failure::Slow, Origin::Wire);
        }
    }

    async fn step(&self, walk: &mut Walk, next: Next, freshness: Freshness) {
        let place = Place { uri: next.uri().clone(), hops: walk.hops().clone() };
        match next {
            Next::Directory(_) => match self.directories.get(place, freshness).await {
                (Ok(page), origin) => walk.learn_directory(&page, origin, Instant::now()),
                (Err(failure), origin) => walk.fail(failure, origin),
            },
            Next::Property(_) => {
                let resting = self.batches.resting(&place);
                if let Some(failure) = resting.filter(|_| freshness != Freshness::Refresh) {
                    return walk.fail(failure, Origin::Cache);
                }
                match self.batches.ask(place, walk.question().clone()).await {
                    Ok(page) => walk.learn_property(&page, Origin::Wire, Instant::now()),
                    Err(failure) => walk.fail(failure, Origin::Wire),
                }
            }
        }
    }

    /// What is asked about `peer`.
    fn question(&self, peer: &Peer<'_>) -> Result<Question, Error> {
        let refused = |refusal| Error::not_global(NAME, refusal);
        self.policy.check_peer(peer.net()).map_err(refused)?;
        Question::about(peer).ok_or_else(|| {
            let needs = "a single address: servers are asked about endpoints, not about prefixes";
            Error::NotApplicable { backend: NAME, needs: Cause::new(code::NOTHING_TO_GO_BY, needs) }
        })
    }
}

impl Backend for RedirectBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(self.search(peer, call))
    }

    fn known(&self, peer: &Peer<'_>, _now: Instant) -> Known {
        let net = peer.net();
        let is_host = net.prefix_len() == net.max_prefix_len();
        if is_host && self.policy.check_peer(net).is_ok() {
            Known::Ask
        } else {
            Known::NotApplicable
        }
    }
}

/// Starting servers that led to no answer.
#[derive(Default)]
struct Failed {
    errors: Vec<Error>,
    /// One of them named another server, about which nothing could be learnt.
    has_lost_track: bool,
}

impl Failed {
    fn add(&mut self, error: Error, was_sent_on: bool) {
        self.has_lost_track |= was_sent_on && error.code() != UNKNOWN_PEER;
        self.errors.push(error);
    }

    /// Any starting server is as good as another, so what the first ones lacked takes nothing from an
    /// answer, unless one of them knew of a server that might have been the better answer.
    fn before(&self, answer: Answer) -> Answer {
        let incomplete = answer.incomplete || self.has_lost_track;
        let trace = self.trace().then(&answer.trace);
        Answer { incomplete, trace, ..answer }
    }

    /// What was refused before what was not to be had; of equals the first.
    fn verdict(mut self) -> Error {
        let whole = self.trace();
        let is_refusal = |error: &Error| matches!(error, Error::Rejected { .. });
        let gravest = self.errors.iter().position(is_refusal).unwrap_or(0);
        if self.errors.is_empty() {
            let cause = Cause::new(code::CONFIG, "no server to start at");
            return Error::NotApplicable { backend: NAME, needs: cause };
        }
        let mut error = self.errors.swap_remove(gravest);
        if let Error::Rejected { trace, .. } | Error::Unavailable { trace, .. } = &mut error {
            *trace = whole;
        }
        error
    }

    fn trace(&self) -> Trace {
        let traces = self.errors.iter().filter_map(Error::trace);
        traces.fold(Trace::default(), |whole, trace| whole.then(trace))
    }
}
