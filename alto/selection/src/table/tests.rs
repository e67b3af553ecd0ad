//! The slow twin of the table: a list of cells.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

const PIDS: u16 = 12;

fn pid(place: u16) -> Pid {
    Pid::new(place)
}

fn cells() -> impl Strategy<Value = Vec<(Pid, Pid, f64)>> {
    let cost = prop_oneof![Just(0.0), Just(-0.0), Just(1.0), -5.0..5.0];
    let pairs = btree_map((0..PIDS, 0..PIDS), cost, 0..144);
    pairs
        .prop_map(|pairs| pairs.into_iter().map(|((s, d), c)| (pid(s), pid(d), c)).collect())
        .prop_shuffle()
}

fn costs(cells: &[(Pid, Pid, f64)], direction: Direction) -> Result<Costs, CostFault> {
    Costs::new(usize::from(PIDS), cells.iter().copied(), direction, 144)
}

proptest! {
    /// RFC 7285 §11.2.3.6: each pair has the cost given, in the direction asked, or none.
    #[test]
    fn pairs_have_their_costs_both_ways(cells in cells()) {
        let from = costs(&cells, Direction::FromConsumer).unwrap();
        let to = costs(&cells, Direction::ToConsumer).unwrap();
        prop_assert_eq!(from.cells(), cells.len());
        for (source, destination) in (0..PIDS).flat_map(|s| (0..PIDS).map(move |d| (pid(s), pid(d)))) {
            let is_it = |cell: &&(Pid, Pid, f64)| (cell.0, cell.1) == (source, destination);
            let expected = cells.iter().find(is_it).map(|cell| cell.2);
            prop_assert_eq!(from.cost(source, destination), expected);
            prop_assert_eq!(to.cost(destination, source), expected);
        }
    }

    /// An order has every PID once, defined costs first and ascending, ties marked; those
    /// without a cost and "no PID" are one tie at the end.
    #[test]
    fn orders_have_all_pids_best_first(cells in cells(), consumer in 0..PIDS) {
        let costs = costs(&cells, Direction::FromConsumer).unwrap();
        let order = Order::new(&costs, pid(consumer));
        let of = |step: &Step| {
            Pid::from_code(u32::try_from(step.code()).unwrap())
                .and_then(|candidate| costs.cost(pid(consumer), candidate))
        };
        let mut codes: Vec<usize> = order.steps().iter().map(|step| step.code()).collect();
        codes.sort_unstable();
        prop_assert_eq!(codes, (0..=usize::from(PIDS)).collect::<Vec<_>>());
        prop_assert!(!order.steps()[0].ties());
        for pair in order.steps().windows(2) {
            match (of(&pair[0]), of(&pair[1])) {
                (Some(one), Some(other)) => {
                    prop_assert!(one <= other);
                    prop_assert_eq!(pair[1].ties(), one.total_cmp(&other).is_eq());
                }
                (Some(_), None) => prop_assert!(!pair[1].ties()),
                (None, None) => prop_assert!(pair[1].ties()),
                (None, Some(_)) => prop_assert!(false, "a defined cost behind an undefined one"),
            }
        }
        prop_assert_eq!(order.pids().count(), costs.row(pid(consumer)).count());
    }

    /// A cache with too little room gives the same orders, whatever was asked before.
    #[test]
    fn orders_are_right_whatever_the_room(
        cells in cells(),
        octets in 0_usize..2_000,
        asked in vec(0..PIDS, 0..40),
    ) {
        let none = PrefixMap::new([], 0).unwrap();
        let table = Table::new(none, costs(&cells, Direction::ToConsumer).unwrap(), octets);
        for consumer in asked.into_iter().map(pid) {
            let expected = Order::new(table.costs(), consumer);
            let found = table.order(consumer);
            prop_assert_eq!(found.steps(), expected.steps());
        }
    }
}

