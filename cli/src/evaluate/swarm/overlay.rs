//! The overlay that a tracker's replies make, over random shares: the question that RFC 8686 C.3
//! leaves open.
//!
//! Networks are uneven, and each prefers its own peers. Each peer announces once and is connected
//! with all peers of its reply.

use std::fmt::Write as _;

use alto_discovery::selection::{Record as _, Role, Swarm, V6Record};
use alto_discovery::{Peer, Request, Share, Why};
use serde_json::{Value, json};

use super::super::mixed;
use super::SwarmOptions;
use super::exact::count;
use super::graph::Graph;
use super::world::VIEW_OCTETS;
use crate::Failure;
use crate::stage::{Stage, address, record};

/// Networks; the n-th largest has about a n-th of the largest one's peers.
const NETWORKS: u16 = 24;
/// Random shares in thousandths.
const SHARES: [u16; 11] = [0, 5, 10, 20, 50, 100, 150, 200, 300, 400, 500];
/// Overlays for each share.
const ROUNDS: u64 = 3;
/// Of 100 peers, how many leave.
const LEAVING: u64 = 50;

/// What was found.
#[derive(Debug)]
pub(super) struct Study {
    pub(super) rows: Vec<Row>,
    sizes: Vec<usize>,
}

/// The overlays of one random share: the worst of all rounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The random share.
    pub(super) share: f64,
    /// Parts between which there is no path.
    pub(super) components: usize,
    /// The share of peers in the largest part.
    pub(super) largest: f64,
    /// The longest path in the part of the first peer.
    pub(super) diameter: u32,
    /// The share of connections that stay inside a network.
    pub(super) inside: f64,
    /// The share of the rest that is in the largest part if the largest network is cut off.
    pub(super) cut_off: f64,
    /// The same after half of all peers have left.
    pub(super) churned: f64,
    /// The share of peers that one seeder in the smallest network reaches.
    pub(super) seeder: f64,
}

impl Row {
    /// Whether the swarm is in one piece, also without its largest network and half of its peers.
    fn is_whole(&self) -> bool {
        self.components == 1 && [self.cut_off, self.churned].iter().all(|share| *share >= 1.0)
    }

    fn worse(self, other: Self) -> Self {
        Self {
            share: self.share,
            components: self.components.max(other.components),
            largest: self.largest.min(other.largest),
            diameter: self.diameter.max(other.diameter),
            inside: self.inside.max(other.inside),
            cut_off: self.cut_off.min(other.cut_off),
            churned: self.churned.min(other.churned),
            seeder: self.seeder.min(other.seeder),
        }
    }
}

impl Study {
    /// The smallest share from which on the swarm never splits.
    pub(super) fn smallest_share(&self) -> Option<f64> {
        let whole = self.rows.iter().rev().take_while(|row| row.is_whole());
        whole.last().map(|row| row.share)
    }

