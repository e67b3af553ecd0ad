//! Threads that want a table, and one that brings the next, in thousands of orders.
//!
//! Beside each rule a way of doing it that breaks the rule, from the same parts, in two turns where one
//! is right: its model has to fail.

use std::time::Duration;

use alto_discovery_core::Validity;
use shuttle::thread;

use super::*;
use crate::life::Life;
use crate::shelf::{Asker, State};

const ORDERS: usize = 1_000;
/// Times that the checker takes the processor from who runs: bugs need few.
const SWITCHES: usize = 3;
const MINUTE: Duration = Duration::from_secs(60);

fn in_any_order(model: fn()) {
    shuttle::check_random(model, ORDERS);
    shuttle::check_pct(model, ORDERS, SWITCHES);
}

fn server() -> Url {
    "https://alto.example/".parse().unwrap()
}

fn loaded(now: Instant) -> Loaded {
    Loaded::empty(&server(), Life::of(Validity::new(now, MINUTE)))
}

/// A shelf with a table that is about to expire, since when it holds, and the moment of the model.
fn shelf() -> (Arc<Locked>, Arc<ServerTable>, Instant) {
    let (since, locked) = (Instant::now(), Locked::new(Shelf::new(1 << 20)));
    let (table, now) = (loaded(since), since + MINUTE * 9 / 10);
    let held = Arc::clone(&table.table);
    let mut shelf = locked.write();
    departed(&mut shelf, &server(), None, since);
    shelf.land(&server(), Ok(table), since).unwrap();
    drop(shelf);
    (Arc::new(locked), held, now)
}

type Land = fn(&Locked, Loaded, Instant);

fn land(locked: &Locked, next: Loaded, now: Instant) {
    locked.write().land(&server(), Ok(next), now).unwrap();
}

/// What was there goes in one turn, and what comes is there in the next.
fn land_carelessly(locked: &Locked, next: Loaded, now: Instant) {
    *locked.write() = Shelf::new(1 << 20);
    departed(&mut locked.write(), &server(), None, now);
    land(locked, next, now);
}

/// Whoever looks while a table is replaced sees the old one or the new one, whole, with what there is to
/// do about it, and never the old one after the new one.
fn replacing_leaves_no_gap(land: Land) {
    let (locked, old, now) = shelf();
    let next = loaded(now);
    let new = Arc::clone(&next.table);
    let boarding = locked.board(&server(), now, |shelf| shelf.look_ahead(&server(), now));
    assert!(matches!(boarding, Boarding::Starts(_)), "it is due");
    let fetching = {
        let locked = Arc::clone(&locked);
        thread::spawn(move || land(&locked, next, now))
    };
    let readers = [(); 2].map(|()| {
        let (locked, old, new) = (Arc::clone(&locked), Arc::clone(&old), Arc::clone(&new));
        thread::spawn(move || {
            let mut was_new = false;
            for _ in 0..3 {
                let glance = locked.glance(&server(), now);
                let table = glance.table.expect("a gap");
                let is_new = Arc::ptr_eq(&table, &new);
                assert!(is_new || Arc::ptr_eq(&table, &old), "nobody's table");
                assert!(is_new || !was_new, "a reader went back in time");
                assert_eq!(glance.state == State::Rest, is_new, "a mixed pair");
                was_new = is_new;
            }
        })
    });
    for thread in readers.into_iter().chain([fetching]) {
        thread.join().unwrap();
    }
    assert!(Arc::ptr_eq(&locked.glance(&server(), now).table.unwrap(), &new));
}

#[test]
fn a_table_is_replaced_as_a_whole() {
    in_any_order(|| replacing_leaves_no_gap(land));
}

#[test]
#[should_panic(expected = "a gap")]
fn a_planted_gap_is_found() {
    in_any_order(|| replacing_leaves_no_gap(land_carelessly));
}

type Board = fn(&Locked, Instant) -> Boarding;

fn board(locked: &Locked, now: Instant) -> Boarding {
    locked.board(&server(), now, |shelf| shelf.look(&server(), Asker::Waiting, now))
}

fn board_carelessly(locked: &Locked, now: Instant) -> Boarding {
    let look = locked.write().look(&server(), Asker::Waiting, now);
    locked.board(&server(), now, |_| look)
}

/// Of three that want a table at once one fetches it, and the others wait for that.
fn one_fetches_for_all(board: Board) {
    let (locked, now) = (Arc::new(Locked::new(Shelf::new(1 << 20))), Instant::now());
    let callers = [(); 3].map(|()| {
        let locked = Arc::clone(&locked);
        thread::spawn(move || match board(&locked, now) {
            Boarding::Starts(departure) => {
                let landed = locked.write().land(&server(), Ok(loaded(now)), now);
                departure.landing.send_replace(Some(landed));
                true
            }
            Boarding::Joins(_) | Boarding::Table(_) => false,
            Boarding::Failing(error) => panic!("{error}"),
        })
    });
    let starts = callers.map(|caller| caller.join().unwrap());
    assert_eq!(starts.iter().filter(|starts| **starts).count(), 1, "fetched twice");
}

#[test]
fn a_table_is_fetched_once() {
    in_any_order(|| one_fetches_for_all(board));
}

#[test]
#[should_panic(expected = "fetched twice")]
fn a_planted_second_fetch_is_found() {
    in_any_order(|| one_fetches_for_all(board_carelessly));
}
