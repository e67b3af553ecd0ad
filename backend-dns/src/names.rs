//! What is known of names: the one owner of DNS lifetimes, shared by all peers.

#[cfg(test)]
mod tests;

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
    /// Those of its zone when it failed.
    zone_recoveries: u32,
    /// It failed again after its zone had recovered: the fault is its own.
    is_bad: bool,
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
            .remembered(name, shared, freshness, now)
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
                self.pace.note(name, true);
                let fact = dated(reply, self.lifetimes, now);
                self.known().remember(name, Entry::new(fact.clone()));
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
        match failure {
            Failure::Upstream(_) => self.pace.note(name, false),
            // Its zone has heard nothing of it.
            Failure::Unreachable(_) | Failure::Refused(_) => self.pace.give_back(name, now),
            _ => {}
        }
        let zone_recoveries = self.pace.recoveries(name);
        let mut known = self.known();
        let before = known.entries.get(name);
        let sound =
            before.as_ref().is_some_and(|it| it.failures == 0 && it.fact.validity.holds(now));
        let (failures, is_bad) = match before {
            Some(entry) if entry.failures > 0 => {
                (entry.failures + 1, entry.is_bad || entry.zone_recoveries != zone_recoveries)
            }
            _ => (1, false),
        };
        let fact = failed(failure, Validity::new(now, lifetimes::failure(failures)));
        if !sound {
            let entry = Entry::new(fact.clone());
            let entry = Entry { failures, recoveries, zone_recoveries, is_bad, ..entry };
            known.remember(name, entry);
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
        shared: &Shared,
        freshness: Freshness,
        now: Instant,
    ) -> Option<Fact> {
        let entry = self.entries.get(name)?;
        (!entry.is_void(shared, name, now) && freshness.accepts(entry.fact.validity, now))
            .then(|| entry.fact.clone())
    }

    fn asked_before(&mut self, name: &str) -> Asked {
        match self.entries.get(name) {
            Some(entry) if entry.failures == 0 => Asked::Again,
            _ => Asked::First,
        }
    }

    fn remember(&mut self, name: &Arc<str>, entry: Entry) {
        let extra = octets(&entry.fact.content);
        self.entries.put(name, entry, extra);
    }
}

impl Entry {
    /// That of a reply.
    fn new(fact: Fact) -> Self {
        Self { fact, failures: 0, recoveries: 0, zone_recoveries: 0, is_bad: false }
    }

    /// Whether it is a failure of an outage that is over, or of one that somebody is about to look
    /// into.
    fn is_void(&self, shared: &Shared, name: &str, now: Instant) -> bool {
        let Content::Failed(failure) = &self.fact.content else { return false };
        if failure.is_transport() {
            let upstream = &shared.upstream;
            return self.recoveries != upstream.recoveries()
                || upstream.standing(now) != Standing::Up;
        }
        let age = now.saturating_duration_since(self.fact.validity.since());
        matches!(failure, Failure::Upstream(_))
            && !self.is_bad
            && age >= lifetimes::LEAST_FAILURE
            && self.zone_recoveries != shared.pace.recoveries(name)
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
