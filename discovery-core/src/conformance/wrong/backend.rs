//! A scripted backend with a fault in how it lives: what it waits for, remembers and leaves behind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::{Instant, sleep};

use super::Fault;
use super::distort::{Distortion, absence, unavailable};
use crate::conformance::outcome::Outcome;
use crate::conformance::{Facts, Hostile, Scripted, Truth, Upstream};
use crate::{Answer, Backend, BoxFuture, Call, Error, Hints, Known, Peer};

/// More calls than this are a crowd.
const CROWD: usize = 50;
const OVERSTAY: Duration = Duration::from_secs(5);

/// Otherwise as [`Scripted`].
#[derive(Debug)]
pub(super) struct Wrong {
    fault: Fault,
    facts: Arc<Facts>,
    right: Scripted,
    calls: AtomicUsize,
    under_way: AtomicUsize,
    poisoned: AtomicBool,
    marks: Mutex<HashMap<Peer<'static>, Weak<()>>>,
    told: Mutex<HashMap<Peer<'static>, Arc<Answer>>>,
}

impl Wrong {
    pub(super) fn new(fault: Fault, facts: Arc<Facts>) -> Self {
        Self {
            fault,
            right: Scripted::new(facts.clone()),
            facts,
            calls: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            poisoned: AtomicBool::new(false),
            marks: Mutex::default(),
            told: Mutex::default(),
        }
    }

    pub(super) fn upstream(&self) -> Arc<dyn Upstream> {
        self.right.upstream()
    }

    async fn ask(&self, peer: &Peer<'_>, call: &Call) -> Outcome {
        let crowd = Counted::enter(&self.under_way);
        let outcome = match self.fault {
            Fault::LeavesMarks => self.ask_marking(peer, call).await,
            Fault::OverstaysDeadline => self.ask_overstaying(peer, call).await,
            Fault::ReadsRawAddress if names_other_family(peer) => Err(absence(peer)),
            Fault::FailsInCrowds if crowd.size > CROWD => Err(unavailable("a crowd")),
            _ => self.right.discover(peer, call).await,
        };
        let outcome = self.distortion(peer).apply(outcome);
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.note(peer, &outcome);
        outcome
    }

    async fn ask_marking(&self, peer: &Peer<'_>, call: &Call) -> Outcome {
        let mark = Arc::new(());
        let own = peer.without_hints();
        let left = lock(&self.marks).insert(own.clone(), Arc::downgrade(&mark));
        if left.is_some_and(|left| left.upgrade().is_none()) {
            return Err(unavailable("still being asked for")); // and its own mark stays too
        }
        let outcome = self.right.discover(peer, call).await;
        lock(&self.marks).remove(&own);
        outcome
    }

    async fn ask_overstaying(&self, peer: &Peer<'_>, call: &Call) -> Outcome {
        if self.facts.about(peer).is_some_and(|network| network.truth == Truth::Silent) {
            let left = call.time_left(Instant::now()).unwrap_or_default();
            sleep(left + OVERSTAY).await;
        }
        self.right.discover(peer, call).await
    }

    fn distortion<'a>(&'a self, peer: &'a Peer<'a>) -> Distortion<'a> {
        Distortion {
            fault: self.fault,
            peer,
            network: self.facts.about(peer),
            turn: self.calls.load(Ordering::SeqCst),
            poisoned: self.poisoned.load(Ordering::SeqCst),
        }
    }

    fn note(&self, peer: &Peer<'_>, outcome: &Outcome) {
        let unasked = |truth: &Truth| matches!(truth, Truth::Hostile(Hostile::Unasked { .. }));
        if self.facts.about(peer).is_some_and(|network| unasked(&network.truth)) {
            self.poisoned.store(true, Ordering::SeqCst);
        }
        if let Ok(answer) = outcome {
            lock(&self.told).insert(peer.without_hints(), answer.clone());
        }
    }

    fn still_told(&self, peer: &Peer<'_>) -> Known {
        lock(&self.told).get(&peer.without_hints()).cloned().map_or(Known::Ask, Known::Fresh)
    }
}

impl Backend for Wrong {
    fn name(&self) -> &'static str {
        self.right.name()
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(self.ask(peer, call))
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        let distorted = |outcome| match self.distortion(peer).apply(outcome) {
            Ok(answer) => Known::Fresh(answer),
            Err(Error::NoServer(none)) if none.validity.holds(now) => Known::None(none),
            Err(_) => Known::Ask,
        };
        match self.right.known(peer, now) {
            _ if self.fault == Fault::KnowsTooLong => self.still_told(peer),
            Known::Ask if self.fault == Fault::KnowsWithoutAsking => distorted(Err(absence(peer))),
            Known::Fresh(answer) => distorted(Ok(answer)),
            Known::None(none) => distorted(Err(Error::NoServer(none))),
            other => other,
        }
    }
}

/// One call among those under way, until dropped.
struct Counted<'a> {
    under_way: &'a AtomicUsize,
    size: usize,
}

impl<'a> Counted<'a> {
    fn enter(under_way: &'a AtomicUsize) -> Self {
        Self { under_way, size: under_way.fetch_add(1, Ordering::SeqCst) + 1 }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The announce gives an IPv6 address (an IPv4-mapped one, say) for a peer seen at an IPv4 address.
fn names_other_family(peer: &Peer<'_>) -> bool {
    let Hints::HttpQuery(query) = peer.hints() else { return false };
    let named = query.strip_prefix(b"ip=").and_then(|text| std::str::from_utf8(text).ok());
    let named: Option<IpNet> = named.and_then(|text| text.parse().ok());
    matches!((named, peer.net()), (Some(IpNet::V6(_)), IpNet::V4(_)))
}
