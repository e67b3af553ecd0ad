//! What an announce costs, and what it costs while every ALTO server hangs.
//!
//! `cargo bench --bench advisor --features guidance` prints times and ratios, all taken in one run.
//! What is compared is interleaved, one request of each in turn: the machine may be shared.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use alto_discovery::core::conformance::{Facts, Network, Scripted, Speaker, Truth};
use alto_discovery::selection::{Role, Swarm, V4Record};
use alto_discovery::{Advisor, Call, Config, Peer, Request, Scope, Why};
use alto_server::{Maps, Server, ServerConfig, Source, Text, Transport};
use alto_testkit::bench;
use tokio::time::Instant;

const K: usize = 50;
const PEERS: u32 = 10_000;
/// Networks of the map, a /24 each.
const NETWORKS: u32 = 256;
const REQUESTS: usize = 100_000;
/// Comparisons of two threads with one, and the requests of a thread in each.
const SLICES: usize = 41;
const SLICE: u32 = 10_000;

fn main() {
    bench::run(async {
        let server = server().await;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let known = advisor(&server.uri());
        let silent = advisor(&format!("http://{address}/directory")); // it takes connections only
        known.prepare(&peer(1)).await.expect("a server that works");
        silent.discovery().discover(&peer(1), &Call::default()).await.expect("a server's name");
        let swarm = swarm();
        warm_up(&known, &swarm);
        interleaved(&known, &silent, &swarm);
        threads(&known, &swarm);
    });
}

/// An address of 198.18.0.0/15 (RFC 2544): the networks in turn.
fn address(n: u32) -> Ipv4Addr {
    let [.., high, low] = (n / NETWORKS).to_be_bytes();
    let [.., network] = (n % NETWORKS).to_be_bytes();
    Ipv4Addr::new(198, 18 + high, network, low)
}

fn peer(n: u32) -> Peer<'static> {
    Peer::new(address(n).into())
}

fn swarm() -> Swarm<V4Record> {
    let swarm = Swarm::new(64 << 20);
    for n in 0..PEERS {
        let role = if n % 4 == 0 { Role::Seeder } else { Role::Leecher };
        swarm.add(SocketAddrV4::new(address(n), 6_881).into(), role, 0);
    }
    swarm
}

fn advisor(uri: &str) -> Advisor {
    let truth = Truth::Speaks(vec![Speaker::new(uri, 100, 10)]);
    let net = Scope::net("198.18.0.0/15".parse().expect("a prefix"));
    let facts = Arc::new(Facts::new([Network::new("all", net, truth)]));
    let mut config = Config::default();
    for key in ["policy.allow_http", "policy.allow_private"] {
        config.set(key, "true").expect("a flag");
    }
    config.set("backends", "scripted").expect("a name");
    Advisor::with_backends(&config, &[Arc::new(Scripted::new(facts))]).expect("a configuration")
}

/// A map of 256 networks, each at its own costs.
async fn server() -> Server {
    let mut network = "prefix,pid\n0.0.0.0/0,rest\n::/0,rest\n".to_owned();
    let mut costs = "src,dst,cost\n".to_owned();
    for n in 0..NETWORKS {
        let _ = writeln!(network, "198.18.{n}.0/24,pid{n}"); // into strings, which does not fail
        for other in 0..NETWORKS {
            let cost = if n == other { 0 } else { 1 + (n * 7_919 + other * 104_729) % 997 };
            let _ = writeln!(costs, "pid{n},pid{other},{cost}");
        }
    }
    let metric = "routingcost".parse().expect("a metric");
    let text = |name, csv| Text { name, csv };
    let maps = Maps::parse(text("network", &network), &[(metric, text("costs", &costs))]);
    let listen = "127.0.0.1:0".parse().expect("an address");
    let source = Source::Maps(maps.expect("maps").into());
    Server::bind(ServerConfig::new(listen, source, Transport::Http)).await.expect("a server")
}

fn request(n: u32) -> Request<'static, V4Record> {
    Request::new(peer(n), SocketAddrV4::new(address(n), 6_881).into(), K)
}

fn warm_up(advisor: &Advisor, swarm: &Swarm<V4Record>) {
    let mut out = Vec::new();
    while advisor.select(&request(1), swarm, &mut out).why != Why::Costs {}
}

/// A request that costs decide and one whose server hangs, in turn.
fn interleaved(known: &Advisor, silent: &Advisor, swarm: &Swarm<V4Record>) {
    let mut out = Vec::with_capacity(K);
    let request = request(1);
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..REQUESTS {
        for (advisor, times) in [known, silent].into_iter().zip(&mut times) {
            let began = Instant::now();
            black_box(advisor.select(&request, swarm, &mut out));
            times.push(began.elapsed());
            assert_eq!(out.len(), K);
        }
    }
    let [known, silent] = times.map(|mut times| {
        times.sort_unstable();
        let at = |share: usize| times[(times.len() * share / 1_000).min(times.len() - 1)];
        (at(500), at(990), at(999))
    });
    println!("{PEERS} peers, k = {K}, {REQUESTS} requests of each kind, interleaved");
    println!("  guided by costs:     median {:?}, p99 {:?}, p99.9 {:?}", known.0, known.1, known.2);
    println!(
        "  every server hangs:  median {:?}, p99 {:?}, p99.9 {:?}",
        silent.0, silent.1, silent.2
    );
    println!("  p99 with hanging servers: {:.2}x", silent.1.as_secs_f64() / known.1.as_secs_f64());
}

/// Two threads on one advisor and one swarm against one: short slices of each in turn.
fn threads(advisor: &Advisor, swarm: &Swarm<V4Record>) {
    let mut ratios: Vec<f64> = (0..SLICES)
        .map(|_| per_second(advisor, swarm, 2) / per_second(advisor, swarm, 1))
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    println!(
        "  two threads: {:.2}x the requests of one (median of {SLICES}), at best {:.2}x",
        ratios[SLICES / 2],
        ratios[SLICES - 1]
    );
}

/// Requests of so many threads together in a second.
fn per_second(advisor: &Advisor, swarm: &Swarm<V4Record>, threads: u32) -> f64 {
    let start = Barrier::new(threads as usize);
    let work = || {
        let (mut out, request) = (Vec::with_capacity(K), request(1));
        start.wait();
        let began = Instant::now();
        for _ in 0..SLICE {
            black_box(advisor.select(&request, swarm, &mut out));
        }
        began.elapsed()
    };
    let longest = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).max()
    });
    f64::from(threads * SLICE) / longest.unwrap_or_default().as_secs_f64()
}
