//! Whether a resolver is worth asking.

use std::time::Duration;

use tokio::time::Instant;

use crate::upstream::Standing;

/// While a resolver cannot be reached, it is tried again so often.
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// So many questions in a row without any reply count as an outage. A single one may be due to a
/// slow zone.
const SILENCE: u32 = 4;

/// Remembers of one resolver whether it can be reached. Pure: `now` is an argument.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    silent: u32,
    last_reply: Option<Instant>,
    /// Set while it cannot be reached: the last time it was tried.
    down_since_try: Option<Instant>,
}

impl Breaker {
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        match self.down_since_try {
            None => Standing::Up,
            Some(tried) if now < tried + PROBE_EVERY => Standing::Down,
            Some(_) => Standing::Due,
        }
    }

    /// The same for somebody about to ask: only one finds out whether it is back.
    pub(crate) fn claim(&mut self, now: Instant) -> Standing {
        let standing = self.standing(now);
        if standing == Standing::Due {
            self.down_since_try = Some(now);
        }
        standing
    }

    /// It replied, whatever it said. Whether it was thought unreachable before.
    pub(crate) fn replied(&mut self, now: Instant) -> bool {
        self.silent = 0;
        self.last_reply = Some(now);
        self.down_since_try.take().is_some()
    }

    /// It did not reply in time to a question of the moment `asked`. That says nothing if it replied
    /// to another one since.
    pub(crate) fn was_silent(&mut self, asked: Instant, now: Instant) {
        if self.last_reply.is_some_and(|reply| reply > asked) {
            return;
        }
        self.silent = self.silent.saturating_add(1);
        if self.silent >= SILENCE {
            self.refused(now);
        }
    }

    /// Connections to it are refused, or there is no way to it: certain at once.
    pub(crate) fn refused(&mut self, now: Instant) {
        self.down_since_try.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Refused opens at once, one probe each 500 ms, a reply closes.
    #[test]
    fn refused_opens_and_a_reply_closes() {
        let mut breaker = Breaker::default();
        let start = Instant::now();
        assert_eq!(breaker.claim(start), Standing::Up);
        breaker.refused(start);
        assert_eq!(breaker.claim(start + 499 * MS), Standing::Down);
        assert_eq!(breaker.claim(start + 500 * MS), Standing::Due);
        assert_eq!(breaker.claim(start + 501 * MS), Standing::Down, "one probe at a time");
        assert!(breaker.replied(start + 501 * MS));
        assert_eq!(breaker.claim(start + 502 * MS), Standing::Up);
        assert!(!breaker.replied(start + 502 * MS), "it was not down");
    }

    /// A reply shows that it is there: questions of earlier that stay without one are no outage.
    #[test]
    fn what_an_outage_swallowed_opens_nothing_later() {
        let mut breaker = Breaker::default();
        let asked = Instant::now();
        breaker.replied(asked + 100 * MS);
        (0..9).for_each(|_| breaker.was_silent(asked, asked + 2_000 * MS));
        assert_eq!(breaker.claim(asked + 2_000 * MS), Standing::Up);
        let later = asked + 101 * MS;
        (0..4).for_each(|_| breaker.was_silent(later, later + 2_000 * MS));
        assert_eq!(breaker.claim(later + 2_000 * MS), Standing::Down);
    }

    /// A slow zone is no outage; many questions without any reply are.
    #[test]
    fn only_lasting_silence_opens() {
        let mut breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..10 {
            (0..3).for_each(|_| breaker.was_silent(now, now));
            breaker.replied(now);
        }
        assert_eq!(breaker.claim(now), Standing::Up);
        (0..4).for_each(|_| breaker.was_silent(now, now));
        assert_eq!(breaker.claim(now), Standing::Down);
    }
}
