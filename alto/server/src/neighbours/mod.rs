//! This server's neighbours: who speaks for whom, and how those who ask are told.

mod ask;
pub(crate) mod file;
pub(crate) mod learn;
mod learnt;
mod prefix_table;
mod redirect;
pub(crate) mod refresh;
mod territory;
mod word;

use std::net::IpAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use alto_messages::EndpointId;
use tokio::time::Instant;
use url::Url;

use crate::csv::LoadFault;
use crate::maps::Maps;
use file::{Entry, Form, NeighbourFile};
use learnt::Learnt;
use prefix_table::PrefixTable;
use territory::{Party, Taken, Territory, Word, Words};
use word::{hear, prefixes_of};

/// The most endpoints in one request that asks who is responsible.
pub(crate) const MOST_ENDPOINTS: usize = 256;

/// Who is responsible for which endpoints, as far as it is known.
#[derive(Debug)]
pub struct Neighbours {
    file: NeighbourFile,
    territory: Territory,
    /// What our own map says.
    own: Word,
    /// What has been learnt of each neighbour.
    learnt: RwLock<Vec<Learnt>>,
}

/// Who is responsible for an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responsible<'n> {
    /// The server's directory.
    pub uri: &'n Url,
    /// How long that holds at most.
    pub holds: Duration,
}

impl Neighbours {
    /// What this file means beside these maps; nothing has been learnt of neighbours yet.
    ///
    /// # Errors
    /// If the file contradicts itself or the maps: a prefix or a part of one that belongs to two, a
    /// PID that the network map does not have.
    pub fn new(file: NeighbourFile, maps: &Maps) -> Result<Self, LoadFault> {
        let mut territory = Territory::default();
        file.claim(&mut territory)?;
        let own = file.claim_by_own_map(&mut territory, maps)?;
        let learnt = vec![Learnt::new(Instant::now()); file.neighbours.len()];
        Ok(Self { file, territory, own, learnt: RwLock::new(learnt) })
    }

    /// The server that is responsible for an endpoint; `None` if that is not known.
    pub fn responsible(&self, address: IpAddr, id: Option<&EndpointId>) -> Option<Responsible<'_>> {
        let party = self.party(address, id)?;
        Some(Responsible { uri: &self.file.entry(party).uri, holds: self.holds(party) })
    }

    /// How long that a party is responsible is known at most: as long as what was learnt of it counts.
    fn holds(&self, party: Party) -> Duration {
        let Party::Neighbour(at) = party else { return Duration::MAX };
        self.all_learnt()[at].refresh.left(Instant::now()).unwrap_or(Duration::MAX)
    }

    fn party(&self, address: IpAddr, id: Option<&EndpointId>) -> Option<Party> {
        let learnt = self.all_learnt();
        self.territory.responsible(address, id, &Heard { own: &self.own, learnt: &learnt })
    }

    /// Takes over what was learnt of neighbours that are the same as in `before`, so that a changed
    /// file leaves no gap.
    pub(crate) fn take_over(&self, before: &Self) {
        let known = before.all_learnt();
        for (at, entry) in self.file.neighbours.iter().enumerate() {
            let place = before.file.neighbours.iter().position(|other| other.is_asked_as(entry));
            if let Some(place) = place {
                self.put(at, known[place].clone());
            }
        }
    }

    /// The neighbours that have something to be learnt of.
    fn to_be_asked(&self) -> Vec<usize> {
        let is_asked = |entry: &Entry| !entry.pids.is_empty() || entry.form == Form::Status307;
        let entries = self.file.neighbours.iter().enumerate();
        entries.filter(|(_, entry)| is_asked(entry)).map(|(at, _)| at).collect()
    }

    fn neighbour(&self, at: usize) -> &Entry {
        &self.file.neighbours[at]
    }

    fn learnt(&self, at: usize) -> Learnt {
        self.all_learnt()[at].clone()
    }

    fn all_learnt(&self) -> RwLockReadGuard<'_, Vec<Learnt>> {
        self.learnt.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, at: usize, learnt: Learnt) {
        self.learnt.write().unwrap_or_else(PoisonError::into_inner)[at] = learnt;
    }
}

/// The words of our own map and of all those that have been learnt.
struct Heard<'a> {
    own: &'a Word,
    learnt: &'a [Learnt],
}

impl Words for Heard<'_> {
    fn of(&self, party: Party) -> Option<&Word> {
        match party {
            Party::Own => Some(self.own),
            Party::Neighbour(at) => self.learnt[at].word.as_deref(),
        }
    }
}

impl Entry {
    /// Whether what was learnt of one is as good for the other.
    fn is_asked_as(&self, other: &Self) -> bool {
        let is_same = self.uri == other.uri && self.form == other.form;
        is_same && self.pids == other.pids && self.within == other.within
    }
}

impl NeighbourFile {
    fn entry(&self, party: Party) -> &Entry {
        match party {
            Party::Own => &self.own,
            Party::Neighbour(at) => &self.neighbours[at],
        }
    }

    fn entries(&self) -> impl Iterator<Item = (Party, &Entry)> {
        let neighbours = self.neighbours.iter().enumerate();
        let neighbours = neighbours.map(|(at, entry)| (Party::Neighbour(at), entry));
        std::iter::once((Party::Own, &self.own)).chain(neighbours)
    }

    /// Puts down what the file itself says.
    fn claim(&self, territory: &mut Territory) -> Result<(), LoadFault> {
        for (party, entry) in self.entries() {
            for (net, line) in &entry.prefixes {
                let given = territory.give(*net, party);
                given.map_err(|taken| self.contradiction(*line, &format!("{net}"), taken))?;
            }
            for (net, part, line) in &entry.parts {
                let given = territory.give_part(*net, part.clone(), party);
                let what = format!("this part of {net}");
                given.map_err(|taken| self.contradiction(*line, &what, taken))?;
            }
            for net in &entry.within {
                territory.consult(*net, party);
            }
        }
        Ok(())
    }

    /// Puts down the prefixes of our own PIDs. Our map is the operator's word, as the file is.
    fn claim_by_own_map(&self, territory: &mut Territory, maps: &Maps) -> Result<Word, LoadFault> {
        let refuse = |sentence: &str| LoadFault::of_line(&self.name, self.own.line, &sentence);
        let mut within = PrefixTable::default();
        for net in prefixes_of(maps.network(), &self.own.pids) {
            if let Some(Party::Neighbour(at)) = territory.holder(net) {
                let other = &self.neighbours[at].uri;
                return Err(refuse(&format!("{net} is in an own PID, and belongs to {other}")));
            }
            *within.entry(net) = ();
            territory.consult(net, Party::Own);
        }
        let heard = hear(maps.network(), &self.own.pids, &within);
        let heard = heard.map_err(|_| refuse("the own PIDs have too many prefixes"))?;
        match heard.absent.first() {
            Some(name) => Err(refuse(&format!("the network map has no PID `{name}`"))),
            None => Ok(heard.word),
        }
    }

    fn contradiction(&self, line: usize, what: &str, taken: Taken) -> LoadFault {
        let other = &self.entry(taken.0).uri;
        LoadFault::of_line(&self.name, line, &format!("{what} belongs to {other} already"))
    }
}
