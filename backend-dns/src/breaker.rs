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
    pub(crate) fn replied(&mut self) -> bool {
        self.silent = 0;
        self.down_since_try.take().is_some()
    }

    /// It did not reply in time.
    pub(crate) fn was_silent(&mut self, now: Instant) {
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
        assert!(breaker.replied());
        assert_eq!(breaker.claim(start + 502 * MS), Standing::Up);
        assert!(!breaker.replied(), "it was not down");
    }

    /// A slow zone is no outage; many questions without any reply are.
    #[test]
    fn only_lasting_silence_opens() {
        let mut breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..10 {
            breaker.was_silent(now);
            breaker.was_silent(now);
            breaker.was_silent(now);
            breaker.replied();
        }
        assert_eq!(breaker.claim(now), Standing::Up);
        (0..4).for_each(|_| breaker.was_silent(now));
        assert_eq!(breaker.claim(now), Standing::Down);
    }
}
