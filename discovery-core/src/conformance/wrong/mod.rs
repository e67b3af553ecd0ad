//! Deliberately wrong backends: each breaks its own law and keeps all others, so that no law is one
//! that cannot be broken, or says what another says already.

mod backend;
mod distort;

use std::borrow::Cow;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Clock, Facts, Scene, Skip, Stage};
use crate::{BoxFuture, Hints, Peer, PeerId};
use backend::Wrong;

/// A mistake a backend may have, each a plausible one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Law 1: falls back from https to http.
    Downgrades,
    /// Law 1: names the first server only.
    NamesOne,
    /// Law 2: dates an answer for one peer ID when the peer has none.
    MissesThePeer,
    /// Law 3: takes the network that matched for what was proven.
    TakesMatchForProof,
    /// Law 4: turns the list around at every second call, as a load balancer would.
    Rotates,
    /// Law 5: goes by the address the announce names instead of where the peer was seen.
    ReadsRawAddress,
    /// Law 6: an absence that holds for no time at all.
    UndatedAbsence,
    /// Law 7: an upstream that cannot tell becomes an absence.
    TakesFailureForAbsence,
    /// Law 7: passes over a failure and calls the answer complete.
    HidesFailure,
    /// Law 8: gives whatever URI it is told.
    Credulous,
    /// Law 8: gives as many servers as it is told.
    Unbounded,
    /// Law 8: believes what nobody asked for.
    Poisonable,
    /// Law 9: a call marks the peer as being asked for and, when dropped, leaves the mark.
    LeavesMarks,
    /// Law 10: fails in a crowd.
    FailsInCrowds,
    /// Law 11: waits for a silent upstream whatever the deadline.
    OverstaysDeadline,
    /// Law 12: speaks under another name.
    Misnames,
    /// Law 12: keeps steps under another name in its trace.
    MisnamesSteps,
    /// Law 13: `known` ignores how long an answer holds.
    KnowsTooLong,
    /// Law 13: `known` takes never having asked for surely none.
    KnowsWithoutAsking,
}

impl Fault {
    /// All of them; at least one for each law.
    pub const ALL: [Self; 19] = [
        Self::Downgrades,
        Self::NamesOne,
        Self::MissesThePeer,
        Self::TakesMatchForProof,
        Self::Rotates,
        Self::ReadsRawAddress,
        Self::UndatedAbsence,
        Self::TakesFailureForAbsence,
        Self::HidesFailure,
        Self::Credulous,
        Self::Unbounded,
        Self::Poisonable,
        Self::LeavesMarks,
        Self::FailsInCrowds,
        Self::OverstaysDeadline,
        Self::Misnames,
        Self::MisnamesSteps,
        Self::KnowsTooLong,
        Self::KnowsWithoutAsking,
    ];

    /// The number of the law it breaks.
    pub fn law(self) -> u8 {
        match self {
            Self::Downgrades | Self::NamesOne => 1,
            Self::MissesThePeer => 2,
            Self::TakesMatchForProof => 3,
            Self::Rotates => 4,
            Self::ReadsRawAddress => 5,
            Self::UndatedAbsence => 6,
            Self::TakesFailureForAbsence | Self::HidesFailure => 7,
            Self::Credulous | Self::Unbounded | Self::Poisonable => 8,
            Self::LeavesMarks => 9,
            Self::FailsInCrowds => 10,
            Self::OverstaysDeadline => 11,
            Self::Misnames | Self::MisnamesSteps => 12,
            Self::KnowsTooLong | Self::KnowsWithoutAsking => 13,
        }
    }
}

/// The stage of a backend with one fault, otherwise as [`Scripted`](super::Scripted).
#[derive(Clone, Debug)]
pub struct WrongStage {
    fault: Fault,
    name: String,
    facts: Arc<Facts>,
    clock: Clock,
}

impl WrongStage {
    /// The world of these facts. [`Clock::Paused`] only inside a runtime whose clock is paused.
    pub fn new(fault: Fault, facts: Facts, clock: Clock) -> Self {
        Self { fault, name: format!("{fault:?}"), facts: Arc::new(facts), clock }
    }
}

impl Stage for WrongStage {
    fn name(&self) -> &str {
        &self.name
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn open(&self) -> BoxFuture<'_, Scene> {
        Box::pin(async {
            let backend = Wrong::new(self.fault, self.facts.clone());
            let upstream = backend.upstream();
            Scene::new(Arc::new(backend), upstream)
        })
    }

    /// Its peers name their address in the announce, as BEP 3 lets them.
    fn peer(&self, seen: IpNet, id: Option<PeerId>) -> Result<Peer<'static>, Skip> {
        let announce = Hints::HttpQuery(Cow::Owned(format!("ip={seen}").into_bytes()));
        let peer = Peer::network(seen).with_hints(announce);
        Ok(match id {
            Some(id) => peer.with_id(id),
            None => peer,
        })
    }

    fn clock(&self) -> Clock {
        self.clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::laws::LAWS;
    use crate::conformance::run_all;

    /// Each fault breaks its own law and no other: no law is idle, none repeats another.
    async fn breaks_exactly_its_own_law(faults: impl Iterator<Item = Fault>) {
        for fault in faults {
            let stage = WrongStage::new(fault, Facts::standard(), Clock::Paused);
            let report = run_all(&stage).await;
            let broken: Vec<_> = report.broken().map(|law| law.number).collect();
            assert_eq!(broken, [fault.law()], "{report}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_fault_in_what_is_said_breaks_exactly_its_own_law() {
        breaks_exactly_its_own_law(Fault::ALL.into_iter().filter(|fault| fault.law() < 8)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn each_fault_in_how_it_lives_breaks_exactly_its_own_law() {
        breaks_exactly_its_own_law(Fault::ALL.into_iter().filter(|fault| fault.law() >= 8)).await;
    }

    #[test]
    fn each_law_has_a_fault() {
        for law in LAWS {
            assert!(Fault::ALL.iter().any(|fault| fault.law() == law.number), "{law}");
        }
    }
}
