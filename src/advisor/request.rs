//! Who asks for how many peers, and what came of it.

use alto_discovery_core::Peer;
use alto_selection::{Basis, Record, Role};

use super::Share;

/// A peer that asks for others.
#[derive(Clone, Debug)]
pub struct Request<'p, R> {
    /// Its addresses.
    pub requester: Requester<'p>,
    /// Its own record, which is never in the reply; [`Record::NOBODY`] if it has none.
    pub own: R,
    /// What it wants: seeders get no seeders.
    pub role: Role,
    /// How many peers at most.
    pub k: usize,
    /// Instead of the configured share.
    pub random_share: Option<Share>,
    /// Instead of the configured cap; 0 for none.
    pub pid_cap: Option<usize>,
    /// Fixes how peers of equal cost are drawn, for tests; otherwise each request draws anew. (Whom the
    /// cap on promotions passes over depends on the requests before.)
    pub seed: Option<u64>,
}

impl<'p, R: Record> Request<'p, R> {
    /// A leecher's question for `k` peers, with the configured share and cap.
    pub fn new(requester: impl Into<Requester<'p>>, own: R, k: usize) -> Self {
        let (requester, role) = (requester.into(), Role::Leecher);
        Self { requester, own, role, k, random_share: None, pid_cap: None, seed: None }
    }
}

/// The addresses of one peer: the one it was heard from, and maybe one of the other family.
///
/// Each family's candidates are judged by the server that speaks for the peer's address of that
/// family, if it has one: that is where its packets to them will leave from.
#[derive(Clone, Debug)]
pub struct Requester<'p> {
    heard_from: Peer<'p>,
    other: Option<Peer<'p>>,
}

impl<'p> Requester<'p> {
    /// The same peer with another address, of the other family.
    #[must_use]
    pub fn with(self, other: Peer<'p>) -> Self {
        Self { other: Some(other), ..self }
    }

    /// Whose server judges candidates of a family.
    pub fn for_family(&self, is_v6: bool) -> &Peer<'p> {
        let fits = |peer: &&Peer<'_>| peer.net().addr().is_ipv6() == is_v6;
        let own = [Some(&self.heard_from), self.other.as_ref()].into_iter().flatten().find(fits);
        own.unwrap_or(&self.heard_from)
    }
}

impl<'p> From<Peer<'p>> for Requester<'p> {
    fn from(heard_from: Peer<'p>) -> Self {
        Self { heard_from, other: None }
    }
}

/// What came of a request, beside the peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// How many of the peers, the first ones, were chosen by cost; the others were drawn at random.
    pub guided: usize,
    /// By what, or why by nothing.
    pub why: Why,
}

/// By what a choice was made, or why it could not be made by costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Costs: no better choice exists.
    Costs,
    /// Costs of a sample: this swarm is being grouped for this server.
    Sample,
    /// There were no more peers than places.
    Everyone,
    /// Which server speaks for the requester is being found out.
    Discovering,
    /// Surely no server speaks for it.
    NoServer,
    /// Its address is not one that servers speak for.
    NotApplicable,
    /// Its servers' maps are being fetched, or cannot be had.
    NoTable,
    /// Its server's maps say nothing for it, or the same of everybody (RFC 7285 §15.2.2).
    NoCosts,
}

impl From<Basis> for Why {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Everyone => Self::Everyone,
            Basis::View => Self::Costs,
            Basis::Sample => Self::Sample,
        }
    }
}
