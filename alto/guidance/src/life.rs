//! How long what came may be used, and by whom. Pure.

use std::time::Duration;

use alto_discovery_core::Validity;
use alto_fetch::Freshness;
use tokio::time::Instant;

/// How long announces go by a table at least, also if its server wants to be asked each time
/// (`no-store`, `no-cache`, `max-age=0`). An announce does not wait: it can only use what an earlier
/// one had fetched, and each would have maps of megabytes fetched for the next. The minute protects
/// the server. Who waits for an answer gets what HTTP allows, without it.
const LEAST_FOR_ANNOUNCES: Duration = Duration::from_secs(60);

/// How long something may be used: as long as the shortest-lived part it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// What HTTP says.
    validity: Validity,
    /// Whether its server lets it be kept beyond the use for which it was fetched.
    pub(crate) may_be_kept: bool,
    /// Whether its server lets it be used beyond its time, while no newer one can be had.
    pub(crate) may_be_stale: bool,
}

impl Life {
    pub(crate) fn new(freshness: &Freshness) -> Self {
        let Freshness { validity, no_store, may_be_stale, .. } = *freshness;
        Self { validity, may_be_kept: !no_store, may_be_stale }
    }

    /// The life of what was made of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            validity: self.validity.and(other.validity),
            may_be_kept: self.may_be_kept && other.may_be_kept,
            may_be_stale: self.may_be_stale && other.may_be_stale,
        }
    }

    /// For whoever waits for an answer.
    pub(crate) fn by_http(&self) -> Validity {
        self.validity
    }

    /// For announces.
    pub(crate) fn for_announces(&self) -> Validity {
        let lifetime = self.validity.lifetime().max(LEAST_FOR_ANNOUNCES);
        Validity::new(self.validity.since(), lifetime)
    }

    /// Whether nothing of it may be used any more, nor be the base of a question for changes.
    pub(crate) fn is_to_be_forgotten(&self, now: Instant) -> bool {
        !self.may_be_kept && !self.for_announces().holds(now)
    }

    #[cfg(test)]
    pub(crate) fn of(validity: Validity) -> Self {
        Self { validity, may_be_kept: true, may_be_stale: true }
    }
}
