//! Discoveries that callers don't wait for, and those they do.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use facade::{Answer, Call, Discovery, Error, Peer, code};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::cancel::CancelHeld;
use crate::eventfd::EventFd;
use crate::stack::Stack;
use crate::status::{
    ALTO_E_CANCELLED, ALTO_E_FULL, ALTO_E_INVALID, ALTO_E_NOT_STARTED, ALTO_OK, Failure, status_of,
};

type Reply = Result<Arc<Answer>, Error>;

/// Starts discoveries on a handle's own threads.
#[derive(Debug)]
pub(crate) struct Finder {
    discovery: Arc<Discovery>,
    handle: Handle,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Peers being found for callers that look again later.
    quiet: Mutex<HashSet<Peer<'static>>>,
    desk: Mutex<Desk>,
    ready: Arc<EventFd>,
    most: usize,
    counts: Arc<Counts>,
    /// The threads are being ended. A discovery that fails from then on fails because they are: what it
    /// waited for may be gone before it is.
    is_ending: Arc<AtomicBool>,
}

/// What was asked for by token: under way, or over and not fetched yet.
#[derive(Debug, Default)]
struct Desk {
    /// By token; what cancels it while it is under way.
    asked: HashMap<u64, Option<oneshot::Sender<()>>>,
    over: VecDeque<(u64, i32)>,
}

/// Counts of discoveries.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) started: AtomicU64,
    pub(crate) found: AtomicU64,
    pub(crate) none: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl Finder {
    pub(crate) fn new(
        stack: &Stack,
        handle: Handle,
        ready: Arc<EventFd>,
        is_ending: Arc<AtomicBool>,
    ) -> Self {
        let shared = Shared {
            quiet: Mutex::default(),
            desk: Mutex::default(),
            ready,
            most: stack.most,
            counts: stack.counts.clone(),
            is_ending,
        };
        Self { discovery: stack.advisor.discovery().clone(), handle, shared: Arc::new(shared) }
    }

    /// Finds the server of a peer, unless that is under way; whether it is, now.
    pub(crate) fn find(&self, peer: &Peer<'_>) -> bool {
        let peer = peer.without_hints();
        let mut quiet = locked(&self.shared.quiet);
        if quiet.contains(&peer) {
            return true;
        }
        if quiet.len() >= self.shared.most {
            self.discovery.turned_away();
            return false;
        }
        quiet.insert(peer.clone());
        drop(quiet);
        let (discovery, shared) = (self.discovery.clone(), self.shared.clone());
        let job = Quiet { peer: peer.clone(), shared: shared.clone() };
        let _held = CancelHeld::new(); // a thread that sleeps is woken by writing to a descriptor
        self.handle.spawn(async move {
            // What comes of it is remembered by the discovery: the next lookup will see.
            shared.discover(&discovery, &peer, &Call::default()).await.ok();
            drop(job);
        });
        true
    }

    /// Finds the server of a peer until `deadline`, trying again as long as it might be of use.
    ///
    /// A failure is an error of the last try; [`Wait::Stopped`] if the threads are ended first.
    pub(crate) fn wait(&self, peer: Peer<'static>, deadline: Instant) -> Wait {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let (discovery, shared) = (self.discovery.clone(), self.shared.clone());
        self.handle.spawn(async move {
            let reply = shared.insist(&discovery, &peer, deadline).await;
            tell.send(reply).ok(); // who asked may have gone
        });
        // A moment more, so that it is the reply that tells how it ended.
        let most = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(20);
        match told.recv_timeout(most) {
            Ok(reply) if self.shared.is_of_the_end(&reply) => Wait::Stopped,
            Ok(reply) => Wait::Over(reply),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Wait::TimeIsUp,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Wait::Stopped,
        }
    }

    /// Finds the server of a peer, to be told by token.
    pub(crate) fn ask(&self, peer: Peer<'static>, token: u64) -> Result<(), Failure> {
        let (cancel, cancelled) = oneshot::channel();
        {
            let mut desk = locked(&self.shared.desk);
            if desk.asked.contains_key(&token) {
                return Err(Failure::new(ALTO_E_INVALID, "this token is in use"));
            }
            if desk.asked.len() >= self.shared.most {
                self.discovery.turned_away();
                return Err(Failure::new(ALTO_E_FULL, "too many lookups are not fetched yet"));
            }
            desk.asked.insert(token, Some(cancel));
        }
        let asked = Asked { token, status: ALTO_E_CANCELLED, shared: self.shared.clone() };
        let (discovery, shared) = (self.discovery.clone(), self.shared.clone());
        self.handle.spawn(async move {
            let call = Call::default();
            let reply = unless(cancelled, shared.discover(&discovery, &peer, &call)).await;
            asked.over(reply);
        });
        Ok(())
    }

    /// Cancels what was asked for by a token; nothing changes if it is over.
    pub(crate) fn cancel(&self, token: u64) -> Result<(), Failure> {
        let mut desk = locked(&self.shared.desk);
        let Some(cancel) = desk.asked.get_mut(&token) else {
            return Err(Failure::new(ALTO_E_INVALID, "nothing was asked for by this token"));
        };
        if let Some(cancel) = cancel.take() {
            cancel.send(()).ok(); // it may be over at this moment
        }
        Ok(())
    }

    /// Fetches what is over, at most `most` of them.
    pub(crate) fn fetch(&self, most: usize, mut each: impl FnMut(u64, i32)) -> usize {
        let mut desk = locked(&self.shared.desk);
        let count = desk.over.len().min(most);
        for _ in 0..count {
            if let Some((token, status)) = desk.over.pop_front() {
                desk.asked.remove(&token);
                each(token, status);
            }
        }
        if desk.over.is_empty() && count > 0 {
            self.shared.ready.clear();
        }
        count
    }

    /// Discoveries under way, and completions to be fetched.
    pub(crate) fn load(&self) -> (usize, usize) {
        let quiet = locked(&self.shared.quiet).len();
        let desk = locked(&self.shared.desk);
        (quiet + desk.asked.len() - desk.over.len(), desk.over.len())
    }
}

