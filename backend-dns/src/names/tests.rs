use std::sync::atomic::{AtomicU64, Ordering};

use alto_discovery_core::BoxFuture;
use tokio::time::{advance, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const BOUNDS: Lifetimes =
    Lifetimes { least: Duration::from_secs(60), most: Duration::from_secs(86_400) };

/// Replies to everything alike, after a while, and counts.
#[derive(Debug)]
struct Scripted {
    reply: Mutex<Result<Reply, Failure>>,
    delay: Duration,
    asked: AtomicU64,
    recoveries: AtomicU64,
    standing: Mutex<Standing>,
}

impl Scripted {
    fn new(reply: Result<Reply, Failure>, delay: Duration) -> Arc<Self> {
        let (asked, recoveries) = Default::default();
        let (reply, standing) = (Mutex::new(reply), Mutex::new(Standing::Up));
        Arc::new(Self { reply, delay, asked, recoveries, standing })
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn replies(&self, reply: Result<Reply, Failure>) {
        *self.reply.lock().unwrap() = reply;
    }
}

impl Upstream for Scripted {
    fn ask<'a>(&'a self, _: &'a str, _: Duration) -> BoxFuture<'a, Result<Reply, Failure>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            sleep(self.delay).await;
            self.reply.lock().unwrap().clone()
        })
    }

    fn standing(&self, _: Instant) -> Standing {
        *self.standing.lock().unwrap()
    }

    fn recoveries(&self) -> u64 {
        self.recoveries.load(Ordering::SeqCst)
    }
}

fn denial(holds: Holds, ttl: u32) -> Reply {
    let zone = Some("51.198.in-addr.arpa.".into());
    Reply { holds, ttl, zone, dnssec: Dnssec::Unknown, alias: None }
}

fn names(upstream: &Arc<Scripted>, cut: NxdomainCut) -> Names {
    Names::new(upstream.clone(), Pace::new(1_000, 1_000, 1_000), BOUNDS, cut)
}

fn name() -> Arc<str> {
    "3.100.51.198.in-addr.arpa.".into()
}

async fn ask(names: &Names) -> (Fact, Origin) {
    names.ask(&name(), SECOND, Freshness::Cached).await
}

/// Many callers, one question.
#[tokio::test(start_paused = true)]
async fn one_question_at_a_time() {
    let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), SECOND / 2);
    let names = names(&upstream, NxdomainCut::Off);
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let names = names.clone();
            tokio::spawn(async move { ask(&names).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().0.content, Content::NoRecords);
    }
    assert_eq!(upstream.asked(), 1);
    assert_eq!(ask(&names).await.1, Origin::Cache);
    assert!(names.0.known().flights.is_empty());
}

/// Who waits no longer gets "no reply", and the late reply is remembered.
#[tokio::test(start_paused = true)]
async fn a_late_reply_is_remembered() {
    let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), SECOND * 3 / 2);
    let names = names(&upstream, NxdomainCut::Off);
    assert_eq!(ask(&names).await.0.content, Content::Failed(Failure::Timeout));
    sleep(SECOND).await;
    let (fact, origin) = ask(&names).await;
    assert_eq!((fact.content, origin), (Content::NoRecords, Origin::Cache));
    assert_eq!(upstream.asked(), 1);
}

/// Law 9: a caller that goes away stops nothing.
#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_stops_nothing() {
    let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), SECOND / 2);
    let names = names(&upstream, NxdomainCut::Off);
    assert!(timeout(SECOND / 10, ask(&names)).await.is_err());
    assert_eq!(ask(&names).await.0.content, Content::NoRecords);
    assert_eq!(upstream.asked(), 1);
}

