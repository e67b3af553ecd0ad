//! What is known of names: the one owner of DNS lifetimes, shared by all peers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alto_discovery_core::{Dnssec, Freshness, Origin, Validity};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::fact::{Content, Fact, Failure};
use crate::lifetimes::{self, Lifetimes};
use crate::naptr::Naptr;
use crate::pace::{Asked, Leave, Pace};
use crate::scope::NxdomainCut;
use crate::store::Store;
use crate::upstream::{Holds, Reply, Standing, Upstream};

/// For all names together, in octets; some fifty thousand of them.
const MEMORY: usize = 16 << 20;
/// Of a record set so many are kept, the best ones. A sane one has a handful.
const MAX_RECORDS: usize = 256;

/// Asks for each name at most once at a time and remembers what came. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Names(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    upstream: Arc<dyn Upstream>,
    pace: Pace,
    lifetimes: Lifetimes,
    cut: NxdomainCut,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    entries: Store<Entry>,
    flights: HashMap<Arc<str>, UnderWay>,
}

/// Where the fact will be once the question under way is answered.
type Landing = watch::Receiver<Option<Fact>>;

#[derive(Debug)]
struct UnderWay {
    landing: Landing,
    /// The upstream's recoveries when it was asked. Since another one, an outage may have swallowed it.
    recoveries: u64,
}

#[derive(Debug)]
struct Entry {
    fact: Fact,
    /// Failures in a row, up to this one.
    failures: u32,
    /// The upstream's recoveries when it was asked for what failed.
    recoveries: u64,
}

/// How to come by a fact.
enum Way {
    Known(Fact),
    /// Somebody else's question is under way.
    Join(Landing),
    /// It is asked for now.
    Start(Landing),
}

impl Names {
    pub(crate) fn new(
        upstream: Arc<dyn Upstream>,
        pace: Pace,
        lifetimes: Lifetimes,
        cut: NxdomainCut,
    ) -> Self {
        let known = Known { entries: Store::new(MEMORY), flights: HashMap::new() };
        Self(Arc::new(Shared { upstream, pace, lifetimes, cut, known: Mutex::new(known) }))
    }

    /// What `name` holds: from memory, or by asking and waiting no longer than `patience`. A reply
    /// that comes later is remembered all the same.
    pub(crate) async fn ask(
        &self,
        name: &Arc<str>,
        patience: Duration,
        freshness: Freshness,
    ) -> (Fact, Origin) {
        let end = Instant::now() + patience;
        loop {
            let now = Instant::now();
            let left = end.saturating_duration_since(now);
            match self.way(name, left, freshness, now) {
                Ok(Way::Known(fact)) => return (fact, Origin::Cache),
                Ok(Way::Start(landing)) => return (wait(landing, left).await, Origin::Wire),
                Ok(Way::Join(landing)) => {
                    let fact = wait(landing, left).await;
                    // Who wants to know anew does not take another's silence for an answer.
                    let silent = fact.content == Content::Failed(Failure::Timeout);
                    if !(silent && freshness == Freshness::Refresh && Instant::now() < end) {
                        return (fact, Origin::Wire);
                    }
                }
                Err(failure) => return (unremembered(failure, now), Origin::NotAsked),
            }
        }
    }

    fn way(
        &self,
        name: &Arc<str>,
        patience: Duration,
        freshness: Freshness,
        now: Instant,
    ) -> Result<Way, Failure> {
        let shared = &*self.0;
        let mut known = shared.known();
        let remembered = known
            .remembered(name, &*shared.upstream, freshness, now)
            .or_else(|| shared.covered(&mut known, name, freshness, now));
        if let Some(fact) = remembered {
            return Ok(Way::Known(fact));
        }
        let recoveries = shared.upstream.recoveries();
        let worth_joining = |flight: &&UnderWay| {
            flight.recoveries == recoveries && flight.landing.borrow().is_none()
        };
        if let Some(flight) = known.flights.get(name).filter(worth_joining) {
            return Ok(Way::Join(flight.landing.clone()));
        }
        if patience.is_zero() {
            return Err(Failure::NoTime);
        }
        if shared.upstream.standing(now) == Standing::Down {
            return Err(Failure::Unreachable("no resolver can be reached".into()));
        }
        let leave = shared.pace.leave(name, known.asked_before(name), now)?;
        let (land, landing) = watch::channel(None);
        known.flights.insert(name.clone(), UnderWay { landing: landing.clone(), recoveries });
        drop(known); // a flight that ends takes the lock itself
        let (shared, name) = (self.0.clone(), name.clone());
        let flight = Flight { shared, name, recoveries, land, _leave: leave };
        tokio::spawn(flight.fly(patience));
        Ok(Way::Start(landing))
    }
}

