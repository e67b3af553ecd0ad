//! Who left the cache lately.

use std::collections::VecDeque;

use hashbrown::{DefaultHashBuilder, HashSet};

/// What a ghost costs in the worst case, in octets.
const GHOST: usize = 40;

/// The hashes of those who left last.
#[derive(Debug)]
pub(super) struct Ghosts {
    most: usize,
    order: VecDeque<u64>,
    hashes: HashSet<u64, DefaultHashBuilder>,
}

impl Ghosts {
    /// Those that fit into so many octets.
    pub(super) fn new(octets: usize) -> Self {
        let most = octets / GHOST;
        Self { most, order: VecDeque::new(), hashes: HashSet::default() }
    }

    pub(super) fn add(&mut self, hash: u64) {
        while self.order.len() >= self.most {
            let Some(oldest) = self.order.pop_front() else { return };
            self.hashes.remove(&oldest);
        }
        self.order.push_back(hash);
        self.hashes.insert(hash);
    }

    /// Whether it was among them; it is no longer.
    pub(super) fn take(&mut self, hash: u64) -> bool {
        self.hashes.remove(&hash)
    }

    #[cfg(test)]
    pub(super) fn are_bounded(&self) -> bool {
        self.order.len() <= self.most && self.hashes.len() <= self.order.len()
    }
}
