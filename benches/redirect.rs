//! What redirects cost others, beside DNS on the same world: requests at each server as it counts them.
//!
//! `cargo bench --bench redirect` looks for 10,000 peers of 100 networks, each with an ALTO server of
//! its own over https on loopback: cold, then again; all at once, and one after the other as announces
//! come. By approach 2 they start at one server that knows the 99 others.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

use alto_discovery::{Call, Config, Discovery, Peer, Policy};
use alto_messages::CostMetric;
use alto_server::{Maps, NeighbourSource, Server, ServerConfig, Source, Text, Transport};
use alto_testkit::pki::Authority;
use alto_testkit::scripted::Scripted;
use alto_testkit::{NameServer as _, Zone, bench, ports};
use futures_util::{StreamExt as _, stream};
use tempfile::TempDir;
use tokio::time::Instant;

const NETWORKS: u16 = 100;
const PEERS_EACH: u16 = 100;
const PEERS: usize = NETWORKS as usize * PEERS_EACH as usize;

/// Limits are for announces that anybody can make up, not for this run.
const LIMITS: [(&str, &str); 7] = [
    ("dns.zone_qps", "100000"),
    ("dns.total_qps", "100000"),
    ("dns.in_flight", "1024"),
    ("fetch.in_flight", "64"),
    ("fetch.waiting", "10000"),
    ("policy.allow_documentation", "true"),
    ("policy.allow_private_servers", "true"),
];

fn main() {
    bench::run(async {
        eprintln!("limits lifted for this run: {LIMITS:?}");
        let world = World::new().await;
        println!(
            "| approach | at once | | requests at the start | each other server, most | DNS questions | asked of others per peer | s | right |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for backend in ["redirect", "dns"] {
            for at_once in [10_000, 64, 1] {
                let discovery = world.discovery(backend);
                for round in ["cold", "again"] {
                    world.row(&discovery, backend, at_once, round).await;
                }
            }
        }
    });
}

struct World {
    folder: TempDir,
    servers: Vec<Server>,
    names: Scripted,
}

impl World {
    async fn new() -> Self {
        let (authority, folder) = (Authority::new(), TempDir::new().expect("a folder"));
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a file");
        let at: Vec<SocketAddr> = (0..NETWORKS).map(|_| ports::free()).collect();
        let mut servers = Vec::new();
        for own in 0..NETWORKS {
            let file = folder.path().join(format!("{own}.toml"));
            std::fs::write(&file, neighbours(own, &at)).expect("a file");
            let mut source = NeighbourSource::new(file);
            source.policy = Policy { allow_private_servers: true, ..Policy::default() };
            source.ca_file = Some(folder.path().join("ca.pem"));
            let identity = authority.sign(&["127.0.0.1"]);
            let transport =
                Transport::Pem { certificates: identity.certificate, key: identity.key };
            let config = ServerConfig {
                neighbours: Some(source),
                ..ServerConfig::new(at[usize::from(own)], maps(), transport)
            };
            servers.push(Server::bind(config).await.expect("a server"));
        }
        let records: Vec<String> = (0..NETWORKS).map(|own| naptr(own, &at)).collect();
        let zone = Zone::parse(records.iter().map(String::as_str)).expect("a zone");
        Self { folder, servers, names: Scripted::start(zone) }
    }

    fn discovery(&self, backend: &str) -> Discovery {
        let (start, resolver) = (self.servers[0].uri(), self.names.address().to_string());
        let ca = self.folder.path().join("ca.pem").display().to_string();
        let own = [
            ("backends", backend),
            ("redirect.servers", &*start),
            ("dns.resolver", &resolver),
            ("fetch.ca_file", &ca),
        ];
        let mut config = Config::default();
        for (key, value) in own.into_iter().chain(LIMITS) {
            config.set(key, value).expect("a value within bounds");
        }
        Discovery::new(&config).expect("a configuration that is right")
    }

    async fn row(&self, discovery: &Discovery, backend: &str, at_once: usize, round: &str) {
        let asked = || -> Vec<u64> { self.servers.iter().map(Server::requests).collect() };
        let (before, names_before, start) = (asked(), self.names.log().total(), Instant::now());
        let right = stream::iter(0..PEERS)
            .map(|number| self.is_right(discovery, number))
            .buffer_unordered(at_once)
            .filter(|right| std::future::ready(*right))
            .count()
            .await;
        let took = start.elapsed().as_secs_f64();
        let requests: Vec<u64> = asked().iter().zip(before).map(|(now, b)| now - b).collect();
        let questions = self.names.log().total() - names_before;
        let all = requests.iter().sum::<u64>() + questions as u64;
        let most = requests[1..].iter().max().expect("servers");
        #[allow(clippy::cast_precision_loss)]
        let each = all as f64 / PEERS as f64;
        println!(
            "| {backend} | {at_once} | {round} | {} | {most} | {questions} | {each:.4} | {took:.2} | {right} |",
            requests[0]
        );
    }

    async fn is_right(&self, discovery: &Discovery, number: usize) -> bool {
        let network = number % usize::from(NETWORKS);
        let host = u16::try_from(number / usize::from(NETWORKS)).expect("few");
        let peer = Peer::new(address(u16::try_from(network).expect("few"), host).into());
        let answer = discovery.discover(&peer, &Call::default()).await;
        answer.is_ok_and(|found| found.servers()[0].uri.as_str() == self.servers[network].uri())
    }
}

fn address(network: u16, host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, network, 0, 0, 0, 0, 1 + host)
}

fn uri(at: SocketAddr) -> String {
    format!("https://{at}/directory")
}

/// The first server knows all others; these know themselves.
fn neighbours(own: u16, at: &[SocketAddr]) -> String {
    let entry = |network: u16| {
        let uri = uri(at[usize::from(network)]);
        format!(
            "uri = \"{uri}\"\nprefixes = [\"{}/48\"]\n",
            Ipv6Addr::new(0x2001, 0xdb8, network, 0, 0, 0, 0, 0)
        )
    };
    let mut text = format!("[own]\n{}", entry(own));
    for other in (1..NETWORKS).filter(|_| own == 0) {
        write!(text, "[[neighbour]]\n{}", entry(other)).expect("writing to a string");
    }
    text
}

fn naptr(network: u16, at: &[SocketAddr]) -> String {
    let digits = format!("20010db8{network:04x}");
    let labels: Vec<String> = digits.chars().rev().map(String::from).collect();
    let (owner, uri) = (labels.join("."), uri(at[usize::from(network)]));
    format!(r#"{owner}.ip6.arpa. 3600 NAPTR 100 10 "u" "ALTO:https" "!.*!{uri}!" ."#)
}

fn maps() -> Source {
    let network = Text { name: "map", csv: "prefix,pid\n0.0.0.0/0,all\n::/0,all\n" };
    let costs = Text { name: "costs", csv: "src,dst,cost\nall,all,1\n" };
    let maps = Maps::parse(network, &[(CostMetric::routingcost(), costs)]).expect("maps");
    Source::Maps(Arc::new(maps))
}
