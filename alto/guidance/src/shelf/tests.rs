//! Who is fresh, who is forgotten, who is left alone.

use alto_discovery_core::Validity;

use super::entry::{FIRST_PAUSE, LONGEST_PAUSE, LONGEST_STALE};
use super::*;
use crate::error::Fault;
use crate::life::Life;

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
    Loaded::empty(server, Life::of(Validity::new(now, MINUTE)))
}

fn failure(server: &Url) -> Error {
    Error::new(server, Fault::Fetch(alto_fetch::Fault::Name("none".into())))
}

fn status(server: &Url, status: u16, retry_after: Option<u64>) -> Error {
    let retry_after = retry_after.map(Duration::from_secs);
    let (media_type, body) = (None, Arc::default());
    let reply = alto_fetch::StatusReply { status, retry_after, media_type, body };
    Error::new(server, Fault::Fetch(alto_fetch::Fault::Status(Box::new(reply))))
}

/// RFC 9110 §10.2.3: a server may say how long, between 5 s and an hour.
#[test]
fn a_server_may_say_how_long() {
    for (said, pause) in [(0, 5), (7, 7), (1_000_000, 3_600)] {
        let (mut shelf, now, server) = (Shelf::new(1 << 20), Instant::now(), uri(1));
        put(&mut shelf, &server, Err(status(&server, 503, Some(said))), now);
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!(
            matches!(shelf.look(&server, Asker::Waiting, after(pause - 1)), Look::Failing(_)),
            "{said}"
        );
        assert!(
            matches!(shelf.look(&server, Asker::Waiting, after(pause)), Look::Fetch(_)),
            "{said}"
        );
    }
}

/// A table is used while it is fresh, fetched ahead in the last fifth of its life, and then anew.
#[test]
fn fresh_then_due_then_expired() {
    let (mut shelf, now, server) = (Shelf::new(1 << 20), Instant::now(), uri(1));
    assert!(matches!(shelf.look(&server, Asker::Waiting, now), Look::Fetch(None)));
    put(&mut shelf, &server, Ok(loaded(&server, now)), now);
    let after = |seconds| now + Duration::from_secs(seconds);
    assert!(matches!(shelf.look_ahead(&server, after(47)), Look::Fresh(_)));
    assert!(matches!(shelf.look_ahead(&server, after(49)), Look::Fetch(Some(_))));
    assert!(matches!(shelf.look(&server, Asker::Waiting, after(59)), Look::Fresh(_)));
    assert!(matches!(shelf.look(&server, Asker::Waiting, after(60)), Look::Fetch(Some(_))));
    assert!(shelf.known(&server, after(59)).is_some() && shelf.known(&server, after(60)).is_none());
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
        // Its use is noted now, so threads that share the shelf see the same.
        let peek = shelf.peek(&server, then).map(|peek| (peek.table.is_some(), peek.state));
        assert_eq!(peek, shelf.servers.contains_key(&server).then_some((at_hand, state)));
        assert!(shelf.peek(&server, then + NOTED).is_none());
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
    check(&mut shelf, 51, true, State::Failing);
    check(&mut shelf, 52, true, State::Due);
    // Expired, and still the best there is while the server cannot be reached.
    put(&mut shelf, &server, Err(failure(&server)), now + Duration::from_secs(61));
    check(&mut shelf, 62, true, State::Failing);
    check(&mut shelf, 63, true, State::Due);
}

/// A server that wants to be asked each time is, by whoever waits; announces go by what one of them
/// had fetched for a minute, so that they cost it one question a minute. `no-store` leaves nothing
/// to ask for changes of, and nothing after the minute; neither is used beyond its time.
#[test]
fn asked_each_time_but_for_announces() {
    for may_be_kept in [true, false] {
        let (mut shelf, now, server) = (Shelf::new(1 << 20), Instant::now(), uri(1));
        let validity = Validity::new(now, Duration::ZERO);
        let mut life = Life::of(validity);
        (life.may_be_kept, life.may_be_stale) = (may_be_kept, false);
        put(&mut shelf, &server, Ok(Loaded::empty(&server, life)), now);
        let after = |seconds| now + Duration::from_secs(seconds);
        for seconds in [0, 1, 59] {
            let Look::Fetch(held) = shelf.look(&server, Asker::Waiting, after(seconds)) else {
                panic!("{seconds}")
            };
            assert_eq!(held.is_some(), may_be_kept, "{seconds}");
            assert!(shelf.known(&server, after(seconds)).is_some(), "{seconds}");
        }
        assert_eq!(shelf.glance(&server, after(47)).state, State::Rest);
        assert!(matches!(shelf.look(&server, Asker::Announces, after(59)), Look::Fresh(_)));
        put(&mut shelf, &server, Err(failure(&server)), after(59));
        assert!(matches!(shelf.look(&server, Asker::Waiting, after(59)), Look::Failing(_)));
        shelf.servers.get_mut(&server).unwrap().used = after(60);
        assert_eq!(shelf.peek(&server, after(60)).is_some(), may_be_kept);
        assert!(shelf.known(&server, after(60)).is_none());
        assert_eq!(shelf.octets() == 0, !may_be_kept);
    }
}

