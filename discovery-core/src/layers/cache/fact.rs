//! What is kept, and what it weighs. Pure.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::{
    Answer, Error, Guide, Known, NoServer, Origin, Scope, Server, Step, Trace, Trust, Validity,
};

/// Something that was proven.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// A server.
    Answer(Arc<Answer>),
    /// The surety that there is none.
    Absence(Arc<NoServer>),
    /// An answer past its life, marked.
    Stale(Arc<Answer>),
    /// It was refuted or replaced; the place will be given to something else.
    Nothing,
}

/// The longest life of an answer that might have been more specific.
const INCOMPLETE: Duration = Duration::from_secs(60);

impl Fact {
    /// What a reply proves; `None` for failures.
    ///
    /// It is told as remembered from then on, so its walk is marked as coming from the cache.
    pub(super) fn proven_by(reply: &Result<Arc<Answer>, Error>) -> Option<Self> {
        match reply {
            Ok(answer) => {
                let trace = remembered(&answer.trace);
                Some(Self::Answer(Arc::new(Answer { trace, ..Answer::clone(answer) })))
            }
            Err(Error::NoServer(none)) => {
                let trace = remembered(&none.trace);
                Some(Self::Absence(Arc::new(NoServer { trace, ..NoServer::clone(none) })))
            }
            Err(_) => None,
        }
    }

    /// How long it may be kept from `now`.
    pub(super) fn life(&self, now: Instant) -> Duration {
        let left = self.validity().map_or(Duration::ZERO, |validity| validity.left(now));
        if self.is_incomplete() { left.min(INCOMPLETE) } else { left }
    }

    /// The peers for which it was proven.
    pub(super) fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Answer(answer) | Self::Stale(answer) => Some(&answer.scope),
            Self::Absence(none) => Some(&none.scope),
            Self::Nothing => None,
        }
    }

    /// When it was learnt.
    pub(super) fn since(&self) -> Option<Instant> {
        self.validity().map(Validity::since)
    }

    fn validity(&self) -> Option<&Validity> {
        match self {
            Self::Answer(answer) | Self::Stale(answer) => Some(&answer.validity),
            Self::Absence(none) => Some(&none.validity),
            Self::Nothing => None,
        }
    }

    /// Whether it is an answer that might have been more specific.
    pub(super) fn is_incomplete(&self) -> bool {
        matches!(self, Self::Answer(answer) if answer.incomplete)
    }

    /// Whether it is an answer that could not be better.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self, Self::Answer(answer) if !answer.incomplete)
    }

    /// Whether a peer said it: good for its own announce only, whatever the scope says.
    pub(super) fn is_claim(&self) -> bool {
        let Self::Answer(answer) = self else { return false };
        matches!(answer.guide, Guide::Costs(_))
            || answer.servers().iter().any(|server| server.trust == Trust::PeerClaim)
    }

    /// What `known` says while it holds.
    pub(super) fn as_known(&self) -> Option<Known> {
        match self {
            Self::Answer(answer) => Some(Known::Fresh(answer.clone())),
            Self::Absence(none) => Some(Known::None(none.clone())),
            Self::Stale(_) | Self::Nothing => None,
        }
    }

    /// What `discover` says while it holds.
    pub(super) fn as_reply(&self) -> Option<Result<Arc<Answer>, Error>> {
        match self {
            Self::Answer(answer) => Some(Ok(answer.clone())),
            Self::Absence(none) => Some(Err(Error::NoServer(none.clone()))),
            Self::Stale(_) | Self::Nothing => None,
        }
    }

    /// Octets on the heap, about. What several facts share is counted with each of them, so the
    /// sum is never too small.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Answer(answer) | Self::Stale(answer) => {
                block(size_of::<Answer>())
                    + guide_weight(&answer.guide)
                    + trace_weight(&answer.trace)
            }
            Self::Absence(none) => block(size_of::<NoServer>()) + trace_weight(&none.trace),
            Self::Nothing => 0,
        }
    }
}

/// The answer as it is served past its life: it ended when the cache stopped relying on it.
pub(super) fn past_its_life(answer: &Answer, ended: Instant) -> Answer {
    let since = answer.validity.since();
    let validity = Validity::new(since, ended.saturating_duration_since(since));
    Answer { validity, incomplete: true, ..answer.clone() }
}

fn remembered(trace: &Trace) -> Trace {
    let from_cache = |step: &Step| {
        let origin = if step.origin == Origin::Wire { Origin::Cache } else { step.origin };
        Step { origin, ..step.clone() }
    };
    trace.steps().iter().map(from_cache).collect()
}

/// What an allocation of `octets` costs, with two counters and the allocator's own.
fn block(octets: usize) -> usize {
    octets + 32
}

fn guide_weight(guide: &Guide) -> usize {
    match guide {
        Guide::Servers(servers) => {
            block(0) + servers.as_slice().iter().map(server_weight).sum::<usize>()
        }
        Guide::Costs(costs) => block(size_of_val(&*costs.entries)),
    }
}

fn server_weight(server: &Server) -> usize {
    let found_at = server.found_at.as_ref().map_or(0, |name| block(name.len()));
    size_of::<Server>() + block(server.uri.as_str().len()) + found_at
}

fn trace_weight(trace: &Trace) -> usize {
    let step =
        |step: &Step| size_of::<Step>() + block(step.subject.len()) + block(step.finding.len());
    block(0) + trace.steps().iter().map(step).sum::<usize>()
}
