//! How to ask, this once.

use std::time::Duration;

use tokio::time::Instant;

use crate::Validity;

/// A backend ends this part of the time before the deadline, and so long at least and at most.
const MARGIN: u32 = 20;
const MARGIN_LEAST: Duration = Duration::from_millis(5);
const MARGIN_MOST: Duration = Duration::from_millis(50);

/// A wish about one call. Never part of a cache key: what is found does not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// When the caller stops waiting. `None` leaves it to the layers and the backend.
    ///
    /// What it asked for may be shared with others, goes on without it and is remembered. To make
    /// discoveries themselves shorter, with the time shared out among their questions, is for the
    /// configuration.
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

    /// When a backend that takes `longest` at most must come to its end: so long before the deadline that
    /// its own account arrives, and not somebody's timer.
    pub fn end_within(&self, longest: Duration, now: Instant) -> Instant {
        match self.time_left(now) {
            Some(left) if left <= longest + MARGIN_MOST => {
                now + left.saturating_sub((left / MARGIN).clamp(MARGIN_LEAST, MARGIN_MOST))
            }
            _ => now + longest,
        }
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

    /// A twentieth before the deadline, 5 to 50 ms; what takes less time than there is ends by itself.
    #[test]
    fn accounts_arrive_before_the_deadline() {
        let now = Instant::now();
        let end = |deadline: Option<u64>| {
            let deadline = deadline.map(|left| now + Duration::from_millis(left));
            let call = Call { deadline, ..Call::default() };
            call.end_within(Duration::from_secs(3), now).duration_since(now).as_millis()
        };
        for (left, expected) in [
            (Some(0), 0),
            (Some(4), 0),
            (Some(100), 95),
            (Some(500), 475),
            (Some(2_000), 1_950),
            (Some(3_050), 3_000),
            (Some(3_051), 3_000),
            (Some(60_000), 3_000),
            (None, 3_000),
        ] {
            assert_eq!(end(left), expected, "{left:?}");
        }
    }

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
