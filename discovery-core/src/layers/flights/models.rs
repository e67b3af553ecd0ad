//! Callers of one question in thousands of orders, through the flights and a cache.
//!
//! Beside them flights that are wrong, from the same parts: they look for a flight and start one in
//! two steps, so one that another caller started in between is lost. Their model has to fail.

use shuttle::future::{block_on, spawn};

use super::*;
use crate::layers::testing::{Fake, Kind, peer};
use crate::layers::{Cache, CacheConfig};
use crate::{Backend as _, Call};

const ORDERS: usize = 1_000;
/// Times that the checker takes the processor from who runs: bugs need few.
const SWITCHES: usize = 3;

fn in_any_order(model: fn()) {
    shuttle::check_random(model, ORDERS);
    shuttle::check_pct(model, ORDERS, SWITCHES);
}

fn question() -> Question {
    Question { peer: peer("192.0.2.7"), freshness: Freshness::Cached }
}

/// A source that others overtake while it replies.
fn source() -> Arc<Fake> {
    Arc::new(Fake::new("a", |_, _, _| {
        shuttle::thread::yield_now();
        (std::time::Duration::ZERO, Kind::Answer.reply("a"))
    }))
}

type Board = fn(&Arc<Flights>, Question) -> Boarding;

fn board_carelessly(flights: &Arc<Flights>, question: Question) -> Boarding {
    let found = joined(&flights.lock(), &question);
    match found {
        Some(landing) => Boarding::Joined(landing),
        None => flights.started(&mut flights.lock(), question),
    }
}

/// Three callers at once: one question to the source, a reply for each, nobody left in the air.
fn one_asks_for_all(board: Board) {
    let (source, flights) = (source(), Arc::new(Flights::new(8)));
    let cache = Arc::new(Cache::new(source.clone(), CacheConfig::default()));
    let callers = [(); 3].map(|()| {
        let (cache, flights) = (cache.clone(), flights.clone());
        spawn(async move {
            let landing = match board(&flights, question()) {
                Boarding::Joined(landing) => landing,
                Boarding::Started(flight, landing) => {
                    drop(spawn(async move {
                        let reply = cache.discover(flight.peer(), &Call::default()).await;
                        flight.land(reply);
                    }));
                    landing
                }
                Boarding::Full => panic!("three are not too many"),
            };
            landing.reply().await
        })
    });
    for caller in callers {
        let reply = block_on(caller).unwrap().expect("a flight was lost");
        assert!(reply.is_ok());
    }
    assert_eq!(source.asked(), 1, "an update was lost");
    assert_eq!(flights.len(), 0);
}

#[test]
fn equal_questions_are_asked_once() {
    in_any_order(|| one_asks_for_all(Flights::board));
}

#[test]
#[should_panic(expected = "an update was lost")]
fn a_planted_lost_flight_is_found() {
    in_any_order(|| one_asks_for_all(board_carelessly));
}

/// A flight that ends without landing (its runtime shut down) is told to all who wait, and the next
/// caller starts another.
#[test]
fn a_lost_flight_leaves_the_way_free() {
    in_any_order(|| {
        let flights = Arc::new(Flights::new(8));
        let callers = [(); 3].map(|()| {
            let flights = flights.clone();
            spawn(async move {
                match flights.board(question()) {
                    Boarding::Joined(landing) => landing.reply().await.is_none(),
                    Boarding::Started(flight, landing) => {
                        drop(flight);
                        landing.reply().await.is_none()
                    }
                    Boarding::Full => panic!("three are not too many"),
                }
            })
        });
        for caller in callers {
            assert!(block_on(caller).unwrap());
        }
        assert!(matches!(flights.board(question()), Boarding::Started(..)));
        assert_eq!(flights.len(), 0);
    });
}
