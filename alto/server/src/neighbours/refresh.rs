//! When a neighbour is asked again, and how long what it said counts.

use std::time::Duration;

use alto_discovery_core::Validity;
use tokio::time::Instant;

/// How often neighbours are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The least time between two questions, also where HTTP says less; 60 s by default.
    pub least: Duration,
    /// The most, also where HTTP says more; an hour by default.
    pub most: Duration,
    /// How long what a neighbour said counts beyond the time when it was to be asked again, if it
    /// cannot be asked; an hour by default.
    pub keep: Duration,
    /// The time until the next try after one that failed, doubled with each failure up to `least`
    /// and then no further; 5 s by default.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let hour = Duration::from_secs(3_600);
        let (least, retry) = (Duration::from_secs(60), Duration::from_secs(5));
        Self { least, most: hour, keep: hour, retry }
    }
}

/// The times of one neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refresh {
    due: Instant,
    /// When what it said no longer counts; `None` if it has said nothing.
    over: Option<Instant>,
    failures: u32,
}

impl Refresh {
    /// Of one that has not been asked yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self { due: now, over: None, failures: 0 }
    }

    /// When something is to be done.
    pub(crate) fn wake(&self) -> Instant {
        self.over.map_or(self.due, |over| over.min(self.due))
    }

    /// Whether what it said has just ceased to count; told once.
    pub(crate) fn has_ended(&mut self, now: Instant) -> bool {
        self.over.take_if(|over| *over <= now).is_some()
    }

    /// It has answered, and this is how long HTTP lets that hold.
    pub(crate) fn answered(&mut self, now: Instant, validity: Validity, pace: Pace) {
        let wait = validity.left(now).clamp(pace.least, pace.most.max(pace.least));
        self.due = now + wait;
        self.over = Some(self.due + pace.keep);
        self.failures = 0;
    }

    /// It has not, and perhaps asks to be left alone for a while.
    pub(crate) fn failed(&mut self, now: Instant, retry_after: Option<Duration>, pace: Pace) {
        let doubled = pace.retry.saturating_mul(1 << self.failures.min(16));
        let wait = doubled.min(pace.least.max(pace.retry));
        self.due = now + wait.max(retry_after.unwrap_or_default().min(pace.most));
        self.failures = self.failures.saturating_add(1);
    }

    /// How long what it said still counts; `None` if it has said nothing that does.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        self.over.map(|over| over.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn after(seconds: u64) -> Duration {
        SECOND * u32::try_from(seconds).unwrap()
    }

    /// RFC 7285 §8.3.6: HTTP says how long an answer holds; between a minute and an hour.
    #[test]
    fn http_says_when_to_ask_again() {
        let now = Instant::now();
        let mut refresh = Refresh::new(now);
        assert_eq!((refresh.wake(), refresh.left(now)), (now, None));
        for (lifetime, wait) in [(0, 60), (60, 60), (300, 300), (3_600, 3_600), (86_400, 3_600)] {
            refresh.answered(now, Validity::new(now, after(lifetime)), Pace::default());
            assert_eq!(refresh.wake(), now + after(wait), "{lifetime}");
            assert_eq!(refresh.left(now), Some(after(wait + 3_600)), "{lifetime}");
        }
    }

    /// Failures are retried with growing patience, and what was said before counts no longer for it.
    #[test]
    fn failures_do_not_prolong_what_was_said() {
        let start = Instant::now();
        let pace = Pace::default();
        let mut refresh = Refresh::new(start);
        refresh.answered(start, Validity::new(start, after(100)), pace);
        let mut now = refresh.wake();
        for wait in [5, 10, 20, 40, 60, 60] {
            refresh.failed(now, None, pace);
            assert_eq!(refresh.wake(), now + after(wait));
            now = refresh.wake();
        }
        refresh.failed(now, Some(after(120)), pace);
        assert_eq!(refresh.wake(), now + after(120));
        refresh.failed(now, Some(Duration::MAX), pace);
        assert_eq!(refresh.wake(), start + after(3_700), "its end comes first");
        let end = start + after(3_700);
        assert!(!refresh.has_ended(end - SECOND));
        assert!(refresh.has_ended(end) && !refresh.has_ended(end), "told once");
        assert_eq!(refresh.left(end), None);
    }

    /// Whatever happens, the next time lies ahead, and nothing counts for longer than HTTP's word, at
    /// most an hour, and the hour that it is kept.
    #[test]
    fn nothing_overflows() {
        let now = Instant::now();
        let mut refresh = Refresh::new(now);
        for _ in 0..100 {
            refresh.failed(now, None, Pace::default());
            assert!(refresh.wake() > now && refresh.wake() <= now + after(60));
        }
        refresh.answered(now, Validity::new(now, Duration::MAX), Pace::default());
        assert_eq!(refresh.left(now), Some(after(7_200)));
    }
}
