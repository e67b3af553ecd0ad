//! What a backend found.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::{NoServer, Peer, PeerId, Trace, Validity};

/// Who speaks for a peer, for whom else that was proven, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The backend that found it.
    pub backend: &'static str,
    /// The approach of the draft's comparison (1 to 6) by which it was found.
    pub approach: u8,
    /// The servers, or what the peer itself brought.
    pub guide: Guide,
    /// The peers for which this was proven, which may be fewer than the records suggest.
    pub scope: Scope,
    /// How long it holds.
    pub validity: Validity,
    /// Some question failed for a while: a later try may give a more specific answer (RFC 8686
    /// §3.5).
    pub incomplete: bool,
    /// Whether it was authenticated: the state of the weakest fact behind it, questions that failed
    /// included.
    pub dnssec: Dnssec,
    /// What was asked.
    pub trace: Trace,
}

impl Answer {
    /// A complete answer of which nothing is known about DNSSEC, without a trace.
    pub fn new(
        backend: &'static str,
        approach: u8,
        guide: Guide,
        scope: Scope,
        validity: Validity,
    ) -> Self {
        let (dnssec, trace) = (Dnssec::default(), Trace::default());
        Self { backend, approach, guide, scope, validity, incomplete: false, dnssec, trace }
    }

    /// The servers, best first; empty if the peer brought its own guidance.
    pub fn servers(&self) -> &[Server] {
        match &self.guide {
            Guide::Servers(servers) => servers.as_slice(),
            Guide::Costs(_) => &[],
        }
    }
}

/// By whom, or by what, a peer is guided.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Guide {
    /// ALTO servers.
    Servers(ServerList),
    /// Guidance the peer itself sent (approach 6).
    Costs(PeerCosts),
}

/// ALTO servers, best first: never empty, no URI twice. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerList(Arc<[Server]>);

impl ServerList {
    /// The list in the order given; of servers with one URI the first is kept. `None` if empty.
    pub fn new(servers: impl IntoIterator<Item = Server>) -> Option<Self> {
        let mut kept: Vec<Server> = Vec::new();
        for server in servers {
            if kept.iter().all(|earlier| earlier.uri != server.uri) {
                kept.push(server);
            }
        }
        (!kept.is_empty()).then(|| Self(kept.into()))
    }

    /// The servers, best first.
    pub fn as_slice(&self) -> &[Server] {
        &self.0
    }
}

/// One ALTO server, named by the URI of its information resource directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The URI of its IRD (RFC 7285 §9).
    pub uri: Url,
    /// Lower is tried first (RFC 3403 §4.1).
    pub order: u16,
    /// Lower is tried first within one order.
    pub preference: u16,
    /// Where it was found: a domain name (lower case, absolute) or the URI that redirected.
    pub found_at: Option<Arc<str>>,
    /// On whose word.
    pub trust: Trust,
}

/// On whose word a server is believed to speak for a peer, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// The peer says so.
    PeerClaim,
    /// The network that holds the peer's address says so.
    Network,
    /// Our own configuration says so.
    Configured,
}

/// Guidance a peer sent with its announce; good for the reply to that announce and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCosts {
    /// Longest match wins; a candidate that matches none is unranked.
    pub entries: Arc<[PeerCost]>,
    /// How long the peer says it holds.
    pub lifetime: Duration,
}

/// What it costs the peer to reach a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerCost {
    /// The candidates it is about.
    pub net: IpNet,
    /// Lower is better; no unit.
    pub cost: u32,
}

/// The peers for which something was proven.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Their addresses.
    pub net: IpNet,
    /// Their peer IDs.
    pub id: IdScope,
}

impl Scope {
    /// All of `net`, whatever the peer ID.
    pub fn net(net: IpNet) -> Self {
        Self { net: net.trunc(), id: IdScope::Any }
    }

    /// Whether it was proven for every peer that `peer` stands for.
    pub fn contains(&self, peer: &Peer<'_>) -> bool {
        self.net.contains(&peer.net()) && self.id.contains(peer.id())
    }

    /// The peers that `peer` stands for, and no others.
    pub fn of(peer: &Peer<'_>) -> Self {
        let id = peer.id().map_or(IdScope::Any, |id| IdScope::Exactly(*id));
        Self { net: peer.net(), id }
    }

    /// The scope of something built from both, where some peer is in both: prefixes that share an
    /// address are nested, so the longer one is what they share.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let own_is_narrower = self.net.prefix_len() >= other.net.prefix_len();
        let net = if own_is_narrower { self.net } else { other.net };
        Self { net, id: self.id.and(&other.id) }
    }
}

/// The peer IDs for which something was proven.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IdScope {
    /// Any, and none.
    Any,
    /// External ports from `low` to `high`, both included.
    Ports {
        /// The first port.
        low: u16,
        /// The last port.
        high: u16,
    },
    /// This one only.
    Exactly(PeerId),
}

impl IdScope {
    /// Whether `id` is among them.
    pub fn contains(&self, id: Option<&PeerId>) -> bool {
        match (self, id) {
            (Self::Any, _) => true,
            (Self::Ports { low, high }, Some(PeerId::Port(port))) => (low..=high).contains(&port),
            (Self::Exactly(own), Some(id)) => own == id,
            _ => false,
        }
    }

    /// The IDs that are among both, where some ID is.
    fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, narrow) | (narrow, Self::Any) => narrow.clone(),
            (Self::Exactly(id), _) | (_, Self::Exactly(id)) => Self::Exactly(*id),
            (Self::Ports { low: a, high: b }, Self::Ports { low: c, high: d }) => {
                Self::Ports { low: *a.max(c), high: *b.min(d) }
            }
        }
    }
}

/// What DNSSEC says of the data behind an answer (RFC 4033 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dnssec {
    /// Authenticated by a chain of trust.
    Secure,
    /// Proven to be unsigned, or not authenticated by the validator.
    Insecure,
    /// Should be authentic and is not.
    Bogus,
    /// Nobody we can believe told.
    #[default]
    Unknown,
}

impl Dnssec {
    /// The state of something built from both: as good as the weaker.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let weakest_first = [Self::Bogus, Self::Unknown, Self::Insecure, Self::Secure];
        let is_either = |state: &Self| *state == self || *state == other;
        weakest_first.into_iter().find(is_either).unwrap_or_default()
    }

    /// The word for it in output and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secure => "secure",
            Self::Insecure => "insecure",
            Self::Bogus => "bogus",
            Self::Unknown => "unknown",
        }
    }
}

impl Trust {
    /// The word for it in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PeerClaim => "peer-claim",
            Self::Network => "network",
            Self::Configured => "configured",
        }
    }
}

/// What is certain now, without asking anybody.
#[derive(Clone, Debug)]
pub enum Known {
    /// An answer within its lifetime.
    Fresh(Arc<Answer>),
    /// An answer past its lifetime, served because its source cannot be reached (RFC 8767).
    Stale(Arc<Answer>),
    /// Surely no server.
    None(Arc<NoServer>),
    /// The backend has no way for this peer, and asking would not change that: `discover` would
    /// say [`Error::NotApplicable`](crate::Error::NotApplicable). A chain goes on to its next member.
    NotApplicable,
    /// Nothing: ask.
    Ask,
}
