//! A backend that answers from facts in memory: the reference for the laws.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::{Facts, Hostile, Network, Skip, Speaker, Switched, Truth, Upstream};
use crate::{
    Answer, Backend, BoxFuture, Call, Cause, Dnssec, Error, Freshness, Guide, IdScope, Known,
    NoServer, Origin, Peer, Policy, Scope, ServerList, Step, Trace, Trust, Validity, code,
    parse_uri,
};

/// Answers from [`Facts`], as if it asked one network after the other, most specific first: with
/// deadlines, failures, silence and hostile replies, and a memory that [`Backend::known`] reads.
///
/// Of use wherever a test needs a backend that behaves. The upstream can be switched off, and the
/// questions it was asked are counted ([`Upstream`]).
#[derive(Debug)]
pub struct Scripted {
    facts: Arc<Facts>,
    upstream: Arc<ScriptedUpstream>,
    memory: Mutex<HashMap<Peer<'static>, Known>>,
}

#[derive(Debug)]
struct ScriptedUpstream {
    on: AtomicBool,
    asked: AtomicU64,
}

impl Upstream for ScriptedUpstream {
    fn switch(&self, on: bool) -> Switched<'_> {
        self.on.store(on, Ordering::SeqCst);
        Box::pin(async { Ok(()) })
    }

    fn asked(&self) -> Result<u64, Skip> {
        Ok(self.asked.load(Ordering::SeqCst))
    }
}

const NAME: &str = "scripted";
/// Without a deadline of the caller's, it waits so long for a silent upstream.
const OWN_PATIENCE: Duration = Duration::from_secs(3);
const ANSWER_HOLDS: Duration = Duration::from_secs(600);
const ABSENCE_HOLDS: Duration = Duration::from_secs(300);
const SHORTEST_LIFE: Duration = Duration::from_secs(60);
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
const MOST_SERVERS: usize = 16;

/// What one network's upstream led to.
enum Reply {
    Servers(Vec<Speaker>, Duration),
    Nobody,
    /// Nothing was learnt.
    Failed(Cause),
    /// Something was learnt and must not be used.
    Refused(Cause),
}

/// A question under way: what has been asked, and what stands in the way of a plain answer.
struct Walk {
    steps: Vec<Step>,
    failed: Option<Cause>,
    refused: Option<Cause>,
}

impl Scripted {
    /// A backend that remembers nothing, in this world.
    pub fn new(facts: Arc<Facts>) -> Self {
        let upstream = ScriptedUpstream { on: AtomicBool::new(true), asked: AtomicU64::new(0) };
        Self { facts, upstream: Arc::new(upstream), memory: Mutex::default() }
    }

    /// The switch and the counter of what it asks.
    pub fn upstream(&self) -> Arc<dyn Upstream> {
        self.upstream.clone()
    }

    async fn ask(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        if call.freshness == Freshness::Cached {
            match self.known(peer, Instant::now()) {
                Known::Fresh(answer) => return Ok(answer),
                Known::None(none) => return Err(Error::NoServer(none)),
                _ => {}
            }
        }
        let outcome = self.walk(peer, call).await;
        self.remember(peer, &outcome);
        outcome
    }

    /// RFC 8686 §3.4 and §3.5: the most specific network that tells anything ends the walk; failures
    /// on the way make the answer incomplete, or leave the question open.
    async fn walk(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        let deadline = call.deadline.unwrap_or_else(|| Instant::now() + OWN_PATIENCE);
        let mut walk = Walk { steps: Vec::new(), failed: None, refused: None };
        for network in self.facts.around(peer) {
            let reply = self.consult(network, deadline).await;
            walk.steps.push(step(network, &reply));
            match reply {
                Reply::Servers(servers, holds) => {
                    return Ok(Arc::new(self.answer(peer, network, (servers, holds), walk)));
                }
                Reply::Nobody => {}
                Reply::Failed(cause) => walk.failed = walk.failed.or(Some(cause)),
                Reply::Refused(cause) => walk.refused = walk.refused.or(Some(cause)),
            }
        }
        Err(self.no_answer(peer, walk))
    }

    async fn consult(&self, network: &Network, deadline: Instant) -> Reply {
        self.upstream.asked.fetch_add(1, Ordering::SeqCst);
        yield_now().await; // as a real question would
        if !self.upstream.on.load(Ordering::SeqCst) {
            return Reply::Failed(Cause::new(code::UNREACHABLE, "the upstream is off"));
        }
        match &network.truth {
            Truth::Speaks(_) => Reply::Servers(network.servers(), ANSWER_HOLDS),
            Truth::Nobody => Reply::Nobody,
            Truth::Failing => {
                Reply::Failed(Cause::new(code::UPSTREAM_FAILURE, "the upstream cannot tell"))
            }
            Truth::Silent | Truth::Hostile(Hostile::Trickle) => {
                sleep_until(deadline).await;
                Reply::Failed(Cause::new(code::TIMEOUT, "no reply in time"))
            }
            Truth::Hostile(hostile) => read(hostile),
        }
    }

