//! Whether a resolver is worth asking.

use std::time::Duration;

use tokio::time::Instant;

use crate::upstream::Standing;

/// While a resolver cannot be reached, it is tried again so often.
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// So many questions in a row without any reply raise a doubt, and no more: they may all be about
/// one dead zone. A walk has three names at least, so the first one that gets no reply raises it.
const SILENCE: u32 = 2;

/// Remembers of one resolver whether it can be reached. Pure: `now` is an argument.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    silent: u32,
    last_reply: Option<Instant>,
    /// Set while it cannot be reached: the last time it was tried.
    down_since_try: Option<Instant>,
}

/// What somebody about to ask is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Ask.
    Ask,
    /// Ask, and beside it find out whether the resolver is there.
    AskInDoubt,
    /// Find out whether the resolver is back; if so, ask.
    ProbeFirst,
    /// Leave it.
    Leave,
}

impl Breaker {
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        match self.down_since_try {
            None => Standing::Up,
            Some(tried) if now < tried + PROBE_EVERY => Standing::Down,
            Some(_) => Standing::Due,
        }
    }

    /// The same for somebody about to ask. Of many one finds out how it is.
    pub(crate) fn claim(&mut self, now: Instant) -> Advice {
        match self.standing(now) {
            Standing::Up if self.silent >= SILENCE => {
                self.silent = 0;
                Advice::AskInDoubt
            }
            Standing::Up => Advice::Ask,
            Standing::Due => {
                self.down_since_try = Some(now);
                Advice::ProbeFirst
            }
            Standing::Down => Advice::Leave,
        }
    }

    /// It replied, whatever it said. Whether it was thought unreachable before.
    pub(crate) fn replied(&mut self, now: Instant) -> bool {
        self.silent = 0;
        self.last_reply = Some(now);
        self.down_since_try.take().is_some()
    }

    /// It did not reply in time to a question of the moment `asked`. That says nothing if it replied
    /// to another one since.
    pub(crate) fn was_silent(&mut self, asked: Instant) {
        if self.last_reply.is_none_or(|reply| reply <= asked) {
            self.silent = self.silent.saturating_add(1);
        }
    }

    /// It cannot be reached: connections are refused, there is no way to it, or it does not reply
    /// to the simplest question.
    pub(crate) fn is_down(&mut self, now: Instant) {
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
        assert_eq!(breaker.claim(start), Advice::Ask);
        breaker.is_down(start);
        assert_eq!(breaker.claim(start + 499 * MS), Advice::Leave);
        assert_eq!(breaker.claim(start + 500 * MS), Advice::ProbeFirst);
        assert_eq!(breaker.claim(start + 501 * MS), Advice::Leave, "one probe at a time");
        assert!(breaker.replied(start + 501 * MS));
        assert_eq!(breaker.claim(start + 502 * MS), Advice::Ask);
        assert!(!breaker.replied(start + 502 * MS), "it was not down");
    }

    /// Questions without a reply may all be about one dead zone: they make one caller look closer.
    #[test]
    fn lasting_silence_is_looked_into() {
        let mut breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..10 {
            breaker.was_silent(now);
            breaker.replied(now);
        }
        assert_eq!(breaker.claim(now), Advice::Ask, "replies came between");
        (0..2).for_each(|_| breaker.was_silent(now));
        assert_eq!(breaker.claim(now), Advice::AskInDoubt);
        assert_eq!(breaker.claim(now), Advice::Ask, "one of them looks");
        breaker.is_down(now);
        assert_eq!(breaker.claim(now), Advice::Leave);
    }

    /// A reply shows that it is there: questions of earlier that stay without one raise no doubt.
    #[test]
    fn what_an_outage_swallowed_opens_nothing_later() {
        let mut breaker = Breaker::default();
        let asked = Instant::now();
        breaker.replied(asked + 100 * MS);
        (0..9).for_each(|_| breaker.was_silent(asked));
        assert_eq!(breaker.claim(asked + 2_000 * MS), Advice::Ask);
        (0..2).for_each(|_| breaker.was_silent(asked + 101 * MS));
        assert_eq!(breaker.claim(asked + 2_000 * MS), Advice::AskInDoubt);
    }
}
