//! What a discovery costs: remembered, against hickory-resolver's own cache; cold, against its lookups.
//!
//! `cargo bench --bench discovery` prints ratios, all taken in one run against one NSD on loopback.
//! Rounds are interleaved and the median of their ratios is told: the machine may be shared.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use alto_discovery::{Answer, Call, Config, Discovery, Error, Known, Peer};
use alto_testkit::{Daemon, NameServer as _, Zone, bench, nsd, process::installed};
use futures_util::{StreamExt as _, stream};
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use tokio::time::Instant;

/// Peers remembered, and peers per cold round.
const PEERS: usize = 10_000;
const ROUNDS: usize = 5;
const IN_FLIGHT: usize = 100;
/// Passes over the remembered peers in one round.
const PASSES: usize = 100;

fn main() {
    bench::run(async {
        println!("limits lifted for this run: {LIMITS:?}\n");
        let hosts = nsd::launch(&[(&zone("*.")).into()]);
        for peers in [100, PEERS] {
            remembered(hosts.address(), peers).await;
        }
        cold(&nsd::launch(&[(&zone("")).into()])).await;
    });
}

const LIMITS: [(&str, &str); 3] =
    [("dns.zone_qps", "100000"), ("dns.total_qps", "100000"), ("dns.in_flight", "1024")];

/// 256 networks of the benchmark range 198.18.0.0/15 (RFC 2544). Every second one has a server, at
/// the name of its /24 or (with `*.`) at the name of each host.
fn zone(below: &str) -> Zone {
    let records: Vec<String> = (0..256)
        .step_by(2)
        .map(|net| {
            format!("{below}{net}.18.198.in-addr.arpa. 3600 NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!https://alto{net}.example/ird!\" .")
        })
        .collect();
    Zone::parse(records.iter().map(String::as_str)).expect("a zone")
}

/// Distinct peers of all networks, in a mixed order.
fn peers(count: usize) -> Vec<Peer<'static>> {
    let address = |n: usize| {
        let [.., net, host] = ((n * 40_503) % 65_536).to_be_bytes();
        IpAddr::from(Ipv4Addr::new(198, 18, net, host))
    };
    (0..count).map(|n| Peer::new(address(n))).collect()
}

fn discovery(server: SocketAddr) -> Arc<Discovery> {
    let mut config = Config::default();
    config.set("dns.resolver", &server.to_string()).expect("an address");
    config.set("policy.allow_private", "true").expect("a flag");
    for (key, value) in LIMITS {
        config.set(key, value).expect("a value within bounds");
    }
    Arc::new(Discovery::new(&config).expect("a configuration that is right"))
}

fn hickory(server: SocketAddr) -> TokioResolver {
    let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
    name_server.connections.iter_mut().for_each(|connection| connection.port = server.port());
    let config = ResolverConfig::from_parts(None, vec![], vec![name_server]);
    let mut options = ResolverOpts::default();
    options.cache_size = 1_000_000;
    let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.with_options(options).build().expect("a resolver")
}

type Found = Vec<(Peer<'static>, Result<Arc<Answer>, Error>)>;

async fn discover_all(discovery: &Arc<Discovery>, peers: &[Peer<'static>]) -> Found {
    let ask = |peer: Peer<'static>| {
        let discovery = Arc::clone(discovery);
        async move {
            let result = discovery.discover(&peer, &Call::default()).await;
            (peer, result)
        }
    };
    stream::iter(peers.iter().cloned().map(ask)).buffer_unordered(IN_FLIGHT).collect().await
}

fn names_of(result: &Result<Arc<Answer>, Error>) -> Vec<Name> {
    let trace = match result {
        Ok(answer) => Some(&answer.trace),
        Err(error) => error.trace(),
    };
    let steps = trace.expect("a walk").steps();
    steps.iter().map(|step| Name::from_ascii(&step.subject).expect("a name")).collect()
}

/// What is known already: one call of `known` against one cached lookup of hickory-resolver's, for
/// the same hosts, each with a name of its own.
async fn remembered(server: SocketAddr, count: usize) {
    let discovery = discovery(server);
    let found = discover_all(&discovery, &peers(2 * count)).await; // one in two has a server
    let known: Vec<_> =
        found.iter().filter_map(|(peer, result)| Some((peer, result.as_ref().ok()?))).collect();
    let map: HashMap<IpAddr, Arc<Answer>> =
        known.iter().map(|(peer, answer)| (peer.net().addr(), Arc::clone(answer))).collect();
    let map = RwLock::new(map);

    let resolver = hickory(server);
    let names: Vec<Name> = found
        .iter()
        .filter(|(_, result)| result.is_ok())
        .map(|(_, result)| names_of(result).pop().expect("the name that answered"))
        .collect();
    for name in &names {
        resolver.lookup(name.clone(), RecordType::NAPTR).await.expect("records");
    }

    let mut rows: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let now = Instant::now();
        rows[0].push(each(known.len() * PASSES, || {
            for (peer, _) in passes(&known) {
                assert!(matches!(black_box(discovery.known(peer, now)), Known::Fresh(_)));
            }
        }));
        let began = Instant::now();
        for name in &names {
            black_box(
                resolver.lookup(name.clone(), RecordType::NAPTR).await.expect("cached records"),
            );
        }
        rows[1].push(nanoseconds(began.elapsed(), names.len()));
        rows[2].push(each(known.len() * PASSES, || {
            for (peer, _) in passes(&known) {
                let map = map.read().expect("no writer");
                black_box(map.get(&peer.net().addr()).map(Arc::clone));
            }
        }));
        rows[3].push(each(known.len() * PASSES, || {
            for (_, answer) in passes(&known) {
                black_box(Arc::clone(answer));
            }
        }));
    }
    let ratio = median_ratio(&rows[1], &rows[0]);
    println!("remembered ({} peers), ns each, median of {ROUNDS} rounds", known.len());
    for (row, name) in rows.iter().zip([
        "Discovery::known",
        "hickory-resolver, cached NAPTR lookup of the host's name",
        "RwLock<HashMap<IpAddr, Arc<Answer>>> on the same keys",
        "a plain copy of the answer (Arc::clone)",
    ]) {
        println!("  {:>8.1}  {name}", median(row.clone()));
    }
    println!("  ratio hickory-resolver / known: {ratio:.0}x (aim: at least 50x)\n");
}

