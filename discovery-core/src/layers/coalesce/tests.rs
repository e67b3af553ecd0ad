use super::*;
use crate::Hints;
use crate::layers::testing::{self, Fake, Kind, peer, seconds};
use crate::layers::{Cache, CacheConfig, Limit};
use std::borrow::Cow;
use tokio::task::yield_now;

const REFRESH: Call = Call { deadline: None, freshness: Freshness::Refresh };

fn slow(ms: u64) -> Arc<Fake> {
    Arc::new(Fake::new("a", move |peer, _, _| {
        let net = ipnet::IpNet::new(peer.net().addr(), 24).unwrap();
        let found = testing::answer("a", "alto.example", &net.trunc().to_string(), 600);
        (Duration::from_millis(ms), Ok(Arc::new(found)))
    }))
}

/// A call to the layer as a task of its own.
fn spawn(layer: &Arc<Coalesce>, peer: Peer<'static>, call: Call) -> tokio::task::JoinHandle<Reply> {
    let layer = layer.clone();
    tokio::spawn(async move { layer.discover(&peer, &call).await })
}

/// A thousand callers, one question, one answer; a caller that comes later asks anew.
#[tokio::test(start_paused = true)]
async fn equal_questions_are_asked_once() {
    let inner = slow(100);
    let layer = Arc::new(Coalesce::new(inner.clone()));
    let callers: Vec<_> =
        (0..1_000).map(|_| spawn(&layer, peer("192.0.2.7"), Call::default())).collect();
    let other = spawn(&layer, peer("192.0.2.8"), Call::default());
    for caller in callers {
        assert!(caller.await.unwrap().is_ok());
    }
    assert!(other.await.unwrap().is_ok());
    assert_eq!((inner.asked(), layer.under_way()), (2, 0));
    assert!(spawn(&layer, peer("192.0.2.7"), Call::default()).await.unwrap().is_ok());
    assert_eq!(inner.asked(), 3);
}

/// What a peer sent makes no difference, and does not reach the backend.
#[tokio::test(start_paused = true)]
async fn hints_stay_above() {
    let inner = Fake::new("a", |peer, _, _| {
        assert_eq!(*peer.hints(), Hints::None);
        (seconds(1), Kind::Answer.reply("a"))
    });
    let inner = Arc::new(inner);
    let layer = Arc::new(Coalesce::new(inner.clone()));
    let claiming = |text: &'static [u8]| {
        spawn(
            &layer,
            peer("192.0.2.7").with_hints(Hints::HttpQuery(Cow::Borrowed(text))),
            Call::default(),
        )
    };
    let (one, two) = (claiming(b"alto=x"), claiming(b"alto=y"));
    assert!(one.await.unwrap().is_ok() && two.await.unwrap().is_ok());
    assert_eq!(inner.asked(), 1);
}

/// The first caller gives up, by being dropped or by its deadline: the others get their answer.
#[tokio::test(start_paused = true)]
async fn giving_up_cancels_nothing_for_others() {
    let inner = slow(1_000);
    let layer = Arc::new(Coalesce::new(inner.clone()));
    let dropped = spawn(&layer, peer("192.0.2.7"), Call::default());
    yield_now().await;
    let hasty = spawn(&layer, peer("192.0.2.7"), Call::until(Instant::now() + seconds(1) / 2));
    let patient = spawn(&layer, peer("192.0.2.7"), Call::default());
    yield_now().await;
    dropped.abort();
    let error = hasty.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.backend()), (code::TIMEOUT, Some("a")));
    assert!(patient.await.unwrap().is_ok());
    assert_eq!((inner.asked(), inner.ended()), (1, 1));
}

/// A flight has the time it was given from its start, whoever began it, and the backend knows.
#[tokio::test(start_paused = true)]
async fn flights_have_their_time() {
    let inner = Fake::new("a", |_, call, _| {
        assert_eq!(call.time_left(Instant::now()), Some(seconds(3)));
        (seconds(5), Kind::Answer.reply("a"))
    });
    let layer = Arc::new(Coalesce::new(Arc::new(inner)).lasting(seconds(3)));
    let started = Instant::now();
    let hurried = spawn(&layer, peer("192.0.2.7"), Call::until(started + seconds(1)));
    let patient = spawn(&layer, peer("192.0.2.7"), Call::default());
    assert_eq!(hurried.await.unwrap().unwrap_err().code(), crate::code::TIMEOUT);
    assert_eq!(started.elapsed(), seconds(1));
    assert_eq!(patient.await.unwrap().unwrap_err().code(), crate::code::TIMEOUT);
    assert_eq!(started.elapsed(), seconds(3));
}

/// A flight that panics fails those who waited for it, as a failure of ours, and leaves the
/// question open for the next.
#[tokio::test(start_paused = true)]
async fn a_panic_fails_only_its_own() {
    let inner = Fake::new("a", |asked, _, number| {
        assert!(number > 0 || *asked != peer("192.0.2.7"), "as the test wants");
        (seconds(1), Kind::Answer.reply("a"))
    });
    let layer = Arc::new(Coalesce::new(Arc::new(inner)));
    let lost = spawn(&layer, peer("192.0.2.7"), Call::default());
    let other = spawn(&layer, peer("192.0.2.8"), Call::default());
    let error = lost.await.unwrap().unwrap_err();
    assert_eq!(error.code(), code::INTERNAL);
    assert_eq!(Kind::of(&Err(error)), Kind::Unavailable);
    assert!(other.await.unwrap().is_ok());
    assert!(spawn(&layer, peer("192.0.2.7"), Call::default()).await.unwrap().is_ok());
    assert_eq!(layer.under_way(), 0);
}

