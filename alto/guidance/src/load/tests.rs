//! What is asked for again, and what of it is used.

use std::sync::atomic::{AtomicU32, Ordering};

use alto_discovery_core::Policy;
use alto_fetch::{FetchConfig, Fetcher};
use alto_messages::{MediaType, ReadOptions};
use alto_testkit::alto::DIRECTORY;
use alto_testkit::http::{HttpReply, HttpServer};

use super::*;

const NETWORK: &str = r#"{"meta": {"vtag": {"resource-id": "map", "tag": "1"}},
  "network-map": {"PID1": {"ipv4": ["192.0.2.0/24"]}}}"#;

fn cost(other: &str) -> String {
    format!(
        r#"{{"meta": {{"cost-type": {{"cost-metric": "routingcost", "cost-mode": "numerical"}},
             "dependent-vtags": [{{"resource-id": "map", "tag": "1"}}]}},
            "cost-map": {{"PID1": {{"PID1": 1{other}}}}}}}"#
    )
}

/// A server that answers conditions, and whose resources it forbids to store; the version of its
/// cost map is in the hand of the test.
fn server(
    version: &Arc<AtomicU32>,
    cost: impl Fn(u32) -> String + Send + Sync + 'static,
) -> HttpServer {
    let server = HttpServer::start();
    server.says("/ird", HttpReply::ok(MediaType::Directory.as_str(), DIRECTORY));
    let answer = |unless: Option<&String>, tag: &str, kind: MediaType, body: String| {
        let reply = HttpReply::ok(kind.as_str(), body);
        let reply =
            if unless.is_some_and(|unless| unless == tag) { HttpReply::status(304) } else { reply };
        reply.with("etag", tag).with("cache-control", "no-store")
    };
    server.on("/network", move |request| {
        let unless = request.headers.get("if-none-match");
        answer(unless, "\"n\"", MediaType::NetworkMap, NETWORK.into())
    });
    let version = Arc::clone(version);
    server.on("/cost", move |request| {
        let now = version.load(Ordering::SeqCst);
        let unless = request.headers.get("if-none-match");
        answer(unless, &format!("\"c{now}\""), MediaType::CostMap, cost(now))
    });
    server
}

fn loader(memory: usize) -> Loader {
    let policy = Policy { allow_private_servers: true, allow_http: true, ..Policy::default() };
    let fetcher = Fetcher::new(&FetchConfig::default(), policy).unwrap();
    let reader = Reader { fetcher: fetcher.into(), options: ReadOptions::default() };
    Loader { reader, config: GuidanceConfig { memory, ..GuidanceConfig::default() } }
}

/// RFC 7285 §8.3.6, RFC 9110 §13: what has not changed is not sent again, and the table stays the
/// same one; if one of the maps changed, both make a new table.
#[tokio::test]
async fn only_changes_are_fetched() {
    let version = Arc::new(AtomicU32::new(1));
    let server = server(&version, |version| {
        cost("").replace("\"PID1\": 1", &format!("\"PID1\": {version}"))
    });
    let (loader, uri) = (loader(1 << 30), server.uri("/ird").parse().unwrap());
    let first = loader.load(&uri, None).await.unwrap();
    let again = loader.load(&uri, Some(&first)).await.unwrap();
    let maps = |loaded: &Loaded| Arc::clone(loaded.table.maps.as_ref().unwrap());
    assert!(Arc::ptr_eq(&maps(&first), &maps(&again)));
    assert_eq!((server.count("/network"), server.count("/cost")), (2, 2));

    version.store(2, Ordering::SeqCst);
    let changed = loader.load(&uri, Some(&again)).await.unwrap();
    let pid = alto_selection::Pid::new(0);
    assert_eq!(maps(&changed).table().cost(Some(pid), Some(pid)), Some(2.0));
    assert_eq!(maps(&again).table().cost(Some(pid), Some(pid)), Some(1.0));
}

/// `no-store` must not make each announce fetch: they go by a table for a minute at least, and by
/// nothing after. Who waits gets what HTTP allows: nothing that was fetched before.
#[tokio::test]
async fn a_minute_for_announces() {
    let server = server(&Arc::default(), |_| cost(""));
    let loaded = loader(1 << 30).load(&server.uri("/ird").parse().unwrap(), None).await.unwrap();
    let life = loaded.life;
    assert_eq!(life.by_http().lifetime().as_secs(), 0);
    assert_eq!(life.for_announces().lifetime().as_secs(), 60);
    assert!(!life.may_be_kept && !life.may_be_stale);
}

/// Costs of PIDs that the network map lacks are left out, with a warning.
#[tokio::test]
async fn unknown_pids_are_named() {
    let server = server(&Arc::default(), |_| cost(r#", "PID9": 4"#));
    let loaded = loader(1 << 30).load(&server.uri("/ird").parse().unwrap(), None).await.unwrap();
    let warnings = loaded.table.warnings();
    assert_eq!((warnings.len(), warnings[0].code), (1, "unknown-pid"));
    assert!(warnings[0].message.contains("PID9"), "{}", warnings[0]);
    assert_eq!(loaded.table.maps().unwrap().table().costs().cells(), 1);
}

/// A table that takes more than all may is refused.
#[tokio::test]
async fn memory_is_bounded() {
    let server = server(&Arc::default(), |_| cost(""));
    let error = loader(10).load(&server.uri("/ird").parse().unwrap(), None).await.unwrap_err();
    assert!(matches!(*error.fault, Fault::Memory { limit: 10, .. }), "{error}");
}
