//! What was asked on the way to an answer, and what came back.

use std::sync::Arc;
use std::time::Duration;

/// The walk behind an answer or an error, in order. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    steps: Arc<[Step]>,
}

impl Trace {
    /// The walk of these steps.
    pub fn new(steps: impl Into<Arc<[Step]>>) -> Self {
        Self { steps: steps.into() }
    }

    /// The steps, first asked first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// This walk followed by another.
    #[must_use]
    pub fn then(&self, later: &Trace) -> Trace {
        match (self.steps.is_empty(), later.steps.is_empty()) {
            (true, _) => later.clone(),
            (_, true) => self.clone(),
            _ => self.steps.iter().chain(&*later.steps).cloned().collect(),
        }
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new([])
    }
}

impl FromIterator<Step> for Trace {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self { steps: steps.into_iter().collect() }
    }
}

/// One question and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The backend that asked.
    pub backend: &'static str,
    /// What was asked: a domain name (lower case, absolute) or a URI.
    pub subject: Arc<str>,
    /// Where the reply came from.
    pub origin: Origin,
    /// What came and what was made of it, for people. The first line sums up; each further line
    /// tells of one record or header and why it was taken or refused.
    pub finding: Arc<str>,
    /// How long the fact holds from then on; `None` if it is not kept.
    pub holds: Option<Duration>,
}

/// Where a reply came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the network, in this call.
    Wire,
    /// From what this process remembers.
    Cache,
    /// From neither: it was not asked (no time left, a limit reached).
    NotAsked,
}