/// A runtime that ends midway takes its questions with it, not the names.
#[test]
fn a_runtime_that_ends_leaves_the_names_usable() {
    let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), SECOND / 100);
    let names = names(&upstream, NxdomainCut::Off);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let first = runtime();
    let given_up = async { timeout(Duration::from_millis(1), ask(&names)).await };
    assert!(first.block_on(given_up).is_err());
    drop(first);
    let (fact, _) = runtime().block_on(ask(&names));
    assert_eq!(fact.content, Content::NoRecords);
    assert_eq!(upstream.asked(), 2);
}

/// TTL 0 is raised, and what has expired is asked again.
#[tokio::test(start_paused = true)]
async fn what_expired_is_asked_again() {
    let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 0)), Duration::ZERO);
    let names = names(&upstream, NxdomainCut::Off);
    ask(&names).await;
    advance(SECOND * 59).await;
    assert_eq!(ask(&names).await.1, Origin::Cache);
    advance(SECOND * 2).await;
    assert_eq!(ask(&names).await.1, Origin::Wire);
    assert_eq!(upstream.asked(), 2);
}

/// RFC 9520 §3.2: failures are remembered for longer and longer.
#[tokio::test(start_paused = true)]
async fn failures_back_off() {
    let upstream = Scripted::new(Err(Failure::upstream("replied SERVFAIL")), Duration::ZERO);
    let names = names(&upstream, NxdomainCut::Off);
    for expected in [5, 10, 20] {
        let (fact, origin) = ask(&names).await;
        assert_eq!(origin, Origin::Wire);
        assert_eq!(fact.validity.lifetime(), SECOND * expected);
        advance(SECOND * (expected - 1)).await;
        assert_eq!(ask(&names).await.1, Origin::Cache);
        advance(SECOND).await;
    }
    upstream.replies(Ok(denial(Holds::NoName, 300)));
    assert_eq!(ask(&names).await.0.content, Content::NoName);
    advance(SECOND * 300).await;
    upstream.replies(Err(Failure::upstream("replied SERVFAIL")));
    assert_eq!(ask(&names).await.0.validity.lifetime(), SECOND * 5, "the count starts anew");
}

fn name_in(zone: &str, number: u8) -> Arc<str> {
    format!("{number}.100.{zone}.in-addr.arpa.").into()
}

async fn origin(names: &Names, name: &Arc<str>) -> Origin {
    names.ask(name, SECOND, Freshness::Cached).await.1
}

/// One name of a zone is answered again: its servers are back, so the other names that failed meanwhile
/// are asked for, a second after they failed at the earliest (RFC 9520 §3.2); those of other zones
/// are not.
#[tokio::test(start_paused = true)]
async fn a_zone_that_is_back_is_asked_again() {
    let upstream = Scripted::new(Err(Failure::upstream("replied SERVFAIL")), Duration::ZERO);
    let names = names(&upstream, NxdomainCut::Off);
    let [early, late, elsewhere] =
        [("51.198", 1), ("51.198", 2), ("52.198", 1)].map(|(zone, number)| name_in(zone, number));
    for wait in [0, 5, 10] {
        advance(SECOND * wait).await;
        assert_eq!(origin(&names, &early).await, Origin::Wire);
        assert_eq!(origin(&names, &elsewhere).await, Origin::Wire);
    }
    advance(SECOND * 3).await;
    assert_eq!(origin(&names, &late).await, Origin::Wire);
    upstream.replies(Ok(denial(Holds::NoRecords, 300)));
    assert_eq!(origin(&names, &name_in("51.198", 3)).await, Origin::Wire);
    assert_eq!(origin(&names, &late).await, Origin::Cache, "it failed a moment ago");
    assert_eq!(origin(&names, &early).await, Origin::Wire);
    assert_eq!(origin(&names, &elsewhere).await, Origin::Cache);
    advance(SECOND).await;
    assert_eq!(origin(&names, &late).await, Origin::Wire);
}

