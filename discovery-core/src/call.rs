//! How to ask, this once.

use std::time::Duration;

use tokio::time::Instant;

use crate::Validity;

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
    /// Anything but what is in the last fifth of its lifetime: how a cache asks again ahead of the
    /// end. A fact that an answer shares with others is then asked for once and not once for each.
    Ahead,
    /// Nothing: ask again and replace what is remembered (an operator's doubt).
    Refresh,
}

impl Freshness {
    /// Whether a remembered fact of this span will do at `now`.
    ///
    /// A cache cuts lives by up to a tenth and asks again in the last tenth of what is left. By then
    /// the shortest-lived fact of an answer is in its last fifth, so it is one of those asked for.
    pub fn accepts(self, fact: Validity, now: Instant) -> bool {
        match self {
            Self::Cached => fact.holds(now),
            Self::Ahead => fact.left(now) > fact.lifetime() / 5,
            Self::Refresh => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ends soon is asked for anew ahead of its end; nothing is trusted past it.
    #[test]
    fn what_will_do() {
        let start = Instant::now();
        let fact = Validity::new(start, Duration::from_secs(100));
        for (age, cached, ahead) in
            [(0, true, true), (79, true, true), (80, true, false), (100, false, false)]
        {
            let now = start + Duration::from_secs(age);
            let accepting = [Freshness::Cached, Freshness::Ahead, Freshness::Refresh]
                .map(|f| f.accepts(fact, now));
            assert_eq!(accepting, [cached, ahead, false], "{age}");
        }
    }
}
