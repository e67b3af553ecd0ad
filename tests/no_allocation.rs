//! The path of every announce allocates nothing.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::sync::{Mutex, PoisonError};

use alto_discovery::{Call, Config, Discovery, Known, Peer};
use alto_testkit::{NameServer as _, Zone, scripted::Scripted};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// One at a time: the counters are the process's.
static ALONE: Mutex<()> = Mutex::new(());

/// `known` on a hit, an absence and a miss, through the whole default stack.
#[test]
fn known_does_not_allocate() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
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

/// `Advisor::select` once its swarm has a view, and what it says of lists: as guided, as random,
/// from swarms small and large.
#[cfg(feature = "guidance")]
#[test]
fn select_does_not_allocate() {
    use alto_discovery::selection::{Record as _, Role, Swarm, V4Record};
    use alto_discovery::{Advisor, Request, Why};
    use alto_server::{Maps, Server, ServerConfig, Source, Text, Transport};

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // One thread: nothing else runs while blocks are counted.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let network = "prefix,pid\n203.0.113.0/24,near\n0.0.0.0/0,far\n::/0,far\n";
    let costs = "src,dst,cost\nnear,near,1\nnear,far,20\n";
    let text = |name, csv| Text { name, csv };
    let metric = "routingcost".parse().unwrap();
    let maps = Maps::parse(text("network", network), &[(metric, text("costs", costs))]).unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = ServerConfig::new(listen, Source::Maps(maps.into()), Transport::Http);
    let server = runtime.block_on(Server::bind(server)).unwrap();
    let uri = server.uri();
    let names = Scripted::start(
        Zone::parse([&*format!(
            r#"113.0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:http" "!.*!{uri}!" ."#
        )])
        .unwrap(),
    );
    let mut config = Config::default();
    config.set("dns.resolver", &names.address().to_string()).unwrap();
    config.set("dns.service", "ALTO:http").unwrap();
    for key in ["policy.allow_documentation", "policy.allow_private", "policy.allow_http"] {
        config.set(key, "true").unwrap();
    }
    let advisor = Advisor::new(&config).unwrap();
    let [near, absent] =
        ["203.0.113.5", "198.51.100.7"].map(|text| text.parse::<Peer<'_>>().unwrap());
    runtime.block_on(advisor.prepare(&near)).unwrap();
    runtime.block_on(advisor.prepare(&absent)).unwrap_err();

    for size in [60_u16, 1_000] {
        let swarm = Swarm::new(1 << 20);
        let record = |n: u16| {
            let [high, low] = n.to_be_bytes();
            V4Record([203, 0, 113 + high, low, 0x1a, 0xe1])
        };
        for n in 0..size {
            swarm.add(record(n), if n % 3 == 0 { Role::Seeder } else { Role::Leecher }, 0);
        }
        let list: Vec<V4Record> = (0..size).map(record).collect();
        let (mut out, mut costs) = (Vec::with_capacity(2_000), Vec::with_capacity(2_000));
        let requests: Vec<_> = [&near, &absent]
            .into_iter()
            .map(|peer| Request::new(peer.clone(), V4Record::NOBODY, 50))
            .collect();
        for _ in 0..10 {
            advisor.select(&requests[0], &swarm, &mut out);
            advisor.select_among(&requests[0], &list, &mut out);
        }
        assert!(advisor.select(&requests[0], &swarm, &mut out).why == Why::Costs);

        let _counting = dhat::Profiler::builder().testing().build();
        let before = dhat::HeapStats::get().total_blocks;
        for request in &requests {
            for _ in 0..100 {
                advisor.select(request, &swarm, &mut out);
                assert_eq!(out.len(), 50);
                advisor.select_among(request, &list, &mut out);
                assert_eq!(out.len(), 50);
                advisor.costs(&request.requester, &list, &mut costs);
            }
        }
        assert_eq!(dhat::HeapStats::get().total_blocks, before);
    }
}
