//! What is not known is learnt beside the announces that asked.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use alto_discovery_core::{Answer, Call, Error, Peer, Server, Trust};
use alto_guidance::{Guidance, ServerTable, State};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::Instant;

use crate::Discovery;

/// Starts discoveries and goes on without waiting for them.
#[derive(Debug)]
pub(super) struct Learner {
    discovery: Arc<Discovery>,
    guidance: Guidance,
    runner: RwLock<Option<Runner>>,
    under_way: Arc<Mutex<HashSet<Peer<'static>>>>,
    most: usize,
    outage: Arc<Mutex<Outage>>,
}

/// While discoveries fail, so many are started in a second, and at once after a quiet time: each announce
/// would start one in vain, which costs more than all the rest of it.
const IN_OUTAGE: f64 = 100.0;

/// Whether the last discovery failed, and how many may be started all the same.
#[derive(Debug, Default)]
struct Outage {
    /// How many may be started, as of when; `None` while discoveries succeed.
    left: Option<(f64, Instant)>,
}

impl Outage {
    /// Notes how a discovery ended.
    fn note(&mut self, has_failed: bool, now: Instant) {
        self.left = has_failed.then(|| self.left.unwrap_or((IN_OUTAGE, now)));
    }

    /// Whether one may be started.
    fn admits(&mut self, now: Instant) -> bool {
        let Some((left, since)) = &mut self.left else { return true };
        let more = now.saturating_duration_since(*since).as_secs_f64() * IN_OUTAGE;
        *left = (*left + more).min(IN_OUTAGE);
        *since = now.max(*since);
        let admits = *left >= 1.0;
        *left -= f64::from(u8::from(admits));
        admits
    }
}

/// Where tasks run.
#[derive(Debug)]
enum Runner {
    Own(Runtime),
    Theirs(Handle),
}

/// So that one thread is left while another reads a large map.
const THREADS: usize = 2;

impl Learner {
    /// One with at most `most` discoveries at once, which runs nothing yet.
    pub(super) fn new(discovery: Arc<Discovery>, guidance: Guidance, most: usize) -> Self {
        Self {
            discovery,
            guidance,
            runner: RwLock::default(),
            under_way: Arc::default(),
            most,
            outage: Arc::default(),
        }
    }

    /// Runs tasks on threads of its own from now on, unless it has some.
    pub(super) fn start(&self) -> io::Result<()> {
        let mut runner = self.runner_mut();
        if !matches!(*runner, Some(Runner::Own(_))) {
            let mut builder = Builder::new_multi_thread();
            let builder = builder.worker_threads(THREADS).thread_name("alto").enable_all();
            *runner = Some(Runner::Own(builder.build()?));
        }
        Ok(())
    }

    /// Runs tasks there from now on.
    pub(super) fn start_on(&self, runtime: Handle) {
        if let Some(Runner::Own(own)) = self.runner_mut().replace(Runner::Theirs(runtime)) {
            own.shutdown_background();
        }
    }

    /// Runs no more tasks from now on, and ends those on its own threads, for which it waits so
    /// long at most.
    pub(super) fn stop(&self, wait: Duration) {
        let runner = self.runner_mut().take();
        match runner {
            Some(Runner::Own(runtime)) if wait.is_zero() => runtime.shutdown_background(),
            Some(Runner::Own(runtime)) => runtime.shutdown_timeout(wait),
            Some(Runner::Theirs(_)) | None => {}
        }
    }

    /// Where tasks run: where it was started, or else where the caller is.
    pub(super) fn handle(&self) -> Option<Handle> {
        match &*self.runner() {
            Some(Runner::Own(runtime)) => Some(runtime.handle().clone()),
            Some(Runner::Theirs(handle)) => Some(handle.clone()),
            None => Handle::try_current().ok(),
        }
    }

