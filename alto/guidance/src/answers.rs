//! Endpoint costs that were told, kept for the consumer they were told for. Pure.

use std::collections::HashMap;
use std::net::IpAddr;

use alto_discovery_core::Validity;
use alto_messages::CostMode;
use tokio::time::Instant;

use crate::plan::Link;

/// Which service told costs, of what type, for whom. What is said of one consumer is never told
/// another, not even its neighbour (RFC 6708, AR-25).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) link: Link,
    pub(crate) consumer: IpAddr,
}

/// Candidates, and the cost of each; `None` where the server has none.
pub(crate) type Costs = HashMap<IpAddr, Option<f64>>;

/// What was told, within a number of octets.
#[derive(Debug)]
pub(crate) struct Answers {
    kept: HashMap<Asked, Kept>,
    octets: usize,
    most_octets: usize,
}

#[derive(Debug)]
struct Kept {
    costs: HashMap<IpAddr, Told>,
    used: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    cost: Option<f64>,
    until: Instant,
}

impl Answers {
    pub(crate) fn new(most_octets: usize) -> Self {
        Self { kept: HashMap::new(), octets: 0, most_octets }
    }

    /// What is known of these candidates at that moment. Ranks mean something within one answer only
    /// (RFC 7285 §6.1.2.2), so of a server that ranks it is all of them or none.
    pub(crate) fn told(&mut self, asked: &Asked, candidates: &[IpAddr], now: Instant) -> Costs {
        let Some(kept) = self.kept.get_mut(asked) else { return Costs::new() };
        kept.used = now;
        let fresh = |candidate: &IpAddr| {
            let told = kept.costs.get(candidate).filter(|told| now < told.until)?;
            Some((*candidate, told.cost))
        };
        if asked.ranks() && !candidates.iter().all(|candidate| fresh(candidate).is_some()) {
            return Costs::new();
        }
        candidates.iter().filter_map(fresh).collect()
    }

    /// Keeps what one answer says, for as long as HTTP lets it.
    pub(crate) fn keep(&mut self, asked: &Asked, costs: &Costs, validity: Validity, now: Instant) {
        if !validity.holds(now) {
            return;
        }
        let mut kept = self.take(asked).unwrap_or(Kept { costs: HashMap::new(), used: now });
        if asked.ranks() {
            kept.costs.clear();
        }
        kept.costs.retain(|_, told| now < told.until);
        let until = validity.until();
        kept.costs.extend(costs.iter().map(|(of, cost)| (*of, Told { cost: *cost, until })));
        kept.used = now;
        self.octets += octets(asked, &kept);
        self.kept.insert(asked.clone(), kept);
        self.shrink(now);
    }

    fn take(&mut self, asked: &Asked) -> Option<Kept> {
        let kept = self.kept.remove(asked)?;
        self.octets -= octets(asked, &kept);
        Some(kept)
    }

    /// Over the limit drops what has expired, then what was used longest ago, and a fifth at once, so
    /// that this is rare.
    fn shrink(&mut self, now: Instant) {
        if self.octets <= self.most_octets {
            return;
        }
        let ends = |kept: &Kept| kept.costs.values().map(|told| told.until).max();
        let mut oldest: Vec<_> = self.kept.iter().collect();
        oldest.sort_by_key(|(_, kept)| (ends(kept) > Some(now), kept.used));
        let oldest: Vec<Asked> = oldest.into_iter().map(|(asked, _)| asked.clone()).collect();
        for asked in oldest {
            if self.octets <= self.most_octets / 5 * 4 {
                return;
            }
            self.take(&asked);
        }
    }
}

impl Asked {
    fn ranks(&self) -> bool {
        self.link.cost_type.mode != CostMode::Numerical
    }
}

/// About what an entry takes, its two keys' texts included.
fn octets(asked: &Asked, kept: &Kept) -> usize {
    let texts = asked.link.uri.as_str().len() + asked.link.cost_type.metric.as_str().len();
    let place = size_of::<(IpAddr, Told)>() + 1;
    size_of::<(Asked, Kept)>() + texts + kept.costs.capacity() * place
}

#[cfg(test)]
mod tests;
