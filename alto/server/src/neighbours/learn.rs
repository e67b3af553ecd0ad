//! The shell around what is learnt: neighbours are asked again and again, each at its own pace.

use std::path::PathBuf;
use std::sync::Arc;

use alto_discovery_core::Policy;
use alto_fetch::Fetcher;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Neighbours;
use super::ask::ask;
use super::learnt::Learnt;
use super::refresh::Pace;
use crate::reload::State;
use crate::server::Notice;

/// How neighbours are asked.
pub(crate) struct Learner {
    pub(crate) fetcher: Fetcher,
    pub(crate) pace: Pace,
    pub(crate) notice: Arc<dyn Fn(Notice) + Send + Sync>,
}

/// Where the file of neighbours is, and how they are asked.
#[derive(Clone, Debug)]
pub struct NeighbourSource {
    /// The file (TOML), read anew when it changes.
    pub path: PathBuf,
    /// Which URIs may stand in it, and which servers are contacted.
    pub policy: Policy,
    /// Certification authorities to trust instead of the system's: a PEM file, read once.
    pub ca_file: Option<PathBuf>,
    /// How often neighbours are asked.
    pub pace: Pace,
}

impl NeighbourSource {
    /// A file; only public servers over https, and the system's authorities.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let (policy, pace) = (Policy::default(), Pace::default());
        Self { path: path.into(), policy, ca_file: None, pace }
    }
}

/// Keeps what is known of neighbours up to date, for ever; of those that the state has now.
pub(crate) async fn keep_up(learner: Option<Learner>, mut state: watch::Receiver<Arc<State>>) {
    let Some(learner) = learner.map(Arc::new) else { return std::future::pending().await };
    loop {
        let neighbours = state.borrow_and_update().catalogue.neighbours().cloned();
        // Whoever is asked for another file's sake is dropped with the set.
        let mut asked = JoinSet::new();
        if let Some(neighbours) = neighbours {
            for at in neighbours.to_be_asked() {
                asked.spawn(follow(Arc::clone(&learner), Arc::clone(&neighbours), at));
            }
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

async fn follow(learner: Arc<Learner>, neighbours: Arc<Neighbours>, at: usize) {
    loop {
        let mut learnt = neighbours.learnt(at);
        sleep_until(learnt.refresh.wake()).await;
        let notice = learner.step(&neighbours, at, &mut learnt).await;
        neighbours.put(at, learnt);
        if let Some(notice) = notice {
            (learner.notice)(notice);
        }
    }
}

impl Learner {
    /// Asks the neighbour, or drops what it said when its time is over.
    async fn step(
        &self,
        neighbours: &Neighbours,
        at: usize,
        learnt: &mut Learnt,
    ) -> Option<Notice> {
        let entry = neighbours.neighbour(at);
        let uri = entry.uri.to_string();
        if learnt.refresh.has_ended(Instant::now()) {
            learnt.forget();
            return Some(Notice::Forgotten { uri });
        }
        let asks_for_map = !entry.pids.is_empty();
        let said = ask(&self.fetcher, &entry.uri, asks_for_map, learnt.held.clone()).await;
        let now = Instant::now();
        let taken = said.and_then(|said| {
            let validity = said.validity;
            Ok((learnt.take(said, entry)?, validity))
        });
        match taken {
            Ok((notice, validity)) => {
                learnt.refresh.answered(now, validity, self.pace);
                notice
            }
            Err(fault) => {
                learnt.refresh.failed(now, fault.retry_after(), self.pace);
                let (sentence, left) = (fault.to_string(), learnt.refresh.left(now));
                Some(Notice::Unlearnt { uri, sentence, left })
            }
        }
    }
}
