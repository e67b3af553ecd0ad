//! A bound on calls at once.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::{Answer, Backend, BoxFuture, Call, Cause, Error, Known, Peer, Trace, code};

/// Lets a number of calls through at once. One more is not queued: it is unavailable at once with
/// code `limit-reached`, and since nothing remembers that, the next call asks again.
#[derive(Debug)]
pub struct Limit<B> {
    inner: B,
    most: usize,
    places: Semaphore,
}

impl<B: Backend> Limit<B> {
    /// Lets at most `most` calls to `inner` run at once.
    pub fn new(inner: B, most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { inner, most, places: Semaphore::new(most) }
    }

    async fn if_free(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        let _place = self.places.try_acquire().map_err(|_| full(self.name(), self.most))?;
        self.inner.discover(peer, call).await
    }
}

impl<B: Backend> Backend for Limit<B> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(self.if_free(peer, call))
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        self.inner.known(peer, now)
    }
}

/// What a caller hears when all `most` places are taken.
pub(super) fn full(backend: &'static str, most: usize) -> Error {
    let cause = Cause::new(code::LIMIT, format!("{most} discoveries are under way already"));
    Error::Unavailable { backend, retry_after: None, cause, trace: Trace::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    /// One call too many is told so at once; places are free again when calls end or are dropped.
    #[tokio::test(start_paused = true)]
    async fn refuses_what_is_too_many() {
        let inner = Fake::new("a", |_, _, _| (seconds(1), Kind::Answer.reply("a")));
        let layer = Arc::new(Limit::new(inner, 2));
        let ask = || {
            let layer = layer.clone();
            async move { layer.discover(&peer("192.0.2.7"), &Call::default()).await }
        };
        let (first, second) = (tokio::spawn(ask()), tokio::spawn(ask()));
        tokio::task::yield_now().await;
        let started = Instant::now();
        let error = ask().await.unwrap_err();
        assert_eq!((error.code(), error.backend()), (code::LIMIT, Some("a")));
        assert_eq!(Kind::of(&Err(error)), Kind::Unavailable);
        assert!(started.elapsed().is_zero());
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert!(ask().await.is_ok());
        assert!(second.await.unwrap().is_ok());
    }
}
