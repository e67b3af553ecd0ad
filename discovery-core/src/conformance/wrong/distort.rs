//! Faults in what is said: a right outcome in, a wrong one out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::Fault;
use crate::conformance::outcome::Outcome;
use crate::conformance::{Hostile, Network, Speaker, Truth};
use crate::{
    Answer, Cause, Error, Guide, IdScope, NoServer, Peer, PeerId, Scope, Server, ServerList, Step,
    Token, Trace, Trust, Validity, code,
};

const NAME: &str = "scripted";
const OTHER_NAME: &str = "somebody";
const HOLDS: Duration = Duration::from_secs(60);

/// What a fault makes of an outcome.
pub(super) struct Distortion<'a> {
    pub(super) fault: Fault,
    pub(super) peer: &'a Peer<'a>,
    /// What is true of the peer.
    pub(super) network: Option<&'a Network>,
    /// How many calls went before.
    pub(super) turn: usize,
    /// Whether an unasked claim has been heard.
    pub(super) poisoned: bool,
}

impl Distortion<'_> {
    pub(super) fn apply(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Ok(answer) => Ok(Arc::new(self.of_answer((*answer).clone()))),
            Err(Error::NoServer(none)) => {
                self.invented().unwrap_or_else(|| Err(self.of_absence((*none).clone())))
            }
            Err(error) => self.invented().unwrap_or_else(|| Err(self.of_failure(error))),
        }
    }

    fn truth(&self) -> Option<&Truth> {
        self.network.map(|network| &network.truth)
    }

    fn of_answer(&self, answer: Answer) -> Answer {
        match (self.fault, self.truth()) {
            (Fault::HidesFailure, _) => Answer { incomplete: false, ..answer },
            (Fault::Misnames, _) => Answer { backend: OTHER_NAME, ..answer },
            (Fault::MisnamesSteps, _) => Answer { trace: misnamed(&answer.trace), ..answer },
            (Fault::Unbounded, Some(Truth::Hostile(flood @ Hostile::Flood(_)))) => {
                naming(answer, servers(&flood.servers()))
            }
            (_, Some(Truth::Speaks(_))) => self.of_spoken(answer),
            _ => answer,
        }
    }

    /// Of an answer about a peer for whom servers speak.
    fn of_spoken(&self, answer: Answer) -> Answer {
        let list = answer.servers().to_vec();
        match self.fault {
            Fault::Downgrades => naming(answer, list.into_iter().map(downgraded).collect()),
            Fault::NamesOne => naming(answer, list.into_iter().take(1).collect()),
            Fault::Rotates if self.turn % 2 == 1 => {
                naming(answer, list.into_iter().rev().collect())
            }
            Fault::MissesThePeer if self.peer.id().is_none() => {
                let nobody = Token::new(b"nobody").map(PeerId::Token);
                let id = nobody.map_or(IdScope::Any, IdScope::Exactly);
                Answer { scope: Scope { id, ..answer.scope.clone() }, ..answer }
            }
            Fault::TakesMatchForProof => {
                let matched = self.network.map(|network| network.scope.clone());
                Answer { scope: matched.unwrap_or_else(|| answer.scope.clone()), ..answer }
            }
            Fault::Poisonable if self.poisoned && self.is_victim() => {
                naming(answer, servers(&[Speaker::new(Hostile::POISON, 0, 0)]))
            }
            _ => answer,
        }
    }

    /// [`Facts::standard`](crate::conformance::Facts::standard) has one victim.
    fn is_victim(&self) -> bool {
        self.network.is_some_and(|network| network.name == "campus")
    }

    fn of_absence(&self, none: NoServer) -> Error {
        let none = match self.fault {
            Fault::UndatedAbsence => {
                NoServer { validity: Validity::new(none.validity.since(), Duration::ZERO), ..none }
            }
            Fault::Misnames => NoServer { backend: OTHER_NAME, ..none },
            Fault::MisnamesSteps => NoServer { trace: misnamed(&none.trace), ..none },
            _ => none,
        };
        Error::NoServer(Arc::new(none))
    }

    fn of_failure(&self, error: Error) -> Error {
        let unreadable = matches!(self.truth(), Some(Truth::Silent | Truth::Hostile(_)));
        match (self.fault, error) {
            (Fault::TakesFailureForAbsence, Error::Unavailable { .. }) if !unreadable => {
                absence(self.peer)
            }
            (_, error) => error,
        }
    }

    /// An answer where there should be none.
    fn invented(&self) -> Option<Outcome> {
        let Some(Truth::Hostile(Hostile::Uri(text))) = self.truth() else { return None };
        if self.fault != Fault::Credulous {
            return None;
        }
        Url::parse(text).ok()?;
        let list = servers(&[Speaker::new(text, 100, 10)]);
        let validity = Validity::new(Instant::now(), HOLDS);
        let guide = Guide::Servers(ServerList::new(list)?);
        Some(Ok(Arc::new(Answer::new(NAME, 1, guide, exactly(self.peer), validity))))
    }
}

/// Surely none, for this peer alone.
pub(super) fn absence(peer: &Peer<'_>) -> Error {
    let validity = Validity::new(Instant::now(), HOLDS);
    Error::NoServer(Arc::new(NoServer::new(NAME, exactly(peer), validity)))
}

pub(super) fn unavailable(why: &str) -> Error {
    let cause = Cause::new(code::INTERNAL, why);
    Error::Unavailable { backend: NAME, retry_after: None, cause, trace: Trace::default() }
}

fn exactly(peer: &Peer<'_>) -> Scope {
    let id = peer.id().map_or(IdScope::Any, |id| IdScope::Exactly(*id));
    Scope { net: peer.net(), id }
}

fn servers(speakers: &[Speaker]) -> Vec<Server> {
    speakers.iter().map(|speaker| speaker.server(None, Trust::Network)).collect()
}

/// The same answer with these servers; unchanged if there are none.
fn naming(answer: Answer, servers: Vec<Server>) -> Answer {
    let guide = ServerList::new(servers).map_or_else(|| answer.guide.clone(), Guide::Servers);
    Answer { guide, ..answer }
}

fn downgraded(server: Server) -> Server {
    let mut uri = server.uri.clone();
    match uri.set_scheme("http") {
        Ok(()) => Server { uri, ..server },
        Err(()) => server,
    }
}

fn misnamed(trace: &Trace) -> Trace {
    trace.steps().iter().map(|step| Step { backend: OTHER_NAME, ..step.clone() }).collect()
}
