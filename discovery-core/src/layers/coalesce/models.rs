//! The layer as a whole above a cache, its callers and flights in thousands of orders.

use shuttle::future::{block_on, spawn};

use super::*;
use crate::layers::testing::{Fake, Kind, peer};
use crate::layers::{Cache, CacheConfig};

const ORDERS: usize = 1_000;
/// Times that the checker takes the processor from who runs: bugs need few.
const SWITCHES: usize = 3;

/// The layer looks for a runtime and sets a timer. None of them runs: time stands still.
fn in_any_order(model: fn()) {
    let idle = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = idle.enter();
    shuttle::check_random(model, ORDERS);
    shuttle::check_pct(model, ORDERS, SWITCHES);
}

/// A source that others overtake while it replies, and the layers above it.
fn stack() -> (Arc<Fake>, Arc<Coalesce>) {
    let source = Arc::new(Fake::new("a", |_, _, _| {
        shuttle::thread::yield_now();
        (Duration::ZERO, Kind::Answer.reply("a"))
    }));
    let cache = Cache::new(source.clone(), CacheConfig::default());
    (source, Arc::new(Coalesce::new(Arc::new(cache))))
}

/// Callers at once and callers late: one question to the source, an answer for each.
#[test]
fn each_fact_is_asked_for_once() {
    in_any_order(|| {
        let (source, layer) = stack();
        let callers = [(); 3].map(|()| {
            let layer = layer.clone();
            spawn(async move {
                for _ in 0..2 {
                    let reply = layer.discover(&peer("192.0.2.7"), &Call::default()).await;
                    assert!(reply.is_ok());
                }
            })
        });
        for caller in callers {
            block_on(caller).unwrap();
        }
        assert_eq!((source.asked(), layer.under_way()), (1, 0));
    });
}

/// A caller that gives up at whatever moment takes nothing from the others, and what was found for
/// it is kept.
#[test]
fn giving_up_loses_nothing() {
    in_any_order(|| {
        let (source, layer) = stack();
        let asking = || {
            let layer = layer.clone();
            spawn(async move { layer.discover(&peer("192.0.2.7"), &Call::default()).await })
        };
        let (hasty, patient) = (asking(), asking());
        hasty.abort();
        assert!(block_on(patient).unwrap().is_ok());
        assert!(matches!(layer.known(&peer("192.0.2.7"), Instant::now()), Known::Fresh(_)));
        assert_eq!(source.asked(), 1);
    });
}