/// What is refused, and the cap at its edge.
#[test]
fn refuses_bad_cells() {
    let one = |cost| [(pid(0), pid(1), cost)];
    for cost in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(costs(&one(cost), Direction::default()).unwrap_err(), CostFault::NotFinite);
    }
    let twice = [(pid(0), pid(1), 1.0), (pid(2), pid(1), 1.0), (pid(0), pid(1), 1.0)];
    let refused = costs(&twice, Direction::default()).unwrap_err();
    assert_eq!(refused, CostFault::Twice { pid: pid(1) });
    let unknown = [(pid(PIDS), pid(1), 1.0)];
    let refused = costs(&unknown, Direction::default()).unwrap_err();
    assert_eq!(refused, CostFault::UnknownPid { pid: pid(PIDS) });
    let with =
        |most| Costs::new(2, one(1.0), Direction::default(), most).map(|costs| costs.cells());
    assert_eq!(with(0), Err(CostFault::TooMany { most: 0 }));
    assert_eq!((with(1), with(2)), (Ok(1), Ok(1)));
}

/// A map of few different costs is packed; one of many is kept as it is; both give the costs.
#[test]
fn packs_where_costs_repeat() {
    let square = |different: u32| {
        let places = || (0..300_u32).flat_map(|s| (0..300_u32).map(move |d| (s, d)));
        let cell = move |(s, d): (u32, u32)| {
            let place = |place| pid(u16::try_from(place).unwrap());
            (place(s), place(d), f64::from((s * 300 + d) % different) / 3.0)
        };
        Costs::new(300, places().map(cell), Direction::FromConsumer, 90_000).unwrap()
    };
    for (different, octets) in [(65_536, 2 * 90_000 + 8 * 65_536), (65_537, 8 * 90_000)] {
        let costs = square(different);
        assert!((octets..octets + 16_384).contains(&costs.bytes()), "{}", costs.bytes());
        let last = f64::from((90_000 - 1) % different) / 3.0;
        assert_eq!(costs.cost(pid(299), pid(299)), Some(last));
    }
}

/// A server speaks only for the prefix that led to it.
#[test]
fn a_consumer_elsewhere_has_no_row() {
    let nets = ["0.0.0.0/0", "::/0"].map(|net| (net.parse().unwrap(), pid(0)));
    let costs = Costs::new(1, [(pid(0), pid(0), 1.0)], Direction::default(), 1).unwrap();
    let table = Table::new(PrefixMap::new(nets, 2).unwrap(), costs, 1_000);
    let consumer = |address: &str| {
        table.consumer(address.parse().unwrap(), "198.51.100.0/24".parse().unwrap())
    };
    assert_eq!(consumer("198.51.100.7"), Some(pid(0)));
    assert_eq!(consumer("::ffff:198.51.100.7"), Some(pid(0)));
    assert_eq!(consumer("198.51.101.7"), None);
    assert_eq!(consumer("2001:db8::1"), None);
    assert_eq!(table.cost(None, Some(pid(0))), None);
}

/// RFC 7285 §15.2.2: one cost for whoever there is tells nobody apart; another cost does, as does a
/// PID or an address that has none.
#[test]
fn level_costs_tell_nobody_apart() {
    let nets = |text: &str| {
        let nets: Vec<(ipnet::IpNet, Pid)> = text
            .split(' ')
            .map(|entry| entry.split_once('=').unwrap())
            .map(|(net, place)| (net.parse().unwrap(), pid(place.parse().unwrap())))
            .collect();
        PrefixMap::new(nets, 10).unwrap()
    };
    let complete = "0.0.0.0/0=0 192.0.2.0/24=1 ::/0=0";
    for (prefixes, row, expected) in [
        (complete, &[(0, 1.0), (1, 1.0)][..], false),
        (complete, &[(0, 0.0), (1, -0.0)], false),
        (complete, &[], false),
        (complete, &[(0, 1.0), (1, 2.0)], true),
        (complete, &[(0, 1.0)], true),
        ("0.0.0.0/0=0 192.0.2.0/24=1", &[(0, 1.0), (1, 1.0)], false),
        ("198.51.100.0/24=0 192.0.2.0/24=1", &[(0, 1.0), (1, 1.0)], true),
        ("0.0.0.0/0=0 2001:db8::/32=1", &[(0, 1.0), (1, 1.0)], true),
    ] {
        let cells = row.iter().map(|(to, cost)| (pid(0), pid(*to), *cost));
        let costs = Costs::new(2, cells, Direction::FromConsumer, 4).unwrap();
        let table = Table::new(nets(prefixes), costs, 0);
        assert_eq!(table.tells_apart(pid(0)), expected, "{prefixes}: {row:?}");
        assert!(!table.tells_apart(pid(1)), "a consumer without costs");
    }
}
