//! How a law is tried: which peers it is tried on, and how they are asked for.

use std::fmt;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::{Instant, timeout_at};

use super::outcome::Outcome;
use super::sequence::Sequence;
use super::{Clock, Facts, Hostile, Network, Scene, Skip, Stage, Truth, Verdict};
use crate::{Call, IdScope, Peer, PeerId};

/// The deadline of a question that ought to be answered.
const PATIENCE: Duration = Duration::from_secs(5);
/// The deadline of a question that surely ends by its deadline, and of all while the upstream is off.
pub(crate) const SHORT: Duration = Duration::from_millis(400);
/// How long after its deadline a call is given up: it then breaks the law instead of hanging it.
const OVERRUN: Duration = Duration::from_secs(30);
/// How late a call may be: nothing but the timer's grain on a paused clock, and what a busy machine
/// needs to run a task on a running one.
const GRAIN: Duration = Duration::from_millis(10);
const BUSY: Duration = Duration::from_millis(500);

/// Why a law is broken.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

/// What a law says in the end.
pub(crate) type Ruling = Result<(), Broken>;

/// Breaks the law unless `fine`.
pub(crate) fn ensure(fine: bool, why: impl FnOnce() -> String) -> Ruling {
    if fine { Ok(()) } else { Err(Broken(why())) }
}

/// One law being tried on one stage.
pub(crate) struct Hearing<'s> {
    pub(crate) stage: &'s dyn Stage,
    cases: usize,
    left_out: Vec<Skip>,
}

/// A peer a law is tried on.
#[derive(Clone)]
pub(crate) struct Case<'s> {
    pub(crate) network: &'s Network,
    pub(crate) peer: Peer<'static>,
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.peer.net())?;
        match self.peer.id() {
            Some(PeerId::Port(port)) => write!(f, " port {port}")?,
            Some(PeerId::Token(_)) => f.write_str(" with a token")?,
            None => {}
        }
        write!(f, " ({})", self.network.name)
    }
}

impl<'s> Hearing<'s> {
    pub(crate) fn new(stage: &'s dyn Stage) -> Self {
        Self { stage, cases: 0, left_out: Vec::new() }
    }

    /// The verdict once the law has been tried.
    pub(crate) fn close(mut self, ruling: Ruling) -> Verdict {
        match ruling {
            Err(Broken(explanation)) => Verdict::Broken(explanation),
            Ok(()) if self.cases > 0 => {
                Verdict::Held { cases: self.cases, left_out: self.left_out }
            }
            Ok(()) => {
                self.leave_out(Skip::new("all of it", "no peer of the facts is a case for it"));
                Verdict::Skipped(self.left_out)
            }
        }
    }

    /// Notes a check that cannot be made.
    pub(crate) fn leave_out(&mut self, skip: Skip) {
        if !self.left_out.contains(&skip) {
            self.left_out.push(skip);
        }
    }

    /// Peers of the networks `wanted`.
    pub(crate) fn cases(&mut self, wanted: impl Fn(&Network) -> bool) -> Vec<Case<'s>> {
        let facts = self.stage.facts();
        let mut cases = Vec::new();
        for network in facts.networks().iter().filter(|network| wanted(network)) {
            for (seen, id) in places(facts, network) {
                match self.stage.peer(seen, id) {
                    Ok(peer) => cases.push(Case { network, peer }),
                    Err(skip) => self.leave_out(skip),
                }
            }
        }
        self.cases += cases.len();
        cases
    }

    /// As [`cases`](Self::cases), one peer for each network.
    pub(crate) fn samples(&mut self, wanted: impl Fn(&Network) -> bool) -> Vec<Case<'s>> {
        let mut cases = self.cases(wanted);
        let all = cases.len();
        cases.dedup_by_key(|case| &raw const *case.network);
        self.cases -= all - cases.len();
        cases
    }

    /// The servers of a network as they stand in the stage's world, best first.
    pub(crate) fn servers_of(&self, network: &Network) -> Vec<String> {
        let servers = network.servers();
        servers.iter().map(|speaker| self.stage.place(&speaker.uri).to_string()).collect()
    }

    pub(crate) async fn open(&self) -> Scene {
        self.stage.open().await
    }

    /// Asks with a deadline that ought to be enough.
    pub(crate) async fn ask(&self, scene: &Scene, case: &Case<'_>) -> Result<Outcome, Broken> {
        let patience = if is_slow(&case.network.truth) { SHORT } else { PATIENCE };
        self.ask_within(patience, scene, case).await
    }

    /// Asks a backend that remembers nothing.
    pub(crate) async fn ask_fresh(&self, case: &Case<'_>) -> Result<Outcome, Broken> {
        let scene = self.open().await;
        self.ask(&scene, case).await
    }

    /// Asks with a deadline that far away.
    pub(crate) async fn ask_within(
        &self,
        patience: Duration,
        scene: &Scene,
        case: &Case<'_>,
    ) -> Result<Outcome, Broken> {
        let deadline = Instant::now() + patience;
        let call = Call::until(deadline);
        timeout_at(deadline + OVERRUN, scene.backend.discover(&case.peer, &call))
            .await
            .map_err(|_| Broken(format!("{case}: no outcome {OVERRUN:?} after the deadline")))
    }

    /// Asks as [`ask_within`](Self::ask_within); the law is broken if the outcome comes later than
    /// the deadline.
    pub(crate) async fn ask_punctually(
        &self,
        patience: Duration,
        scene: &Scene,
        case: &Case<'_>,
    ) -> Result<Outcome, Broken> {
        let deadline = Instant::now() + patience;
        let control = (self.stage.clock() == Clock::Running).then(|| Control::start(patience));
        let outcome = self.ask_within(patience, scene, case).await?;
        let back = Instant::now();
        let latest = control.map_or(deadline + GRAIN, |control| control.stop(deadline) + BUSY);
        ensure(back <= latest, || {
            format!("{case}: back {:?} after a deadline of {patience:?}", back - deadline)
        })?;
        Ok(outcome)
    }
}

