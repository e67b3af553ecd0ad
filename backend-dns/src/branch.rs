//! What the records of one rung lead to, depth first and best first (RFC 3403 §4.1, RFC 3958 §2.2.4).
//! Pure.

use std::collections::HashSet;
use std::sync::Arc;

use alto_discovery_core::{Server, Trust};
use url::Url;

use crate::explain::Dropped;
use crate::naptr::{LeadsTo, Taken};
use crate::walk::{MAX_HOPS, MAX_SERVERS};

/// The records of one rung and of the names its non-terminal records lead to, depth first.
#[derive(Debug, Default)]
pub(crate) struct Branch {
    /// Still to look at, the next one last.
    pub(crate) pending: Vec<Pending>,
    /// Where it was, and after how many hops.
    visited: Vec<(Arc<str>, usize)>,
    /// The limit of hops cut a chain short.
    is_cut: bool,
    /// The servers so far, best first.
    pub(crate) servers: Vec<Server>,
}

/// Something still to look at.
#[derive(Debug)]
pub(crate) enum Pending {
    /// A server that a record names.
    Server(Server),
    /// A name that a non-terminal record leads to, after so many hops.
    Name { name: Arc<str>, hops: usize },
}

impl Branch {
    /// That of the rung with this name.
    pub(crate) fn at(name: Arc<str>) -> Self {
        Self { pending: vec![Pending::Name { name, hops: 0 }], ..Self::default() }
    }

    /// How many names are still to be looked at.
    pub(crate) fn names_pending(&self) -> usize {
        let named = |pending: &&Pending| matches!(pending, Pending::Name { .. });
        self.pending.iter().filter(named).count()
    }

    /// Looks at no more names.
    pub(crate) fn leave_names(&mut self) {
        self.pending.retain(|pending| matches!(pending, Pending::Server(_)));
    }

    /// Puts what the records lead to where they stood; gives the names that are not followed.
    pub(crate) fn follow(&mut self, from: &Arc<str>, taken: &[Taken], hops: usize) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        let mut ahead = Vec::with_capacity(taken.len());
        for record in taken {
            match &record.leads_to {
                LeadsTo::Server(uri) => ahead.push(Pending::Server(server(record, uri, from))),
                LeadsTo::Name(name) if hops == MAX_HOPS => {
                    self.is_cut = true;
                    dropped.push(Dropped::TooDeep(name.clone()));
                }
                LeadsTo::Name(name) if self.was_at(name, hops + 1) => {
                    dropped.push(Dropped::Loop(name.clone()));
                }
                LeadsTo::Name(name) => {
                    ahead.push(Pending::Name { name: name.clone(), hops: hops + 1 });
                }
            }
        }
        let servers = taken.iter().filter_map(|record| match &record.leads_to {
            LeadsTo::Server(uri) => Some(uri),
            LeadsTo::Name(_) => None,
        });
        let known = self.servers.iter().map(|server| &server.uri);
        if servers.chain(known).collect::<HashSet<_>>().len() > MAX_SERVERS {
            dropped.push(Dropped::Crowd);
        }
        self.pending.extend(ahead.into_iter().rev());
        dropped
    }

    /// Whether going on at a name after so many hops leads nowhere new. What was reached after more
    /// hops may have been cut short by their limit.
    fn was_at(&self, name: &Arc<str>, hops: usize) -> bool {
        let was_there = |(visited, after): &(Arc<str>, usize)| {
            visited == name && (*after <= hops || !self.is_cut)
        };
        self.visited.iter().any(was_there)
    }

    /// Whether it goes on at a name after so many hops; from now on it was there.
    pub(crate) fn enters(&mut self, name: &Arc<str>, hops: usize) -> bool {
        let is_new = !self.was_at(name, hops);
        if is_new {
            self.visited.push((name.clone(), hops));
        }
        is_new
    }

    /// Adds a server, unless it is there already.
    pub(crate) fn keep(&mut self, server: Server) {
        if self.servers.iter().all(|earlier| earlier.uri != server.uri) {
            self.servers.push(server);
        }
        if self.servers.len() == MAX_SERVERS {
            self.pending.clear();
        }
    }
}

fn server(record: &Taken, uri: &Url, from: &Arc<str>) -> Server {
    Server {
        uri: uri.clone(),
        order: record.order,
        preference: record.preference,
        found_at: Some(from.clone()),
        trust: Trust::Network,
    }
}