async fn wait(mut landing: Landing, patience: Duration) -> Fact {
    let landed = timeout(patience, landing.wait_for(Option::is_some)).await;
    let failure = match landed {
        Ok(Ok(fact)) => match &*fact {
            Some(fact) => return fact.clone(),
            None => Failure::Timeout,
        },
        Ok(Err(_)) => Failure::Unreachable("the question was given up".into()),
        Err(_) => Failure::Timeout,
    };
    unremembered(failure, Instant::now())
}

fn unremembered(failure: Failure, now: Instant) -> Fact {
    failed(failure, Validity::new(now, Duration::ZERO))
}

fn failed(failure: Failure, validity: Validity) -> Fact {
    Fact { content: Content::Failed(failure), validity, dnssec: Dnssec::Unknown }
}

/// One question under way. It belongs to nobody who waits for it, so that whoever gives up stops it
/// for no one else.
struct Flight {
    shared: Arc<Shared>,
    name: Arc<str>,
    /// As in [`UnderWay`].
    recoveries: u64,
    land: watch::Sender<Option<Fact>>,
    _leave: Leave,
}

impl Flight {
    async fn fly(self, patience: Duration) {
        let reply = self.shared.upstream.ask(&self.name, patience).await;
        let fact = self.shared.settle(&self.name, reply, self.recoveries, Instant::now());
        self.land.send_replace(Some(fact));
    }
}

impl Drop for Flight {
    /// However it ended: if its runtime was shut down, the next caller asks anew.
    fn drop(&mut self) {
        let mut known = self.shared.known();
        let own = self.land.subscribe();
        if known.flights.get(&self.name).is_some_and(|flight| flight.landing.same_channel(&own)) {
            known.flights.remove(&self.name);
        }
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// RFC 8020 §2: what lies below a name that does not exist, does not exist.
    fn covered(
        &self,
        known: &mut Known,
        name: &str,
        freshness: Freshness,
        now: Instant,
    ) -> Option<Fact> {
        if self.cut == NxdomainCut::Off {
            return None;
        }
        let ancestors = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
        ancestors.filter(|ancestor| !ancestor.is_empty()).find_map(|ancestor| {
            let entry = known.entries.get(ancestor)?;
            let absent = entry.fact.content == Content::NoName;
            (absent && freshness.accepts(entry.fact.validity, now)).then(|| entry.fact.clone())
        })
    }

    /// Dates a reply and remembers it.
    fn settle(
        &self,
        name: &Arc<str>,
        reply: Result<Reply, Failure>,
        recoveries: u64,
        now: Instant,
    ) -> Fact {
        match reply {
            Ok(reply) => {
                if let Some(zone) = &reply.zone {
                    self.pace.learn(name, zone);
                }
                let fact = dated(reply, self.lifetimes, now);
                self.known().remember(name, fact.clone(), 0, 0);
                fact
            }
            Err(failure) => self.settle_failure(name, failure, recoveries, now),
        }
    }

    fn settle_failure(
        &self,
        name: &Arc<str>,
        failure: Failure,
        recoveries: u64,
        now: Instant,
    ) -> Fact {
        let mut known = self.known();
        let (failures, sound) = match known.entries.get(name) {
            Some(entry) => {
                (entry.failures + 1, entry.failures == 0 && entry.fact.validity.holds(now))
            }
            None => (1, false),
        };
        let validity = Validity::new(now, lifetimes::failure(failures));
        let fact = failed(failure, validity);
        if !sound {
            known.remember(name, fact.clone(), failures, recoveries);
        }
        fact
    }
}

fn dated(reply: Reply, bounds: Lifetimes, now: Instant) -> Fact {
    let (content, lifetime) = match reply.holds {
        Holds::Records(records) => {
            (Content::Records(best(records).into()), bounds.positive(reply.ttl))
        }
        Holds::NoRecords => (Content::NoRecords, lifetimes::negative(reply.ttl)),
        Holds::NoName => (Content::NoName, lifetimes::negative(reply.ttl)),
    };
    Fact { content, validity: Validity::new(now, lifetime), dnssec: reply.dnssec }
}

fn best(mut records: Vec<Naptr>) -> Vec<Naptr> {
    if records.len() > MAX_RECORDS {
        records.sort_unstable();
        records.truncate(MAX_RECORDS);
    }
    records
}

impl Known {
    fn remembered(
        &mut self,
        name: &str,
        upstream: &dyn Upstream,
        freshness: Freshness,
        now: Instant,
    ) -> Option<Fact> {
        let entry = self.entries.get(name)?;
        let void = match &entry.fact.content {
            Content::Failed(failure) if failure.is_transport() => {
                entry.recoveries != upstream.recoveries() || upstream.standing(now) != Standing::Up
            }
            _ => false,
        };
        (!void && freshness.accepts(entry.fact.validity, now)).then(|| entry.fact.clone())
    }

