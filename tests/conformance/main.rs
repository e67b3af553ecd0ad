//! The conformance laws on each approach's backend, bare and inside each layer.
//!
//! `make conformance` prints the matrix: approach by approach, a row for each layer, a column for each law.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod dns;
#[cfg(feature = "peerinfo")]
mod peerinfo;
#[cfg(feature = "redirect")]
mod redirect;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery::Backend;
use alto_discovery::core::conformance::{Layered, Report, Stage, run_all};
use alto_discovery::layers::{Cache, CacheConfig, Chain, Coalesce, Confirm, Deadline, Limit, Race};

type Wrap = fn(Arc<dyn Backend>) -> Arc<dyn Backend>;

/// Each layer around one backend, and the default stack.
const LAYERS: [(&str, Wrap); 8] = [
    ("chain", |backend| Arc::new(Chain::new(vec![backend]))),
    ("race", |backend| Arc::new(Race::new(vec![backend]))),
    ("cache", |backend| Arc::new(cached(backend))),
    ("coalesce", |backend| Arc::new(Coalesce::new(backend))),
    ("deadline", |backend| Arc::new(Deadline::new(backend, Duration::from_secs(10)))),
    ("limit", |backend| Arc::new(Limit::new(backend, 1_000))),
    // A source that claims nothing about peers' own words passes through.
    ("confirm", |backend| Arc::new(Confirm::new(Arc::clone(&backend), backend))),
    ("stack", |backend| {
        let member = Arc::new(Coalesce::new(Arc::new(cached(Limit::new(backend, 1_000)))));
        Arc::new(Deadline::new(Chain::new(vec![member]), Duration::from_secs(10)))
    }),
];

fn cached<B: Backend>(inner: B) -> Cache<B> {
    Cache::new(inner, CacheConfig::default())
}

/// Approach 1: laws x dns x layers.
#[tokio::test(flavor = "multi_thread")]
async fn approach_1_dns_by_address_keeps_the_laws() {
    keeps_the_laws(1, &dns::DnsStage::new()).await;
}

/// Approach 3: laws x dns with peer ID x layers.
#[tokio::test(flavor = "multi_thread")]
async fn approach_3_dns_by_peer_id_keeps_the_laws() {
    keeps_the_laws(3, &dns::DnsStage::with_peer_ids()).await;
}

/// Approach 2: laws x redirect x layers.
#[cfg(feature = "redirect")]
#[tokio::test(flavor = "multi_thread")]
async fn approach_2_redirects_by_address_keep_the_laws() {
    keeps_the_laws(2, &redirect::RedirectStage::new(redirect::Approach::Two)).await;
}

/// Approach 4: laws x redirect with peer ID x layers.
#[cfg(feature = "redirect")]
#[tokio::test(flavor = "multi_thread")]
async fn approach_4_redirects_by_peer_id_keep_the_laws() {
    keeps_the_laws(4, &redirect::RedirectStage::new(redirect::Approach::Four)).await;
}

async fn keeps_the_laws(approach: u8, bare: &dyn Stage) {
    let layered = LAYERS.map(|(name, wrap)| Layered::new(bare, name, wrap));
    let stages = std::iter::once(bare).chain(layered.iter().map(|stage| stage as _));
    let reports = futures_util::future::join_all(stages.map(run_all)).await;
    show(approach, &reports);
}

/// Prints an approach's part of the matrix, then what was left out or broken, each said once; and judges
/// it.
fn show(approach: u8, reports: &[Report]) {
    let rows: Vec<String> = reports.iter().map(Report::row).collect();
    let told: Vec<String> = reports.iter().map(ToString::to_string).collect();
    let beside = told.iter().flat_map(|report| report.lines().skip(1));
    let beside: BTreeSet<&str> = beside.collect();
    let (rows, beside) = (rows.join("\n"), Vec::from_iter(beside).join("\n"));
    // In one piece: other tests may print meanwhile.
    println!("\nApproach {approach}\n{}\n{rows}\n{beside}", Report::heading());
    reports.iter().for_each(Report::assert_lawful);
}

/// Approach 5: laws x peerinfo with URI x layers, over HTTP and UDP.
#[cfg(feature = "peerinfo")]
#[tokio::test(flavor = "multi_thread")]
async fn approach_5_a_peers_uri_keeps_the_laws() {
    show(5, &peerinfo_reports(peerinfo::Sends::Uri).await);
}

/// Approach 6: laws x peerinfo with guidance x layers, over HTTP and UDP.
#[cfg(feature = "peerinfo")]
#[tokio::test(flavor = "multi_thread")]
async fn approach_6_a_peers_guidance_keeps_the_laws() {
    show(6, &peerinfo_reports(peerinfo::Sends::Guidance).await);
}

/// Below a cache what peers sent is stripped.
#[cfg(feature = "peerinfo")]
async fn peerinfo_reports(sends: peerinfo::Sends) -> Vec<Report> {
    use peerinfo::{PeerInfoStage, Sends, Wire};
    let mut reports = Vec::new();
    for wire in [Wire::Http, Wire::Udp] {
        let bare = PeerInfoStage::new(sends, wire);
        reports.push(run_all(&bare).await);
        for (name, wrap) in LAYERS {
            let stage = format!("{} in {name}", bare.name());
            reports.push(match name {
                "cache" | "coalesce" | "stack" => {
                    Report::skipped(&stage, "what peers sent does not reach below a cache")
                }
                "confirm" if sends == Sends::Guidance => {
                    Report::skipped(&stage, "nothing can confirm guidance that a peer sent")
                }
                "confirm" => {
                    let by = bare.facts_known();
                    let confirmed = |claims| Arc::new(Confirm::new(claims, Arc::clone(&by))) as _;
                    run_all(&Layered::new(&bare, name, confirmed)).await
                }
                _ => run_all(&Layered::new(&bare, name, wrap)).await,
            });
        }
        // The stack as it is built for claims: beside the caches of others.
        let beside = |claims| {
            let facts = Arc::new(Coalesce::new(Arc::new(cached(Limit::new(empty(), 1_000)))));
            let chain = Chain::new(vec![claims, facts]);
            Arc::new(Deadline::new(chain, Duration::from_secs(10))) as _
        };
        reports.push(run_all(&Layered::new(&bare, "own stack", beside)).await);
    }
    reports
}

/// A source for which no network has a server.
#[cfg(feature = "peerinfo")]
fn empty() -> Arc<dyn Backend> {
    use alto_discovery::core::conformance::{Facts, Scripted};
    Arc::new(Scripted::new(Arc::new(Facts::default())))
}
