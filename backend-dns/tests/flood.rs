//! Made-up peers by the hundred thousand: what others get of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alto_backend_dns::fact::Failure;
use alto_backend_dns::upstream::{Holds, Reply, Upstream};
use alto_backend_dns::{DnsBackend, DnsConfig};
use alto_discovery_core::{Backend as _, BoxFuture, Call, Dnssec, Error, Peer, Policy};
use tokio::time::Instant;

/// Denies everything in the name of the /16, and counts.
#[derive(Debug, Default)]
struct Counting(Mutex<HashMap<String, Vec<Instant>>>);

impl Upstream for Counting {
    fn ask<'a>(&'a self, name: &'a str, _: Duration) -> BoxFuture<'a, Result<Reply, Failure>> {
        let labels: Vec<&str> = name.split('.').collect();
        let zone = labels[labels.len().saturating_sub(5)..].join(".");
        self.0.lock().unwrap().entry(zone.clone()).or_default().push(Instant::now());
        let reply = Reply {
            holds: Holds::NoRecords,
            ttl: 3_600,
            zone: Some(zone.into()),
            dnssec: Dnssec::Unknown,
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
    let asked = asked.0.lock().unwrap();
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
