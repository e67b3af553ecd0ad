//! The whole procedure as a state machine without I/O (RFC 8686 §3, RFC 4848, RFC 3958 §2.2).
//!
//! ```text
//! while let Some(name) = walk.next_name() {
//!     walk.learn(what is known of name);
//! }
//! walk.outcome()
//! ```

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{Answer, Dnssec, Error, Origin, Peer, PeerId, Server, Step, Validity};
use ipnet::IpNet;
use tokio::time::Instant;

use crate::NAME;
use crate::branch::{Branch, Pending};
use crate::explain;
use crate::fact::{Content, Fact, Failure};
use crate::naptr::judge;
use crate::outcome::outcome;
use crate::plan::{Plan, Rung};
use crate::rules::{DnssecMode, Rules};
use crate::service::Wanted;

/// At most this many questions in one call, retries included (6 names of the procedure and
/// what non-terminal records add).
pub const MAX_QUERIES: usize = 20;
/// At most this many servers in an answer, the best ones.
pub const MAX_SERVERS: usize = 16;
/// At most this many non-terminal records in a chain.
pub const MAX_HOPS: usize = 5;

/// One peer's walk.
#[derive(Debug)]
pub struct Walk<'r> {
    pub(crate) rules: &'r Rules,
    pub(crate) peer: IpNet,
    plan: Plan,
    rounds: Vec<(Wanted<'r>, Ladder)>,
    memo: Vec<Known>,
    asked: usize,
    retried: bool,
    pub(crate) path: Path,
}

/// Whose names a round goes through.
#[derive(Clone, Copy, Debug)]
enum Ladder {
    Own,
    Fallback,
}

/// What this walk was told of a name.
#[derive(Clone, Debug)]
struct Known {
    name: Arc<str>,
    fact: Fact,
    origin: Origin,
    holds: Option<Duration>,
}

/// Where the walk stands and what it gathered on the way. A retry starts a new one.
#[derive(Debug, Default)]
pub(crate) struct Path {
    round: usize,
    rung: usize,
    branch: Branch,
    /// No more questions: take what there is.
    out_of_questions: bool,
    pub(crate) steps: Vec<Step>,
    pub(crate) validity: Option<Validity>,
    pub(crate) dnssec: Option<Dnssec>,
    pub(crate) failures: Vec<Unanswered>,
    pub(crate) replies: usize,
    /// Where a server was named that may not be contacted.
    pub(crate) refused_at: Option<Arc<str>>,
    pub(crate) absent: Vec<IpNet>,
    pub(crate) ending: Option<Ending>,
}

/// How a walk ends.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With servers.
    Found(Vec<Server>),
    /// With none, after each name was asked.
    Nothing,
    /// Before each name was asked, at its last failure.
    Stopped,
}

/// A question without an answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) name: Arc<str>,
    pub(crate) failure: Failure,
    /// How long it makes no sense to ask again.
    pub(crate) holds: Option<Duration>,
}

impl<'r> Walk<'r> {
    /// The walk for all peers of a prefix, or for a host without a peer ID.
    ///
    /// # Errors
    /// If there is nothing to ask; see [`Plan::new`].
    pub fn new(peer: IpNet, rules: &'r Rules) -> Result<Self, Error> {
        Self::of(&Peer::network(peer), rules)
    }

    /// The walk for `peer`.
    ///
    /// # Errors
    /// If there is nothing to ask; see [`Plan::new`].
    pub fn of(peer: &Peer<'_>, rules: &'r Rules) -> Result<Self, Error> {
        let plan = Plan::of(peer, rules.granularity, rules.transition, rules.policy)?;
        Ok(Self::along(plan, peer.net(), rules))
    }

    /// The walk at a name of the caller's own, for the sake of `host`: what an access network says of
    /// itself (RFC 7286 §3.2).
    ///
    /// # Errors
    /// If that is no name; see [`Plan::at`].
    pub fn at(name: &Arc<str>, host: IpAddr, rules: &'r Rules) -> Result<Self, Error> {
        let plan = Plan::at(name, host)?;
        Ok(Self::along(plan, host.to_canonical().into(), rules))
    }