    /// Starts to find the server for a peer and then to fetch its table, unless that is under way,
    /// too much is, or there is nowhere to run.
    pub(super) fn discover(&self, peer: &Peer<'_>, now: Instant) {
        if !locked(&self.outage).admits(now) {
            return;
        }
        let Some(handle) = self.handle() else { return };
        let Some(job) = self.job(peer.without_hints()) else { return };
        let (discovery, guidance) = (Arc::clone(&self.discovery), self.guidance.clone());
        let outage = Arc::clone(&self.outage);
        handle.spawn(async move {
            let reply = discovery.discover(&job.peer, &Call::default()).await;
            let has_failed = matches!(reply, Err(Error::Unavailable { .. }));
            locked(&outage).note(has_failed, Instant::now());
            // What comes of it is remembered below: the next request will see.
            if let Ok(answer) = reply {
                look(&guidance, &answer, Instant::now(), |server| guidance.prepare(&server.uri));
            }
        });
    }

    /// The table at hand of an answer's servers, and on whose word. What is due is being fetched.
    pub(super) fn table(&self, answer: &Answer, now: Instant) -> Option<(Arc<ServerTable>, Trust)> {
        look(&self.guidance, answer, now, |server| {
            if let Some(handle) = self.handle() {
                let _inside = handle.enter();
                self.guidance.prepare(&server.uri);
            }
        })
    }

    /// How many discoveries are under way.
    pub(super) fn under_way(&self) -> usize {
        locked(&self.under_way).len()
    }

    fn job(&self, peer: Peer<'static>) -> Option<Job> {
        let mut under_way = locked(&self.under_way);
        if under_way.len() >= self.most || !under_way.insert(peer.clone()) {
            return None;
        }
        Some(Job { peer, under_way: Arc::clone(&self.under_way) })
    }

    fn runner(&self) -> RwLockReadGuard<'_, Option<Runner>> {
        self.runner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn runner_mut(&self) -> RwLockWriteGuard<'_, Option<Runner>> {
        self.runner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The table at hand of the first server that has one. The first server that has none and has not
/// failed a short time ago, or whose table is about to expire, is to be asked.
fn look(
    guidance: &Guidance,
    answer: &Answer,
    now: Instant,
    fetch: impl Fn(&Server),
) -> Option<(Arc<ServerTable>, Trust)> {
    let mut is_asked = false;
    for server in answer.servers() {
        let glance = guidance.glance(&server.uri, now);
        if glance.state == State::Due && !is_asked {
            fetch(server);
        }
        if let Some(table) = glance.table {
            return Some((table, server.trust));
        }
        is_asked |= glance.state != State::Failing;
    }
    None
}

impl Drop for Learner {
    fn drop(&mut self) {
        // Waiting is not allowed where this is dropped inside another runtime.
        self.stop(Duration::ZERO);
    }
}

/// A discovery under way; it is no longer when this is dropped, however it ends.
struct Job {
    peer: Peer<'static>,
    under_way: Arc<Mutex<HashSet<Peer<'static>>>>,
}

impl Drop for Job {
    fn drop(&mut self) {
        locked(&self.under_way).remove(&self.peer);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a limit while discoveries succeed; after a failure a second's worth at once, then so many
    /// a second; and a success ends it.
    #[test]
    fn an_outage_bounds_what_is_started_in_vain() {
        let (mut outage, start) = (Outage::default(), Instant::now());
        let admitted = |outage: &mut Outage, now| (0..1_000).filter(|_| outage.admits(now)).count();
        assert_eq!(admitted(&mut outage, start), 1_000);
        outage.note(true, start);
        outage.note(true, start);
        assert_eq!(admitted(&mut outage, start), 100);
        outage.note(true, start);
        assert_eq!(admitted(&mut outage, start + Duration::from_millis(500)), 50);
        assert_eq!(admitted(&mut outage, start), 0, "a late thread's clock gives nothing");
        assert_eq!(admitted(&mut outage, start + Duration::from_secs(60)), 100);
        outage.note(false, start + Duration::from_secs(60));
        assert_eq!(admitted(&mut outage, start + Duration::from_secs(60)), 1_000);
    }
}
