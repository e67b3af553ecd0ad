//! Threads that ask, one that changes the swarm and one that groups it, in thousands of orders.
//!
//! Beside each rule a way of doing it that breaks the rule, from the same parts, in two turns where one
//! is right: its model has to fail.

use std::collections::BTreeSet;

use shuttle::thread;

use super::*;
use crate::{Costs, Direction, PrefixMap, V4Record};

const ORDERS: usize = 1_000;
/// Times that the checker takes the processor from who runs: bugs need few.
const SWITCHES: usize = 3;

fn in_any_order(model: fn()) {
    shuttle::check_random(model, ORDERS);
    shuttle::check_pct(model, ORDERS, SWITCHES);
}

fn peer(net: u8, n: u8) -> V4Record {
    V4Record([1, 0, net, n, 0, 1])
}

fn is_near(record: &V4Record) -> bool {
    record.0[2] == 0
}

/// Near peers, in the consumer's own PID, are better than far ones.
fn table() -> Arc<Table> {
    let [near, far] = [0, 1].map(Pid::new);
    let nets = [("1.0.0.0/24", near), ("1.0.1.0/24", far)];
    let nets = nets.map(|(net, pid)| (net.parse().unwrap(), pid));
    let cells = [(near, near, 1.0), (near, far, 9.0)];
    let costs = Costs::new(2, cells, Direction::FromConsumer, 4).unwrap();
    Arc::new(Table::new(PrefixMap::new(nets, 2).unwrap(), costs, 1_000))
}

fn ask(seed: u64) -> Ask<V4Record> {
    // More than there are: whoever is left fills the places behind the best two.
    let (requester, role, k) = (V4Record::NOBODY, Role::Leecher, 9);
    Ask { requester, role, k, pid_cap: usize::MAX, promoted_most: 500, seed }
}

type Of = Swarm<V4Record>;
type Reply = fn(&Of, &Arc<Table>, u64, &mut Vec<V4Record>) -> (Basis, usize);
type Build = fn(&Of, &Arc<Table>);

fn reply(swarm: &Of, table: &Arc<Table>, seed: u64, out: &mut Vec<V4Record>) -> (Basis, usize) {
    swarm.reply(table, Pid::new(0), 2, &ask(seed), out)
}

/// The best in one turn, the others in the next.
fn reply_carelessly(
    swarm: &Of,
    table: &Arc<Table>,
    seed: u64,
    out: &mut Vec<V4Record>,
) -> (Basis, usize) {
    let basis = swarm.choose(table, Pid::new(0), &Ask { k: 2, ..ask(seed) }, out);
    let chosen = out.len();
    swarm.add_random(&Ask { k: 9 - chosen, ..ask(!seed) }, out);
    (basis, chosen)
}

fn build(swarm: &Of, table: &Arc<Table>) {
    while swarm.build(table, 2) == Built::Partly {}
}

/// Peers are grouped in one turn, and changes are logged from the next on.
fn build_carelessly(swarm: &Of, table: &Arc<Table>) {
    let mut view = View::new(Arc::clone(table), &swarm.read().peers);
    while !view.advance(&swarm.read().peers, 100) {}
    let inner = &mut *swarm.write();
    inner.peers.keep_log(true);
    inner.views.insert(key(table), view);
}

/// A swarm of two near and two far peers. Of the near ones one goes, and then another comes: whatever
/// else goes on, each of so many replies is of one moment, and in the end all is seen.
fn replies_are_of_one_moment(replies: u64, reply: Reply, build: Build) {
    let (swarm, table) = (Arc::new(Swarm::new(1 << 20)), table());
    let [goes, stays, comes] = [1, 2, 3].map(|n| peer(0, n));
    let far = (1..3).map(|n| peer(1, n));
    for record in far.chain([goes, stays]) {
        swarm.add(record, Role::Leecher, 0);
    }
    let changing = {
        let swarm = Arc::clone(&swarm);
        thread::spawn(move || {
            assert!(swarm.remove(&goes));
            swarm.add(comes, Role::Leecher, 0);
        })
    };
    let grouping = {
        let (swarm, table) = (Arc::clone(&swarm), Arc::clone(&table));
        thread::spawn(move || build(&swarm, &table))
    };
    let mut out = Vec::new();
    for seed in 0..replies {
        let (basis, chosen) = reply(&swarm, &table, seed, &mut out);
        assert!(!(out.contains(&goes) && out.contains(&comes)), "of two moments");
        let near = out[..chosen].iter().filter(|record| is_near(record)).count();
        assert!(near > 0 && out[..chosen].contains(&stays), "{basis:?}: not the best");
        let distinct: BTreeSet<V4Record> = out.iter().copied().collect();
        assert!(out.len() >= 3 && distinct.len() == out.len(), "{out:?}");
    }
    changing.join().unwrap();
    grouping.join().unwrap();
    let (basis, chosen) = reply(&swarm, &table, replies, &mut out);
    assert_eq!(basis, Basis::View);
    out[..chosen].sort_unstable();
    assert_eq!(out[..chosen], [stays, comes], "a change was lost");
}

#[test]
fn a_reply_is_of_one_moment() {
    in_any_order(|| replies_are_of_one_moment(3, reply, build));
}

#[test]
#[should_panic(expected = "of two moments")]
fn a_planted_mixture_is_found() {
    in_any_order(|| replies_are_of_one_moment(3, reply_carelessly, build));
}

#[test]
#[should_panic(expected = "a change was lost")]
fn a_planted_lost_change_is_found() {
    // A reply meanwhile might show the lost change first, as a mixture.
    in_any_order(|| replies_are_of_one_moment(0, reply, build_carelessly));
}
