//! The questions of `alto check`: no faster than name servers like it, and again what they dropped.
//!
//! Name servers limit how often they reply to one network, so that nobody can use them to flood it:
//! above the limit they drop replies, or cut them short so that the question comes again over TCP. A
//! dropped reply says nothing about the name.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use alto_backend_dns::config::DnsConfig;
use alto_backend_dns::fact::Failure;
use alto_backend_dns::upstream::{Reply, Upstream};
use alto_zone::check::{Check, Seen};
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, sleep_until};

/// So often is a name asked for at most, each time at half the rate.
const ROUNDS: u32 = 10;
/// Slower than this nobody asks.
const SLOWEST: Duration = Duration::from_millis(500);
/// So late may a question be and still be made up for. Timers are no finer than a millisecond.
const SLACK: Duration = Duration::from_millis(20);

/// Asks an upstream for names.
pub(crate) struct Asking<'u> {
    upstream: &'u dyn Upstream,
    patience: Duration,
    at_once: usize,
    pace: Pace,
    /// Whether there was any question.
    asked: bool,
    /// Whether there was any reply to any question.
    heard: bool,
}

type Asked = (Arc<str>, Result<Reply, Failure>);

impl<'u> Asking<'u> {
    /// As fast as the configuration allows.
    pub(crate) fn new(upstream: &'u dyn Upstream, config: &DnsConfig) -> Self {
        let rate = config.zone_qps.min(config.total_qps).max(1);
        Self {
            upstream,
            patience: config.timeout,
            at_once: usize::try_from(config.in_flight).unwrap_or(usize::MAX).max(1),
            pace: Pace::new(rate, Instant::now()),
            asked: false,
            heard: false,
        }
    }

    /// Whether questions were asked, and nobody replied to any.
    pub(crate) fn is_unheard(&self) -> bool {
        self.asked && !self.heard
    }

    /// Asks for all that an examination needs.
    pub(crate) async fn ask_all(&mut self, check: &mut Check<'_>) {
        loop {
            let names = check.missing();
            if names.is_empty() {
                return;
            }
            for (name, reply) in self.ask(names).await {
                check.learn(name, Seen::from(reply));
            }
        }
    }

    /// The reply for each name. Names without one are asked for again, more slowly, as long as there
    /// is hope: somebody is there, and the last round brought a reply.
    async fn ask(&mut self, names: Vec<Arc<str>>) -> Vec<Asked> {
        let (mut told, mut dropped) = self.round(names).await;
        for _ in 1..ROUNDS {
            if dropped.is_empty() || !self.heard {
                break;
            }
            self.pace.slow_down();
            let names = dropped.iter().map(|(name, _)| name.clone()).collect();
            let (more, still) = self.round(names).await;
            let hope = !more.is_empty();
            told.extend(more);
            dropped = still;
            if !hope {
                break;
            }
        }
        told.extend(dropped);
        told
    }

    /// Those for whom there was a reply or a certain failure, and those for whom nothing came.
    async fn round(&mut self, names: Vec<Arc<str>>) -> (Vec<Asked>, Vec<Asked>) {
        self.asked = true;
        let (upstream, patience) = (self.upstream, self.patience);
        let pace = &self.pace;
        let ask = |name: Arc<str>| async move {
            sleep_until(pace.take(Instant::now())).await;
            let reply = upstream.ask(&name, patience).await;
            (name, reply)
        };
        let replies: Vec<Asked> =
            stream::iter(names).map(ask).buffer_unordered(self.at_once).collect().await;
        let (dropped, told): (Vec<_>, Vec<_>) = replies.into_iter().partition(is_dropped);
        self.heard |= told.iter().any(|(_, reply)| !is_silence(reply));
        (told, dropped)
    }
}

fn is_dropped((_, reply): &Asked) -> bool {
    matches!(reply, Err(Failure::Timeout | Failure::Unreachable(_)))
}

fn is_silence(reply: &Result<Reply, Failure>) -> bool {
    reply.as_ref().is_err_and(Failure::is_transport)
}

/// When questions may be asked.
struct Pace {
    interval: Duration,
    /// The next one's moment.
    next: Cell<Instant>,
}

impl Pace {
    fn new(rate: u32, now: Instant) -> Self {
        Self { interval: Duration::from_secs(1) / rate, next: Cell::new(now) }
    }

    /// The moment of a question that is ready at `now`.
    fn take(&self, now: Instant) -> Instant {
        let late = now.checked_sub(SLACK).unwrap_or(now);
        let at = self.next.get().max(late);
        self.next.set(at + self.interval);
        at
    }

    fn slow_down(&mut self) {
        self.interval = (self.interval * 2).min(SLOWEST.max(self.interval));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many a second as it says, however late each is, and no more after a lull.
    #[test]
    fn the_rate_is_kept() {
        for (rate, late_ms) in [(100, 0), (100, 1), (100, 15), (1_000, 1), (20_000, 3)] {
            let start = Instant::now();
            let pace = Pace::new(rate, start);
            let mut now = start;
            let mut asked = 0_u32;
            while now < start + Duration::from_secs(1) {
                now = now.max(pace.take(now));
                asked += 1;
                if asked.is_multiple_of(100) {
                    now += Duration::from_millis(late_ms);
                }
            }
            assert!((rate - rate / 5..=rate + 1).contains(&asked), "{rate}: {asked}");
            let lull = now + Duration::from_secs(60);
            let at_once = (0..1_000).filter(|_| pace.take(lull) <= lull).count();
            assert!(at_once <= 1 + (SLACK.as_millis() * u128::from(rate) / 1_000) as usize);
        }
    }

    /// Half the rate each time, down to the slowest, and never faster than it was.
    #[test]
    fn slower_each_time() {
        let mut pace = Pace::new(100, Instant::now());
        pace.slow_down();
        assert_eq!(pace.interval, Duration::from_millis(20));
        (0..20).for_each(|_| pace.slow_down());
        assert_eq!(pace.interval, SLOWEST);
        let mut slow = Pace::new(1, Instant::now());
        slow.slow_down();
        assert_eq!(slow.interval, Duration::from_secs(1));
    }
}
