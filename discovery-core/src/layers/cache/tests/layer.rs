//! The layer as a whole, over a backend that does as it is told, with the clock paused.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::task::yield_now;
use tokio::time::{Instant, advance};

use crate::layers::testing::*;
use crate::layers::{Cache, CacheConfig};
use crate::{
    Answer, Backend, Call, Dnssec, Freshness, Guide, Hints, IdScope, Known, Origin, Peer,
    PeerCosts, PeerId, Scope, ServerList, Trust, code,
};

const REFRESH: Call = Call { deadline: None, freshness: Freshness::Refresh };
const NET: &str = "192.0.2.0/24";

type Layer = Cache<Arc<Fake>>;

fn over(fake: Fake) -> (Layer, Arc<Fake>) {
    let inner = Arc::new(fake);
    (Cache::new(inner.clone(), CacheConfig::default()), inner)
}

/// A backend that replies with each of these in turn, and with the last one for ever.
fn saying_in_turn(replies: Vec<Reply>) -> Fake {
    Fake::new("a", move |_, _, number| {
        (Duration::ZERO, replies[number.min(replies.len() - 1)].clone())
    })
}

async fn ask(layer: &Layer, who: &str) -> Reply {
    layer.discover(&peer(who), &Call::default()).await
}

fn known(layer: &Layer, who: &str) -> Known {
    layer.known(&peer(who), Instant::now())
}

fn found(life: u64) -> Arc<Answer> {
    Arc::new(answer("a", "alto.example", NET, life))
}

/// Answers and absences are kept for the peers they were proven for, and for no others.
#[tokio::test(start_paused = true)]
async fn facts_are_kept_under_their_scope() {
    for reply in [Ok(found(600)), Err(none("a", NET, 600))] {
        let kind = Kind::of(&reply);
        let (layer, inner) = over(Fake::saying("a", reply));
        assert_eq!(Kind::of(&ask(&layer, "192.0.2.7").await), kind);
        assert_eq!(Kind::of(&ask(&layer, "192.0.2.200").await), kind);
        assert_eq!(inner.asked(), 1);
        assert!(!matches!(known(&layer, "192.0.2.9"), Known::Ask));
        assert!(matches!(known(&layer, "192.0.3.7"), Known::Ask));
        assert!(matches!(known(&layer, "192.0.2.0/23"), Known::Ask));
        assert!(!matches!(known(&layer, "::ffff:192.0.2.7"), Known::Ask));
    }
}

/// Ports: what was proven for a block of them is told to no other port, nor without one.
#[tokio::test(start_paused = true)]
async fn scopes_include_the_peer_id() {
    let id = IdScope::Ports { low: 0x9c00, high: 0x9cff };
    let scope = Scope { id, ..scope(NET) };
    let reply = Ok(Arc::new(Answer { scope, ..answer("a", "alto.example", NET, 600) }));
    let (layer, _) = over(Fake::saying("a", reply));
    let at = |port| peer("192.0.2.7").with_id(PeerId::Port(port));
    layer.discover(&at(40_000), &Call::default()).await.unwrap();
    let word = |peer: &Peer<'_>| layer.known(peer, Instant::now());
    assert!(matches!(word(&at(0x9c01)), Known::Fresh(_)));
    assert!(matches!(word(&at(0x9d00)), Known::Ask));
    assert!(matches!(word(&peer("192.0.2.7")), Known::Ask));
}

/// A fact is kept for less than its validity, by at most a tenth, whatever the seed.
#[tokio::test(start_paused = true)]
async fn nothing_is_kept_longer_than_it_holds() {
    for seed in 0..200 {
        let inner = Fake::saying("a", Ok(found(1_000)));
        let layer = Cache::new(inner, CacheConfig { seed, ..CacheConfig::default() });
        let asked = peer("192.0.2.7");
        layer.discover(&asked, &Call::default()).await.unwrap();
        let after = |s| layer.known(&asked, Instant::now() + seconds(s));
        assert!(matches!(after(899), Known::Fresh(_)), "seed {seed}");
        assert!(matches!(after(1_000), Known::Ask), "seed {seed}");
    }
}