    fn along(plan: Plan, peer: IpNet, rules: &'r Rules) -> Self {
        let ladders = [Ladder::Own, Ladder::Fallback].into_iter();
        let ladders = ladders.take(if plan.fallback.is_empty() { 1 } else { 2 });
        let rounds = ladders
            .flat_map(|ladder| rules.service.rounds().map(move |wanted| (wanted, ladder)))
            .collect();
        let memo = Vec::with_capacity(plan.rungs.len());
        let path = Path::default();
        let mut walk = Self { rules, peer, plan, rounds, memo, asked: 0, retried: false, path };
        walk.enter_rung();
        walk
    }

    /// The next name to ask; `None` once the outcome is certain.
    ///
    /// Until something is learnt of the name it is given again; afterwards never, since what was
    /// learnt serves wherever the walk comes by that name.
    pub fn next_name(&mut self) -> Option<Arc<str>> {
        while self.path.ending.is_none() {
            match self.path.branch.pending.pop() {
                Some(Pending::Server(server)) => self.path.branch.keep(server),
                Some(Pending::Name { name, hops }) => {
                    if let Some(known) = self.memo.iter().find(|known| known.name == name) {
                        let known = known.clone();
                        if self.path.branch.enters(&known.name, hops) {
                            self.arrive(known, hops);
                        }
                    } else if self.asked < MAX_QUERIES {
                        self.path.branch.pending.push(Pending::Name { name: name.clone(), hops });
                        return Some(name);
                    } else {
                        self.refuse_to_ask(name);
                    }
                }
                None => self.leave_rung(),
            }
        }
        None
    }

    /// Takes in what is known at `now` of the name that [`next_name`](Self::next_name) gave.
    pub fn learn(&mut self, fact: Fact, origin: Origin, now: Instant) {
        let Some(Pending::Name { name, .. }) = self.path.branch.pending.last() else { return };
        self.asked += 1;
        let holds = Some(fact.validity.left(now)).filter(|left| !left.is_zero());
        self.memo.push(Known { name: name.clone(), fact, origin, holds });
    }

    /// How many more names will be asked if each gives nothing, the next one included: what the time
    /// left is shared by.
    pub fn names_left(&self) -> usize {
        let pending = self.path.branch.names_pending();
        let ahead = self.rungs().iter().skip(self.path.rung + 1);
        let unknown = |rung: &&Rung| self.memo.iter().all(|known| known.name != rung.name);
        pending + ahead.filter(unknown).count()
    }

    /// Starts again without the questions that got no reply in time, so that
    /// [`next_name`](Self::next_name) gives them once more; `false` if there is nothing to gain or it
    /// was done before (RFC 8686 §3.5: only after each name has been tried once).
    pub fn retry(&mut self) -> bool {
        let timed_out = |known: &Known| known.fact.content == Content::Failed(Failure::Timeout);
        let came_to_nothing = matches!(self.path.ending, Some(Ending::Nothing));
        if self.retried || !came_to_nothing || !self.memo.iter().any(timed_out) {
            return false;
        }
        self.memo.retain(|known| !timed_out(known));
        self.retried = true;
        self.path = Path::default();
        self.enter_rung();
        true
    }

    /// What came of it.
    ///
    /// # Errors
    /// Whatever is not an answer: surely none, or why that is not known.
    pub fn outcome(self) -> Result<Answer, Error> {
        outcome(self)
    }

    /// Whether the names of the fallback were asked.
    pub(crate) fn fell_back(&self) -> bool {
        matches!(self.rounds[self.path.round].1, Ladder::Fallback)
    }

    /// The peer ID whose name is among those asked.
    pub(crate) fn id_asked(&self) -> Option<PeerId> {
        self.plan.rungs.first()?.id
    }