/// While a flight is under way all wait for it; one that was dropped is not waited for.
#[test]
fn flights() {
    let (mut shelf, now, server) = (Shelf::new(1 << 20), Instant::now(), uri(1));
    let (landing, flight) = watch::channel(None);
    shelf.take_off(&server, flight, now);
    assert!(matches!(shelf.look(&server, Asker::Waiting, now), Look::Flying(_)));
    drop(landing);
    assert!(matches!(shelf.look(&server, Asker::Waiting, now), Look::Fetch(None)));
}

/// A server that fails is left alone twice as long each time, an hour at most; success forgives. One
/// that fails as if it had just been ended is left alone shorter at first than one that we refuse.
#[test]
fn pauses_grow() {
    let server = uri(1);
    for (error, first) in [(status(&server, 503, None), 5), (status(&server, 404, None), 30)] {
        let (mut shelf, mut now) = (Shelf::new(1 << 20), Instant::now());
        let first_pause = Duration::from_secs(first);
        for doublings in 0..12 {
            let pause = (first_pause * (1 << doublings)).min(LONGEST_PAUSE);
            put(&mut shelf, &server, Err(error.clone()), now);
            let early = now + pause * 9 / 10;
            let look = shelf.look(&server, Asker::Waiting, early);
            assert!(matches!(look, Look::Failing(_)), "{pause:?}");
            now += pause;
            let look = shelf.look(&server, Asker::Waiting, now);
            assert!(matches!(look, Look::Fetch(_)), "{pause:?}");
        }
        put(&mut shelf, &server, Ok(loaded(&server, now)), now);
        now += MINUTE;
        put(&mut shelf, &server, Err(error), now);
        assert!(matches!(shelf.look(&server, Asker::Waiting, now + first_pause), Look::Fetch(_)));
    }
}

/// While a host cannot be reached one fetch after the other looks whether it is back, whichever of its
/// servers is wanted; as soon as it is, nothing is left alone because of the outage.
#[test]
fn an_outage_ends_for_all_servers_of_a_host() {
    let (mut shelf, start) = (Shelf::new(1 << 20), Instant::now());
    let server = |path: &str| uri(1).join(path).unwrap();
    let (one, two, three) = (server("one"), server("two"), server("three"));
    let mut now = start;
    put(&mut shelf, &one, Err(failure(&one)), now);
    put(&mut shelf, &two, Err(failure(&two)), now);
    for _ in 0..30 {
        let soon = now + Duration::from_millis(1_900);
        for server in [&one, &two, &three] {
            let look = shelf.look(server, Asker::Announces, soon);
            assert!(matches!(look, Look::Failing(_)), "{server} {:?}", soon - start);
            assert_eq!(shelf.glance(server, soon).state, State::Failing);
        }
        assert!(matches!(shelf.look(&uri(2), Asker::Announces, soon), Look::Fetch(None)));
        now += Duration::from_secs(2);
        assert_eq!(shelf.glance(&two, now).state, State::Due);
        let (landing, flight) = watch::channel(None);
        shelf.take_off(&two, flight, now);
        let look = shelf.look(&one, Asker::Announces, now + Duration::from_secs(3));
        assert!(matches!(look, Look::Failing(_)), "one at a time");
        drop(landing);
        let _ = shelf.land(&two, Err(failure(&two)), now);
    }
    now += Duration::from_secs(2);
    put(&mut shelf, &two, Ok(loaded(&two, now)), now);
    assert_eq!(shelf.glance(&one, now).state, State::Due);
    assert!(matches!(shelf.look(&one, Asker::Announces, now), Look::Fetch(None)));
    assert!(shelf.failing(&one, now).is_none());
}

/// A host replies again, though not with what was wanted: the outage is over, and each server of it
/// has only its own failures.
#[test]
fn any_reply_ends_an_outage() {
    let (mut shelf, start) = (Shelf::new(1 << 20), Instant::now());
    let (one, two) = (uri(1), uri(1).join("two").unwrap());
    put(&mut shelf, &one, Err(failure(&one)), start);
    put(&mut shelf, &two, Err(failure(&two)), start);
    let now = start + Duration::from_secs(2);
    put(&mut shelf, &two, Err(status(&two, 503, None)), now);
    assert!(matches!(shelf.look(&one, Asker::Announces, now), Look::Fetch(None)));
    assert!(matches!(shelf.look(&two, Asker::Announces, now), Look::Failing(_)));
}

