//! Who is fresh, who is forgotten, who is left alone.

use alto_discovery_core::Validity;

use super::*;
use crate::error::Fault;

const MINUTE: Duration = Duration::from_secs(60);

fn uri(number: usize) -> Url {
    format!("https://server{number}.example/").parse().unwrap()
}

fn put(shelf: &mut Shelf, server: &Url, result: Result<Loaded, Error>, now: Instant) {
    let (_landing, flight) = watch::channel(None);
    shelf.take_off(server, flight, now);
    let _ = shelf.land(server, result, now);
}

fn loaded(server: &Url, now: Instant) -> Loaded {
    Loaded::empty(server, Validity::new(now, MINUTE))
}

fn failure(server: &Url) -> Error {
    Error::new(server, Fault::Fetch(alto_fetch::Fault::Name("none".into())))
}

/// A table is used while it is fresh, fetched ahead in the last fifth of its life, and then anew.
#[test]
fn fresh_then_due_then_expired() {
    let (mut shelf, now, server) = (Shelf::new(1 << 20), Instant::now(), uri(1));
    assert!(matches!(shelf.look(&server, now), Look::Fetch(None)));
    put(&mut shelf, &server, Ok(loaded(&server, now)), now);
    let after = |seconds| now + Duration::from_secs(seconds);
    assert!(matches!(shelf.look_ahead(&server, after(47)), Look::Fresh(_)));
    assert!(matches!(shelf.look_ahead(&server, after(49)), Look::Fetch(Some(_))));
    assert!(matches!(shelf.look(&server, after(59)), Look::Fresh(_)));
    assert!(matches!(shelf.look(&server, after(60)), Look::Fetch(Some(_))));
    assert!(shelf.fresh(&server, after(59)).is_some() && shelf.fresh(&server, after(60)).is_none());
}

/// A glance says what a look ahead would lead to: the table at hand, and whether to fetch.
#[test]
fn a_glance_foretells() {
    let (mut shelf, now) = (Shelf::new(1 << 20), Instant::now());
    let server = uri(1);
    let check = |shelf: &mut Shelf, seconds, at_hand, state| {
        let then = now + Duration::from_secs(seconds);
        let glance = shelf.glance(&server, then);
        assert_eq!((glance.table.is_some(), glance.state), (at_hand, state), "{seconds}");
        let fetches = matches!(shelf.look_ahead(&server, then), Look::Fetch(_));
        assert_eq!(fetches, state == State::Due, "{seconds}");
    };
    check(&mut shelf, 0, false, State::Due);
    put(&mut shelf, &server, Ok(loaded(&server, now)), now);
    check(&mut shelf, 47, true, State::Rest);
    check(&mut shelf, 49, true, State::Due);
    check(&mut shelf, 60, false, State::Due);
    let (landing, flight) = watch::channel(None);
    shelf.take_off(&server, flight, now);
    check(&mut shelf, 49, true, State::Flying);
    check(&mut shelf, 60, false, State::Flying);
    drop(landing);
    put(&mut shelf, &server, Err(failure(&server)), now + Duration::from_secs(50));
    check(&mut shelf, 55, true, State::Failing);
    check(&mut shelf, 79, false, State::Failing);
    check(&mut shelf, 80, false, State::Due);
}

/// While a flight is under way all wait for it; one that was dropped is not waited for.
#[test]
fn flights() {
    let (mut shelf, now, server) = (Shelf::new(1 << 20), Instant::now(), uri(1));
    let (landing, flight) = watch::channel(None);
    shelf.take_off(&server, flight, now);
    assert!(matches!(shelf.look(&server, now), Look::Flying(_)));
    drop(landing);
    assert!(matches!(shelf.look(&server, now), Look::Fetch(None)));
}

/// A server that fails is left alone twice as long each time, an hour at most; success forgives.
#[test]
fn pauses_grow() {
    let (mut shelf, mut now, server) = (Shelf::new(1 << 20), Instant::now(), uri(1));
    for pause in [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
        put(&mut shelf, &server, Err(failure(&server)), now);
        now += Duration::from_secs(pause - 1);
        assert!(matches!(shelf.look(&server, now), Look::Failing(_)), "{pause}");
        now += Duration::from_secs(1);
        assert!(matches!(shelf.look(&server, now), Look::Fetch(_)), "{pause}");
    }
    put(&mut shelf, &server, Ok(loaded(&server, now)), now);
    now += MINUTE;
    put(&mut shelf, &server, Err(failure(&server)), now);
    assert!(matches!(shelf.look(&server, now + FIRST_PAUSE), Look::Fetch(_)));
}

/// What is our own fault does not count against a server.
#[test]
fn our_faults_are_not_theirs() {
    let (mut shelf, now, server) = (Shelf::new(1 << 20), Instant::now(), uri(1));
    put(&mut shelf, &server, Err(Error::new(&server, Fault::Fetch(alto_fetch::Fault::Busy))), now);
    assert!(matches!(shelf.look(&server, now), Look::Fetch(_)));
}

/// Over the budget the tables used longest ago go, the newest stays.
#[test]
fn the_budget_is_kept() {
    let now = Instant::now();
    let each = loaded(&uri(0), now).table.bytes();
    let mut shelf = Shelf::new(3 * each);
    let after = |step: u32| now + Duration::from_millis(u64::from(step));
    for (step, number) in (0..3).zip(0..3) {
        put(&mut shelf, &uri(number), Ok(loaded(&uri(number), now)), after(step));
    }
    assert!(shelf.fresh(&uri(0), after(5)).is_some()); // now server 1 is the one used longest ago
    put(&mut shelf, &uri(3), Ok(loaded(&uri(3), now)), after(6));
    let kept: Vec<bool> =
        (0..4).map(|number| shelf.fresh(&uri(number), after(7)).is_some()).collect();
    assert_eq!((kept, shelf.octets()), (vec![true, false, true, true], 3 * each));
}

/// The number of servers remembered is bounded, and the octets stay right.
#[test]
fn servers_are_bounded() {
    let (mut shelf, now) = (Shelf::new(usize::MAX), Instant::now());
    for number in 0..MOST_SERVERS + 10 {
        let at = now + Duration::from_micros(number as u64);
        put(&mut shelf, &uri(number), Ok(loaded(&uri(number), now)), at);
    }
    assert!(shelf.servers.len() <= MOST_SERVERS);
    assert_eq!(shelf.octets(), shelf.servers.len() * loaded(&uri(0), now).table.bytes());
}