    /// A name as errors say it: they are logged, and tokens must not be.
    pub(crate) fn said<'n>(&self, name: &'n str) -> &'n str {
        let is_token =
            |rung: &Rung| matches!(rung.id, Some(PeerId::Token(_))) && *rung.name == *name;
        if self.plan.rungs.first().is_some_and(is_token) { "the name of the token" } else { name }
    }

    /// Whether it stands at the name of a peer ID.
    pub(crate) fn is_at_id(&self) -> bool {
        self.rungs()[self.path.rung].id.is_some()
    }

    fn rungs(&self) -> &[Rung] {
        match self.rounds[self.path.round].1 {
            Ladder::Own => &self.plan.rungs,
            Ladder::Fallback => &self.plan.fallback,
        }
    }

    fn enter_rung(&mut self) {
        let name = self.rungs()[self.path.rung].name.clone();
        self.path.branch = Branch::at(name);
    }

    /// The first name that yields a server wins; then the next rung, then the next round.
    fn leave_rung(&mut self) {
        let servers = std::mem::take(&mut self.path.branch.servers);
        if !servers.is_empty() {
            self.path.ending = Some(Ending::Found(servers));
        } else if self.path.out_of_questions {
            self.path.ending = Some(Ending::Stopped);
        } else if self.path.rung + 1 < self.rungs().len() {
            self.path.rung += 1;
            self.enter_rung();
        } else {
            self.leave_round();
        }
    }

    /// Only a sure "none" in the peer's own names leads to those of its fallback.
    fn leave_round(&mut self) {
        let next = self.rounds.get(self.path.round + 1);
        match next {
            Some((_, Ladder::Fallback))
                if !self.path.failures.is_empty() || self.path.refused_at.is_some() =>
            {
                self.path.ending = Some(Ending::Nothing);
            }
            Some(_) => {
                self.path.round += 1;
                self.path.rung = 0;
                self.enter_rung();
            }
            None => self.path.ending = Some(Ending::Nothing),
        }
    }

    fn arrive(&mut self, known: Known, hops: usize) {
        let seen = self.path.steps.iter().any(|step| step.subject == known.name);
        let finding = match &known.fact.content {
            Content::Failed(failure) => self.meet_failure(&known, failure),
            content => self.meet_reply(&known, content, hops),
        };
        let finding = if self.fell_back() {
            format!("for the IPv4 address inside: {finding}").into()
        } else {
            finding
        };
        self.path.steps.push(Step {
            backend: NAME,
            subject: known.name,
            origin: if seen { Origin::Cache } else { known.origin },
            finding,
            holds: known.holds,
        });
    }

    fn meet_failure(&mut self, known: &Known, failure: &Failure) -> Arc<str> {
        let (name, failure, holds) = (known.name.clone(), failure.clone(), known.holds);
        let finding = explain::failure(&failure);
        let ours = matches!(failure, Failure::Limit(_));
        self.path.note_state(match failure {
            Failure::Bogus(_) => Dnssec::Bogus,
            _ => Dnssec::Unknown,
        });
        self.path.failures.push(Unanswered { name, failure, holds });
        if self.rules.dnssec == DnssecMode::Require {
            self.path.ending = Some(Ending::Stopped);
        } else if ours {
            self.path.stop_asking();
        }
        finding
    }

    fn meet_reply(&mut self, known: &Known, content: &Content, hops: usize) -> Arc<str> {
        let fact = &known.fact;
        self.path.combine(fact);
        let Content::Records(records) = content else {
            self.note_absence(content, hops);
            return explain::absence(content);
        };
        if self.rules.dnssec == DnssecMode::Require && fact.dnssec != Dnssec::Secure {
            return explain::unauthenticated(records.len());
        }
        let (wanted, _) = self.rounds[self.path.round];
        let verdict = judge(records, wanted, self.rules.reading, self.rules.policy);
        if verdict.refused_by_policy() {
            self.path.refused_at.get_or_insert_with(|| known.name.clone());
        }
        let dropped = self.path.branch.follow(&known.name, &verdict.taken, hops);
        explain::records(records, &verdict, wanted, &dropped)
    }

    fn note_absence(&mut self, content: &Content, hops: usize) {
        // What lies at the name of an ID says nothing of the host's.
        let is_of_address = hops == 0 && !self.fell_back() && !self.is_at_id();
        if *content == Content::NoName && is_of_address {
            let net = self.rungs()[self.path.rung].net;
            self.path.absent.push(net);
        }
    }

    fn refuse_to_ask(&mut self, name: Arc<str>) {
        let failure = Failure::Limit("this call has asked its 20 questions");
        self.path.failures.push(Unanswered { name, failure, holds: None });
        self.path.stop_asking();
    }
}

impl Path {
    /// An outcome holds as long as, and is as authentic as, the weakest fact behind it.
    fn combine(&mut self, fact: &Fact) {
        self.replies += 1;
        self.validity = Some(self.validity.map_or(fact.validity, |all| all.and(fact.validity)));
        self.note_state(fact.dnssec);
    }

    /// A failure counts as well: whoever breaks a longer name chooses the shorter one that answers.
    fn note_state(&mut self, state: Dnssec) {
        self.dnssec = Some(self.dnssec.map_or(state, |all| all.and(state)));
    }

    fn stop_asking(&mut self) {
        self.out_of_questions = true;
        self.branch.leave_names();
    }
}
