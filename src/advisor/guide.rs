//! Whose costs count for a peer.

use std::net::IpAddr;
use std::sync::Arc;

use alto_discovery_core::{PeerCosts, Trust};
use alto_selection::{Costs, Direction, Pid, PrefixMap, Table};
use ipnet::IpNet;

use super::Share;

/// The table that counts for a peer, and the peer's PID in it.
#[derive(Debug)]
pub(super) struct Guide {
    pub(super) table: Arc<Table>,
    pub(super) consumer: Pid,
    pub(super) trust: Trust,
    /// Whether others are guided by it, too, so that a swarm's view of it is worth keeping.
    pub(super) is_shared: bool,
}

impl Guide {
    /// What a server's table says for a peer whose address led to it; `None` if it says nothing, which
    /// is so, too, where everybody costs the same.
    pub(super) fn of_server(
        table: &Arc<Table>,
        peer: IpAddr,
        speaks_for: IpNet,
        trust: Trust,
    ) -> Option<Self> {
        let consumer = table.consumer(peer, speaks_for)?;
        let guide = || Self { table: Arc::clone(table), consumer, trust, is_shared: true };
        table.tells_apart(consumer).then(guide)
    }

    /// What the peer itself brought; `None` if it makes no table.
    pub(super) fn of_peer(costs: &PeerCosts) -> Option<Self> {
        let places = 0..u16::try_from(costs.entries.len()).ok()?;
        // Whose costs these are: a PID without addresses.
        let consumer = Pid::new(places.end);
        let pids = places.map(Pid::new);
        let nets = costs.entries.iter().map(|entry| entry.net).zip(pids.clone());
        let prefixes = PrefixMap::new(nets, costs.entries.len()).ok()?;
        let row = pids.zip(costs.entries.iter());
        let row = row.map(|(pid, entry)| (consumer, pid, f64::from(entry.cost)));
        let count = costs.entries.len();
        let costs = Costs::new(count + 1, row, Direction::FromConsumer, count).ok()?;
        let table = Arc::new(Table::new(prefixes, costs, 0));
        Some(Self { table, consumer, trust: Trust::PeerClaim, is_shared: false })
    }

    /// How many of `k` places its costs may fill: what a mere claim says fills no more than its share.
    pub(super) fn places(&self, k: usize, random_share: Share, claimed_share: Share) -> usize {
        let places = random_share.rest_of(k);
        if self.trust == Trust::PeerClaim { places.min(claimed_share.of(k)) } else { places }
    }
}
