//! Five networks with ALTO servers of their own, a name server that leads to them, and a swarm.

use alto_discovery::Peer;
use alto_discovery::selection::{Record as _, Role, Swarm, V6Record};

use super::SwarmOptions;
use crate::Failure;
use crate::stage::{Stage, address, record};

/// Networks, each a /48 of the documentation prefix. For all of them the peers of the first one
/// are the best: for its own as neighbours, for the others although their own are nearer by prefix.
pub(super) const NETWORKS: u16 = 5;
/// The network of the good peers.
pub(super) const GOOD: u16 = 0;

/// Room for the views of all maps, however many peers are asked for.
pub(super) const VIEW_OCTETS: usize = usize::MAX;

/// Everything that runs.
pub(super) struct World {
    pub(super) stage: Stage,
    pub(super) swarm: Swarm<V6Record>,
}

impl World {
    pub(super) async fn new(options: &SwarmOptions) -> Result<Self, Failure> {
        let stage = Stage::new(NETWORKS, cost, &options.switches).await?;
        Ok(Self { stage, swarm: swarm(options) })
    }
}

/// Whether a peer is one of the good ones.
pub(super) fn is_good(record: &V6Record) -> bool {
    record.address().segments()[2] == GOOD
}

/// The n-th peer of a network that asks and is not in the swarm.
pub(super) fn requester(network: u16, n: usize) -> (Peer<'static>, V6Record) {
    let address = address(network, 0xffff, n);
    (Peer::new(address.into()), record(address))
}

/// The good peers in the first network, the others in turn in the other ones.
fn swarm(options: &SwarmOptions) -> Swarm<V6Record> {
    let swarm = Swarm::new(VIEW_OCTETS);
    let others = (1..NETWORKS).cycle().take(options.peers - options.good);
    let networks = std::iter::repeat_n(GOOD, options.good).chain(others);
    for (n, network) in networks.enumerate() {
        swarm.add(record(address(network, 0, n)), Role::Leecher, 0);
    }
    swarm
}

/// For all the good peers are the best; those of one's own network are near by prefix, and dear.
fn cost(own: u16, other: u16) -> u16 {
    match other {
        GOOD => 1,
        _ if other == own => 50,
        _ => 20,
    }
}
