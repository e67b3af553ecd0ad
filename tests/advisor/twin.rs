//! The slow twin of the advisor: all candidates sorted for each request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use alto_discovery::selection::{Role, Swarm, V4Record};
use alto_discovery::{Advisor, Request, Share, Why};
use alto_server::Server;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::world::{self, Place, advisor, facts, peer, v4};

/// A near and a middle network with one server, known already.
static READY: LazyLock<(Runtime, Server, Advisor)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let server = runtime.block_on(world::server());
    let uri = server.uri();
    let networks: [(&str, &[&str]); 2] =
        [("203.0.113.0/24", &[&uri]), ("198.51.100.0/24", &[&uri])];
    let advisor = advisor(facts(&networks));
    for text in ["203.0.113.7", "198.51.100.7"] {
        runtime.block_on(advisor.prepare(&peer(text))).unwrap();
    }
    (runtime, server, advisor)
});

#[derive(Clone, Debug)]
enum Act {
    Add(V4Record, Role),
    Fill(Place, u16),
    Remove(V4Record),
    Select { from_mid: bool, request: Box<Request<'static, V4Record>> },
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![Just(Place::Near), Just(Place::Mid), Just(Place::Far)]
}

fn act() -> impl Strategy<Value = Act> {
    let record = || (place(), 0..40_u16).prop_map(|(place, n)| v4(place, n));
    let role = || prop_oneof![Just(Role::Leecher), Just(Role::Seeder)];
    let share = proptest::option::of((0..=1_000_u16).prop_map(Share::permille));
    let cap = proptest::option::of(0..30_usize);
    let select = (any::<bool>(), record(), role(), 0..130_usize, share, cap, any::<u64>());
    prop_oneof![
        4 => (record(), role()).prop_map(|(record, role)| Act::Add(record, role)),
        1 => (place(), 0..250_u16).prop_map(|(place, count)| Act::Fill(place, count)),
        2 => record().prop_map(Act::Remove),
        4 => select.prop_map(|(from_mid, own, role, k, random_share, pid_cap, seed)| {
            let requester = peer(if from_mid { "198.51.100.7" } else { "203.0.113.7" });
            let request = Request { role, random_share, pid_cap, seed: Some(seed),
                ..Request::new(requester, own, k) };
            Act::Select { from_mid, request: request.into() }
        }),
    ]
}

/// As the map of [`world`] says.
fn cost(from_mid: bool, record: V4Record) -> u8 {
    match (from_mid, Place::of(&record)) {
        (false, Place::Near) | (true, Place::Far) => 1,
        (false, Place::Mid) | (true, Place::Near) => 5,
        (false, Place::Far) | (true, Place::Mid) => 20,
    }
}

/// The costs of the best of these, ascending, no more than `most` of each place.
fn best(from_mid: bool, records: &[V4Record], most: usize) -> Vec<u8> {
    let mut counts = BTreeMap::<Place, usize>::new();
    let counted = records.iter().filter(|record| {
        let count = counts.entry(Place::of(*record)).or_default();
        *count += 1;
        *count <= most
    });
    let mut costs: Vec<u8> = counted.map(|record| cost(from_mid, *record)).collect();
    costs.sort_unstable();
    costs
}

type Twin = BTreeMap<V4Record, Role>;

fn check(
    swarm: &Swarm<V4Record>,
    twin: &Twin,
    from_mid: bool,
    request: &Request<'static, V4Record>,
) -> Result<(), TestCaseError> {
    let fits = |(record, role): &(&V4Record, &Role)| {
        **record != request.own && (request.role == Role::Leecher || **role == Role::Leecher)
    };
    let offered: Vec<V4Record> = twin.iter().filter(fits).map(|(record, _)| *record).collect();
    let places = request.random_share.unwrap_or(Share::permille(200)).rest_of(request.k);
    let cap = request.pid_cap.filter(|cap| *cap > 0).unwrap_or(usize::MAX);
    let advisor = &READY.2;
    let mut out = Vec::new();
    for by_list in [false, true] {
        let choice = if by_list {
            advisor.select_among(request, &offered, &mut out)
        } else {
            advisor.select(request, swarm, &mut out)
        };
        let distinct: BTreeSet<V4Record> = out.iter().copied().collect();
        prop_assert_eq!(out.len(), request.k.min(offered.len()));
        prop_assert_eq!(distinct.len(), out.len());
        prop_assert!(distinct.iter().all(|record| offered.binary_search(record).is_ok()));
        let guided = &out[..choice.guided];
        let cap = if choice.why == Why::Everyone { usize::MAX } else { cap };
        let mut expected = best(from_mid, &offered, cap);
        expected.truncate(places);
        match choice.why {
            // With a cap a sample may lack peers of some place.
            Why::Sample => prop_assert!(guided.len() <= expected.len()),
            Why::Costs | Why::Everyone => {
                prop_assert_eq!(best(from_mid, guided, usize::MAX), expected);
            }
            why => prop_assert!(false, "{:?}", why),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever came and went before: as many peers as asked for, nobody twice, the requester never,
    /// no seeders for seeders; and the guided ones, as many as the share leaves, are the best.
    #[test]
    fn agrees_with_the_slow_twin(acts in vec(act(), 0..120)) {
        let _inside = READY.0.enter();
        let (swarm, mut twin) = (Swarm::new(1 << 20), Twin::new());
        for act in acts {
            match act {
                Act::Add(record, role) => {
                    swarm.add(record, role, 0);
                    twin.insert(record, role);
                }
                Act::Fill(place, count) => for n in 0..count {
                    let (record, role) = (v4(place, n), world::role(n));
                    swarm.add(record, role, 0);
                    twin.insert(record, role);
                },
                Act::Remove(record) => {
                    prop_assert_eq!(swarm.remove(&record), twin.remove(&record).is_some());
                }
                Act::Select { from_mid, request } => check(&swarm, &twin, from_mid, &request)?,
            }
        }
    }
}