/// Each kind of failure arrives as what it is at every caller.
#[tokio::test(start_paused = true)]
async fn failures_stay_what_they_are() {
    for kind in Kind::ALL {
        let inner = Fake::new("a", move |_, _, _| (seconds(1), kind.reply("a")));
        let layer = Arc::new(Coalesce::new(Arc::new(inner)));
        let callers = [(); 3].map(|()| spawn(&layer, peer("192.0.2.7"), Call::default()));
        for caller in callers {
            assert_eq!(Kind::of(&caller.await.unwrap()), kind);
        }
    }
}

/// Asking anew does not join a flight that may be told remembered facts; the reverse does.
#[tokio::test(start_paused = true)]
async fn asking_anew_really_asks() {
    let inner = slow(1_000);
    let layer = Arc::new(Coalesce::new(inner.clone()));
    let calls = [Call::default(), REFRESH, Call::default(), REFRESH];
    let callers = calls.map(|call| spawn(&layer, peer("192.0.2.7"), call));
    for caller in callers {
        assert!(caller.await.unwrap().is_ok());
    }
    assert_eq!(inner.asked(), 2);
    let anew = spawn(&layer, peer("192.0.2.8"), REFRESH);
    let either = spawn(&layer, peer("192.0.2.8"), Call::default());
    assert!(anew.await.unwrap().is_ok() && either.await.unwrap().is_ok());
    assert_eq!(inner.asked(), 3);
}

/// Hung flights are bounded in number and in time.
#[tokio::test(start_paused = true)]
async fn flights_are_bounded() {
    let layer = Arc::new(Coalesce::with_flights(slow(3_600_000), 1));
    let hung = spawn(&layer, peer("192.0.2.7"), Call::default());
    yield_now().await;
    let over = spawn(&layer, peer("192.0.2.8"), Call::default()).await.unwrap();
    assert_eq!(over.unwrap_err().code(), code::LIMIT);
    assert_eq!(hung.await.unwrap().unwrap_err().code(), code::TIMEOUT);
    assert_eq!(layer.under_way(), 0);
}

/// What is known below needs no flight, until it is old.
#[tokio::test(start_paused = true)]
async fn what_is_known_is_not_asked() {
    for kind in [Kind::Answer, Kind::None] {
        let reply = kind.reply("a");
        let word = testing::known_as(&reply);
        let inner = Fake::new("a", move |_, _, _| (seconds(1), reply.clone()));
        let inner = Arc::new(inner.knowing(move |_, _| word.clone()));
        let layer = Arc::new(Coalesce::new(inner.clone()));
        let ask = |call| spawn(&layer, peer("192.0.2.7"), call);
        assert_eq!(Kind::of(&ask(Call::default()).await.unwrap()), kind);
        assert_eq!(inner.asked(), 0);
        assert_eq!(Kind::of(&ask(REFRESH).await.unwrap()), kind);
        tokio::time::advance(seconds(500)).await;
        assert_eq!(Kind::of(&ask(Call::default()).await.unwrap()), kind);
        assert_eq!(inner.asked(), 2);
    }
}

/// Above a cache: of 50,000 callers one asks upstream, at expiry too.
#[tokio::test(start_paused = true)]
async fn over_a_cache_expiry_makes_no_herd() {
    let inner = slow(100);
    let cache = Cache::new(inner.clone(), CacheConfig::default());
    let layer = Arc::new(Coalesce::new(Arc::new(cache)));
    for round in 1..=3 {
        let herd: Vec<_> =
            (0..50_000).map(|_| spawn(&layer, peer("192.0.2.7"), Call::default())).collect();
        for caller in herd {
            assert!(caller.await.unwrap().is_ok());
        }
        assert_eq!(inner.asked(), round);
        tokio::time::advance(seconds(600)).await;
    }
}

/// Above a cache: one question upstream, however many callers there are, on however many
/// threads, and what it brings is kept also if each caller has given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_a_cache_each_fact_is_asked_for_once() {
    let inner = slow(20);
    let cache = Cache::new(Limit::new(inner.clone(), 64), CacheConfig::default());
    let layer = Arc::new(Coalesce::new(Arc::new(cache)));
    for round in 1..=20 {
        let peer = peer(&format!("192.0.2.{round}"));
        let callers: Vec<_> =
            (0..500).map(|_| spawn(&layer, peer.clone(), Call::default())).collect();
        for caller in callers {
            assert!(caller.await.unwrap().is_ok());
        }
        assert_eq!(inner.asked(), 1, "the first found it for the whole /24");
    }
    let other = peer("198.51.100.7");
    let hasty = spawn(&layer, other.clone(), Call::until(Instant::now()));
    hasty.await.unwrap().unwrap_err();
    while !matches!(layer.known(&other, Instant::now()), Known::Fresh(_)) {
        yield_now().await;
    }
    assert_eq!(inner.asked(), 2);
}

/// Dropping the layer ends its flights; a runtime that ends under a flight loses only that.
#[test]
fn flights_end_with_layer_and_runtime() {
    let inner = slow(10);
    let layer = Coalesce::new(inner.clone());
    let asked = peer("192.0.2.7");
    let give_up = async |layer: &Coalesce| {
        let call = Call::until(Instant::now() + Duration::from_millis(5));
        assert!(layer.discover(&asked, &call).await.is_err());
    };
    testing::run(give_up(&layer));
    assert_eq!((inner.asked(), layer.under_way()), (1, 0), "lost with its runtime");
    testing::run(async {
        give_up(&layer).await;
        drop(layer);
        tokio::time::sleep(seconds(1)).await;
    });
    assert_eq!((inner.asked(), inner.ended()), (2, 0));
}
