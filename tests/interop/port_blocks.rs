//! Approach 3 at a carrier-grade NAT: what `alto zone` writes for port blocks, loaded into NSD, and
//! each of those behind one address asked for by the port it is seen at.

use std::process::Command;

use alto_discovery::{Call, Config, Discovery, Freshness, Peer, PeerId};
use alto_testkit::process::workspace_program;
use alto_testkit::{Daemon, NameServer as _, ZoneFile, nsd};
use futures_util::{StreamExt as _, stream};

/// The address they share.
const SHARED: &str = "198.51.100.3";
const APEX: &str = "100.51.198.in-addr.arpa.";

/// Deterministic NAT (RFC 7422): beyond the well-known ports each user has six in a row, in the order
/// of users, who are numbered region by region.
const USERS: u16 = 10_000;
const REGIONS: u16 = 8;
const FIRST: u16 = 1_024;
const PORTS: u16 = 6;
const PORTS_OF_REGION: u16 = USERS / REGIONS * PORTS;

fn region(user: u16) -> u16 {
    user / (USERS / REGIONS)
}

/// One of the user's ports: as good as any.
fn port(user: u16) -> u16 {
    FIRST + user * PORTS + user % PORTS
}

fn server(region: u16) -> String {
    format!("https://region{region}.example/ird")
}

/// The address itself has the first region's server: one answer must do for all who are asked for by
/// it alone.
fn zone() -> ZoneFile {
    let mut command = Command::new(workspace_program("alto-cli", "alto"));
    command.args(["zone", "--zone", APEX, "--prefix", SHARED, "--uri", &server(0)]);
    command.args(["--prefix", SHARED]);
    for region in 0..REGIONS {
        let low = FIRST + region * PORTS_OF_REGION;
        let block = format!("{low}-{}", low + (PORTS_OF_REGION - 1));
        command.args(["--port-block", &block, "--uri", &server(region)]);
    }
    let output = command.output().expect("the command runs");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let apex = "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n";
    ZoneFile { apex: APEX.into(), text: format!("$ORIGIN {APEX}\n{apex}{said}") }
}

fn discovery(server: &Daemon) -> Discovery {
    let mut config = Config::default();
    for (key, value) in [
        ("dns.resolver", &*server.address().to_string()),
        ("dns.zone_qps", "1000000"),
        ("dns.total_qps", "1000000"),
        ("policy.allow_documentation", "true"),
    ] {
        config.set(key, value).expect("a value within bounds");
    }
    Discovery::new(&config).expect("a configuration that is right")
}

/// What each user finds: the server, and by which approach.
async fn found(discovery: &Discovery, by_port: bool) -> Vec<(String, u8)> {
    let ask = |user| async move {
        let peer: Peer<'_> = SHARED.parse().expect("an address");
        let peer = if by_port { peer.with_id(PeerId::Port(port(user))) } else { peer };
        let call = Call { freshness: Freshness::Cached, ..Call::default() };
        let answer = discovery.discover(&peer, &call).await;
        let answer = answer.unwrap_or_else(|fault| panic!("user {user}: {fault}"));
        assert!(answer.scope.contains(&peer));
        (answer.servers()[0].uri.to_string(), answer.approach)
    };
    stream::iter(0..USERS).map(ask).buffered(32).collect().await
}

fn right(found: &[(String, u8)]) -> usize {
    let users = (0..USERS).zip(found);
    users.filter(|(user, (uri, _))| *uri == server(region(*user))).count()
}

/// Behind one address each of 10,000 users finds its own region's server by its port; by the address
/// alone all find one server, right for one region in eight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_behind_one_address_find_their_regions() {
    let server = nsd::launch(&[zone()]);
    let by_port = found(&discovery(&server), true).await;
    let by_address = found(&discovery(&server), false).await;
    println!("right by port: {}, by address: {}", right(&by_port), right(&by_address));
    assert!(by_port.iter().all(|(_, approach)| *approach == 3));
    assert!(by_address.iter().all(|(_, approach)| *approach == 1));
    assert_eq!(right(&by_port), usize::from(USERS));
    assert_eq!(right(&by_address), usize::from(USERS / REGIONS));
}
