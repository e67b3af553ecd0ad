//! How long a fact holds.

use std::time::Duration;

use tokio::time::Instant;

/// The span in which an answer or an absence holds: as long as the shortest fact it was built
/// from, never longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    since: Instant,
    until: Instant,
}

impl Validity {
    /// Holds from `since` for `lifetime`.
    ///
    /// Lifetimes that the clock cannot represent are cut to a day.
    pub fn new(since: Instant, lifetime: Duration) -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        let until = since.checked_add(lifetime).unwrap_or_else(|| since + DAY);
        Self { since, until }
    }

    /// When the fact was learnt.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The first moment at which it no longer holds.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Whether it holds at `now`.
    pub fn holds(&self, now: Instant) -> bool {
        now < self.until
    }

    /// What is left at `now`; zero once expired.
    pub fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }

    /// The whole span.
    pub fn lifetime(&self) -> Duration {
        self.until.saturating_duration_since(self.since)
    }

    /// The span of something built from both facts: the later start, the earlier end.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let until = self.until.min(other.until);
        Self { since: self.since.max(other.since).min(until), until }
    }

    /// The same span, ending no later than `lifetime` after `since`.
    #[must_use]
    pub fn at_most(self, lifetime: Duration) -> Self {
        self.and(Self::new(self.since, lifetime))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_as_long_as_the_shortest_fact() {
        let now = Instant::now();
        let long = Validity::new(now, Duration::from_secs(600));
        let short = Validity::new(now, Duration::from_secs(60));
        assert_eq!(long.and(short).lifetime(), Duration::from_secs(60));
        assert_eq!(long.at_most(Duration::from_secs(5)).lifetime(), Duration::from_secs(5));
        assert!(short.holds(now + Duration::from_millis(59_999)));
        assert!(!short.holds(now + Duration::from_secs(60)));
    }

    #[test]
    fn a_lifetime_beyond_the_clock_is_cut() {
        let validity = Validity::new(Instant::now(), Duration::MAX);
        assert!(validity.lifetime() <= Duration::from_secs(86_400));
    }
}
