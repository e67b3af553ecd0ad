//! The backend's use of time and memory, against an upstream in memory and a paused clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alto_backend_dns::fact::Failure;
use alto_backend_dns::naptr::Naptr;
use alto_backend_dns::upstream::{Holds, Reply, Upstream};
use alto_backend_dns::{DnsBackend, DnsConfig};
use alto_discovery_core::{
    Answer, Backend, BackendConfig as _, BoxFuture, Call, Dnssec, Error, Freshness, IdScope, Known,
    Origin, Peer, PeerId, Policy, Scope, code,
};
use tokio::time::{Instant, advance, sleep};

const PEER: &str = "198.51.100.3";
const R32: &str = "3.100.51.198.in-addr.arpa.";
const R24: &str = "100.51.198.in-addr.arpa.";
const R16: &str = "51.198.in-addr.arpa.";
const R8: &str = "198.in-addr.arpa.";
const ALL4: [&str; 4] = [R32, R24, R16, R8];
const A: &str = "https://a.example/ird";
const MS: Duration = Duration::from_millis(1);

/// What a name does when it is asked.
#[derive(Clone)]
enum Does {
    Reply(Result<Reply, Failure>),
    /// Fails like a socket that nobody answers, after the time a question may take.
    StaysSilent,
    ReplyAfter(Duration, Reply),
}

/// Names not listed do not exist. Notes who was asked when.
#[derive(Default)]
struct Zone {
    names: Mutex<HashMap<&'static str, Does>>,
    asked: Mutex<Vec<(String, Instant)>>,
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Zone")
    }
}

