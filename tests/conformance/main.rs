//! The conformance laws on each backend, bare and inside each layer.
//!
//! The matrix is printed: `cargo test --test conformance -- --nocapture`.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod dns;
#[cfg(feature = "peerinfo")]
mod peerinfo;
#[cfg(feature = "redirect")]
mod redirect;

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

/// Laws x dns x layers.
#[tokio::test(flavor = "multi_thread")]
async fn dns_keeps_the_laws() {
    keeps_the_laws(&dns::DnsStage::new()).await;
}

/// Laws x dns with peer ID x layers.
#[tokio::test(flavor = "multi_thread")]
async fn dns_with_peer_ids_keeps_the_laws() {
    keeps_the_laws(&dns::DnsStage::with_peer_ids()).await;
}

/// Laws x redirect (approach 2) x layers.
#[cfg(feature = "redirect")]
#[tokio::test(flavor = "multi_thread")]
async fn redirect_keeps_the_laws_by_address() {
    keeps_the_laws(&redirect::RedirectStage::new(redirect::Approach::Two)).await;
}

/// Laws x redirect (approach 4) x layers.
#[cfg(feature = "redirect")]
#[tokio::test(flavor = "multi_thread")]
async fn redirect_keeps_the_laws_by_peer_id() {
    keeps_the_laws(&redirect::RedirectStage::new(redirect::Approach::Four)).await;
}

async fn keeps_the_laws(bare: &dyn Stage) {
    let layered = LAYERS.map(|(name, wrap)| Layered::new(bare, name, wrap));
    let stages = std::iter::once(bare).chain(layered.iter().map(|stage| stage as _));
    let reports = futures_util::future::join_all(stages.map(run_all)).await;
    println!("{}", Report::heading());
    for report in &reports {
        println!("{report}");
    }
    for report in &reports {
        report.assert_lawful();
    }
}

/// Laws x peerinfo with URI, and with guidance x layers. Below a cache what peers sent is stripped.
#[cfg(feature = "peerinfo")]
#[tokio::test(flavor = "multi_thread")]
async fn peerinfo_keeps_the_laws() {
    use peerinfo::{PeerInfoStage, Sends, Wire};
    println!("{}", Report::heading());
    for (sends, wire) in [
        (Sends::Uri, Wire::Http),
        (Sends::Uri, Wire::Udp),
        (Sends::Guidance, Wire::Http),
        (Sends::Guidance, Wire::Udp),
    ] {
        let bare = PeerInfoStage::new(sends, wire);
        let mut reports = vec![run_all(&bare).await];
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
        for report in &reports {
            println!("{report}");
            report.assert_lawful();
        }
    }
}

/// A source for which no network has a server.
#[cfg(feature = "peerinfo")]
fn empty() -> Arc<dyn Backend> {
    use alto_discovery::core::conformance::{Facts, Scripted};
    Arc::new(Scripted::new(Arc::new(Facts::default())))
}