/// How a wait ended.
pub(crate) enum Wait {
    Over(Reply),
    TimeIsUp,
    Stopped,
}

impl Wait {
    /// The failure of a wait for threads that are no more.
    pub(crate) fn stopped() -> Failure {
        Failure::new(ALTO_E_NOT_STARTED, "alto_stop was called")
    }
}

impl Shared {
    /// Whether a discovery failed because the threads are being ended.
    fn is_of_the_end(&self, reply: &Reply) -> bool {
        let is_failure = matches!(reply, Err(Error::Unavailable { .. }));
        is_failure && self.is_ending.load(Ordering::Acquire)
    }

    async fn discover(&self, discovery: &Discovery, peer: &Peer<'_>, call: &Call) -> Reply {
        self.counts.started.fetch_add(1, Ordering::Relaxed);
        let reply = discovery.discover(peer, call).await;
        let count = match &reply {
            Ok(_) => &self.counts.found,
            Err(Error::NoServer(_)) => &self.counts.none,
            Err(_) => &self.counts.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        reply
    }

    /// Tries until something is known, or it is known that nothing will be, or time is up.
    async fn insist(&self, discovery: &Discovery, peer: &Peer<'_>, deadline: Instant) -> Reply {
        const PAUSE: Duration = Duration::from_millis(100);
        loop {
            let reply = self.discover(discovery, peer, &Call::until(deadline)).await;
            let again = Instant::now() + PAUSE;
            match &reply {
                Err(error @ Error::Unavailable { .. }) if !is_refused(error) => {
                    sleep_until(again.min(deadline)).await;
                    if again >= deadline {
                        return reply;
                    }
                }
                _ => return reply,
            }
        }
    }
}

/// Whether somebody is known not to be there, so that waiting won't help.
fn is_refused(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let io = cause.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused) {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Whether a failure is that time was up.
pub(crate) fn is_timeout(error: &Error) -> bool {
    error.code() == code::TIMEOUT
}

/// What a future gives, unless it is cancelled first.
async fn unless<T>(cancelled: oneshot::Receiver<()>, future: impl Future<Output = T>) -> Option<T> {
    let (mut cancelled, mut future) = (pin!(cancelled), pin!(future));
    poll_fn(|context| match cancelled.as_mut().poll(context) {
        Poll::Ready(Ok(())) => Poll::Ready(None),
        // The sender is gone without a word: nobody can cancel it any more.
        Poll::Ready(Err(_)) | Poll::Pending => future.as_mut().poll(context).map(Some),
    })
    .await
}

/// A peer being found, which it is no longer when this is dropped, however that ends.
struct Quiet {
    peer: Peer<'static>,
    shared: Arc<Shared>,
}

impl Drop for Quiet {
    fn drop(&mut self) {
        locked(&self.shared.quiet).remove(&self.peer);
    }
}

/// A lookup by token. When this is dropped, however that comes about, it is over.
struct Asked {
    token: u64,
    status: i32,
    shared: Arc<Shared>,
}

impl Asked {
    /// It has come to its end, unless it was cancelled, or stopped.
    fn over(mut self, reply: Option<Reply>) {
        if let Some(reply) = reply.filter(|reply| !self.shared.is_of_the_end(reply)) {
            self.status = reply.map_or_else(|error| status_of(&error), |_| ALTO_OK);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut desk = locked(&self.shared.desk);
        if let Some(cancel) = desk.asked.get_mut(&self.token) {
            *cancel = None;
        }
        desk.over.push_back((self.token, self.status));
        self.shared.ready.set(); // under the lock, so that nobody clears it in between
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use facade::{Cause, Trace};

    use super::*;
    use crate::status::ALTO_E_UNAVAILABLE;

    fn lost() -> Reply {
        let cause = Cause::new(code::INTERNAL, "the work was given up");
        let (retry_after, trace) = (None, Trace::default());
        Err(Error::Unavailable { backend: "test", retry_after, cause, trace })
    }

    /// While the threads end, what a lookup waits for may be gone before the lookup is: that is no failure
    /// of the network but the stop, and is told as that.
    #[test]
    fn what_the_stop_breaks_off_is_cancelled() {
        for (is_ending, status) in [(false, ALTO_E_UNAVAILABLE), (true, ALTO_E_CANCELLED)] {
            let shared = Arc::new(Shared {
                quiet: Mutex::default(),
                desk: Mutex::default(),
                ready: Arc::new(EventFd::new().unwrap()),
                most: 1,
                counts: Arc::default(),
                is_ending: Arc::new(AtomicBool::new(is_ending)),
            });
            let asked = |shared: &Arc<Shared>| Asked {
                token: 7,
                status: ALTO_E_CANCELLED,
                shared: Arc::clone(shared),
            };
            asked(&shared).over(Some(lost()));
            asked(&shared).over(Some(Err(Error::invalid(code::INTERNAL, "not of the stop"))));
            let over: Vec<_> = locked(&shared.desk).over.drain(..).collect();
            assert_eq!(over, [(7, status), (7, ALTO_E_INVALID)]);
        }
    }
}
