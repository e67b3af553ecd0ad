//! What came of a question, reduced to what the laws compare.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::{Answer, Error, Guide, PeerCost, Scope};

/// What `discover` gives.
pub(crate) type Outcome = Result<Arc<Answer>, Error>;

/// An outcome without what may differ between two honest replies to one question: order (law 4 has
/// it), lifetimes, traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gist {
    Servers(BTreeSet<String>),
    Costs(Arc<[PeerCost]>),
    NoServer,
    Unavailable,
    Rejected,
    NotApplicable,
    /// The caller or the configuration is blamed.
    Blame,
}

impl Gist {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Ok(answer) => Self::of_answer(answer),
            Err(Error::NoServer(_)) => Self::NoServer,
            Err(Error::Unavailable { .. }) => Self::Unavailable,
            Err(Error::Rejected { .. }) => Self::Rejected,
            Err(Error::NotApplicable { .. }) => Self::NotApplicable,
            Err(Error::Invalid { .. } | Error::Config { .. }) => Self::Blame,
        }
    }

    pub(crate) fn of_answer(answer: &Answer) -> Self {
        match &answer.guide {
            Guide::Servers(_) => Self::Servers(uris(answer).into_iter().collect()),
            Guide::Costs(costs) => Self::Costs(costs.entries.clone()),
        }
    }
}

impl fmt::Display for Gist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(uris) => f.debug_set().entries(uris).finish(),
            Self::Costs(costs) => write!(f, "guidance of {} entries", costs.len()),
            Self::NoServer => f.write_str("surely none"),
            Self::Unavailable => f.write_str("unavailable"),
            Self::Rejected => f.write_str("rejected"),
            Self::NotApplicable => f.write_str("not applicable"),
            Self::Blame => f.write_str("a fault of the caller's"),
        }
    }
}

/// The URIs of the servers, in the order given.
pub(crate) fn uris(answer: &Answer) -> Vec<String> {
    answer.servers().iter().map(|server| server.uri.to_string()).collect()
}

/// For whom the outcome was proven, if it proves anything.
pub(crate) fn scope_of(outcome: &Outcome) -> Option<&Scope> {
    match outcome {
        Ok(answer) => Some(&answer.scope),
        Err(Error::NoServer(none)) => Some(&none.scope),
        Err(_) => None,
    }
}