    fn answer(
        &self,
        peer: &Peer<'_>,
        network: &Network,
        (servers, holds): (Vec<Speaker>, Duration),
        walk: Walk,
    ) -> Answer {
        let found_at: Arc<str> = network.name.as_str().into();
        let servers =
            servers.iter().map(|speaker| speaker.server(Some(found_at.clone()), Trust::Network));
        let incomplete = walk.failed.is_some();
        let scope = if incomplete { exactly(peer) } else { self.proven(peer, Some(network)) };
        Answer {
            backend: NAME,
            approach: 1,
            guide: Guide::Servers(ServerList::new(servers).expect("a network with servers")),
            scope,
            validity: Validity::new(Instant::now(), holds),
            incomplete,
            dnssec: Dnssec::Unknown,
            trace: walk.steps.into_iter().collect(),
        }
    }

    fn no_answer(&self, peer: &Peer<'_>, walk: Walk) -> Error {
        let trace: Trace = walk.steps.into_iter().collect();
        if let Some(cause) = walk.failed {
            return Error::Unavailable { backend: NAME, retry_after: None, cause, trace };
        }
        if let Some(cause) = walk.refused {
            return Error::Rejected { backend: NAME, cause, trace };
        }
        if !self.upstream.on.load(Ordering::SeqCst) {
            // Nothing is said of the peer, but that too would have to be asked.
            let cause = Cause::new(code::UNREACHABLE, "the upstream is off");
            return Error::Unavailable { backend: NAME, retry_after: None, cause, trace };
        }
        Error::NoServer(Arc::new(NoServer {
            backend: NAME,
            scope: self.proven(peer, self.facts.about(peer)),
            validity: Validity::new(Instant::now(), ABSENCE_HOLDS),
            dnssec: Dnssec::Unknown,
            trace,
        }))
    }

    /// The widest prefix inside `network` in which nothing more specific is known, so that what was
    /// found there for `peer` is proven for all of it.
    fn proven(&self, peer: &Peer<'_>, network: Option<&Network>) -> Scope {
        let Some(network) = network.filter(|network| self.is_uniform(peer.net(), network)) else {
            return exactly(peer);
        };
        let mut net = peer.net();
        while let Some(wider) = net
            .supernet()
            .filter(|wider| network.scope.net.contains(wider) && self.is_uniform(*wider, network))
        {
            net = wider;
        }
        Scope { net, id: network.scope.id.clone() }
    }

    /// Nothing more specific than `network` touches `net`, not even for some peer IDs only.
    fn is_uniform(&self, net: IpNet, network: &Network) -> bool {
        !self.facts.networks().iter().any(|other| {
            let touches = net.contains(&other.scope.net) || other.scope.net.contains(&net);
            touches && other.specificity() > network.specificity()
        })
    }

    fn remember(&self, peer: &Peer<'_>, outcome: &Result<Arc<Answer>, Error>) {
        let known = match outcome {
            Ok(answer) => Known::Fresh(answer.clone()),
            Err(Error::NoServer(none)) => Known::None(none.clone()),
            Err(_) => return,
        };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.insert(peer.without_hints(), known);
    }
}

impl Backend for Scripted {
    fn name(&self) -> &'static str {
        NAME
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(self.ask(peer, call))
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        match memory.get(&peer.without_hints()) {
            Some(Known::Fresh(answer)) if answer.validity.holds(now) => {
                Known::Fresh(answer.clone())
            }
            Some(Known::None(none)) if none.validity.holds(now) => Known::None(none.clone()),
            _ => Known::Ask,
        }
    }
}

/// Reads a hostile reply with the care the laws ask for.
fn read(hostile: &Hostile) -> Reply {
    let refuse = |why: String| Reply::Refused(Cause::new(code::POLICY, why));
    match hostile {
        Hostile::Uri(text) => match parse_uri(text).map(|uri| Policy::default().check_uri(&uri)) {
            Err(fault) => refuse(fault.to_string()),
            Ok(Err(refusal)) => refuse(refusal.to_string()),
            Ok(Ok(())) => Reply::Servers(vec![Speaker::new(text, 100, 10)], ANSWER_HOLDS),
        },
        Hostile::Loop | Hostile::Endless => refuse("references beyond the limit".into()),
        Hostile::Flood(_) | Hostile::Unasked { .. } => {
            let servers = hostile.servers().into_iter().take(MOST_SERVERS).collect();
            Reply::Servers(servers, ANSWER_HOLDS)
        }
        Hostile::Lifetime(seconds) => {
            let life = Duration::from_secs((*seconds).into()).clamp(SHORTEST_LIFE, LONGEST_LIFE);
            Reply::Servers(hostile.servers(), life)
        }
        Hostile::Garbage | Hostile::Oversize | Hostile::Trickle => {
            Reply::Failed(Cause::new(code::UPSTREAM_FAILURE, "an unreadable reply"))
        }
    }
}

fn step(network: &Network, reply: &Reply) -> Step {
    let (finding, holds) = match reply {
        Reply::Servers(servers, holds) => (format!("{} servers", servers.len()), Some(*holds)),
        Reply::Nobody => ("nobody".into(), Some(ABSENCE_HOLDS)),
        Reply::Failed(cause) | Reply::Refused(cause) => (cause.to_string(), None),
    };
    let subject = network.name.as_str().into();
    Step { backend: NAME, subject, origin: Origin::Wire, finding: finding.into(), holds }
}

/// Proven for the peer alone.
fn exactly(peer: &Peer<'_>) -> Scope {
    let id = peer.id().map_or(IdScope::Any, |id| IdScope::Exactly(*id));
    Scope { net: peer.net(), id }
}
