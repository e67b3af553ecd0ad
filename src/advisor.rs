//! Which peers go into a reply.

mod claims;
mod config;
mod guide;
mod learner;
mod prepare;
mod request;

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alto_discovery_core::{self as core, Answer, Backend, Error, Hints, Known, Peer, Validity};
use alto_guidance::Guidance;
use alto_selection::{Ask, Basis, Built, Record, Swarm, choose_among, random_among};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::log::Met;
use crate::{Config, Discovery};
pub use claims::ClaimsConfig;
pub use config::{SelectConfig, Share};
use guide::Guide;
use learner::{Learner, Tables};
pub use prepare::Unprepared;
pub use request::{Choice, Request, Requester, Why};

/// Chooses the peers that are best for the one that asks, by what the ALTO server of *its* network
/// says.
///
/// A choice never waits: it is made from what is known at that moment, and what is not known is
/// learnt in the background for the next one. Without guidance it is as random as a tracker's own
/// choice, and there are never fewer peers than that would give.
///
/// - ⌊(1 − s) · k⌋ places go to the peers of lowest cost, s being the random share; the others are
///   drawn at random, so that a swarm of many networks stays in one piece (RFC 7971 §4.2.2).
/// - A server speaks only for peers whose address led to it; what a peer merely claims (with its
///   announce, see [`Hints`]) counts for that peer alone and fills no more than half of its reply. If it
///   cannot be used, what the peer's address leads to counts as ever.
/// - Peers of equal cost are drawn anew for each request, and those that a server's table promoted in
///   more than half of its last replies are passed over for others of equal cost.
///
/// Cheap to share (`Arc` or a reference); every method may be called from many threads at once.
///
/// ```
/// use alto_discovery::selection::{Role, Swarm, V4Record};
/// use alto_discovery::{Advisor, Config, Peer, Request};
///
/// let advisor = Advisor::new(&Config::default())?;
/// let swarm = Swarm::new(1 << 20);
/// for number in 0..250 {
///     swarm.add(V4Record([198, 51, 100, number, 0x1a, 0xe1]), Role::Leecher, 0);
/// }
/// let peer: Peer<'_> = "203.0.113.5".parse()?;
/// let (own, mut reply) = (V4Record([203, 0, 113, 5, 0x1a, 0xe1]), Vec::new());
/// let choice = advisor.select(&Request::new(peer, own, 50), &swarm, &mut reply);
/// assert_eq!(reply.len(), 50); // from the first announce on
/// assert_eq!(choice.guided, 0); // nothing is known yet
/// # Ok::<(), alto_discovery::Error>(())
/// ```
///
/// Learning needs a tokio runtime: the caller's, if requests are made inside of one; one's own, by
/// [`start_on`](Self::start_on); or [`start`](Self::start), for programs that have none.
#[derive(Debug)]
pub struct Advisor {
    discovery: Arc<Discovery>,
    guidance: Guidance,
    learner: Learner,
    config: SelectConfig,
    claimed_share: Share,
    seed: u64,
    /// Requests so far, where a configured seed makes their order count.
    requests: AtomicU64,
}

thread_local! {
    /// A number for each request of this thread, from a random one on: threads share no counter.
    static TURN: Cell<u64> = Cell::new(RandomState::new().hash_one(()));
}

/// Peers grouped by a choice that had to do with a sample, some 60 microseconds' worth: few requests
/// together make the view, so that a network with one peer that asks now and then gets it, too.
const BUILD: usize = 1_024;

