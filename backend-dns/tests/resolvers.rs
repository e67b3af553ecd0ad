//! Which resolver is asked: where one is closed, silent or does not serve us.

mod support;

use std::collections::HashSet;
use std::time::Duration;

use alto_backend_dns::DnsConfig;
use alto_discovery_core::{Backend as _, Call, Peer, code};
use alto_testkit::control::ControlTimer;
use hickory_proto::op::ResponseCode;
use support::asking::{
    ALL4, PEER, R24, R32, a_at_r24, backend, backend_with, config, discover, finds_a,
};
use support::{Server, name_of, octets, reply};
use tokio::time::Instant;

/// A closed port: known at once, not asked while it is closed, used again when it opens.
#[tokio::test]
async fn a_closed_port_and_its_return() {
    // An address of its own, where no other test listens.
    let free = "127.88.0.1:0".parse().unwrap();
    let address = Server::start_udp(free, |_, _| Vec::new()).await.stop().await;
    let backend = backend_with(&config(&[address]));
    let (start, control) = (Instant::now(), ControlTimer::start());
    let error = discover(&backend, PEER).await.unwrap_err();
    assert_eq!(error.code(), code::UNREACHABLE);
    let (took, late) = (start.elapsed(), control.end().around(start));
    assert!(took < Duration::from_millis(250) + late, "{took:?}, the machine was {late:?} late");
    let sent = backend.questions_sent();
    assert_eq!(discover(&backend, "203.0.113.9").await.unwrap_err().code(), code::UNREACHABLE);
    assert_eq!(backend.questions_sent(), sent, "the circuit is open");

    let back = Instant::now();
    let _server = Server::start_udp(address, |question, _| octets(&a_at_r24(question))).await;
    let recovered = async {
        while discover(&backend, PEER).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), recovered).await.unwrap();
    assert!(back.elapsed() < Duration::from_secs(1));
}

/// A silent resolver: each name gets its share, the deadline is met.
#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let server = Server::start(|_, _| Vec::new()).await;
    let backend = backend(&server);
    let peer: Peer<'static> = PEER.parse().unwrap();
    let (start, control) = (Instant::now(), ControlTimer::start());
    let deadline = start + Duration::from_millis(400);
    let error = backend.discover(&peer, &Call::until(deadline)).await.unwrap_err();
    assert_eq!(error.code(), code::TIMEOUT);
    let (took, late) = (start.elapsed(), control.end().around(start));
    assert!(took < Duration::from_millis(450) + late, "{took:?}, the machine was {late:?} late");
    assert_eq!(server.names(), ALL4);
}

/// A silent resolver may have asked for a name although the next resolver is closed: it counts.
#[tokio::test]
async fn silence_counts_beside_a_closed_port() {
    let closed = Server::start(|_, _| Vec::new()).await.stop().await;
    // It answers the simplest question, as one that finds a zone dead.
    let silent = Server::start(|question, _| match &*name_of(question) {
        "." => octets(&reply(question, ResponseCode::NoError)),
        _ => Vec::new(),
    })
    .await;
    let config = config(&[silent.address, closed]);
    let timeout = Duration::from_millis(100);
    let backend = backend_with(&DnsConfig { zone_qps: 1, timeout, ..config });
    let start = Instant::now();
    for host in 0..30 {
        discover(&backend, &format!("198.51.{host}.3")).await.unwrap_err();
    }
    let names: HashSet<String> = silent.names().into_iter().collect();
    let asked = names.iter().filter(|name| name.ends_with("51.198.in-addr.arpa.")).count();
    let most = 20 + start.elapsed().as_secs() + 1;
    assert!(asked as u64 <= most, "{asked} of {most}");
}

/// Several resolvers: one that is closed or does not serve us is passed over.
#[tokio::test]
async fn the_next_resolver_is_asked() {
    let closed = Server::start(|_, _| Vec::new()).await.stop().await;
    let refusing =
        Server::start(|question, _| octets(&reply(question, ResponseCode::Refused))).await;
    let good = Server::start(|question, _| octets(&a_at_r24(question))).await;
    let backend = backend_with(&config(&[closed, refusing.address, good.address]));
    assert!(!finds_a(discover(&backend, PEER).await).incomplete);
    assert_eq!(refusing.names(), [R32, R24]);
}

/// SERVFAIL is how a validator holds forged data back: what another resolver says instead does not count.
#[tokio::test]
async fn a_failure_is_not_asked_of_the_next() {
    let failing =
        Server::start(|question, _| octets(&reply(question, ResponseCode::ServFail))).await;
    let credulous = Server::start(|question, _| octets(&a_at_r24(question))).await;
    let both = backend_with(&config(&[failing.address, credulous.address]));
    assert_eq!(discover(&both, PEER).await.unwrap_err().code(), code::UPSTREAM_FAILURE);
    assert!(credulous.names().is_empty());
}