/// A thread that does nothing but wait for the same deadline: on a busy machine it wakes late too,
/// and by so much a call may be late. It stands outside the runtime, so a backend that blocks the
/// runtime's threads is not excused.
struct Control(JoinHandle<Instant>);

impl Control {
    fn start(patience: Duration) -> Self {
        Self(thread::spawn(move || {
            thread::park_timeout(patience);
            Instant::now()
        }))
    }

    /// When it woke, or `deadline` if that is later.
    fn stop(self, deadline: Instant) -> Instant {
        self.0.thread().unpark();
        self.0.join().unwrap_or(deadline).max(deadline)
    }
}

fn is_slow(truth: &Truth) -> bool {
    matches!(truth, Truth::Silent | Truth::Hostile(Hostile::Trickle))
}

/// Where to look from: the ends and the inside of the network, the network as a whole, and the ends
/// of its peer IDs; only peers of whom nothing more specific is true. One peer for a hostile network.
fn places(facts: &Facts, network: &Network) -> Vec<(IpNet, Option<PeerId>)> {
    let net = network.scope.net;
    let inside: IpNet = Sequence::new(u64::from(net.prefix_len())).address(net).into();
    if matches!(network.truth, Truth::Hostile(_)) {
        return vec![(inside, None)];
    }
    let ends = [net.network().into(), net.broadcast().into()];
    let mut places: Vec<(IpNet, Option<PeerId>)> = match network.scope.id {
        IdScope::Any => [inside, ends[0], ends[1], net].map(|seen| (seen, None)).into(),
        IdScope::Ports { low, high } => [low, high].map(|p| (inside, Some(PeerId::Port(p)))).into(),
        IdScope::Exactly(id) => vec![(inside, Some(id))],
    };
    if network.scope.id == IdScope::Any {
        places.push((inside, Some(PeerId::Port(6881))));
    }
    let mut kept = Vec::new();
    for (seen, id) in places {
        let peer = Peer::network(seen);
        let peer = id.map_or(peer.clone(), |id| peer.with_id(id));
        if facts.about(&peer) == Some(network) && !kept.contains(&(seen, id)) {
            kept.push((seen, id));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance::laws::deadline_is_met;
    use crate::conformance::{NoUpstream, Verdict};
    use crate::{Answer, Backend, BoxFuture, Error, Scope};

    /// Blocks the runtime's only thread, so that the runtime's timers are late too.
    #[derive(Debug)]
    struct Blocking(Facts);

    impl Backend for Blocking {
        fn name(&self) -> &'static str {
            "blocking"
        }

        fn discover<'a>(
            &'a self,
            _: &'a Peer<'a>,
            _: &'a Call,
        ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
            Box::pin(async {
                thread::sleep(SHORT + BUSY + BUSY);
                Err(Error::invalid("none", "none"))
            })
        }
    }

    impl Stage for Blocking {
        fn name(&self) -> &'static str {
            "blocking"
        }

        fn facts(&self) -> &Facts {
            &self.0
        }

        fn open(&self) -> BoxFuture<'_, Scene> {
            let backend = Self(self.0.clone());
            Box::pin(async { Scene::new(Arc::new(backend), Arc::new(NoUpstream)) })
        }
    }

    /// Law 11 on a running clock: a late runtime is no excuse, only a late machine is.
    #[tokio::test]
    async fn blocking_the_runtime_is_no_excuse() {
        let scope = Scope::net("203.0.113.65/32".parse().unwrap());
        let stage = Blocking(Facts::new([Network::new("silent", scope, Truth::Silent)]));
        assert!(matches!(deadline_is_met(&stage).await, Verdict::Broken(_)));
    }

    /// Without a peer to try it on a law is skipped, not held.
    #[tokio::test]
    async fn nothing_to_try_is_no_success() {
        let verdict = deadline_is_met(&Blocking(Facts::default())).await;
        assert!(matches!(verdict, Verdict::Skipped(left_out) if !left_out.is_empty()));
    }
}
