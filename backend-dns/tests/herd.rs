//! Fifty thousand callers at once: each name is asked for once, at first and at expiry.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alto_backend_dns::fact::Failure;
use alto_backend_dns::naptr::Naptr;
use alto_backend_dns::upstream::{Holds, Reply, Upstream};
use alto_backend_dns::{DnsBackend, DnsConfig};
use alto_discovery_core::layers::{Cache, CacheConfig, Coalesce, Limit};
use alto_discovery_core::{Answer, Backend, BoxFuture, Call, Dnssec, Error, Peer, Policy};
use alto_testkit::scripted::Scripted;
use alto_testkit::{NameServer as _, Zone};
use tokio::task::JoinSet;
use tokio::time::Instant;

const CALLERS: usize = 50_000;
/// In one /24, which has a server at its own name.
const PEERS: usize = 50;
const R24: &str = "100.51.198.in-addr.arpa.";

fn peer(number: usize) -> Peer<'static> {
    let host = u8::try_from(number % PEERS).unwrap();
    Peer::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, host)))
}

/// The layers of a default stack above the backend.
fn stack(backend: DnsBackend) -> Arc<Coalesce> {
    let cache = Cache::new(Limit::new(backend, CALLERS), CacheConfig::default());
    Arc::new(Coalesce::new(Arc::new(cache)))
}

/// Rates lifted; questions under way as by default.
fn config() -> DnsConfig {
    DnsConfig { zone_qps: 10_000, total_qps: 10_000, ..DnsConfig::default() }
}

fn policy() -> Policy {
    Policy { allow_documentation: true, ..Policy::default() }
}

type Outcome = Result<Arc<Answer>, Error>;

fn herd(stack: &Arc<Coalesce>) -> JoinSet<Outcome> {
    let call = |number| {
        let stack = stack.clone();
        async move { stack.discover(&peer(number), &Call::default()).await }
    };
    (0..CALLERS).map(call).collect()
}

/// A record at [`R24`], nothing elsewhere, and a count for each name.
#[derive(Debug, Default)]
struct Counting(Mutex<HashMap<String, usize>>);

impl Upstream for Counting {
    fn ask<'a>(&'a self, name: &'a str, _: Duration) -> BoxFuture<'a, Result<Reply, Failure>> {
        *self.0.lock().unwrap().entry(name.to_owned()).or_default() += 1;
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let holds = if name == R24 { Holds::Records(vec![record()]) } else { Holds::NoRecords };
            Ok(Reply {
                holds,
                ttl: 600,
                zone: Some(R24.into()),
                dnssec: Dnssec::Unknown,
                alias: None,
            })
        })
    }
}

fn record() -> Naptr {
    Naptr {
        order: 100,
        preference: 10,
        flags: (*b"u").into(),
        services: (*b"ALTO:https").into(),
        regexp: (*b"!.*!https://a.example/ird!").into(),
        replacement: ".".into(),
    }
}

/// One question for each of 50 hosts and one for their /24, and the same again when all has expired.
#[tokio::test(start_paused = true)]
async fn each_name_is_asked_for_once_at_expiry_too() {
    let asked = Arc::new(Counting::default());
    let upstream: Arc<dyn Upstream> = asked.clone();
    let stack = stack(DnsBackend::with_upstream(&config(), policy(), upstream).unwrap());
    for round in 1..=3 {
        assert!(herd(&stack).join_all().await.iter().all(Result::is_ok));
        let asked = asked.0.lock().unwrap().clone();
        assert_eq!(asked.len(), PEERS + 1);
        assert!(asked.values().all(|times| *times == round), "round {round}: {asked:?}");
        tokio::time::advance(Duration::from_secs(601)).await;
    }
}

/// The same over packets: each name arrives once, and few sockets are open at any time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_name_arrives_once() {
    let record =
        format!("{R24} 600 NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!https://a.example/ird!\" .");
    let server = Scripted::start(Zone::parse([record.as_str()]).unwrap());
    let resolver = vec![server.address().into()];
    let backend = DnsBackend::new(&DnsConfig { resolver, ..config() }, policy()).unwrap();
    let mut callers = herd(&stack(backend));
    let mut most_open = 0;
    while let Some(outcome) = callers.join_next().await {
        assert!(outcome.unwrap().is_ok());
        if callers.len().is_multiple_of(100) {
            most_open = most_open.max(std::fs::read_dir("/proc/self/fd").unwrap().count());
        }
    }
    assert!(most_open <= 200, "{most_open} files are open");
    let names = server.log().names();
    assert_eq!(names.len(), PEERS + 1, "{names:?}");
    assert_eq!(server.log().count(R24), 1);
}

/// Callers that keep coming, one each 20 ms, while facts are refreshed ahead of their end: what
/// peers share is asked for once in its life, not once for each of them.
#[tokio::test(start_paused = true)]
async fn a_steady_stream_asks_once_in_a_lifetime() {
    let asked = Arc::new(Counting::default());
    let upstream: Arc<dyn Upstream> = asked.clone();
    let stack = stack(DnsBackend::with_upstream(&config(), policy(), upstream).unwrap());
    let end = Instant::now() + Duration::from_secs(1_000);
    for number in 0.. {
        if Instant::now() >= end {
            break;
        }
        assert!(stack.discover(&peer(number), &Call::default()).await.is_ok());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let asked = asked.0.lock().unwrap();
    assert!(asked.values().all(|times| *times <= 3), "{asked:?}");
}
