//! How candidates are drawn. That they are the best, the swarm's story proves.

use super::*;
use crate::{Costs, Direction, PrefixMap, Role, V4Record};

fn peers() -> Vec<V4Record> {
    (0..200).map(|y| V4Record([1, 0, 0, y, 0, 1])).collect()
}

fn counts(mut choose: impl FnMut(&Ask<V4Record>, &mut Vec<V4Record>)) -> Vec<usize> {
    let mut counts = vec![0; 200];
    for seed in 0..2_000 {
        let requester = peers()[7];
        let ask = Ask { requester, role: Role::Leecher, k: 50, pid_cap: usize::MAX, seed };
        let mut out = Vec::new();
        choose(&ask, &mut out);
        assert_eq!(out.len(), 50);
        for record in out {
            counts[usize::from(record.0[3])] += 1;
        }
    }
    counts
}

/// Each candidate but the requester is drawn about as often as any other: 2,000 times 50 of 199 is
/// 502 on average, with a standard deviation of 19.
fn check_even(counts: &[usize]) {
    for (place, count) in counts.iter().enumerate() {
        let fair = if place == 7 { 0..1 } else { 400..600 };
        assert!(fair.contains(count), "{place}: {count}");
    }
}

#[test]
fn random_draws_are_even() {
    check_even(&counts(|ask, out| random_among(&peers(), ask, out)));
}

#[test]
fn ties_are_drawn_evenly() {
    let nets = [("0.0.0.0/0".parse().unwrap(), Pid::new(0))];
    let costs = Costs::new(1, [(Pid::new(0), Pid::new(0), 1.0)], Direction::FromConsumer, 1);
    let table = Table::new(PrefixMap::new(nets, 1).unwrap(), costs.unwrap(), 0);
    check_even(&counts(|ask, out| choose_among(&peers(), &table, Pid::new(0), ask, out)));
}
