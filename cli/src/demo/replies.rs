//! The second act: what a peer of each network gets before its ALTO server is known, and after.

use std::fmt::Write as _;

use alto_discovery::selection::{Record as _, Role, Swarm, V6Record};
use alto_discovery::{Call, Peer, Request, Why};
use tokio::time::Instant;

use crate::Failure;
use crate::stage::{Stage, Switches, address, record};

const NETWORKS: u16 = 5;
/// Peers of each network in the swarm.
const PEERS: usize = 2_000;
/// Peers in a reply.
const LIST: usize = 100;

/// The story, in lines.
pub(super) async fn told(switches: &Switches) -> Result<String, Failure> {
    // One's own network first, the others by their distance in numbers.
    let cost = |own: u16, other: u16| if own == other { 1 } else { 10 + own.abs_diff(other) };
    let stage = Stage::new(NETWORKS, cost, switches).await?;
    let swarm = swarm();
    let mut text = format!(
        "Each of five networks now runs an ALTO server over https, certified by an authority made for\n\
         this run. A swarm of {} has {PEERS} peers in each; a peer of each announces and gets {LIST}:\n\n",
        PEERS * usize::from(NETWORKS),
    );
    for network in 0..NETWORKS {
        let (number, announce) = (network + 1, Announce::of(network));
        let before = announce.own_peers(&stage, &swarm);
        let found = announce.learn(&stage, &swarm).await;
        let began = Instant::now();
        let after = announce.own_peers(&stage, &swarm);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "  network {number}   first {before:>3} of its own network; {found}; then {after:>3} of its own, in {:?}",
            began.elapsed()
        );
    }
    Ok(text)
}

fn swarm() -> Swarm<V6Record> {
    let swarm = Swarm::new(1 << 26);
    for network in 0..NETWORKS {
        for n in 0..PEERS {
            swarm.add(record(address(network, 0, n)), Role::Leecher, 0);
        }
    }
    swarm
}

/// A peer that announces.
struct Announce {
    network: u16,
    request: Request<'static, V6Record>,
}

impl Announce {
    /// A peer of a network, not in the swarm yet.
    fn of(network: u16) -> Self {
        let address = address(network, 0xffff, 1);
        let request = Request::new(Peer::new(address.into()), record(address), LIST);
        Self { network, request }
    }

    /// How many peers of its own network it gets.
    fn own_peers(&self, stage: &Stage, swarm: &Swarm<V6Record>) -> usize {
        let mut list = Vec::new();
        stage.advisor.select(&self.request, swarm, &mut list);
        let own = list.iter().filter(|record| record.address().segments()[2] == self.network);
        own.count()
    }

    /// Waits until what the first announce set going has ended, lets neighbours announce until the
    /// swarm is grouped by the map, and tells what was found.
    async fn learn(&self, stage: &Stage, swarm: &Swarm<V6Record>) -> String {
        let peer = self.request.requester.for_family(true);
        if let Err(fault) = stage.advisor.prepare(peer).await {
            return format!("nothing learnt: {fault}");
        }
        let mut list = Vec::new();
        while stage.advisor.select(&self.request, swarm, &mut list).why == Why::Sample {}
        match stage.advisor.discovery().discover(peer, &Call::default()).await {
            Ok(answer) => answer.servers()[0].uri.to_string(),
            Err(fault) => fault.to_string(),
        }
    }
}