impl Advisor {
    /// One that finds servers by the built-in backends that `config` names. Reads files at most.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Self::with_backends(config, &[])
    }

    /// As [`new`](Self::new), with backends of your own; see [`Discovery::with_backends`].
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn with_backends(config: &Config, own: &[Arc<dyn Backend>]) -> Result<Self, Error> {
        Self::over(Arc::new(Discovery::with_backends(config, own)?), config)
    }

    /// One that finds servers by this discovery.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn over(discovery: Arc<Discovery>, config: &Config) -> Result<Self, Error> {
        let sections = &config.sections;
        let log = Arc::clone(discovery.log());
        let guidance = Guidance::new(&sections.guidance, &sections.fetch, config.policy)?;
        let guidance = guidance.telling(move |told| log.fetched(&told));
        let (memory, claims) = (sections.guidance.memory, sections.claims);
        let tables = Tables::new(guidance.clone(), memory, claims);
        let learner = Learner::new(Arc::clone(&discovery), tables, config.calls);
        let config = sections.select;
        let seed = config.seed.unwrap_or_else(|| RandomState::new().hash_one(()));
        let (claimed_share, requests) = (claims.share, AtomicU64::new(0));
        Ok(Self { discovery, guidance, learner, config, claimed_share, seed, requests })
    }

    /// Replaces `out` by the best peers of a swarm, as many as asked for, if there are so many:
    /// first those chosen by cost, then those drawn at random.
    pub fn select<R: Record>(
        &self,
        request: &Request<'_, R>,
        swarm: &Swarm<R>,
        out: &mut Vec<R>,
    ) -> Choice {
        let ask = self.ask(request);
        let guide = match self.guide(request.requester.for_family(R::IS_V6), Instant::now()) {
            Ok(guide) => guide,
            Err(why) => {
                swarm.random(&Ask { seed: !ask.seed, ..ask }, out);
                return Choice { guided: 0, why };
            }
        };
        let places = self.places(&guide, request);
        let (basis, guided) = swarm.reply(&guide.table, guide.consumer, places, &ask, out);
        if basis == Basis::Sample
            && guide.is_shared
            && swarm.build(&guide.table, BUILD) == Built::NoRoom
        {
            self.discovery.log().met(Met::Views);
        }
        Choice { guided, why: basis.into() }
    }

    /// The same for candidates that the caller lists, whose roles are its affair. Takes time in
    /// proportion to them: for more than a few hundred keep a [`Swarm`].
    pub fn select_among<R: Record>(
        &self,
        request: &Request<'_, R>,
        candidates: &[R],
        out: &mut Vec<R>,
    ) -> Choice {
        out.clear();
        let ask = self.ask(request);
        let guide = self.guide(request.requester.for_family(R::IS_V6), Instant::now());
        let why = guide.map_or_else(Why::from, |guide| {
            let guided = Ask { k: self.places(&guide, request), ..ask };
            choose_among(candidates, &guide.table, guide.consumer, &guided, out);
            Why::Costs
        });
        let guided = out.len();
        random_among(candidates, &drawn(ask, guided), out);
        Choice { guided, why }
    }

    /// Replaces `costs` by what each candidate costs the requester, lower being better; `None` for
    /// those of which that is not known. Compare them with each other only.
    pub fn costs<R: Record>(
        &self,
        requester: &Requester<'_>,
        candidates: &[R],
        costs: &mut Vec<Option<f64>>,
    ) -> Why {
        costs.clear();
        costs.reserve(candidates.len());
        self.each_cost(requester, candidates, |cost| costs.push(cost))
    }

    /// The same, told one after the other in the order of the candidates.
    pub fn each_cost<R: Record>(
        &self,
        requester: &Requester<'_>,
        candidates: &[R],
        mut tell: impl FnMut(Option<f64>),
    ) -> Why {
        let guide = match self.guide(requester.for_family(R::IS_V6), Instant::now()) {
            Ok(guide) => guide,
            Err(why) => {
                for _ in candidates {
                    tell(None);
                }
                return why;
            }
        };
        let table = &guide.table;
        for candidate in candidates {
            let pid = table.prefixes().pid(candidate.address().into());
            tell(table.cost(Some(guide.consumer), pid));
        }
        Why::Costs
    }

    /// Learns on threads of its own from now on: two of them, named `alto`. For programs without a
    /// tokio runtime; may be called again after [`stop`](Self::stop).
    ///
    /// # Errors
    /// [`Error::Config`] if the system gives no threads.
    pub fn start(&self) -> Result<(), Error> {
        let fault = |fault| Error::config("runtime", format!("no threads to learn on: {fault}"));
        let works = self.learner.is_started();
        self.learner.start().map_err(fault)?;
        if !works {
            self.tell_that_it_works();
        }
        Ok(())
    }

    /// Learns on this runtime from now on, whatever thread makes requests.
    pub fn start_on(&self, runtime: Handle) {
        self.learner.start_on(runtime);
        self.tell_that_it_works();
    }

    /// Learns no more on the threads of [`start`](Self::start) or the runtime of
    /// [`start_on`](Self::start_on). Its own threads end; it waits so long for them at most, and must
    /// not wait inside another runtime. Requests go on with what is known.
    pub fn stop(&self, wait: Duration) {
        let worked = self.learner.is_started();
        self.learner.stop(wait);
        if worked {
            self.discovery.log().works(false);
        }
    }

    /// The runtime it learns on: as started, or else the caller's.
    pub fn runtime(&self) -> Option<Handle> {
        self.learner.handle()
    }

    /// How many discoveries are under way for requests, and fetches for what peers claim.
    pub fn learning(&self) -> usize {
        self.learner.under_way()
    }

    /// What finds the servers.
    pub fn discovery(&self) -> &Arc<Discovery> {
        &self.discovery
    }

    /// What asks them.
    pub fn guidance(&self) -> &Guidance {
        &self.guidance
    }

    /// By a thread that learns: a line on standard error may raise SIGPIPE, and not every host's threads
    /// expect that.
    fn tell_that_it_works(&self) {
        let log = Arc::clone(self.discovery.log());
        if let Some(handle) = self.runtime() {
            handle.spawn(async move { log.works(true) });
        }
    }

    fn ask<R: Record>(&self, request: &Request<'_, R>) -> Ask<R> {
        let cap = request.pid_cap.unwrap_or(self.config.pid_cap);
        let seed = request.seed.unwrap_or_else(|| {
            let number = match self.config.seed {
                Some(_) => self.requests.fetch_add(1, Ordering::Relaxed),
                None => TURN.replace(TURN.get().wrapping_add(1)),
            };
            self.seed.wrapping_add(number)
        });
        Ask {
            requester: request.own,
            role: request.role,
            k: request.k,
            pid_cap: if cap == 0 { usize::MAX } else { cap },
            promoted_most: self.config.promoted_share.thousandths(),
            seed,
        }
    }

    fn places<R>(&self, guide: &Guide, request: &Request<'_, R>) -> usize {
        let random_share = request.random_share.unwrap_or(self.config.random_share);
        guide.places(request.k, random_share, self.claimed_share)
    }

    /// Whose costs count for a peer now, or why nobody's do; what is missing is being learnt then.
    /// What the peer sent costs it nothing that its address leads to.
    fn guide(&self, peer: &Peer<'_>, now: Instant) -> Result<Guide, Why> {
        let (known, bare) = (self.discovery.known(peer, now), peer.without_hints());
        let is_by_address = match &known {
            Known::Fresh(answer) => !matches!(answer.approach, 5 | 6),
            _ => *peer.hints() == Hints::None,
        };
        if is_by_address {
            return self.guide_by_address(&bare, known, now);
        }
        if let Known::Fresh(answer) = known
            && let Ok(guide) = self.guide_of(&answer, peer, now)
        {
            return Ok(guide);
        }
        self.guide_by_address(&bare, self.discovery.known(&bare, now), now)
    }

    /// The same by what is known without regard to what the peer sent.
    fn guide_by_address(&self, peer: &Peer<'_>, known: Known, now: Instant) -> Result<Guide, Why> {
        let refresh = |validity: Validity| {
            if validity.left(now) < validity.lifetime() / 10 {
                self.learner.discover(peer, now);
            }
        };
        match known {
            Known::Fresh(answer) => {
                refresh(answer.validity);
                self.guide_of(&answer, peer, now)
            }
            Known::Stale(answer) => {
                self.learner.discover(peer, now);
                self.guide_of(&answer, peer, now)
            }
            Known::None(none) => {
                refresh(none.validity);
                Err(Why::NoServer)
            }
            Known::NotApplicable => Err(Why::NotApplicable),
            Known::Ask => {
                self.learner.discover(peer, now);
                Err(Why::Discovering)
            }
        }
    }

    fn guide_of(&self, answer: &Answer, peer: &Peer<'_>, now: Instant) -> Result<Guide, Why> {
        if let core::Guide::Costs(costs) = &answer.guide {
            return Guide::of_peer(costs).ok_or(Why::NoCosts);
        }
        let at_hand = self.learner.table(answer, peer.net(), now).ok_or(Why::NoTable)?;
        let table = at_hand.table.maps().ok_or(Why::NoCosts)?.table();
        let guide = Guide::of_server(table, peer.net().addr(), answer.scope.net, at_hand.trust);
        let guide = guide.ok_or(Why::NoCosts)?;
        // Views of tables that only peers name are not kept: there may be as many as peers.
        Ok(Guide { is_shared: at_hand.is_shared, ..guide })
    }
}

/// The question for the places that are left.
fn drawn<R: Record>(ask: Ask<R>, filled: usize) -> Ask<R> {
    Ask { k: ask.k - filled, seed: !ask.seed, ..ask }
}
