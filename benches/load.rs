//! What announces cost others: questions as a name server's own statistics count them.
//!
//! `cargo bench --bench load` makes 1,000,000 announces by 100,000 distinct peers in 20,000 /24s, cold
//! and then again, with both granularities, `dns.nxdomain_cut` off and on, and two sizes of cache,
//! against one NSD on loopback. An announce looks at what is known and, if that is not enough, asks.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Duration;

use alto_discovery::{Call, Config, Discovery, Error, Known, Peer};
use alto_testkit::{Daemon, NameServer as _, ZoneFile, bench, nsd, process::wait_until};
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

/// Networks lie in 100 /8s, 20 /16s in each of them, 10 /24s in each of those, with 5 peers each.
const NETWORKS: usize = 100 * 20 * 10;
const PEERS: usize = NETWORKS * 5;
/// Each peer announces so often, in an order of its own each time.
const ROUNDS: usize = 10;
const IN_FLIGHT: usize = 200;

const LIMITS: [(&str, &str); 3] =
    [("dns.zone_qps", "100000"), ("dns.total_qps", "100000"), ("dns.in_flight", "1024")];

fn main() {
    bench::run(async {
        eprintln!("limits lifted for this run: {LIMITS:?}");
        let server = nsd::launch(&[world()]);
        println!(
            "| granularity | nxdomain_cut | cache.bytes | cold | per announce | again | per announce |"
        );
        println!("|---|---|---|---|---|---|---|");
        for cache in ["32 MiB", "128 MiB"] {
            for granularity in ["host", "prefix"] {
                for cut in ["off", "on"] {
                    row(&server, granularity, cut, cache).await;
                }
            }
        }
    });
}

async fn row(server: &Daemon, granularity: &str, cut: &str, cache: &str) {
    let discovery = discovery(server, granularity, cut, cache);
    let mut cells = String::new();
    for _ in ["cold", "again"] {
        let before = asked(server);
        for round in 0..ROUNDS {
            announce_all(&discovery, round).await;
        }
        let questions = asked(server) - before;
        let each = f64::from(questions) / f64::from(u32::try_from(PEERS * ROUNDS).expect("few"));
        write!(cells, " {questions} | {each:.4} |").expect("writing to a string");
    }
    println!("| {granularity} | {cut} | {cache} |{cells}");
}

fn discovery(server: &Daemon, granularity: &str, cut: &str, cache: &str) -> Discovery {
    let mib: u64 = cache.trim_end_matches(" MiB").parse().expect("a number of MiB");
    let (address, bytes) = (server.address().to_string(), (mib << 20).to_string());
    let own = [
        ("dns.resolver", address.as_str()),
        ("dns.granularity", granularity),
        ("dns.nxdomain_cut", cut),
        ("cache.bytes", &bytes),
    ];
    let mut config = Config::default();
    for (key, value) in own.into_iter().chain(LIMITS) {
        config.set(key, value).expect("a value within bounds");
    }
    Discovery::new(&config).expect("a configuration that is right")
}

/// Each peer once, in an order of the round's own.
async fn announce_all(discovery: &Discovery, round: usize) {
    let step = 7_919 + 2_000 * round; // coprime to the number of peers, so all are met
    let numbers = (0..PEERS).map(|n| (n * step + round) % PEERS);
    stream::iter(numbers)
        .for_each_concurrent(IN_FLIGHT, |number| async move {
            let peer = peer(number);
            if matches!(discovery.known(&peer, Instant::now()), Known::Ask | Known::Stale(_)) {
                let outcome = discovery.discover(&peer, &Call::default()).await;
                assert!(matches!(&outcome, Ok(_) | Err(Error::NoServer(_))), "{outcome:?}");
            }
        })
        .await;
}

fn peer(number: usize) -> Peer<'static> {
    let [a, b, c, d] = address(number % NETWORKS, number / NETWORKS);
    Peer::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
}

/// Of addresses that are nobody's special purpose; all that is done with them is to ask NSD on
/// loopback for their names.
fn address(network: usize, host: usize) -> [u8; 4] {
    let [slash_8, slash_16, slash_24] = [network % 100, network / 100 % 20, network / 2_000];
    [11 + slash_8, slash_16, 25 * slash_24, 10 + host]
        .map(|part| u8::try_from(part).expect("small"))
}

/// Every /8 exists. One /16 in two exists; in those, one /24 in two, with a PTR record for each of its
/// hosts; of those, three in five have a server at their own name. All else does not exist. All holds 1 h.
fn world() -> ZoneFile {
    let mut text = String::from(
        ". 3600 IN SOA ns.root. hostmaster.root. 1 3600 600 86400 3600\n. 3600 IN NS ns.root.\nns.root. 3600 IN A 127.0.0.1\n",
    );
    for network in 0..NETWORKS {
        let [a, b, c, _] = address(network, 0);
        let (exists, has_server) = (b % 2 == 0 && c % 2 == 0, c % 100 == 0);
        if network < 100 {
            writeln!(text, "{a}.in-addr.arpa. 3600 IN TXT \"delegated\"")
                .expect("writing to a string");
        }
        for host in (0..PEERS / NETWORKS).filter(|_| exists) {
            let [.., d] = address(network, host);
            writeln!(text, "{d}.{c}.{b}.{a}.in-addr.arpa. 3600 IN PTR host.example.")
                .expect("writing to a string");
        }
        if exists && has_server {
            writeln!(text, "{c}.{b}.{a}.in-addr.arpa. 3600 IN NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!https://alto.example/ird!\" .").expect("writing to a string");
        }
    }
    ZoneFile { apex: ".".into(), text }
}

/// How many NAPTR questions NSD has answered, by its own statistics, which it logs at SIGUSR1.
fn asked(server: &Daemon) -> u32 {
    let dumps = || server.log().matches("NSTATS").count();
    let (before, id) = (dumps(), server.process_id().expect("it runs"));
    // Its parent process passes the signal on to the one that serves.
    let sent = Command::new("/bin/sh").args(["-c", "kill -USR1 $0", &id.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "the signal could not be sent");
    assert!(wait_until(Duration::from_secs(10), || dumps() > before), "NSD logs no statistics");
    let log = server.log();
    let last = log.lines().rfind(|line| line.contains("NSTATS")).expect("it was just seen");
    let count = last.split_whitespace().find_map(|word| word.strip_prefix("NAPTR="));
    count.map_or(0, |count| count.parse().expect("a number"))
}
