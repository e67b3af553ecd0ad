//! A sweep of millions of IPv6 addresses of one /32 against a cache that honest networks use, and the
//! time of a hit.
//!
//! `cargo run --release -p alto-discovery-core --example cache_sweep [-- STRANGERS [MIB]]`, by
//! default ten million strangers and a cache of 32 MiB. Prints the hit rate of 10,000 honest /24s
//! without and with the sweep (each honest announce comes with 100 strangers), the resident size,
//! and what a hit costs.
//!
//! Ends with 0 if the bounds below were kept, 1 if not, 2 if it can't read its arguments. `make sweep`
//! runs it in 64 MiB of memory, and shows that it fails where it should.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use alto_discovery_core::layers::{Cache, CacheConfig};
use alto_discovery_core::{
    Answer, Backend, BoxFuture, Call, Dnssec, Error, Guide, Known, Origin, Peer, Scope, Server,
    ServerList, Step, Trace, Trust, Validity,
};
use ipnet::{IpNet, Ipv4Net};
use tokio::time::Instant;

const HONEST: u64 = 10_000;
const STRANGERS_PER_HONEST: u64 = 100;

/// The most that the honest may lose, in points of their hit rate.
const MOST_LOST: f64 = 1.0;
/// Without strangers they hit so often, in per cent: who hits never has nothing to lose.
const LEAST_ALONE: f64 = 99.0;
/// The most memory, in KiB.
const MOST_RESIDENT: u64 = 64 << 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let numbers: Result<Vec<u64>, _> = std::env::args().skip(1).map(|text| text.parse()).collect();
    let (strangers, mib) = match numbers.as_deref() {
        Ok([]) => (10_000_000, 32),
        Ok([strangers]) => (*strangers, 32),
        Ok([strangers, mib]) => (*strangers, *mib),
        _ => {
            eprintln!("usage: cache_sweep [STRANGERS [MIB]]");
            return ExitCode::from(2);
        }
    };
    let sweep = match sweep(strangers, mib << 20).await {
        Ok(sweep) => sweep,
        Err(error) => {
            eprintln!("the backend failed: {error}");
            return ExitCode::FAILURE;
        }
    };
    let broken = sweep.broken();
    for bound in &broken {
        println!("BROKEN: {bound}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What came of it.
struct Sweep {
    /// The honest networks' hit rates, in per cent.
    alone: f64,
    during: f64,
    /// The most memory that was resident, in KiB; unknown where there is no /proc.
    resident: Option<u64>,
}

async fn sweep(strangers: u64, bytes: u64) -> Result<Sweep, Error> {
    let mut swarm = Swarm::new(bytes);
    for _ in 0..HONEST * 10 {
        swarm.honest().await?;
    }
    let announces = strangers / STRANGERS_PER_HONEST;
    let alone = swarm.hit_rate(announces, 0).await?;
    let during = swarm.hit_rate(announces, STRANGERS_PER_HONEST).await?;
    let resident = resident();
    println!("honest hit rate: {alone:.3} % alone, {during:.3} % during {strangers} strangers");
    let kib = resident.map_or("unknown".into(), |kib| format!("{kib} KiB at most"));
    println!("resident: {kib}; {:?}", swarm.cache.stats());
    swarm.time_hits();
    Ok(Sweep { alone, during, resident })
}

impl Sweep {
    /// The bounds that were not kept.
    fn broken(&self) -> Vec<String> {
        let lost = self.alone - self.during;
        let bounds = [
            (self.alone >= LEAST_ALONE, format!("alone they hit in less than {LEAST_ALONE} %")),
            (lost < MOST_LOST, format!("they lost {lost:.3} points, not less than {MOST_LOST}")),
            (
                self.resident.is_none_or(|kib| kib <= MOST_RESIDENT),
                format!("more than {MOST_RESIDENT} KiB were resident"),
            ),
        ];
        bounds.into_iter().filter(|(kept, _)| !kept).map(|(_, bound)| bound).collect()
    }
}

struct Swarm {
    cache: Cache<Networks>,
    random: u64,
}

impl Swarm {
    fn new(bytes: u64) -> Self {
        let config = CacheConfig { bytes, ..CacheConfig::default() };
        Self { cache: Cache::new(Networks, config), random: 1 }
    }

    /// In per cent.
    async fn hit_rate(&mut self, announces: u64, strangers: u64) -> Result<f64, Error> {
        let mut hits = 0_u32;
        for _ in 0..announces {
            for _ in 0..strangers {
                let (site, host) = (u128::from(self.next() >> 32), u128::from(self.next()));
                let bits = (0x2001_0db8 << 96) | (site << 64) | host;
                self.announce(&Peer::new(Ipv6Addr::from_bits(bits).into())).await?;
            }
            hits += u32::from(self.honest().await?);
        }
        Ok(f64::from(hits) * 100.0 / f64::from(u32::try_from(announces).unwrap_or(u32::MAX)))
    }

    async fn honest(&mut self) -> Result<bool, Error> {
        let peer = honest_peer(self.next() % HONEST);
        self.announce(&peer).await
    }

    /// Whether it hit.
    async fn announce(&self, peer: &Peer<'_>) -> Result<bool, Error> {
        if matches!(self.cache.known(peer, Instant::now()), Known::Fresh(_)) {
            return Ok(true);
        }
        self.cache.discover(peer, &Call::default()).await.map(|_| false)
    }

    /// Few enough peers that what is measured is the code and not the memory. Beside it, in the
    /// same run: one copy of each answer, and the plain map that a user would write.
    fn time_hits(&self) {
        let peers: Vec<Peer<'static>> = (0..64).map(honest_peer).collect();
        let now = Instant::now();
        let known = |peer: &Peer<'_>| match self.cache.known(peer, now) {
            Known::Fresh(answer) => Some(answer),
            _ => None,
        };
        let answers: Vec<Arc<Answer>> = peers.iter().filter_map(known).collect();
        let pairs = peers.iter().zip(&answers);
        let map: HashMap<IpNet, Arc<Answer>> =
            pairs.map(|(peer, answer)| (slash_24(peer.net()), answer.clone())).collect();
        let map = RwLock::new(map);
        let in_map = |peer: &Peer<'_>| map.read().ok()?.get(&slash_24(peer.net())).cloned();
        let copies = time(&answers, |answer| Some(answer.clone()));
        println!("{copies:.1} ns to copy an answer's pointer");
        println!("{:.1} ns for a RwLock<HashMap>, one probe, no expiry", time(&peers, in_map));
        println!("{:.1} ns for a hit", time(&peers, known));
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// Nanoseconds for one: the best of many short passes, since other programs run as well.
fn time<T>(items: &[T], look: impl Fn(&T) -> Option<Arc<Answer>>) -> f64 {
    const PASSES: u32 = 2_000;
    const ROUNDS: u32 = 100;
    let pass = |_| {
        let started = Instant::now();
        for item in (0..ROUNDS).flat_map(|_| items) {
            std::hint::black_box(look(std::hint::black_box(item)));
        }
        started.elapsed().as_secs_f64()
    };
    let best = (0..PASSES).map(pass).fold(f64::MAX, f64::min);
    best * 1e9 / f64::from(ROUNDS) / f64::from(u32::try_from(items.len()).unwrap_or(u32::MAX))
}

fn slash_24(net: IpNet) -> IpNet {
    match net {
        IpNet::V4(v4) => Ipv4Net::new(v4.addr(), 24).map_or(net, |v4| IpNet::V4(v4.trunc())),
        IpNet::V6(_) => net,
    }
}

fn honest_peer(number: u64) -> Peer<'static> {
    let network = u32::try_from(number).unwrap_or(0) << 8;
    Peer::new(Ipv4Addr::from_bits(0x0b00_0007 + network).into())
}

/// The most memory that was resident, in KiB.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix(" kB")?.parse().ok()
}

/// Every IPv4 /24 and every IPv6 host has a server.
#[derive(Debug)]
struct Networks;

impl Backend for Networks {
    fn name(&self) -> &'static str {
        "networks"
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        _call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(async move { answer(Scope::net(slash_24(peer.net()))).map(Arc::new) })
    }
}

fn answer(scope: Scope) -> Result<Answer, Error> {
    let name: Arc<str> = format!("{}.zone.example.", scope.net.addr()).into();
    let uri = "https://alto.example.net/directory".parse();
    let uri = uri.map_err(|_| Error::config("uri", "not readable"))?;
    let (order, preference, trust) = (100, 10, Trust::Network);
    let server = Server { uri, order, preference, found_at: Some(name.clone()), trust };
    let servers = ServerList::new([server]).ok_or_else(|| Error::config("uri", "none"))?;
    let finding: Arc<str> = "one NAPTR record, taken".into();
    let (backend, origin, holds) = ("networks", Origin::Wire, Some(Duration::from_secs(86_400)));
    let step = Step { backend, subject: name, origin, finding, holds };
    Ok(Answer {
        backend,
        approach: 1,
        guide: Guide::Servers(servers),
        scope,
        validity: Validity::new(Instant::now(), Duration::from_secs(86_400)),
        incomplete: false,
        dnssec: Dnssec::Unknown,
        trace: Trace::new([step]),
    })
}
