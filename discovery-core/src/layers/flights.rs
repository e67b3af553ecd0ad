//! Which questions are under way, and who waits for them.
//!
//! All of coalescing's shared state is here: one map behind one lock that is never held while
//! waiting. A flight is in the map from [`Flights::board`] until it lands or is dropped.

#[cfg(all(test, shuttle))]
mod models;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use super::sync::{Mutex, MutexGuard};
use crate::{Answer, Error, Freshness, Peer};

pub(super) type Reply = Result<Arc<Answer>, Error>;

/// What makes two questions equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) peer: Peer<'static>,
    pub(super) freshness: Freshness,
}

/// The questions under way, at most so many.
#[derive(Debug)]
pub(super) struct Flights {
    most: usize,
    under_way: Mutex<HashMap<Question, Landing>>,
}

/// What a caller with a question gets.
#[derive(Debug)]
pub(super) enum Boarding {
    /// It is under way.
    Joined(Landing),
    /// It is for this caller to see to it that the flight takes place.
    Started(Flight, Landing),
    /// Too many are under way.
    Full,
}

impl Flights {
    pub(super) fn new(most: usize) -> Self {
        Self { most, under_way: Mutex::default() }
    }

    /// Joins the flight for `question`, or starts it.
    ///
    /// Who will do with remembered facts may join a flight that asks anew, but not the other way
    /// round: its reply might have been remembered.
    pub(super) fn board(self: &Arc<Self>, question: Question) -> Boarding {
        let mut under_way = self.lock();
        match joined(&under_way, &question) {
            Some(landing) => Boarding::Joined(landing),
            None => self.started(&mut under_way, question),
        }
    }

    fn started(
        self: &Arc<Self>,
        under_way: &mut HashMap<Question, Landing>,
        question: Question,
    ) -> Boarding {
        if under_way.len() >= self.most {
            return Boarding::Full;
        }
        let (land, reply) = watch::channel(None);
        let landing = Landing { reply };
        under_way.insert(question.clone(), landing.clone());
        Boarding::Started(Flight { flights: self.clone(), question, land }, landing)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Question, Landing>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn joined(under_way: &HashMap<Question, Landing>, question: &Question) -> Option<Landing> {
    let anew = Question { freshness: Freshness::Refresh, ..question.clone() };
    under_way.get(&anew).or_else(|| under_way.get(question)).cloned()
}

/// A question under way. However it ends, it leaves the map.
#[derive(Debug)]
pub(super) struct Flight {
    flights: Arc<Flights>,
    question: Question,
    land: watch::Sender<Option<Reply>>,
}

impl Flight {
    pub(super) fn peer(&self) -> &Peer<'static> {
        &self.question.peer
    }

    /// Leaves the map, then tells everyone who waits: a caller that comes later asks anew.
    pub(super) fn land(self, reply: Reply) {
        let land = self.land.clone();
        drop(self);
        land.send_replace(Some(reply));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.question);
    }
}

/// Where the reply of a flight arrives.
#[derive(Clone, Debug)]
pub(super) struct Landing {
    reply: watch::Receiver<Option<Reply>>,
}

impl Landing {
    /// The reply; `None` if the flight was lost.
    pub(super) async fn reply(mut self) -> Option<Reply> {
        self.reply.wait_for(Option::is_some).await.ok().and_then(|reply| reply.clone())
    }
}