/// A name that fails although its zone replies is asked for again once, and then less and less often
/// whatever is heard of others (RFC 9520 §3.2).
#[tokio::test(start_paused = true)]
async fn a_bad_name_in_a_good_zone_backs_off() {
    let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), Duration::ZERO);
    let names = names(&upstream, NxdomainCut::Off);
    let (bad, mut asked) = (name(), 0);
    for number in 0..60 {
        upstream.replies(Err(Failure::upstream("replied SERVFAIL")));
        asked += u32::from(origin(&names, &bad).await == Origin::Wire);
        upstream.replies(Ok(denial(Holds::NoRecords, 300)));
        assert_eq!(origin(&names, &name_in("51.198", 100 + number)).await, Origin::Wire);
        advance(SECOND).await;
    }
    // At 0 s and, since others are answered, 1 s; then 10 s and 20 s later.
    assert_eq!(asked, 4);
}

/// When the resolver is back, what was remembered of the outage is void.
#[tokio::test(start_paused = true)]
async fn an_outage_is_forgotten_when_it_is_over() {
    let upstream = Scripted::new(Err(Failure::Timeout), Duration::ZERO);
    let names = names(&upstream, NxdomainCut::Off);
    ask(&names).await;
    assert_eq!(ask(&names).await.1, Origin::Cache);
    upstream.recoveries.fetch_add(1, Ordering::SeqCst);
    upstream.replies(Ok(denial(Holds::NoName, 300)));
    assert_eq!(ask(&names).await.0.content, Content::NoName);
}

/// A question that an outage has swallowed holds up nobody once it is over: it is asked again, and
/// that it stays without a reply is not remembered.
#[tokio::test(start_paused = true)]
async fn an_outage_swallows_only_its_own_questions() {
    let upstream = Scripted::new(Err(Failure::Timeout), SECOND * 2);
    let names = names(&upstream, NxdomainCut::Off);
    let swallowed = names.clone();
    let swallowed =
        tokio::spawn(async move { swallowed.ask(&name(), SECOND * 3, Freshness::Cached).await });
    sleep(SECOND).await;
    upstream.recoveries.fetch_add(1, Ordering::SeqCst);
    let asking = names.clone();
    let anew = tokio::spawn(async move { ask(&asking).await });
    sleep(SECOND / 10).await;
    assert_eq!(upstream.asked(), 2, "it joined what is lost");
    assert_eq!(swallowed.await.unwrap().0.content, Content::Failed(Failure::Timeout));
    anew.await.unwrap();
    let known = names.0.known().remembered(&name(), &names.0, Freshness::Cached, Instant::now());
    assert_eq!(known, None);
}

/// During an outage nobody is asked, what is known is told, and what is remembered of
/// the outage keeps nobody from trying when it is time.
#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_questions() {
    let upstream = Scripted::new(Err(Failure::Timeout), Duration::ZERO);
    let names = Names::new(upstream.clone(), Pace::new(1, 1, 1), BOUNDS, NxdomainCut::Off);
    ask(&names).await;
    *upstream.standing.lock().unwrap() = Standing::Down;
    for _ in 0..100 {
        let (fact, origin) = ask(&names).await;
        assert!(matches!(fact.content, Content::Failed(Failure::Unreachable(_))), "{fact:?}");
        assert_eq!(origin, Origin::NotAsked);
    }
    assert_eq!(upstream.asked(), 1);
    *upstream.standing.lock().unwrap() = Standing::Due;
    upstream.replies(Ok(denial(Holds::NoName, 300)));
    assert_eq!(ask(&names).await.0.content, Content::NoName);
    *upstream.standing.lock().unwrap() = Standing::Down;
    assert_eq!(ask(&names).await.0.content, Content::NoName);
}

/// A refresh asks anew; if that fails, what still holds is not thrown away.
#[tokio::test(start_paused = true)]
async fn refresh_asks_and_a_failed_one_spoils_nothing() {
    let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), Duration::ZERO);
    let names = names(&upstream, NxdomainCut::Off);
    ask(&names).await;
    upstream.replies(Err(Failure::Timeout));
    let (fact, _) = names.ask(&name(), SECOND, Freshness::Refresh).await;
    assert_eq!(fact.content, Content::Failed(Failure::Timeout));
    assert_eq!(upstream.asked(), 2);
    assert_eq!(ask(&names).await.0.content, Content::NoRecords);
}