/// Lives are shortened differently, so that facts learnt together don't expire together.
#[tokio::test(start_paused = true)]
async fn expiry_is_spread() {
    let (layer, _) = over(Fake::new("a", |peer, _, _| {
        let scope = Scope::of(peer);
        (Duration::ZERO, Ok(Arc::new(Answer { scope, ..answer("a", "a.example", NET, 1_000) })))
    }));
    let peers: Vec<String> = (0..200).map(|n| format!("192.0.2.{n}")).collect();
    for who in &peers {
        ask(&layer, who).await.unwrap();
    }
    advance(seconds(950)).await;
    let alive = peers.iter().filter(|who| !matches!(known(&layer, who), Known::Ask)).count();
    assert!((60..140).contains(&alive), "{alive} of 200 at the middle of the spread");
}

/// An answer that might have been better is asked for again after a minute, and
/// takes no complete answer's place.
#[tokio::test(start_paused = true)]
async fn incomplete_answers_are_kept_briefly() {
    let half = Answer { incomplete: true, ..answer("a", "half.example", NET, 600) };
    let replies = vec![Ok(Arc::new(half.clone())), Ok(found(600)), Ok(Arc::new(half))];
    let (layer, _) = over(saying_in_turn(replies));
    ask(&layer, "192.0.2.7").await.unwrap();
    assert!(matches!(known(&layer, "192.0.2.7"), Known::Fresh(_)));
    advance(seconds(60)).await;
    assert!(matches!(known(&layer, "192.0.2.7"), Known::Ask));
    ask(&layer, "192.0.2.7").await.unwrap();
    assert!(layer.discover(&peer("192.0.2.7"), &REFRESH).await.unwrap().incomplete);
    assert!(!ask(&layer, "192.0.2.7").await.unwrap().incomplete);
}

/// Refreshing asks though a fact is at hand, and what comes takes its place.
#[tokio::test(start_paused = true)]
async fn refresh_asks_and_replaces() {
    let (layer, inner) = over(saying_in_turn(vec![Ok(found(600)), Err(none("a", NET, 600))]));
    ask(&layer, "192.0.2.7").await.unwrap();
    let reply = layer.discover(&peer("192.0.2.7"), &REFRESH).await;
    assert_eq!((Kind::of(&reply), inner.asked()), (Kind::None, 2));
    assert_eq!(Kind::of(&ask(&layer, "192.0.2.7").await), Kind::None);
    assert_eq!(inner.asked(), 2);
}

/// While the source can't be reached, an answer is served for an hour past its life, marked.
#[tokio::test(start_paused = true)]
async fn stale_answers_are_served_in_an_outage() {
    for code in [code::TIMEOUT, code::UNREACHABLE] {
        let (layer, inner) =
            over(saying_in_turn(vec![Ok(found(600)), Err(unavailable("a", code))]));
        ask(&layer, "192.0.2.7").await.unwrap();
        advance(seconds(600)).await;
        assert!(matches!(known(&layer, "192.0.2.7"), Known::Ask), "not before it was tried");
        let stale = ask(&layer, "192.0.2.7").await.unwrap();
        assert!(stale.incomplete && !stale.validity.holds(Instant::now()));
        assert!(matches!(known(&layer, "192.0.2.7"), Known::Stale(_)));
        advance(seconds(5)).await;
        assert!(matches!(known(&layer, "192.0.2.7"), Known::Ask), "time to try again");
        advance(seconds(3_600 - 70)).await;
        assert!(ask(&layer, "192.0.2.7").await.is_ok());
        advance(seconds(65)).await;
        assert_eq!(Kind::of(&ask(&layer, "192.0.2.7").await), Kind::Unavailable);
        assert!(matches!(known(&layer, "192.0.2.7"), Known::Ask));
        assert_eq!((inner.asked(), layer.stats().stale), (4, 3));
    }
}

