//! The slow twin of the swarm: a map of records, scanned for each choice.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::random_among;

#[derive(Clone, Debug)]
enum Act {
    Add(V4Record, Role),
    Fill(u8, u16),
    Remove(V4Record),
    Expire { minutes: u16, budget: usize },
    Build { map: usize, budget: usize },
    DropViews(u16),
    Choose { map: usize, consumer: u16, ask: Ask<V4Record> },
}

fn act() -> impl Strategy<Value = Act> {
    let record = || (0..8_u8, 0..6_u8, 0..2_u16).prop_map(|(x, y, port)| record(x, y, port));
    let role = || prop_oneof![Just(Role::Leecher), Just(Role::Seeder)];
    prop_oneof![
        8 => (record(), role()).prop_map(|(record, role)| Act::Add(record, role)),
        1 => (0..8_u8, 0..400_u16).prop_map(|(x, count)| Act::Fill(x, count)),
        4 => record().prop_map(Act::Remove),
        1 => (0..4_u16, 0..900_usize).prop_map(|(minutes, budget)| Act::Expire { minutes, budget }),
        3 => (0..2_usize, 0..500_usize).prop_map(|(map, budget)| Act::Build { map, budget }),
        1 => (0..3_u16).prop_map(Act::DropViews),
        6 => (0..2_usize, 0..PIDS, ask(record(), role()))
            .prop_map(|(map, consumer, ask)| Act::Choose { map, consumer, ask }),
    ]
}

fn ask(
    record: impl Strategy<Value = V4Record>,
    role: impl Strategy<Value = Role>,
) -> impl Strategy<Value = Ask<V4Record>> {
    let cap = prop_oneof![2 => Just(usize::MAX), 1 => 0..20_usize];
    (record, role, 0..120_usize, cap, 0..=1_000_u16, any::<u64>()).prop_map(
        |(requester, role, k, pid_cap, promoted_most, seed)| Ask {
            requester,
            role,
            k,
            pid_cap,
            promoted_most,
            seed,
        },
    )
}

/// The slow twin.
#[derive(Default)]
pub(super) struct Twin(pub(super) BTreeMap<V4Record, (Role, u16)>);

impl Twin {
    fn offered(&self, requester: V4Record, role: Role) -> Vec<V4Record> {
        let fits = |(record, (own, _)): &(&V4Record, &(Role, u16))| {
            **record != requester && (role == Role::Leecher || *own == Role::Leecher)
        };
        self.0.iter().filter(fits).map(|(record, _)| *record).collect()
    }
}

pub(super) fn everyone(swarm: &Swarm<V4Record>) -> BTreeSet<V4Record> {
    let mut out = Vec::new();
    swarm.random(&nobodys(usize::MAX / 4), &mut out);
    out.into_iter().collect()
}

fn pid(table: &Table, record: V4Record) -> Option<Pid> {
    table.prefixes().pid_v4(record.address())
}

fn cost(table: &Table, consumer: Pid, record: V4Record) -> f64 {
    table.cost(Some(consumer), pid(table, record)).unwrap_or(f64::INFINITY)
}

/// The costs of the best of these, ascending, no more than `most` of each PID.
fn costs_of(table: &Table, consumer: Pid, records: &[V4Record], most: usize) -> Vec<f64> {
    let mut counts = BTreeMap::<_, usize>::new();
    let counted = records.iter().filter(|record| {
        let count = counts.entry(pid(table, **record)).or_default();
        *count += 1;
        *count <= most
    });
    let mut costs: Vec<f64> = counted.map(|record| cost(table, consumer, *record)).collect();
    costs.sort_by(f64::total_cmp);
    costs
}

/// Those chosen are different ones of those offered; and if the choice was made `by` all of them,
/// the best there are.
pub(super) fn check_choice(
    twin: &Twin,
    table: &Table,
    consumer: Pid,
    ask: &Ask<V4Record>,
    chosen: &[V4Record],
    by: Basis,
) -> Result<(), TestCaseError> {
    let offered = twin.offered(ask.requester, ask.role);
    let distinct: BTreeSet<V4Record> = chosen.iter().copied().collect();
    prop_assert_eq!(distinct.len(), chosen.len());
    prop_assert!(distinct.iter().all(|record| offered.binary_search(record).is_ok()));
    let cap = if by == Basis::Everyone { usize::MAX } else { ask.pid_cap };
    let mut best = costs_of(table, consumer, &offered, cap);
    best.truncate(ask.k);
    let costs = costs_of(table, consumer, chosen, cap);
    prop_assert_eq!(costs.len(), chosen.len());
    match by {
        Basis::Sample if cap < usize::MAX => prop_assert!(costs.len() <= best.len()),
        Basis::Sample => prop_assert_eq!(costs.len(), best.len()),
        _ => prop_assert_eq!(costs, best),
    }
    Ok(())
}