    pub(super) fn table(&self) -> String {
        let (most, least) = (self.sizes.first(), self.sizes.last());
        let mut text = format!(
            "The overlay: {} networks of {} to {} peers, each preferring its own; the worst of {ROUNDS} \
             rounds.\n\n{:>7}{:>7}{:>9}{:>10}{:>8}{:>9}{:>9}{:>8}\n",
            self.sizes.len(),
            least.unwrap_or(&0),
            most.unwrap_or(&0),
            "random",
            "parts",
            "largest",
            "diameter",
            "inside",
            "cut off",
            "churned",
            "seeder"
        );
        for row in &self.rows {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:>6.1}%{:>7}{:>8.1}%{:>10}{:>7.1}%{:>8.1}%{:>8.1}%{:>7.1}%",
                100.0 * row.share,
                row.components,
                100.0 * row.largest,
                row.diameter,
                100.0 * row.inside,
                100.0 * row.cut_off,
                100.0 * row.churned,
                100.0 * row.seeder
            );
        }
        text.push_str(
            "\ncut off: the largest part of the rest without the largest network; churned: of the rest \
             after half\nhave left; seeder: whom a seeder in the smallest network reaches. ",
        );
        let _ = match self.smallest_share() {
            Some(share) => write!(text, "The swarm never splits from {:.1}% on.", 100.0 * share),
            None => write!(text, "There is no share from which on it never splits."),
        };
        if let Some(first) = self.rows.first().filter(|row| row.seeder < 1.0) {
            let _ = write!(
                text,
                "\nWhere locality hurts: without a random share that seeder's content reaches {:.2}% of the peers.",
                100.0 * first.seeder
            );
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "random_share": row.share, "components": row.components, "largest": row.largest,
                "diameter": row.diameter, "inside": row.inside, "cut_off": row.cut_off,
                "churned": row.churned, "seeder_reach": row.seeder,
            })
        };
        json!({
            "networks": self.sizes, "rounds": ROUNDS, "smallest_share": self.smallest_share(),
            "shares": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

/// A peer of the swarm.
struct Member {
    peer: Peer<'static>,
    record: V6Record,
    network: u16,
}

/// Sets the networks up, lets each peer announce, and looks at what comes of it.
pub(super) async fn study(options: &SwarmOptions) -> Result<Study, Failure> {
    let sizes = sizes(options.peers);
    let networks = u16::try_from(sizes.len()).unwrap_or(NETWORKS);
    // One's own first; the others by their distance in numbers.
    let cost = |own: u16, other: u16| if own == other { 1 } else { 10 + own.abs_diff(other) };
    let stage = Stage::new(networks, cost, &options.switches).await?;
    let members = members(&sizes);
    let swarm = Swarm::new(VIEW_OCTETS);
    for member in &members {
        swarm.add(member.record, Role::Leecher, 0);
    }
    warm_up(&stage, &members, &swarm, options).await;
    let mut rows = Vec::new();
    for share in SHARES {
        let round = |round: u64| {
            let graph = announce_all(&stage, &members, &swarm, options, (share, round));
            measure(&graph, &members, share, mixed(options.seed, round))
        };
        let worst = (1..ROUNDS).fold(round(0), |worst, number| worst.worse(round(number)));
        rows.push(worst);
    }
    Ok(Study { rows, sizes })
}

/// How many peers each network has: shares of 1, 1/2, 1/3, ..., as far as there are enough.
fn sizes(peers: usize) -> Vec<usize> {
    let whole: f64 = (1..=usize::from(NETWORKS)).map(|n| 1.0 / count(n)).sum();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below the number of peers
    let size = |n: usize| (count(peers) / count(n) / whole) as usize;
    let others: Vec<usize> =
        (2..=usize::from(NETWORKS)).map(size).take_while(|size| *size > 0).collect();
    let first = peers - others.iter().sum::<usize>();
    [vec![first], others].concat()
}

fn members(sizes: &[usize]) -> Vec<Member> {
    let member = |(network, n)| {
        let address = address(network, 0, n);
        Member { peer: Peer::new(address.into()), record: record(address), network }
    };
    let all = (0..).zip(sizes).flat_map(|(network, size)| (0..*size).map(move |n| (network, n)));
    all.map(member).collect()
}

/// Each peer's server is found, and the swarm grouped by each network's map.
async fn warm_up(
    stage: &Stage,
    members: &[Member],
    swarm: &Swarm<V6Record>,
    options: &SwarmOptions,
) {
    let mut list = Vec::new();
    for member in members {
        // Without guidance the overlay is a random one, which shows.
        let _ = stage.advisor.prepare(&member.peer).await;
    }
    for first in members.chunk_by(|one, next| one.network == next.network) {
        let request = Request::new(first[0].peer.clone(), first[0].record, options.list);
        while stage.advisor.select(&request, swarm, &mut list).why == Why::Sample {}
    }
}

fn announce_all(
    stage: &Stage,
    members: &[Member],
    swarm: &Swarm<V6Record>,
    options: &SwarmOptions,
    (share, round): (u16, u64),
) -> Graph {
    let starts: Vec<u32> = starts(members);
    let (mut graph, mut list) = (Graph::new(members.len()), Vec::new());
    for (number, member) in (0..).zip(members) {
        let draw = (round * u64::from(u16::MAX) + u64::from(share)) << 32 | u64::from(number);
        let request = Request {
            random_share: Some(Share::permille(share)),
            seed: Some(mixed(options.seed, draw)),
            ..Request::new(member.peer.clone(), member.record, options.list)
        };
        stage.advisor.select(&request, swarm, &mut list);
        for record in &list {
            let [_, _, network, _, _, _, high, low] = record.address().segments();
            let place = u32::from(high) << 16 | u32::from(low);
            graph.connect(number, starts[usize::from(network)] + place);
        }
    }
    graph
}

/// The number of the first peer of each network.
fn starts(members: &[Member]) -> Vec<u32> {
    let networks = members.chunk_by(|one, next| one.network == next.network);
    networks
        .scan(0, |next, network| {
            let start = *next;
            *next += u32::try_from(network.len()).unwrap_or(u32::MAX);
            Some(start)
        })
        .collect()
}

fn measure(graph: &Graph, members: &[Member], share: u16, seed: u64) -> Row {
    let network = |peer: u32| members[peer as usize].network;
    let all = graph.pieces(|_| true);
    let last = u32::try_from(members.len() - 1).unwrap_or(u32::MAX);
    let stays = |peer: u32| mixed(seed, u64::from(peer)) % 100 >= LEAVING;
    Row {
        share: f64::from(share) / 1_000.0,
        components: all.components,
        largest: all.largest,
        diameter: graph.diameter(0),
        inside: graph.share(|one, other| network(one) == network(other)),
        cut_off: graph.pieces(|peer| network(peer) != 0).largest,
        churned: graph.pieces(stays).largest,
        seeder: graph.reach(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_add_up() {
        for peers in [1, 5, 24, 100, 10_000] {
            let sizes = sizes(peers);
            assert!(sizes.is_sorted_by(|one, next| one >= next), "{sizes:?}");
            assert_eq!(sizes.iter().sum::<usize>(), peers, "{sizes:?}");
        }
    }
}
