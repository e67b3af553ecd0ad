//! The store's threads in thousands of orders, and what an order must never change.
//!
//! Beside each rule a store that breaks it, from the same parts: it looks before its turn as a writer
//! has come and acts after, so what another wrote in between is lost. Its model has to fail.

use shuttle::thread;

use super::*;
use crate::layers::testing::{absence, answer, peer, scope, seconds};
use crate::{NoServer, Validity};

const ORDERS: usize = 1_000;
/// Times that the checker takes the processor from who runs: bugs need few.
const SWITCHES: usize = 3;
const NETS: [&str; 3] = ["192.0.2.0/24", "192.0.2.7/32", "192.0.2.0/28"];

fn in_any_order(model: fn()) {
    shuttle::check_random(model, ORDERS);
    shuttle::check_pct(model, ORDERS, SWITCHES);
}

fn store() -> Arc<Store> {
    Arc::new(Store::new(4 << 20, seconds(3_600), 7))
}

/// "None" for a prefix, known for so many seconds.
fn denial(net: &str, age: u64, now: Instant) -> Fact {
    let validity = Validity::new(now - seconds(age), seconds(900));
    let base = absence("a", "0.0.0.0/0", 0);
    Fact::Absence(Arc::new(NoServer { scope: scope(net), validity, ..base }))
}

/// When what is known was learnt.
fn learnt(store: &Store, now: Instant) -> Option<Instant> {
    match store.known(&peer("192.0.2.7"), now)? {
        Known::None(none) => Some(none.validity.since()),
        other => panic!("{other:?} was never kept"),
    }
}

type Keep = fn(&Store, &Peer<'_>, Fact, Instant);

/// Three writers, scopes that overlap, and a reader.
fn the_newest_stays(keep: Keep) {
    let (store, now) = (store(), Instant::now() + seconds(1_000));
    let writers = [(NETS[0], 2), (NETS[1], 3), (NETS[2], 1)].map(|(net, age)| {
        let (store, fact) = (store.clone(), denial(net, age, now));
        thread::spawn(move || keep(&store, &peer("192.0.2.7"), fact, now))
    });
    let first = learnt(&store, now);
    let second = learnt(&store, now);
    assert!(first.is_none() || second.is_none() || first <= second, "a reader went back in time");
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(learnt(&store, now), Some(now - seconds(1)), "an update was lost");
}

fn keep_carelessly(store: &Store, peer: &Peer<'_>, fact: Fact, now: Instant) {
    let outdated = store.knows_better(peer, &fact, now);
    let mut writer = store.writer();
    if !outdated {
        store.put(peer, fact, now, &mut writer);
    }
}

#[test]
fn no_update_is_lost() {
    in_any_order(|| the_newest_stays(Store::keep));
}

#[test]
#[should_panic(expected = "an update was lost")]
fn a_planted_lost_update_is_found() {
    in_any_order(|| the_newest_stays(keep_carelessly));
}

/// Callers who all see that a fact is nearly over.
fn one_asks_again(claim: fn(&Store, &Peer<'_>, Instant) -> bool) {
    let (store, now) = (store(), Instant::now());
    store.keep(&peer("192.0.2.7"), denial(NETS[0], 0, now), now);
    let late = now + seconds(899) * 9 / 10;
    let claimed = || {
        let store = store.clone();
        thread::spawn(move || claim(&store, &peer("192.0.2.7"), late))
    };
    let claims = [claimed(), claimed(), claimed()].map(|thread| thread.join().unwrap());
    assert_eq!(claims.iter().filter(|claimed| **claimed).count(), 1, "an update was lost");
}

fn claim_carelessly(store: &Store, peer: &Peer<'_>, now: Instant) -> bool {
    let key = store.ageing(peer, now);
    let _writer = store.writer();
    if let Some(key) = key {
        store.put_off_refresh(&key);
    }
    key.is_some()
}

#[test]
fn a_fact_is_refreshed_once() {
    in_any_order(|| one_asks_again(Store::claim_refresh));
}

#[test]
#[should_panic(expected = "an update was lost")]
fn a_planted_second_refresh_is_found() {
    in_any_order(|| one_asks_again(claim_carelessly));
}

/// A fact that is replaced by one of the same scope is there throughout.
#[test]
fn replacing_leaves_no_gap() {
    in_any_order(|| {
        let (store, now) = (store(), Instant::now() + seconds(1_000));
        let asked = peer("192.0.2.7");
        store.keep(&asked, denial(NETS[0], 9, now), now);
        let replacing = {
            let (store, asked) = (store.clone(), asked.clone());
            thread::spawn(move || store.keep(&asked, denial(NETS[0], 1, now), now))
        };
        let beside = {
            let store = store.clone();
            let other = denial("192.0.3.0/24", 1, now);
            thread::spawn(move || store.keep(&peer("192.0.3.7"), other, now))
        };
        assert!(learnt(&store, now).is_some() && learnt(&store, now).is_some(), "a gap");
        replacing.join().unwrap();
        beside.join().unwrap();
        assert_eq!(learnt(&store, now), Some(now - seconds(1)));
    });
}

/// RFC 8767: an answer past its life is not served after a denial, whoever comes first.
#[test]
fn serving_stale_undoes_no_denial() {
    in_any_order(|| {
        let (store, now) = (store(), Instant::now());
        let asked = peer("192.0.2.7");
        let found = answer("a", "alto.example", NETS[0], 600);
        store.keep(&asked, Fact::Answer(Arc::new(found)), now);
        let later = now + seconds(700);
        let serving = {
            let (store, asked) = (store.clone(), asked.clone());
            thread::spawn(move || drop(store.serve_stale(&asked, later)))
        };
        store.keep(&asked, denial(NETS[1], 0, later), later);
        serving.join().unwrap();
        assert!(matches!(store.known(&asked, later), Some(Known::None(_))), "an update was lost");
        assert!(store.serve_stale(&asked, later).is_none());
    });
}
