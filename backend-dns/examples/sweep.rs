//! The same sweep as discovery-core's `cache_sweep`, through all that a default stack remembers: the
//! cache of answers, and below it names and zones.
//!
//! `cargo run --release -p alto-backend-dns --example sweep [-- STRANGERS [MIB]]`, by default two million
//! IPv6 peers of one /32 and a cache of 32 MiB. The limits on questions are lifted, so each stranger is
//! looked for at six names. Prints the hit rate of 10,000 honest /24s without and with the sweep, and the
//! resident size. Ends with 0 if the bounds below were kept, 1 if not, 2 if it can't read its arguments.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use alto_backend_dns::fact::Failure;
use alto_backend_dns::naptr::Naptr;
use alto_backend_dns::upstream::{Holds, Reply, Upstream};
use alto_backend_dns::{DnsBackend, DnsConfig};
use alto_discovery_core::layers::{Cache, CacheConfig, Coalesce, Limit};
use alto_discovery_core::{Backend as _, BoxFuture, Call, Dnssec, Error, Known, Peer, Policy};
use tokio::time::Instant;

const HONEST: u32 = 10_000;
const STRANGERS_PER_HONEST: u32 = 100;
/// The most that the honest may lose, in points of their hit rate.
const MOST_LOST: f64 = 1.0;
/// Without strangers they hit so often, in per cent: who hits never has nothing to lose.
const LEAST_ALONE: f64 = 99.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let numbers: Result<Vec<u32>, _> = std::env::args().skip(1).map(|text| text.parse()).collect();
    let (strangers, mib) = match numbers.as_deref() {
        Ok([]) => (2_000_000, 32),
        Ok([strangers]) => (*strangers, 32),
        Ok([strangers, mib]) => (*strangers, *mib),
        _ => {
            eprintln!("usage: sweep [STRANGERS [MIB]]");
            return ExitCode::from(2);
        }
    };
    match sweep(strangers / STRANGERS_PER_HONEST, u64::from(mib) << 20).await {
        Ok((alone, during)) => {
            println!(
                "honest hit rate: {alone:.3} % alone, {during:.3} % during {strangers} strangers"
            );
            println!("resident: {} at most", resident().unwrap_or("unknown".into()));
            ExitCode::from(u8::from(alone < LEAST_ALONE || alone - during >= MOST_LOST))
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The honest networks' hit rates without and with strangers, in per cent.
async fn sweep(announces: u32, bytes: u64) -> Result<(f64, f64), Error> {
    let mut swarm = Swarm { stack: stack(bytes)?, random: 1 };
    for _ in 0..HONEST * 10 {
        swarm.honest().await;
    }
    Ok((swarm.hit_rate(announces, 0).await, swarm.hit_rate(announces, STRANGERS_PER_HONEST).await))
}

/// As a default stack.
fn stack(bytes: u64) -> Result<Coalesce, Error> {
    let config = DnsConfig {
        zone_qps: 1_000_000,
        total_qps: 1_000_000,
        ttl_min: Duration::from_secs(3_600),
        ..DnsConfig::default()
    };
    let backend = DnsBackend::with_upstream(&config, Policy::default(), Arc::new(Networks))?;
    let cache = CacheConfig { bytes, ..CacheConfig::default() };
    Ok(Coalesce::new(Arc::new(Cache::new(Limit::new(backend, 10_000), cache))))
}

struct Swarm {
    stack: Coalesce,
    random: u64,
}

impl Swarm {
    async fn hit_rate(&mut self, announces: u32, strangers: u32) -> f64 {
        let mut hits = 0_u32;
        for _ in 0..announces {
            for _ in 0..strangers {
                let (site, host) = (u128::from(self.next() >> 32), u128::from(self.next()));
                // Of no special purpose; nobody is asked but `Networks`.
                let bits = (0x2a01_0db8 << 96) | (site << 64) | host;
                self.announce(&Peer::new(Ipv6Addr::from_bits(bits).into())).await;
            }
            hits += u32::from(self.honest().await);
        }
        f64::from(hits) * 100.0 / f64::from(announces)
    }

    async fn honest(&mut self) -> bool {
        let network = u32::try_from(self.next() % u64::from(HONEST)).unwrap_or(0) << 8;
        self.announce(&Peer::new(Ipv4Addr::from_bits(0x0b00_0007 + network).into())).await
    }

    /// Whether it hit.
    async fn announce(&self, peer: &Peer<'_>) -> bool {
        let known = self.stack.known(peer, Instant::now());
        if matches!(known, Known::Ask) {
            let _ = self.stack.discover(peer, &Call::default()).await;
        }
        !matches!(known, Known::Ask)
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// The most memory that was resident.
fn resident() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(peak.trim().into())
}

/// Every IPv4 host has a server, no IPv6 host has.
#[derive(Debug)]
struct Networks;

impl Upstream for Networks {
    fn ask<'a>(&'a self, name: &'a str, _: Duration) -> BoxFuture<'a, Result<Reply, Failure>> {
        let is_v6 = name.ends_with(".ip6.arpa.");
        let holds = if is_v6 { Holds::NoRecords } else { Holds::Records(vec![record()]) };
        let zone = is_v6.then(|| "8.b.d.0.1.0.a.2.ip6.arpa.".into());
        Box::pin(async move {
            Ok(Reply { holds, ttl: 3_600, zone, dnssec: Dnssec::Unknown, alias: None })
        })
    }
}

fn record() -> Naptr {
    Naptr {
        order: 100,
        preference: 10,
        flags: (*b"u").into(),
        services: (*b"ALTO:https").into(),
        regexp: (*b"!.*!https://alto.example.net/directory!").into(),
        replacement: ".".into(),
    }
}
