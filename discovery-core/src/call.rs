//! How to ask, this once.

use std::time::Duration;

use tokio::time::Instant;

/// A wish about one call. Never part of a cache key: what is found does not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// When the caller stops waiting. `None` leaves it to the layers and the backend.
    pub deadline: Option<Instant>,
    /// Whether remembered facts will do.
    pub freshness: Freshness,
}

impl Call {
    /// A call that must end at `deadline`.
    pub fn until(deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..Self::default() }
    }

    /// The same call with a deadline no later than `deadline`.
    #[must_use]
    pub fn at_most(self, deadline: Instant) -> Self {
        let earlier = self.deadline.map_or(deadline, |own| own.min(deadline));
        Self { deadline: Some(earlier), ..self }
    }

    /// Time left at `now`; `None` without a deadline, zero once it has passed.
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(now))
    }
}

/// Whether remembered facts will do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// Anything within its lifetime.
    #[default]
    Cached,
    /// Ask again and replace what is remembered (refresh ahead of expiry, an operator's doubt).
    Refresh,
}
