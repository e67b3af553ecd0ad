//! Consumers that share a slot, in thousands of orders; and beside it a cache that gives what is in the
//! slot when it looks again, whose model has to fail.

use shuttle::thread;

use super::*;
use crate::Direction;

const ORDERS: usize = 1_000;

/// Each of two PIDs is nearest to itself.
fn costs() -> Costs {
    let [one, two] = [0, 1].map(Pid::new);
    let cells = [(one, one, 1.0), (one, two, 9.0), (two, two, 1.0), (two, one, 9.0)];
    Costs::new(2, cells, Direction::FromConsumer, 4).unwrap()
}

type Get = fn(&OrderCache, &Costs, Pid) -> Arc<Order>;

fn get(cache: &OrderCache, costs: &Costs, consumer: Pid) -> Arc<Order> {
    cache.get(consumer, || Order::new(costs, consumer))
}

fn get_carelessly(cache: &OrderCache, costs: &Costs, consumer: Pid) -> Arc<Order> {
    let made = get(cache, costs, consumer);
    let slot = cache.slots[0].read().unwrap();
    slot.as_ref().map_or(made, |(_, order)| Arc::clone(order))
}

fn each_gets_its_own(get: Get) {
    let shared = Arc::new((OrderCache::new(0, 2), costs()));
    let consumers = [0, 1, 0].map(|place| {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            for _ in 0..2 {
                let order = get(&shared.0, &shared.1, Pid::new(place));
                assert_eq!(order.pids().next(), Some(Pid::new(place)), "another's order");
            }
        })
    });
    for consumer in consumers {
        consumer.join().unwrap();
    }
}

#[test]
fn an_order_is_the_consumers_own() {
    shuttle::check_random(|| each_gets_its_own(get), ORDERS);
}

#[test]
#[should_panic(expected = "another's order")]
fn a_planted_exchange_is_found() {
    shuttle::check_random(|| each_gets_its_own(get_carelessly), ORDERS);
}