/// Hosts that are away for long are looked for less and less often, a sixtieth of the time they have
/// been away; and few at a time, so that they leave places for those that are there.
#[test]
fn long_outages_are_looked_into_less_often() {
    let (mut shelf, start) = (Shelf::new(1 << 20), Instant::now());
    put(&mut shelf, &uri(1), Err(failure(&uri(1))), start);
    let hour = start + Duration::from_secs(3_600);
    put(&mut shelf, &uri(1), Err(failure(&uri(1))), hour);
    assert_eq!(shelf.glance(&uri(1), hour + Duration::from_secs(59)).state, State::Failing);
    assert_eq!(shelf.glance(&uri(1), hour + Duration::from_secs(60)).state, State::Due);

    (2..9).for_each(|number| put(&mut shelf, &uri(number), Err(failure(&uri(number))), hour));
    let now = hour + Duration::from_secs(2);
    let mut landings = Vec::new();
    for number in 2..9 {
        if shelf.glance(&uri(number), now).state == State::Due {
            let (landing, flight) = watch::channel(None);
            shelf.take_off(&uri(number), flight, now);
            landings.push(landing);
        }
    }
    assert_eq!(landings.len(), 4);
    landings.pop();
    assert_eq!(shelf.glance(&uri(8), now).state, State::Due);
    assert_eq!(shelf.glance(&uri(9), now).state, State::Due, "it is not known to be away");
}

/// A table that has expired is used for an hour more while its server cannot be reached, marked; one
/// that was refused, or whose server refuses, is not.
#[test]
fn stale_while_unreachable() {
    let server = uri(1);
    let status = |status| self::status(&server, status, None);
    let broken = Error::new(&server, Fault::Fetch(alto_fetch::Fault::Broken("half".into())));
    let memory = Error::new(&server, Fault::Memory { needed: 2, limit: 1 });
    for (error, used) in [
        (failure(&server), true),
        (status(503), true),
        (broken, true),
        (status(404), false),
        (memory, false),
    ] {
        let (mut shelf, start) = (Shelf::new(1 << 20), Instant::now());
        put(&mut shelf, &server, Ok(loaded(&server, start)), start);
        let now = start + MINUTE;
        put(&mut shelf, &server, Err(error.clone()), now);
        let looks = shelf.look(&server, Asker::Waiting, now);
        assert_eq!(matches!(looks, Look::Stale(_)), used, "{error}: {looks:?}");
        assert_eq!(matches!(looks, Look::Failing(_)), !used, "{error}: {looks:?}");
        let known = shelf.known(&server, now);
        let codes = known.map(|table| table.warnings()[0].code);
        assert_eq!(codes, used.then_some("stale"), "{error}");
        assert!(matches!(
            shelf.look(&server, Asker::Waiting, now + FIRST_PAUSE),
            Look::Fetch(Some(_))
        ));
        // An hour after it expired it is too old.
        let late = now + LONGEST_STALE;
        put(&mut shelf, &server, Err(error), late);
        assert!(shelf.known(&server, late).is_none());
        assert!(matches!(shelf.look(&server, Asker::Waiting, late), Look::Failing(_)));
    }
}

/// As long as a table is fresh, a failure to fetch it anew does not mark it.
#[test]
fn a_fresh_table_is_not_stale() {
    let (mut shelf, now, server) = (Shelf::new(1 << 20), Instant::now(), uri(1));
    put(&mut shelf, &server, Ok(loaded(&server, now)), now);
    let (_landing, flight) = watch::channel(None);
    shelf.take_off(&server, flight, now);
    let landed = shelf.land(&server, Err(failure(&server)), now + MINUTE / 2).unwrap();
    assert!(landed.warnings().is_empty());
    assert!(shelf.failing(&server, now + MINUTE / 2).is_some());
    shelf.succeeded(&server);
    assert!(shelf.failing(&server, now + MINUTE / 2).is_none());
}

/// What is our own fault does not count against a server.
#[test]
fn our_faults_are_not_theirs() {
    let (mut shelf, now, server) = (Shelf::new(1 << 20), Instant::now(), uri(1));
    put(&mut shelf, &server, Err(Error::new(&server, Fault::Fetch(alto_fetch::Fault::Busy))), now);
    assert!(matches!(shelf.look(&server, Asker::Waiting, now), Look::Fetch(_)));
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
    assert!(shelf.known(&uri(0), after(5)).is_some()); // now server 1 is the one used longest ago
    put(&mut shelf, &uri(3), Ok(loaded(&uri(3), now)), after(6));
    let kept: Vec<bool> =
        (0..4).map(|number| shelf.known(&uri(number), after(7)).is_some()).collect();
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