proptest! {
    // Each case is a story of up to 250 acts.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happened before, a choice has the k best of those that may be offered (or, from a
    /// sample, k of them), and random peers are k others.
    #[test]
    fn agrees_with_the_slow_twin(
        costs in [vec(proptest::option::of(0..4_u8), 36), vec(proptest::option::of(0..4_u8), 36)],
        acts in vec(act(), 0..250),
        view_octets in prop_oneof![Just(1 << 20), 0..20_000_usize],
    ) {
        let [one, other] = costs;
        let tables = [table(&one, 0), table(&other, 200)];
        let swarm = Swarm::new(view_octets);
        let mut twin = Twin::default();
        let mut out = Vec::new();
        for (at, act) in acts.into_iter().enumerate() {
            let minute = 65_520_u16.wrapping_add(u16::try_from(at / 4).unwrap()); // wraps around
            match act {
                Act::Add(record, role) => {
                    swarm.add(record, role, minute);
                    twin.0.insert(record, (role, minute));
                }
                Act::Fill(x, count) => for port in 100..100 + count {
                    let role = if port % 3 == 0 { Role::Seeder } else { Role::Leecher };
                    swarm.add(record(x, 0, port), role, minute);
                    twin.0.insert(record(x, 0, port), (role, minute));
                },
                Act::Remove(record) => {
                    prop_assert_eq!(swarm.remove(&record), twin.0.remove(&record).is_some());
                }
                Act::Expire { minutes, budget } => {
                    let removed = swarm.expire(minute, minutes, budget);
                    prop_assert!(removed <= budget);
                    let ample = budget >= 2 * twin.0.len();
                    let left = everyone(&swarm);
                    let old = |seen: u16| minute.wrapping_sub(seen) > minutes;
                    let before = twin.0.len();
                    // Which of the old ones a small budget reaches is the swarm's affair.
                    twin.0.retain(|record, (_, seen)| !old(*seen) || left.contains(record));
                    prop_assert_eq!(before - twin.0.len(), removed);
                    prop_assert!(!ample || twin.0.values().all(|(_, seen)| !old(*seen)));
                }
                Act::Build { map, budget } => {
                    swarm.build(&tables[map], budget);
                    prop_assert!(swarm.view_bytes() <= view_octets);
                }
                Act::DropViews(minutes) => swarm.drop_views(minutes),
                Act::Choose { map, consumer, ask } => {
                    let (table, consumer) = (&tables[map], Pid::new(consumer));
                    let by = swarm.choose(table, consumer, &ask, &mut out);
                    check_choice(&twin, table, consumer, &ask, &out, by)?;
                    let offered = twin.offered(ask.requester, ask.role);
                    out.clear();
                    choose_among(&offered, table, consumer, &ask, &mut out);
                    check_choice(&twin, table, consumer, &ask, &out, Basis::View)?;
                    let half = Ask { k: ask.k / 2, ..ask };
                    for by_view in [true, false] {
                        if by_view {
                            swarm.choose(table, consumer, &half, &mut out);
                            swarm.add_random(&Ask { k: ask.k - out.len(), ..ask }, &mut out);
                        } else {
                            out.clear();
                            choose_among(&offered, table, consumer, &half, &mut out);
                            random_among(&offered, &Ask { k: ask.k - out.len(), ..ask }, &mut out);
                        }
                        prop_assert_eq!(out.len(), ask.k.min(offered.len()));
                        let distinct: BTreeSet<V4Record> = out.iter().copied().collect();
                        prop_assert_eq!(distinct.len(), out.len());
                        prop_assert!(out.iter().all(|record| offered.contains(record)));
                    }
                }
            }
            let role = |wanted| twin.0.values().filter(|(role, _)| *role == wanted).count();
            prop_assert_eq!(swarm.count(Role::Leecher), role(Role::Leecher));
            prop_assert_eq!(swarm.count(Role::Seeder), role(Role::Seeder));
        }
    }
}
