//! Made-up peers by the hundred thousand: what others get of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alto_backend_dns::fact::Failure;
use alto_backend_dns::upstream::{Holds, Reply, Upstream};
use alto_backend_dns::{DnsBackend, DnsConfig};
use alto_discovery_core::{Backend as _, BoxFuture, Call, Dnssec, Error, Peer, Policy, code};
use tokio::time::Instant;

/// Denies everything in the name of the /16, and counts.
#[derive(Debug)]
struct Counting {
    times: Mutex<HashMap<String, Vec<Instant>>>,
    /// Of its denials, in seconds.
    ttl: u32,
}

impl Default for Counting {
    fn default() -> Self {
        Self { times: Mutex::default(), ttl: 3_600 }
    }
}

impl Upstream for Counting {
    fn ask<'a>(&'a self, name: &'a str, _: Duration) -> BoxFuture<'a, Result<Reply, Failure>> {
        let labels: Vec<&str> = name.split('.').collect();
        let zone = labels[labels.len().saturating_sub(5)..].join(".");
        self.times.lock().unwrap().entry(zone.clone()).or_default().push(Instant::now());
        let reply = Reply {
            holds: Holds::NoRecords,
            ttl: self.ttl,
            zone: Some(zone.into()),
            dnssec: Dnssec::Unknown,
            alias: None,
        };
        Box::pin(async move { Ok(reply) })
    }
}

/// Public addresses: 16 zones in the first second, all of one in the others.
fn made_up(second: u32, n: u32) -> Peer<'static> {
    let spread = if second == 0 { n % 16 } else { 0 };
    let address = (45 << 24) | (spread << 16) | ((second * 20_000 + n / 16) % 65_536);
    Peer::new(IpAddr::V4(Ipv4Addr::from(address)))
}

/// With the defaults, 100,000 made-up peers a second cause at most 1 question a second (20 at once)
/// to any one zone and 100 a second in all; a peer that is known is answered throughout without any.
#[tokio::test(start_paused = true)]
async fn a_flood_of_made_up_peers() {
    const SECONDS: u32 = 3;
    const A_SECOND: u32 = 100_000;
    let asked = Arc::new(Counting::default());
    let upstream: Arc<dyn Upstream> = asked.clone();
    let backend =
        DnsBackend::with_upstream(&DnsConfig::default(), Policy::default(), upstream).unwrap();
    let honest = Peer::new(IpAddr::V4(Ipv4Addr::new(46, 7, 7, 7)));
    let known = |outcome| matches!(outcome, Err(Error::NoServer(_)));
    assert!(known(backend.discover(&honest, &Call::default()).await));
    for second in 0..SECONDS {
        for n in 0..A_SECOND {
            let _ = backend.discover(&made_up(second, n), &Call::default()).await;
            if n % 1_000 == 0 {
                tokio::time::advance(Duration::from_millis(10)).await;
                assert!(known(backend.discover(&honest, &Call::default()).await));
            }
        }
    }
    let asked = asked.times.lock().unwrap();
    let mut all = 0;
    for (zone, times) in asked.iter() {
        assert!(times.len() <= 20 + SECONDS as usize, "{zone}: {}", times.len());
        all += times.len();
    }
    // Both limits were reached, or this would prove nothing.
    assert!(asked.values().any(|times| times.len() >= 20));
    assert!(all >= 100, "{all} in all");
    assert!(all <= 100 * (SECONDS as usize + 1), "{all} in all");
}

/// A flood all over the address space takes up the limit for all questions, for longer than what is
/// known of forty honest peers lasts: their names are asked for again all the same, and each of their
/// announces, one a second, is answered.
#[tokio::test(start_paused = true)]
async fn the_known_are_refreshed_during_a_flood() {
    const SECONDS: u32 = 80;
    const A_TICK: u32 = 25;
    let asked = Arc::new(Counting { ttl: 60, ..Counting::default() });
    let upstream: Arc<dyn Upstream> = asked.clone();
    let backend =
        DnsBackend::with_upstream(&DnsConfig::default(), Policy::default(), upstream).unwrap();
    let honest = |n| Peer::new(IpAddr::V4(Ipv4Addr::new(46, n, 7, 7)));
    let known = |outcome| matches!(outcome, Err(Error::NoServer(_)));
    for n in 0..40 {
        assert!(known(backend.discover(&honest(n), &Call::default()).await));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let mut refused = 0;
    for tick in 0..SECONDS * 40 {
        for n in 0..A_TICK {
            let address = Ipv4Addr::from(
                (50 << 24) + (tick * A_TICK + n).wrapping_mul(2_654_435_761) % (40 << 24),
            );
            let outcome = backend.discover(&Peer::new(address.into()), &Call::default()).await;
            refused += u32::from(matches!(outcome, Err(Error::Unavailable { .. })));
        }
        tokio::time::advance(Duration::from_millis(25)).await;
        let n = u8::try_from(tick % 40).unwrap();
        assert!(known(backend.discover(&honest(n), &Call::default()).await), "tick {tick}");
    }
    assert!(refused > SECONDS * 500, "{refused}: that was no flood");
    let questions: usize = asked.times.lock().unwrap().values().map(Vec::len).sum();
    assert!(questions <= 20 + 100 * (SECONDS as usize + 40), "{questions} in all");
}

/// Denies what is asked about 46.0.0.0/8, for a minute, and never replies to anything else.
#[derive(Debug)]
struct MostlyDead;

impl Upstream for MostlyDead {
    fn ask<'a>(&'a self, name: &'a str, _: Duration) -> BoxFuture<'a, Result<Reply, Failure>> {
        let (holds, dnssec) = (Holds::NoRecords, Dnssec::Unknown);
        let reply =
            Reply { holds, ttl: 60, zone: Some("46.in-addr.arpa.".into()), dnssec, alias: None };
        let is_alive = name.ends_with("46.in-addr.arpa.");
        Box::pin(async move { if is_alive { Ok(reply) } else { std::future::pending().await } })
    }
}

/// Questions to zones whose servers are dead take up all places; what is known is asked for again.
#[tokio::test(start_paused = true)]
async fn dead_zones_leave_places_for_the_known() {
    let config = DnsConfig { total_qps: 10_000, ..DnsConfig::default() };
    let backend = DnsBackend::with_upstream(&config, Policy::default(), Arc::new(MostlyDead));
    let backend = Arc::new(backend.unwrap());
    let honest = Peer::new(IpAddr::V4(Ipv4Addr::new(46, 7, 7, 7)));
    let known = |outcome| matches!(outcome, Err(Error::NoServer(_)));
    assert!(known(backend.discover(&honest, &Call::default()).await));
    let asking = |zone: u8| {
        let backend = backend.clone();
        let peer = Peer::new(IpAddr::V4(Ipv4Addr::new(45, zone, 7, 7)));
        async move { backend.discover(&peer, &Call::default()).await }
    };
    let flood: tokio::task::JoinSet<_> = (0..200).map(asking).collect();
    let outcomes = flood.join_all().await;
    let over_the_limit = |outcome: &Result<_, Error>| {
        outcome.as_ref().is_err_and(|error| error.code() == code::LIMIT)
    };
    assert!(outcomes.iter().filter(|outcome| over_the_limit(outcome)).count() > 100);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(known(backend.discover(&honest, &Call::default()).await));
}