    fn asked_before(&mut self, name: &str) -> Asked {
        match self.entries.get(name) {
            Some(entry) if entry.failures == 0 => Asked::Again,
            _ => Asked::First,
        }
    }

    fn remember(&mut self, name: &Arc<str>, fact: Fact, failures: u32, recoveries: u64) {
        let extra = octets(&fact.content);
        self.entries.put(name, Entry { fact, failures, recoveries }, extra);
    }
}

/// What a fact holds beside its entry.
fn octets(content: &Content) -> usize {
    match content {
        Content::Records(records) => records.iter().map(record_octets).sum(),
        Content::Failed(
            Failure::Unreachable(text)
            | Failure::Refused(text)
            | Failure::Upstream(text)
            | Failure::Bogus(text),
        ) => text.len() + 16,
        _ => 0,
    }
}

fn record_octets(record: &Naptr) -> usize {
    let texts = record.flags.len() + record.services.len() + record.regexp.len();
    size_of::<Naptr>() + texts + record.replacement.len() + 64 // 16 for each allocation's own needs
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use alto_discovery_core::BoxFuture;
    use tokio::time::{advance, sleep};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const BOUNDS: Lifetimes =
        Lifetimes { least: Duration::from_secs(60), most: Duration::from_secs(86_400) };

    /// Replies to everything alike, after a while, and counts.
    #[derive(Debug)]
    struct Scripted {
        reply: Mutex<Result<Reply, Failure>>,
        delay: Duration,
        asked: AtomicU64,
        recoveries: AtomicU64,
        standing: Mutex<Standing>,
    }

    impl Scripted {
        fn new(reply: Result<Reply, Failure>, delay: Duration) -> Arc<Self> {
            let (asked, recoveries) = Default::default();
            let (reply, standing) = (Mutex::new(reply), Mutex::new(Standing::Up));
            Arc::new(Self { reply, delay, asked, recoveries, standing })
        }

        fn asked(&self) -> u64 {
            self.asked.load(Ordering::SeqCst)
        }

        fn replies(&self, reply: Result<Reply, Failure>) {
            *self.reply.lock().unwrap() = reply;
        }
    }

    impl Upstream for Scripted {
        fn ask<'a>(&'a self, _: &'a str, _: Duration) -> BoxFuture<'a, Result<Reply, Failure>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            Box::pin(async {
                sleep(self.delay).await;
                self.reply.lock().unwrap().clone()
            })
        }

        fn standing(&self, _: Instant) -> Standing {
            *self.standing.lock().unwrap()
        }

        fn recoveries(&self) -> u64 {
            self.recoveries.load(Ordering::SeqCst)
        }
    }

    fn denial(holds: Holds, ttl: u32) -> Reply {
        let zone = Some("51.198.in-addr.arpa.".into());
        Reply { holds, ttl, zone, dnssec: Dnssec::Unknown }
    }

    fn names(upstream: &Arc<Scripted>, cut: NxdomainCut) -> Names {
        Names::new(upstream.clone(), Pace::new(1_000, 1_000, 1_000), BOUNDS, cut)
    }

    fn name() -> Arc<str> {
        "3.100.51.198.in-addr.arpa.".into()
    }

    async fn ask(names: &Names) -> (Fact, Origin) {
        names.ask(&name(), SECOND, Freshness::Cached).await
    }

