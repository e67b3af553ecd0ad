//! An end to waiting.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::{
    Answer, Backend, BoxFuture, Call, Cause, Error, Known, Peer, Trace, code, duration_text,
};

/// Ends each call after a time of its own, or at the caller's deadline if that is earlier.
///
/// The backend below is told, so that it can make the best of the time; if it does not end by
/// itself, its call is dropped and it is unavailable with code `timeout`.
#[derive(Debug)]
pub struct Deadline<B> {
    inner: B,
    most: Duration,
}

impl<B: Backend> Deadline<B> {
    /// Gives each call to `inner` at most `most`.
    pub fn new(inner: B, most: Duration) -> Self {
        Self { inner, most }
    }

    async fn in_time(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        let call = call.at_most(Instant::now() + self.most);
        within(&call, self.name(), self.inner.discover(peer, &call)).await
    }
}

impl<B: Backend> Backend for Deadline<B> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(self.in_time(peer, call))
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        self.inner.known(peer, now)
    }
}

/// What `work` says within the call's deadline; unavailable in the name of `backend` otherwise.
pub(super) async fn within(
    call: &Call,
    backend: &'static str,
    work: impl Future<Output = Result<Arc<Answer>, Error>>,
) -> Result<Arc<Answer>, Error> {
    let Some(deadline) = call.deadline else { return work.await };
    let started = Instant::now();
    timeout_at(deadline, work).await.unwrap_or_else(|_| {
        let waited = duration_text(deadline.saturating_duration_since(started));
        let cause = Cause::new(code::TIMEOUT, format!("no answer within {waited}"));
        Err(Error::Unavailable { backend, retry_after: None, cause, trace: Trace::default() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    fn slow(ms: u64) -> Fake {
        let reply = Kind::Answer.reply("a");
        Fake::new("a", move |_, _, _| (Duration::from_millis(ms), reply.clone()))
    }

    /// The earlier of both deadlines counts, and what misses it is unavailable, not absent.
    #[tokio::test(start_paused = true)]
    async fn ends_a_call_in_time() {
        let layer = Deadline::new(slow(5_000), seconds(3));
        for (own, waited) in [(None, 3_000), (Some(1), 1_000), (Some(4), 3_000)] {
            let started = Instant::now();
            let call = Call { deadline: own.map(|s| started + seconds(s)), ..Call::default() };
            let error = layer.discover(&peer("192.0.2.7"), &call).await.unwrap_err();
            assert_eq!((error.code(), error.backend()), (code::TIMEOUT, Some("a")));
            assert_eq!(Kind::of(&Err(error)), Kind::Unavailable);
            assert_eq!(started.elapsed(), Duration::from_millis(waited));
        }
    }

    /// The backend below knows how long it has, and what comes in time passes.
    #[tokio::test(start_paused = true)]
    async fn tells_the_deadline() {
        let inner = Fake::new("a", |_, call, _| {
            assert_eq!(call.time_left(Instant::now()), Some(seconds(3)));
            (seconds(2), Kind::None.reply("a"))
        });
        let layer = Deadline::new(inner, seconds(3));
        let reply = layer.discover(&peer("192.0.2.7"), &Call::default()).await;
        assert_eq!(Kind::of(&reply), Kind::None);
    }
}