impl Zone {
    fn of<const N: usize>(names: [(&'static str, Does); N]) -> Arc<Self> {
        Arc::new(Self { names: Mutex::new(names.into()), asked: Mutex::default() })
    }

    fn set(&self, name: &'static str, does: Does) {
        self.names.lock().unwrap().insert(name, does);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }

    fn times_since(&self, start: Instant) -> Vec<u128> {
        self.asked.lock().unwrap().iter().map(|(_, at)| (*at - start).as_millis()).collect()
    }
}

impl Upstream for Zone {
    fn ask<'a>(&'a self, name: &'a str, _: Duration) -> BoxFuture<'a, Result<Reply, Failure>> {
        self.asked.lock().unwrap().push((name.to_owned(), Instant::now()));
        let does = self.names.lock().unwrap().get(name).cloned();
        Box::pin(async move {
            match does {
                None => Ok(reply(Holds::NoName)),
                Some(Does::Reply(reply)) => reply,
                Some(Does::StaysSilent) => {
                    sleep(DnsConfig::default().timeout).await;
                    Err(Failure::Timeout)
                }
                Some(Does::ReplyAfter(delay, reply)) => {
                    sleep(delay).await;
                    Ok(reply)
                }
            }
        })
    }
}

fn reply(holds: Holds) -> Reply {
    let zone = Some("51.198.in-addr.arpa.".into());
    Reply { holds, ttl: 300, zone, dnssec: Dnssec::Unknown, alias: None }
}

fn names_a() -> Reply {
    reply(Holds::Records(vec![Naptr {
        order: 100,
        preference: 10,
        flags: b"u"[..].into(),
        services: b"ALTO:https"[..].into(),
        regexp: format!("!.*!{A}!").into_bytes().into(),
        replacement: ".".into(),
    }]))
}

fn backend(zone: &Arc<Zone>, settings: &[(&str, &str)]) -> DnsBackend {
    let mut config = DnsConfig::default();
    for (key, value) in settings {
        config.set(key, value).unwrap();
    }
    let policy = Policy { allow_documentation: true, ..Policy::default() };
    DnsBackend::with_upstream(&config, policy, zone.clone()).unwrap()
}

async fn discover(backend: &DnsBackend, peer: &str, call: Call) -> Result<Arc<Answer>, Error> {
    let peer: Peer<'static> = peer.parse().unwrap();
    backend.discover(&peer, &call).await
}

async fn plainly(backend: &DnsBackend) -> Result<Arc<Answer>, Error> {
    discover(backend, PEER, Call::default()).await
}

fn all_silent(names: &[&'static str]) -> Arc<Zone> {
    let zone = Zone::of([]);
    for name in names {
        zone.set(name, Does::StaysSilent);
    }
    zone
}

/// Vector 37: silent names share the call's 3 s evenly and it ends in time.
#[tokio::test(start_paused = true)]
async fn silent_names_share_the_time() {
    let zone = all_silent(&ALL4);
    let start = Instant::now();
    let error = plainly(&backend(&zone, &[])).await.unwrap_err();
    assert_eq!(error.code(), code::TIMEOUT);
    assert_eq!(zone.asked(), ALL4);
    for (at, expected) in zone.times_since(start).into_iter().zip([0, 750, 1_500, 2_250]) {
        assert!(at.abs_diff(expected) <= 5, "{at} {expected}");
    }
    assert!(start.elapsed() <= 3_000 * MS && start.elapsed() > 2_990 * MS);
    let steps = error.trace().unwrap().steps().len();
    assert_eq!(steps, 4, "retries are not repeated");
}

/// A caller's own deadline counts, however near; and a passed one asks nobody.
#[tokio::test(start_paused = true)]
async fn deadlines_are_met() {
    for left in [0, 1, 7, 100, 1_000, 10_000] {
        let zone = all_silent(&ALL4);
        let start = Instant::now();
        let call = Call::until(start + left * MS);
        let error = discover(&backend(&zone, &[]), PEER, call).await.unwrap_err();
        assert_eq!(error.code(), code::TIMEOUT);
        assert!(start.elapsed() <= left * MS + MS, "{left}: {:?}", start.elapsed());
        assert!(left > 5 || zone.asked().is_empty());
    }
}

/// RFC 8686 §3.5: with time left, what was silent is asked once more after all others.
#[tokio::test(start_paused = true)]
async fn one_retry_if_time_remains() {
    let zone = Zone::of([(R24, Does::StaysSilent)]);
    let backend = backend(&zone, &[]);
    let call = Call::until(Instant::now() + 10_000 * MS);
    let calling = discover(&backend, PEER, call);
    let (result, ()) = tokio::join!(calling, async {
        sleep(100 * MS).await;
        zone.set(R24, Does::Reply(Ok(names_a())));
    });
    assert_eq!(zone.asked(), [R32, R24, R16, R8, R24]);
    let answer = result.unwrap();
    assert!(!answer.incomplete);
    assert_eq!(answer.trace.steps().len(), 2);
}

/// A reply that comes too late for its caller is there for the retry and for the next.
#[tokio::test(start_paused = true)]
async fn a_late_reply_serves_the_retry() {
    let zone = Zone::of([(R32, Does::ReplyAfter(900 * MS, names_a()))]);
    let backend = backend(&zone, &[]);
    let start = Instant::now();
    let answer = plainly(&backend).await.unwrap();
    assert!(!answer.incomplete);
    assert!(start.elapsed() < 1_000 * MS);
    assert_eq!(zone.asked(), ALL4);
    let subjects: Vec<_> = answer.trace.steps().iter().map(|step| &*step.subject).collect();
    assert_eq!(subjects, [R32], "as if it had come at once");
}

/// What is known serves all peers of a /24; other peers' own names are still asked for.
#[tokio::test(start_paused = true)]
async fn names_are_shared_by_peers() {
    let zone = Zone::of([(R24, Does::Reply(Ok(names_a())))]);
    let backend = backend(&zone, &[]);
    for host in 0..10 {
        let peer = format!("198.51.100.{host}");
        let answer = discover(&backend, &peer, Call::default()).await.unwrap();
        assert_eq!(answer.scope.net.to_string(), format!("{peer}/32"));
        assert_eq!(answer.scope.id, IdScope::Any);
    }
    assert_eq!(zone.asked().len(), 11);
    assert_eq!(zone.asked().iter().filter(|name| *name == R24).count(), 1);
}

/// With granularity `prefix` the block is asked for once and no host address is named.
#[tokio::test(start_paused = true)]
async fn prefix_granularity_asks_once_per_block() {
    let zone = Zone::of([(R24, Does::Reply(Ok(names_a())))]);
    let backend = backend(&zone, &[("dns.granularity", "prefix")]);
    for host in 0..10 {
        let answer = discover(&backend, &format!("198.51.100.{host}"), Call::default()).await;
        assert_eq!(answer.unwrap().scope.net.to_string(), "198.51.100.0/24");
    }
    assert_eq!(zone.asked(), [R24]);
}

/// RFC 8020 §2: with `nxdomain_cut` what lies below an absent name costs no question.
#[tokio::test(start_paused = true)]
async fn nxdomain_cut_saves_questions() {
    let zone = Zone::of([]);
    let backend = backend(&zone, &[("dns.nxdomain_cut", "on")]);
    let mut known = Vec::new();
    for host in 0..10 {
        let result = discover(&backend, &format!("198.{host}.100.3"), Call::default()).await;
        let Err(Error::NoServer(none)) = result else { panic!("{result:?}") };
        assert_eq!(none.trace.steps().len(), 4);
        known.push(none.scope.net.to_string());
    }
    assert_eq!(zone.asked().len(), 4);
    assert!(known.iter().all(|net| net == "198.0.0.0/8"));
}

/// `Refresh` asks again and replaces what is remembered.
#[tokio::test(start_paused = true)]
async fn refresh_asks_again() {
    let zone = Zone::of([]);
    let backend = backend(&zone, &[]);
    assert_eq!(plainly(&backend).await.unwrap_err().code(), code::NONE);
    zone.set(R24, Does::Reply(Ok(names_a())));
    assert_eq!(plainly(&backend).await.unwrap_err().code(), code::NONE);
    let refresh = Call { freshness: Freshness::Refresh, ..Call::default() };
    assert!(discover(&backend, PEER, refresh).await.is_ok());
    let answer = plainly(&backend).await.unwrap();
    assert!(answer.trace.steps().iter().all(|step| step.origin == Origin::Cache));
}

/// An answer holds as long as its shortest fact, counted from when that was learnt.
#[tokio::test(start_paused = true)]
async fn answers_grow_old_with_their_facts() {
    let zone = Zone::of([(R24, Does::Reply(Ok(names_a())))]);
    let backend = backend(&zone, &[]);
    plainly(&backend).await.unwrap();
    advance(200_000 * MS).await;
    let answer = plainly(&backend).await.unwrap();
    assert_eq!(answer.validity.left(Instant::now()).as_secs(), 100);
    advance(101_000 * MS).await;
    plainly(&backend).await.unwrap();
    assert_eq!(zone.asked(), [R32, R24, R32, R24]);
}

/// Over the limit is "unavailable" at once and not remembered.
#[tokio::test(start_paused = true)]
async fn over_the_limit_is_unavailable_at_once() {
    let zone = Zone::of([]);
    let backend = backend(&zone, &[]);
    let mut refused = 0;
    for host in 0..50 {
        let start = Instant::now();
        let result = discover(&backend, &format!("198.51.{host}.1"), Call::default()).await;
        refused += usize::from(result.is_err_and(|error| error.code() == code::LIMIT));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
    assert!(zone.asked().len() <= 21, "{}", zone.asked().len());
    assert!(refused >= 39, "{refused}");
    advance(30_000 * MS).await;
    let error = discover(&backend, "198.51.49.1", Call::default()).await.unwrap_err();
    assert_eq!(error.code(), code::NONE);
}

/// No question for a peer that nobody outside its network speaks for.
#[tokio::test(start_paused = true)]
async fn special_addresses_cost_no_question() {
    let zone = Zone::of([]);
    let backend = backend(&zone, &[]);
    for peer in ["10.1.2.3", "127.0.0.1", "fe80::1", "::1", "64:ff9b::a01:203", "0.0.0.0/0"] {
        let error = discover(&backend, peer, Call::default()).await.unwrap_err();
        let expected = matches!(error, Error::NotApplicable { .. } | Error::Invalid { .. });
        assert!(expected, "{peer}: {error}");
        // A chain goes on at what is certain, so `known` says so too.
        let certain = matches!(error, Error::NotApplicable { .. });
        let known = backend.known(&peer.parse().unwrap(), Instant::now());
        assert_eq!(matches!(known, Known::NotApplicable), certain, "{peer}: {known:?}");
    }
    assert!(zone.asked().is_empty());
}

/// It keeps nothing but names: what is certain now is for a cache above to say. A peer's ID is asked
/// for by its own name first.
#[tokio::test(start_paused = true)]
async fn known_is_left_to_the_cache_and_an_id_is_asked_first() {
    let zone = Zone::of([(R24, Does::Reply(Ok(names_a())))]);
    let backend = backend(&zone, &[]);
    let peer = PEER.parse::<Peer<'static>>().unwrap().with_id(PeerId::Port(6_881));
    let answer = backend.discover(&peer, &Call::default()).await.unwrap();
    assert_eq!(answer.scope, Scope::of(&peer));
    assert_eq!(zone.asked(), ["1.e.a.1._p.3.100.51.198.in-addr.arpa.", R32, R24]);
    assert!(matches!(backend.known(&peer, Instant::now()), Known::Ask));
    assert_eq!(backend.name(), "dns");
}

/// Building takes no runtime, no socket and no thread.
#[test]
fn building_needs_no_runtime() {
    let mut config = DnsConfig::default();
    config.set("dns.resolver", "192.0.2.1").unwrap();
    let backend = DnsBackend::new(&config, Policy::default()).unwrap();
    assert_eq!(backend.questions_sent(), 0);
    assert!(DnsBackend::new(&DnsConfig { zone_qps: 0, ..config }, Policy::default()).is_err());
}