    /// Many callers, one question.
    #[tokio::test(start_paused = true)]
    async fn one_question_at_a_time() {
        let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), SECOND / 2);
        let names = names(&upstream, NxdomainCut::Off);
        let callers: Vec<_> = (0..1_000)
            .map(|_| {
                let names = names.clone();
                tokio::spawn(async move { ask(&names).await })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap().0.content, Content::NoRecords);
        }
        assert_eq!(upstream.asked(), 1);
        assert_eq!(ask(&names).await.1, Origin::Cache);
        assert!(names.0.known().flights.is_empty());
    }

    /// Who waits no longer gets "no reply", and the late reply is remembered.
    #[tokio::test(start_paused = true)]
    async fn a_late_reply_is_remembered() {
        let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), SECOND * 3 / 2);
        let names = names(&upstream, NxdomainCut::Off);
        assert_eq!(ask(&names).await.0.content, Content::Failed(Failure::Timeout));
        sleep(SECOND).await;
        let (fact, origin) = ask(&names).await;
        assert_eq!((fact.content, origin), (Content::NoRecords, Origin::Cache));
        assert_eq!(upstream.asked(), 1);
    }

    /// Law 9: a caller that goes away stops nothing.
    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_stops_nothing() {
        let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), SECOND / 2);
        let names = names(&upstream, NxdomainCut::Off);
        assert!(timeout(SECOND / 10, ask(&names)).await.is_err());
        assert_eq!(ask(&names).await.0.content, Content::NoRecords);
        assert_eq!(upstream.asked(), 1);
    }

    /// A runtime that ends midway takes its questions with it, not the names.
    #[test]
    fn a_runtime_that_ends_leaves_the_names_usable() {
        let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), SECOND / 100);
        let names = names(&upstream, NxdomainCut::Off);
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let first = runtime();
        let given_up = async { timeout(Duration::from_millis(1), ask(&names)).await };
        assert!(first.block_on(given_up).is_err());
        drop(first);
        let (fact, _) = runtime().block_on(ask(&names));
        assert_eq!(fact.content, Content::NoRecords);
        assert_eq!(upstream.asked(), 2);
    }

    /// TTL 0 is raised, and what has expired is asked again.
    #[tokio::test(start_paused = true)]
    async fn what_expired_is_asked_again() {
        let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 0)), Duration::ZERO);
        let names = names(&upstream, NxdomainCut::Off);
        ask(&names).await;
        advance(SECOND * 59).await;
        assert_eq!(ask(&names).await.1, Origin::Cache);
        advance(SECOND * 2).await;
        assert_eq!(ask(&names).await.1, Origin::Wire);
        assert_eq!(upstream.asked(), 2);
    }

    /// RFC 9520 §3.2: failures are remembered for longer and longer.
    #[tokio::test(start_paused = true)]
    async fn failures_back_off() {
        let upstream = Scripted::new(Err(Failure::upstream("replied SERVFAIL")), Duration::ZERO);
        let names = names(&upstream, NxdomainCut::Off);
        for expected in [5, 10, 20] {
            let (fact, origin) = ask(&names).await;
            assert_eq!(origin, Origin::Wire);
            assert_eq!(fact.validity.lifetime(), SECOND * expected);
            advance(SECOND * (expected - 1)).await;
            assert_eq!(ask(&names).await.1, Origin::Cache);
            advance(SECOND).await;
        }
        upstream.replies(Ok(denial(Holds::NoName, 300)));
        assert_eq!(ask(&names).await.0.content, Content::NoName);
        advance(SECOND * 300).await;
        upstream.replies(Err(Failure::upstream("replied SERVFAIL")));
        assert_eq!(ask(&names).await.0.validity.lifetime(), SECOND * 5, "the count starts anew");
    }

    /// When the resolver is back, what was remembered of the outage is void.
    #[tokio::test(start_paused = true)]
    async fn an_outage_is_forgotten_when_it_is_over() {
        let upstream = Scripted::new(Err(Failure::Timeout), Duration::ZERO);
        let names = names(&upstream, NxdomainCut::Off);
        ask(&names).await;
        assert_eq!(ask(&names).await.1, Origin::Cache);
        upstream.recoveries.fetch_add(1, Ordering::SeqCst);
        upstream.replies(Ok(denial(Holds::NoName, 300)));
        assert_eq!(ask(&names).await.0.content, Content::NoName);
    }

    /// A question that an outage has swallowed holds up nobody once it is over: it is asked again, and
    /// that it stays without a reply is not remembered.
    #[tokio::test(start_paused = true)]
    async fn an_outage_swallows_only_its_own_questions() {
        let upstream = Scripted::new(Err(Failure::Timeout), SECOND * 2);
        let names = names(&upstream, NxdomainCut::Off);
        let swallowed = names.clone();
        let swallowed =
            tokio::spawn(
                async move { swallowed.ask(&name(), SECOND * 3, Freshness::Cached).await },
            );
        sleep(SECOND).await;
        upstream.recoveries.fetch_add(1, Ordering::SeqCst);
        let asking = names.clone();
        let anew = tokio::spawn(async move { ask(&asking).await });
        sleep(SECOND / 10).await;
        assert_eq!(upstream.asked(), 2, "it joined what is lost");
        assert_eq!(swallowed.await.unwrap().0.content, Content::Failed(Failure::Timeout));
        anew.await.unwrap();
        let known =
            names.0.known().remembered(&name(), &*upstream, Freshness::Cached, Instant::now());
        assert_eq!(known, None);
    }

    /// During an outage nobody is asked, what is known is told, and what is remembered of
    /// the outage keeps nobody from trying when it is time.
    #[tokio::test(start_paused = true)]
    async fn an_outage_costs_no_questions() {
        let upstream = Scripted::new(Err(Failure::Timeout), Duration::ZERO);
        let names = Names::new(upstream.clone(), Pace::new(1, 1, 1), BOUNDS, NxdomainCut::Off);
        ask(&names).await;
        *upstream.standing.lock().unwrap() = Standing::Down;
        for _ in 0..100 {
            let (fact, origin) = ask(&names).await;
            assert!(matches!(fact.content, Content::Failed(Failure::Unreachable(_))), "{fact:?}");
            assert_eq!(origin, Origin::NotAsked);
        }
        assert_eq!(upstream.asked(), 1);
        *upstream.standing.lock().unwrap() = Standing::Due;
        upstream.replies(Ok(denial(Holds::NoName, 300)));
        assert_eq!(ask(&names).await.0.content, Content::NoName);
        *upstream.standing.lock().unwrap() = Standing::Down;
        assert_eq!(ask(&names).await.0.content, Content::NoName);
    }

    /// A refresh asks anew; if that fails, what still holds is not thrown away.
    #[tokio::test(start_paused = true)]
    async fn refresh_asks_and_a_failed_one_spoils_nothing() {
        let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), Duration::ZERO);
        let names = names(&upstream, NxdomainCut::Off);
        ask(&names).await;
        upstream.replies(Err(Failure::Timeout));
        let (fact, _) = names.ask(&name(), SECOND, Freshness::Refresh).await;
        assert_eq!(fact.content, Content::Failed(Failure::Timeout));
        assert_eq!(upstream.asked(), 2);
        assert_eq!(ask(&names).await.0.content, Content::NoRecords);
    }

    /// RFC 8020 §2, if it may be relied on: what lies below an absent name is not asked for.
    #[tokio::test(start_paused = true)]
    async fn an_absent_name_covers_what_lies_below() {
        let above: Arc<str> = "51.198.in-addr.arpa.".into();
        for (cut, asked) in [(NxdomainCut::Off, 2), (NxdomainCut::On, 1)] {
            let upstream = Scripted::new(Ok(denial(Holds::NoName, 300)), Duration::ZERO);
            let names = names(&upstream, cut);
            names.ask(&above, SECOND, Freshness::Cached).await;
            assert_eq!(ask(&names).await.0.content, Content::NoName);
            assert_eq!(upstream.asked(), asked);
        }
        let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), Duration::ZERO);
        let names = names(&upstream, NxdomainCut::On);
        names.ask(&above, SECOND, Freshness::Cached).await;
        ask(&names).await;
        assert_eq!(upstream.asked(), 2, "a name that exists covers nothing");
    }

    /// Over a limit nothing is asked and nothing remembered; what is known is still told.
    #[tokio::test(start_paused = true)]
    async fn limits_are_not_remembered() {
        let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), Duration::ZERO);
        let pace = Pace::new(1, 1_000, 1_000);
        let names = Names::new(upstream.clone(), pace, BOUNDS, NxdomainCut::Off);
        let host = |n: u32| Arc::<str>::from(format!("{n}.100.51.198.in-addr.arpa."));
        for n in 0..20 {
            names.ask(&host(n), SECOND, Freshness::Cached).await;
        }
        let (fact, origin) = names.ask(&host(20), SECOND, Freshness::Cached).await;
        assert!(matches!(fact.content, Content::Failed(Failure::Limit(_))), "{fact:?}");
        assert_eq!(origin, Origin::NotAsked);
        let (known, _) = names.ask(&host(3), SECOND, Freshness::Cached).await;
        assert_eq!(known.content, Content::NoRecords);
        advance(SECOND).await;
        let (fact, _) = names.ask(&host(20), SECOND, Freshness::Cached).await;
        assert_eq!(fact.content, Content::NoRecords);
    }

    /// A huge record set is cut to its best records before it is stored.
    #[test]
    fn record_sets_are_bounded() {
        let record = |order| Naptr {
            order,
            preference: 0,
            flags: Box::default(),
            services: Box::default(),
            regexp: Box::default(),
            replacement: ".".into(),
        };
        let kept = best((0..4_000).rev().map(record).collect());
        assert_eq!(kept.len(), MAX_RECORDS);
        assert_eq!((kept[0].order, kept[255].order), (0, 255));
    }
}
