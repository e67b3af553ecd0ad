//! What is not known is learnt beside the announces that asked.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use alto_discovery_core::{Answer, Call, Peer, Server, Trust};
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
        Self { discovery, guidance, runner: RwLock::default(), under_way: Arc::default(), most }
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
    pub(super) fn discover(&self, peer: &Peer<'_>) {
        let Some(handle) = self.handle() else { return };
        let Some(job) = self.job(peer.without_hints()) else { return };
        let (discovery, guidance) = (Arc::clone(&self.discovery), self.guidance.clone());
        handle.spawn(async move {
            // What comes of it is remembered below: the next request will see.
            if let Ok(answer) = discovery.discover(&job.peer, &Call::default()).await {
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
