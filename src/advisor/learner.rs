//! What is not known is learnt beside the announces that asked.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use alto_discovery_core::{Answer, Call, Error, Peer, Server, Trust};
use alto_guidance::{Glance, Guidance, ServerTable, State};
use ipnet::IpNet;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::Instant;

use super::claims::{Claims, ClaimsConfig};
use crate::Discovery;

/// Starts discoveries and goes on without waiting for them.
#[derive(Debug)]
pub(super) struct Learner {
    discovery: Arc<Discovery>,
    tables: Tables,
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
    pub(super) fn new(discovery: Arc<Discovery>, tables: Tables, most: usize) -> Self {
        Self {
            discovery,
            tables,
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

    /// Whether it was started, and not stopped since.
    pub(super) fn is_started(&self) -> bool {
        self.runner().is_some()
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
        let (discovery, tables) = (Arc::clone(&self.discovery), self.tables.clone());
        let (inner, outage) = (handle.clone(), Arc::clone(&self.outage));
        handle.spawn(async move {
            let reply = discovery.discover(&job.peer, &Call::default()).await;
            let has_failed = matches!(reply, Err(Error::Unavailable { .. }));
            locked(&outage).note(has_failed, Instant::now());
            // What comes of it is remembered below: the next request will see.
            if let Ok(answer) = reply {
                tables.of(&answer, job.peer.net(), Instant::now(), || Some(inner.clone()));
            }
        });
    }

    /// The table at hand of an answer's servers. What is due is being fetched.
    pub(super) fn table(&self, answer: &Answer, peer: IpNet, now: Instant) -> Option<AtHand> {
        self.tables.of(answer, peer, now, || self.handle())
    }

    /// How many discoveries, and fetches for what peers claim, are under way.
    pub(super) fn under_way(&self) -> usize {
        locked(&self.under_way).len() + self.tables.claims.under_way()
    }

    fn job(&self, peer: Peer<'static>) -> Option<Job> {
        let mut under_way = locked(&self.under_way);
        if under_way.contains(&peer) {
            return None;
        }
        if under_way.len() >= self.most {
            self.discovery.turned_away();
            return None;
        }
        under_way.insert(peer.clone());
        Some(Job { peer, under_way: Arc::clone(&self.under_way) })
    }

    fn runner(&self) -> RwLockReadGuard<'_, Option<Runner>> {
        self.runner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn runner_mut(&self) -> RwLockWriteGuard<'_, Option<Runner>> {
        self.runner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tables of the servers that networks name, and of those that only peers name.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    guidance: Guidance,
    claims: Claims,
}

/// The table of a server.
#[derive(Debug)]
pub(super) struct AtHand {
    pub(super) table: Arc<ServerTable>,
    /// On whose word the server counts for the peer.
    pub(super) trust: Trust,
    /// Whether it is held for networks' sake, too, and not only for claims of peers.
    pub(super) is_shared: bool,
}

impl Tables {
    /// Those of `guidance`, and for what peers claim a part of `memory` beside them.
    pub(super) fn new(guidance: Guidance, memory: usize, claims: ClaimsConfig) -> Self {
        Self { claims: Claims::beside(&guidance, memory, claims), guidance }
    }

    /// The table at hand of the first server that has one. The first server that has none and has
    /// not failed a short time ago, or whose table is about to expire, is asked if there is a place
    /// to run.
    fn of(
        &self,
        answer: &Answer,
        peer: IpNet,
        now: Instant,
        handle: impl Fn() -> Option<Handle>,
    ) -> Option<AtHand> {
        let mut is_asked = false;
        for server in answer.servers() {
            let (glance, is_shared) = self.glance(server, now);
            if glance.state == State::Due
                && !is_asked
                && let Some(handle) = handle()
            {
                self.fetch(server, is_shared, peer, now, &handle);
            }
            if let Some(table) = glance.table {
                return Some(AtHand { table, trust: server.trust, is_shared });
            }
            is_asked |= glance.state != State::Failing;
        }
        None
    }

    /// A claimed server's table may be there for a network's sake.
    fn glance(&self, server: &Server, now: Instant) -> (Glance, bool) {
        let glance = self.guidance.glance(&server.uri, now);
        match server.trust {
            Trust::PeerClaim if glance.table.is_none() => {
                (self.claims.glance(&server.uri, now), false)
            }
            _ => (glance, true),
        }
    }

    fn fetch(&self, server: &Server, is_shared: bool, peer: IpNet, now: Instant, handle: &Handle) {
        if server.trust != Trust::PeerClaim {
            let _inside = handle.enter();
            self.guidance.prepare(&server.uri);
        } else if !is_shared {
            self.claims.fetch(&server.uri, peer, now, handle);
        }
    }
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
