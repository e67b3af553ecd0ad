//! Candidates in the order of their cost for one consumer.

use std::net::IpAddr;

use crate::{Pid, Table};

/// A candidate and its place in a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked<T> {
    /// From 1; candidates of equal cost share the lowest (1, 1, 3).
    pub rank: usize,
    /// The candidate.
    pub candidate: T,
    /// Its cost; `None` if it is not known.
    pub cost: Option<f64>,
}

/// Ranks candidates by cost, lowest first: standard competition ranks (1, 1, 3).
///
/// The candidates without a cost come last, in the order given, and share the rank behind all
/// others. Those of equal cost come in their own order, so that the order given does not show.
/// Ordinal costs are ranked like numerical ones (RFC 7285 §6.1.2.2). No candidate is lost or merged.
pub fn rank<T: Ord>(candidates: impl IntoIterator<Item = (T, Option<f64>)>) -> Vec<Ranked<T>> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (candidate, cost) in candidates {
        match cost {
            Some(cost) => known.push((cost + 0.0, candidate)), // -0 is 0
            None => unknown.push(candidate),
        }
    }
    known.sort_by(|(cost, one), (other_cost, other)| {
        cost.total_cmp(other_cost).then_with(|| one.cmp(other))
    });
    let last = known.len() + 1;
    let mut ranked: Vec<Ranked<T>> = Vec::with_capacity(known.len() + unknown.len());
    for (cost, candidate) in known {
        let equal = |own: f64| own.total_cmp(&cost).is_eq();
        let tie = ranked.last().filter(|before| before.cost.is_some_and(equal));
        let rank = tie.map_or(ranked.len() + 1, |before| before.rank);
        ranked.push(Ranked { rank, candidate, cost: Some(cost) });
    }
    let behind = |candidate| Ranked { rank: last, candidate, cost: None };
    ranked.extend(unknown.into_iter().map(behind));
    ranked
}

impl Table {
    /// What the table says of each candidate for a consumer's PID: its PID and its cost.
    ///
    /// Candidates have PIDs even if the consumer has none; costs then are unknown.
    pub fn judge(
        &self,
        consumer: Option<Pid>,
        candidates: &[IpAddr],
    ) -> Vec<(Option<Pid>, Option<f64>)> {
        let judged = |candidate: &IpAddr| {
            let pid = self.prefixes().pid(*candidate);
            (pid, self.cost(consumer, pid))
        };
        candidates.iter().map(judged).collect()
    }
}

#[cfg(test)]
mod tests;