/// RFC 8020 §2, if it may be relied on: what lies below an absent name is not asked for.
#[tokio::test(start_paused = true)]
async fn an_absent_name_covers_what_lies_below() {
    let above: Arc<str> = "51.198.in-addr.arpa.".into();
    for (cut, asked) in [(NxdomainCut::Off, 2), (NxdomainCut::On, 1)] {
        let upstream = Scripted::new(Ok(denial(Holds::NoName, 300)), Duration::ZERO);
        let names = names(&upstream, cut);
        names.ask(&above, SECOND, Freshness::Cached).await;
        assert_eq!(ask(&names).await.0.content, Content::NoName);
        assert_eq!(upstream.asked(), asked);
    }
    let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), Duration::ZERO);
    let names = names(&upstream, NxdomainCut::On);
    names.ask(&above, SECOND, Freshness::Cached).await;
    ask(&names).await;
    assert_eq!(upstream.asked(), 2, "a name that exists covers nothing");
}

/// Over a limit nothing is asked and nothing remembered; what is known is still told.
#[tokio::test(start_paused = true)]
async fn limits_are_not_remembered() {
    let upstream = Scripted::new(Ok(denial(Holds::NoRecords, 300)), Duration::ZERO);
    let pace = Pace::new(1, 1_000, 1_000);
    let names = Names::new(upstream.clone(), pace, BOUNDS, NxdomainCut::Off);
    let host = |n: u32| Arc::<str>::from(format!("{n}.100.51.198.in-addr.arpa."));
    for n in 0..20 {
        names.ask(&host(n), SECOND, Freshness::Cached).await;
    }
    let (fact, origin) = names.ask(&host(20), SECOND, Freshness::Cached).await;
    assert!(matches!(fact.content, Content::Failed(Failure::Limit(_))), "{fact:?}");
    assert_eq!(origin, Origin::NotAsked);
    let (known, _) = names.ask(&host(3), SECOND, Freshness::Cached).await;
    assert_eq!(known.content, Content::NoRecords);
    advance(SECOND).await;
    let (fact, _) = names.ask(&host(20), SECOND, Freshness::Cached).await;
    assert_eq!(fact.content, Content::NoRecords);
}

/// A question that reached no resolver was never asked of its zone: when the outage is over, the zone may be
/// asked as if nothing had been.
#[tokio::test(start_paused = true)]
async fn what_was_never_sent_counts_against_no_limit() {
    let unreachable = Failure::Unreachable("no resolver can be reached".into());
    let upstream = Scripted::new(Err(unreachable.clone()), Duration::ZERO);
    let pace = Pace::new(1, 1_000, 1_000);
    let names = Names::new(upstream.clone(), pace, BOUNDS, NxdomainCut::Off);
    for number in 0..60 {
        let name = name_in("51.198", number);
        let (fact, _) = names.ask(&name, SECOND, Freshness::Cached).await;
        assert_eq!(fact.content, Content::Failed(unreachable.clone()));
    }
    upstream.replies(Ok(denial(Holds::NoRecords, 300)));
    let mut asked = 0;
    for number in 60..90 {
        asked += u32::from(origin(&names, &name_in("51.198", number)).await == Origin::Wire);
    }
    assert_eq!(asked, 20);
}

/// A huge record set is cut to its best records before it is stored.
#[test]
fn record_sets_are_bounded() {
    let record = |order| Naptr {
        order,
        preference: 0,
        flags: Box::default(),
        services: Box::default(),
        regexp: Box::default(),
        replacement: ".".into(),
    };
    let kept = best((0..4_000).rev().map(record).collect());
    assert_eq!(kept.len(), MAX_RECORDS);
    assert_eq!((kept[0].order, kept[255].order), (0, 255));
}