fn passes<T>(items: &[T]) -> impl Iterator<Item = &T> {
    (0..PASSES).flat_map(move |_| items)
}

/// Whole walks over a cold cache, against the lookups of the same names by hickory-resolver.
async fn cold(server: &Daemon) {
    let peers = peers(4 * PEERS);
    let found = discover_all(&discovery(server.address()), &peers).await;
    let walks: Vec<Vec<Name>> = found.iter().map(|(_, result)| names_of(result)).collect();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(
            per_cpu_second(peers.len(), discover_all(&discovery(server.address()), &peers)).await,
        );
        theirs.push(
            per_cpu_second(walks.len(), look_all_up(hickory(server.address()), &walks)).await,
        );
    }
    println!(
        "cold ({} peers, {IN_FLIGHT} in flight), discoveries per CPU second, median of {ROUNDS} rounds",
        peers.len()
    );
    println!("  {:>8.0}  Discovery::discover", median(ours.clone()));
    println!(
        "  {:>8.0}  hickory-resolver's lookups of the same names, its cache on",
        median(theirs.clone())
    );
    println!(
        "  ratio ours / hickory-resolver: {:.2}x (aim: at least 0.9x)",
        median_ratio(&ours, &theirs)
    );
    println!("  {}", dnsperf(server.address(), &walks));
}

async fn look_all_up(resolver: TokioResolver, walks: &[Vec<Name>]) {
    let resolver = Arc::new(resolver);
    let look_up = |walk: Vec<Name>| {
        let resolver = Arc::clone(&resolver);
        async move {
            for name in walk {
                let _ = black_box(resolver.lookup(name, RecordType::NAPTR).await);
            }
        }
    };
    stream::iter(walks.iter().cloned().map(look_up))
        .buffer_unordered(IN_FLIGHT)
        .collect::<()>()
        .await;
}

/// The name server asked by a load generator, for scale.
fn dnsperf(server: SocketAddr, walks: &[Vec<Name>]) -> String {
    let mut queries = String::new();
    for name in walks.iter().flatten() {
        writeln!(queries, "{name} NAPTR").expect("writing to a string");
    }
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), queries).expect("a temporary file");
    let output = Command::new(installed("dnsperf", "dnsperf"))
        .args(["-s", &server.ip().to_string(), "-p", &server.port().to_string(), "-q", "100", "-d"])
        .arg(file.path())
        .output()
        .expect("dnsperf runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let rate = said.lines().find(|line| line.contains("Queries per second"));
    format!("dnsperf on the same names, beside it: {}", rate.map_or("no figure", str::trim))
}

async fn per_cpu_second<T>(count: usize, work: impl Future<Output = T>) -> f64 {
    let before = cpu_seconds();
    black_box(work.await);
    number(count) / (cpu_seconds() - before)
}

/// CPU time of this process, user and system, in seconds (proc(5): 100 ticks a second).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> =
        stat.rsplit(')').next().expect("a name in parentheses").split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("ticks");
    (ticks(11) + ticks(12)) / 100.0
}

fn each(count: usize, work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    nanoseconds(began.elapsed(), count)
}

fn nanoseconds(elapsed: Duration, count: usize) -> f64 {
    elapsed.as_secs_f64() * 1e9 / number(count)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn median_ratio(of: &[f64], to: &[f64]) -> f64 {
    median(of.iter().zip(to).map(|(of, to)| of / to).collect())
}

#[allow(clippy::cast_precision_loss)] // counts far below 2^52
fn number(count: usize) -> f64 {
    count as f64
}
