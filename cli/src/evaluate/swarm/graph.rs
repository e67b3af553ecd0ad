//! Who is connected with whom.

use std::collections::VecDeque;

use super::exact::count;

/// An undirected graph of peers by number.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    neighbours: Vec<Vec<u32>>,
}

/// What is left of a graph when some peers are gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pieces {
    /// Parts between which there is no path.
    pub(super) components: usize,
    /// The share of those left that are in the largest part.
    pub(super) largest: f64,
}

impl Graph {
    /// So many peers without any connection.
    pub(super) fn new(peers: usize) -> Self {
        Self { neighbours: vec![Vec::new(); peers] }
    }

    /// Connects two peers.
    pub(super) fn connect(&mut self, one: u32, other: u32) {
        self.neighbours[one as usize].push(other);
        self.neighbours[other as usize].push(one);
    }

    /// The parts of those peers that are there.
    pub(super) fn pieces(&self, is_there: impl Fn(u32) -> bool) -> Pieces {
        let mut distances = self.distances(&is_there);
        let (mut components, mut largest, mut all) = (0, 0, 0);
        for start in self.peers().filter(|peer| is_there(*peer)) {
            if distances[start as usize] == UNSEEN {
                let (reached, ..) = self.walk(start, &mut distances);
                components += 1;
                largest = largest.max(reached);
                all += reached;
            }
        }
        // Where nobody is left, nobody is apart.
        let largest = if all == 0 { 1.0 } else { count(largest) / count(all) };
        Pieces { components, largest }
    }

    /// The share of all peers that a peer reaches.
    pub(super) fn reach(&self, start: u32) -> f64 {
        let (reached, ..) = self.walk(start, &mut self.distances(&|_| true));
        count(reached) / count(self.neighbours.len())
    }

    /// The longest of all shortest paths in a peer's part, or nearly so: the farthest peer from the
    /// one that is farthest from `start` (a lower bound that random graphs hardly ever miss).
    pub(super) fn diameter(&self, start: u32) -> u32 {
        let (_, far, _) = self.walk(start, &mut self.distances(&|_| true));
        self.walk(far, &mut self.distances(&|_| true)).2
    }

    /// The share of connections of which something is true.
    pub(super) fn share(&self, is_true: impl Fn(u32, u32) -> bool) -> f64 {
        let (mut all, mut hits) = (0, 0);
        for (peer, neighbours) in (0..).zip(&self.neighbours) {
            all += neighbours.len();
            hits += neighbours.iter().filter(|neighbour| is_true(peer, **neighbour)).count();
        }
        count(hits) / count(all.max(1))
    }

    fn peers(&self) -> impl Iterator<Item = u32> + use<> {
        (0..).take(self.neighbours.len())
    }

    fn distances(&self, is_there: &impl Fn(u32) -> bool) -> Vec<u32> {
        self.peers().map(|peer| if is_there(peer) { UNSEEN } else { GONE }).collect()
    }

    /// All that can be reached: how many, the farthest, and how far it is.
    fn walk(&self, start: u32, distances: &mut [u32]) -> (usize, u32, u32) {
        distances[start as usize] = 0;
        let mut queue = VecDeque::from([start]);
        let (mut reached, mut last) = (0, start);
        while let Some(peer) = queue.pop_front() {
            (reached, last) = (reached + 1, peer);
            let next = distances[peer as usize] + 1;
            for neighbour in &self.neighbours[peer as usize] {
                let distance = &mut distances[*neighbour as usize];
                if *distance == UNSEEN {
                    *distance = next;
                    queue.push_back(*neighbour);
                }
            }
        }
        (reached, last, distances[last as usize])
    }
}

const UNSEEN: u32 = u32::MAX;
const GONE: u32 = u32::MAX - 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// Two parts: a path of four peers, and two that know each other.
    #[test]
    fn a_path_and_a_pair() {
        let mut graph = Graph::new(6);
        for (one, other) in [(0, 1), (1, 2), (2, 3), (4, 5)] {
            graph.connect(one, other);
        }
        assert_eq!(graph.pieces(|_| true), Pieces { components: 2, largest: 4.0 / 6.0 });
        assert_eq!(graph.pieces(|peer| peer != 1), Pieces { components: 3, largest: 0.4 });
        assert_eq!(graph.pieces(|_| false), Pieces { components: 0, largest: 1.0 });
        assert_eq!((graph.diameter(1), graph.diameter(4)), (3, 1));
        assert!((graph.share(|one, other| one.max(other) < 3) - 0.5).abs() < 1e-12);
        assert!((graph.reach(4) - 2.0 / 6.0).abs() < 1e-12);
    }
}