/// A source that replies that it cannot tell, or a limit of ours, is no outage.
#[tokio::test(start_paused = true)]
async fn other_failures_get_no_stale_answer() {
    for code in [code::UPSTREAM_FAILURE, code::LIMIT, code::INTERNAL] {
        let (layer, _) = over(saying_in_turn(vec![Ok(found(60)), Err(unavailable("a", code))]));
        ask(&layer, "192.0.2.7").await.unwrap();
        advance(seconds(60)).await;
        assert_eq!(Kind::of(&ask(&layer, "192.0.2.7").await), Kind::Unavailable);
    }
}

/// Never after a denial or a refusal, also if the denial is over or was never worth keeping; nor
/// is an incomplete answer ever served past its minute.
#[tokio::test(start_paused = true)]
async fn a_denial_ends_stale_answers() {
    let half = || Answer { incomplete: true, ..answer("a", "half.example", NET, 1_000) };
    let last_words: [&dyn Fn() -> Reply; 5] = [
        &|| Err(rejected("a")),
        &|| Err(none("a", NET, 700)),
        &|| Err(none("a", "192.0.0.0/16", 700)),
        &|| Err(none("a", NET, 0)),
        &|| Ok(Arc::new(half())),
    ];
    for word in last_words {
        let outage = Err(unavailable("a", code::TIMEOUT));
        let replies = vec![Ok(found(600)), word(), outage];
        let (layer, _) = over(saying_in_turn(replies));
        ask(&layer, "192.0.2.7").await.unwrap();
        advance(seconds(600)).await;
        let _ = ask(&layer, "192.0.2.7").await;
        advance(seconds(100)).await;
        assert_eq!(Kind::of(&ask(&layer, "192.0.2.7").await), Kind::Unavailable);
    }
}

/// A denial that a neighbour was told counts too if it covers the peer, be its scope wider or
/// narrower than the answer's, and learnt at the same moment.
#[tokio::test(start_paused = true)]
async fn a_neighbours_denial_counts() {
    let with_port = |text, port| peer(text).with_id(PeerId::Port(port));
    let asked = with_port("192.0.2.7", 7);
    for (neighbour, denied) in [("192.0.3.7", "192.0.0.0/16"), ("192.0.2.8", "192.0.2.0/28")] {
        let scope = Scope { id: IdScope::Ports { low: 0, high: 9 }, ..scope(NET) };
        let first = Ok(Arc::new(Answer { scope, ..answer("a", "alto.example", NET, 600) }));
        let outage = Err(unavailable("a", code::TIMEOUT));
        let replies = vec![first, Err(none("a", denied, 700)), outage];
        let (layer, _) = over(saying_in_turn(replies));
        layer.discover(&asked, &Call::default()).await.unwrap();
        let denial = layer.discover(&with_port(neighbour, 70), &Call::default()).await;
        assert_eq!(Kind::of(&denial), Kind::None);
        advance(seconds(700)).await;
        let reply = layer.discover(&asked, &Call::default()).await;
        assert_eq!(Kind::of(&reply), Kind::Unavailable, "{denied}");
    }
}

/// Who fails to reach the source gets what another call has learnt meanwhile, not the old answer.
#[tokio::test(start_paused = true)]
async fn a_fresh_answer_goes_before_a_stale_one() {
    let new = Ok(Arc::new(answer("a", "new.example", NET, 2_000)));
    let outage = Err(unavailable("a", code::TIMEOUT));
    let replies = [Ok(found(600)), outage, new];
    let (layer, _) = over(Fake::new("a", move |_, _, number| {
        (if number == 1 { seconds(10) } else { Duration::ZERO }, replies[number].clone())
    }));
    ask(&layer, "192.0.2.7").await.unwrap();
    advance(seconds(600)).await;
    let refresh = async {
        yield_now().await;
        layer.discover(&peer("192.0.2.7"), &REFRESH).await
    };
    let (failing, refreshed) = tokio::join!(ask(&layer, "192.0.2.7"), refresh);
    assert_eq!(failing.unwrap().servers(), refreshed.unwrap().servers());
}

