//! The path of every announce allocates nothing.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use alto_discovery::{Call, Config, Discovery, Known, Peer};
use alto_testkit::{NameServer as _, Zone, scripted::Scripted};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// `known` on a hit, an absence and a miss, through the whole default stack.
#[test]
fn known_does_not_allocate() {
    let record = r#"113.0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;
    let server = Scripted::start(Zone::parse([record]).unwrap());
    let mut config = Config::default();
    config.set("dns.resolver", &server.address().to_string()).unwrap();
    config.set("policy.allow_documentation", "true").unwrap();
    let discovery = Discovery::new(&config).unwrap();
    let [hit, absent, miss] =
        ["203.0.113.5", "198.51.100.7", "192.0.2.9"].map(|text| text.parse::<Peer<'_>>().unwrap());
    discovery.discover_blocking(&hit, &Call::default()).unwrap();
    discovery.discover_blocking(&absent, &Call::default()).unwrap_err();

    let _counting = dhat::Profiler::builder().testing().build();
    let now = Instant::now();
    let before = dhat::HeapStats::get().total_blocks;
    for _ in 0..1_000 {
        assert!(matches!(discovery.known(&hit, now), Known::Fresh(_)));
        assert!(matches!(discovery.known(&absent, now), Known::None(_)));
        assert!(matches!(discovery.known(&miss, now), Known::Ask));
    }
    assert_eq!(dhat::HeapStats::get().total_blocks, before);
}