/// With an old answer at hand nobody waits longer than RFC 8767's 1.8 s, and a caller's deadline
/// leaves time to serve it.
#[tokio::test(start_paused = true)]
async fn stale_answers_come_before_the_deadline() {
    let (layer, _) = over(Fake::new("a", |_, _, number| {
        (if number == 0 { Duration::ZERO } else { seconds(100) }, Ok(found(600)))
    }));
    ask(&layer, "192.0.2.7").await.unwrap();
    advance(seconds(600)).await;
    for (own, most) in [(Some(1), 1_000), (Some(3), 1_801), (None, 1_801)] {
        let started = Instant::now();
        let call = Call { deadline: own.map(|s| started + seconds(s)), ..Call::default() };
        assert!(layer.discover(&peer("192.0.2.7"), &call).await.unwrap().incomplete);
        assert!(started.elapsed() < Duration::from_millis(most));
    }
}

/// In the last tenth of its life a fact is asked for again, once, while hits get it at once.
#[tokio::test(start_paused = true)]
async fn facts_are_refreshed_ahead() {
    let (layer, inner) = over(Fake::new("a", |_, call, number| {
        let refreshes = call.freshness == Freshness::Ahead;
        assert_eq!(refreshes, number > 0);
        (if refreshes { seconds(5) } else { Duration::ZERO }, Ok(found(1_000)))
    }));
    ask(&layer, "192.0.2.7").await.unwrap();
    advance(seconds(800)).await;
    ask(&layer, "192.0.2.7").await.unwrap();
    assert_eq!(inner.asked(), 1, "not yet");
    advance(seconds(99)).await;
    let started = Instant::now();
    for _ in 0..10 {
        ask(&layer, "192.0.2.7").await.unwrap();
        yield_now().await;
    }
    assert!(started.elapsed().is_zero());
    assert_eq!(inner.asked(), 2, "once");
    tokio::time::sleep(seconds(6)).await;
    advance(seconds(500)).await;
    assert!(matches!(known(&layer, "192.0.2.7"), Known::Fresh(_)), "its life began anew");
    assert_eq!(inner.ended(), 2);
}

/// One peer's claim is not its neighbour's answer: hints stay above, claims are not kept.
#[tokio::test(start_paused = true)]
async fn claims_are_neither_asked_nor_kept() {
    let claimed = ServerList::new([server("alto.example", Trust::PeerClaim)]).unwrap();
    let sent = PeerCosts { entries: Arc::new([]), lifetime: seconds(600) };
    for guide in [Guide::Servers(claimed), Guide::Costs(sent)] {
        let (layer, _) = over(Fake::new("a", move |peer, _, _| {
            assert_eq!(*peer.hints(), Hints::None);
            let base = answer("a", "alto.example", NET, 600);
            (Duration::ZERO, Ok(Arc::new(Answer { guide: guide.clone(), ..base })))
        }));
        let claiming = peer("192.0.2.7").with_hints(Hints::HttpQuery(Cow::Borrowed(b"alto=x")));
        layer.discover(&claiming, &Call::default()).await.unwrap();
        assert!(matches!(known(&layer, "192.0.2.7"), Known::Ask));
    }
}

/// What a hit tells of its walk is that it was remembered; who asked was told the truth as well.
#[tokio::test(start_paused = true)]
async fn a_hit_says_that_it_is_one() {
    let (layer, _) = over(Fake::saying("a", Ok(found(600))));
    let origin = |reply: Reply| reply.unwrap().trace.steps()[0].origin;
    assert_eq!(origin(ask(&layer, "192.0.2.7").await), Origin::Wire);
    assert_eq!(origin(ask(&layer, "192.0.2.7").await), Origin::Cache);
}

/// What the backend knows by itself is known, and the cache's own fact goes first.
#[tokio::test(start_paused = true)]
async fn known_reaches_the_backend() {
    let own = Arc::new(answer("a", "own.example", NET, 600));
    let inner = Fake::saying("a", Ok(found(600))).knowing(move |peer, _| {
        if peer.net().addr().is_ipv6() { Known::NotApplicable } else { Known::Fresh(own.clone()) }
    });
    let (layer, _) = over(inner);
    let host = |word: Known| match word {
        Known::Fresh(answer) => answer.servers()[0].uri.host_str().unwrap().to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(host(known(&layer, "2001:db8::1")), "NotApplicable");
    assert_eq!(host(known(&layer, "192.0.2.7")), "own.example");
    ask(&layer, "192.0.2.7").await.unwrap();
    assert_eq!(host(known(&layer, "192.0.2.7")), "alto.example");
}

proptest! {
    /// Whatever happened before, a failure is told as a failure or as a marked old answer, never
    /// as an absence, and it is never kept; law 13 holds at each step.
    #[test]
    fn no_failure_becomes_an_absence(
        steps in proptest::collection::vec((0_usize..5, 0_u64..400), 1..12),
    ) {
        run(async {
            let replies: Vec<Kind> = steps.iter().map(|(kind, _)| Kind::ALL[*kind]).collect();
            let said = replies.clone();
            let (layer, inner) =
                over(Fake::new("a", move |_, _, number| (Duration::ZERO, said[number].reply("a"))));
            for (_, pause) in steps {
                advance(seconds(pause)).await;
                let before = inner.asked();
                let word = known(&layer, "192.0.2.7");
                let reply = ask(&layer, "192.0.2.7").await;
                let asked = (inner.asked() > before).then(|| replies[before]);
                let kind = Kind::of(&reply);
                match asked {
                    Some(Kind::Unavailable) => {
                        let marked = reply.is_ok_and(|answer| answer.incomplete);
                        prop_assert!(kind == Kind::Unavailable || marked);
                    }
                    Some(said) => prop_assert_eq!(kind, said),
                    None => prop_assert!(matches!(kind, Kind::Answer | Kind::None)),
                }
                match word {
                    Known::Fresh(_) => prop_assert_eq!((kind, asked), (Kind::Answer, None)),
                    Known::None(_) => prop_assert_eq!((kind, asked), (Kind::None, None)),
                    Known::Stale(_) => prop_assert!(asked.is_some()),
                    Known::Ask => prop_assert!(asked.is_some()),
                    Known::NotApplicable => prop_assert!(false),
                }
            }
            Ok(())
        })?;
    }
}

/// Numbers out of bounds are moved to the nearest bound; the size is kept.
#[tokio::test(start_paused = true)]
async fn the_size_is_bounded() {
    let inner = Fake::new("a", |peer, _, _| {
        let scope = Scope::of(peer);
        let dnssec = Dnssec::Unknown;
        let base = answer("a", "alto.example", NET, 600);
        (Duration::ZERO, Ok(Arc::new(Answer { scope, dnssec, ..base })))
    });
    let layer = Cache::new(inner, CacheConfig { bytes: 0, ..CacheConfig::default() });
    for n in 0..1_000_u32 {
        let address = std::net::Ipv4Addr::from_bits(0xc633_0000 + n);
        layer.discover(&Peer::new(address.into()), &Call::default()).await.unwrap();
    }
    let stats = layer.stats();
    assert!(stats.bytes as u64 <= CacheConfig::BYTES.floor && stats.bytes > 40_000, "{stats:?}");
    assert_eq!(stats.evictions + stats.entries as u64, 1_000);
    assert!(format!("{layer:?}").len() < 300, "not its whole contents");
}
