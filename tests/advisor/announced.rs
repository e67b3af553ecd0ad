//! What peers send along with their announces, by trust: who is guided by it, and how far.
#![cfg(feature = "peerinfo")]

use std::sync::Arc;
use std::time::Duration;

use alto_backend_peerinfo::blob;
use alto_discovery::selection::{Swarm, V4Record};
use alto_discovery::{
    Advisor, Backend, Choice, Hints, Peer, PeerCost, PeerCosts, Request, Requester, Why,
};
use data_encoding::BASE64URL_NOPAD;
use tokio::time::{Instant, sleep};

use crate::world::{self, Place, config, count, facts, peer, server_of, swarm, v4};

const K: usize = 50;
/// What a network's own server may fill, and what a peer's claim may.
const GUIDED: usize = 40;
const HALF: usize = 25;
/// Of the lying server's network everybody is best who is far.
const LIES: &str = "src,dst,cost\nnear,far,1\nnear,mid,50\nnear,near,50\nmid,far,1\nfar,far,1\n";

fn advisor(backend: Arc<dyn Backend>, trust: &str) -> Advisor {
    let mut config = config();
    config.set("backends", &format!("peerinfo,{}", backend.name())).unwrap();
    config.set("peerinfo.trust", trust).unwrap();
    Advisor::with_backends(&config, &[backend]).unwrap()
}

fn announce(query: &str, n: u16) -> Request<'_, V4Record> {
    let sender =
        peer(&format!("203.0.113.{n}")).with_hints(Hints::HttpQuery(query.as_bytes().into()));
    Request::new(Requester::from(sender), v4(Place::Near, n), K)
}

fn silent(n: u16) -> Request<'static, V4Record> {
    Request::new(peer(&format!("203.0.113.{n}")), v4(Place::Near, n), K)
}

/// Announces until it is guided by as many, and gives the last reply.
async fn guided(
    advisor: &Advisor,
    request: &Request<'_, V4Record>,
    swarm: &Swarm<V4Record>,
    as_many: usize,
) -> Vec<V4Record> {
    let (mut out, end) = (Vec::new(), Instant::now() + Duration::from_secs(20));
    loop {
        let choice = advisor.select(request, swarm, &mut out);
        if choice.guided == as_many && choice.why == Why::Costs || Instant::now() > end {
            assert_eq!(choice, Choice { guided: as_many, why: Why::Costs });
            return out;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Open trust: the claimed server is fetched beside the announces and shapes half of the liar's
/// replies; its neighbours, and those behind its own address, are told what their network says.
#[tokio::test]
async fn a_claim_counts_for_its_own_announce() {
    let honest = world::server().await;
    let liar = server_of(world::NETWORK, LIES).await;
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&honest.uri()])]), "open");
    let swarm = swarm(v4);
    let query = format!("info_hash=1&alto={}", liar.uri());
    let lie = announce(&query, 7);
    let mut out = Vec::new();
    let first = advisor.select(&lie, &swarm, &mut out);
    assert_eq!((first.guided, out.len()), (0, K), "nothing is waited for");
    let end = Instant::now() + Duration::from_secs(20);
    while advisor.select(&lie, &swarm, &mut out).guided != HALF {
        assert!(Instant::now() < end);
        sleep(Duration::from_millis(5)).await;
    }
    for n in [7, 8] {
        let reply = guided(&advisor, &silent(n), &swarm, GUIDED).await;
        assert_eq!(count(&reply[..GUIDED], Place::Near), GUIDED);
    }
    let choice = advisor.select(&lie, &swarm, &mut out);
    assert_eq!((choice.guided, count(&out[..HALF], Place::Far)), (HALF, HALF));
}

/// With `confirm` the claim counts once the network is known to name the same host, and still fills
/// no more than half; another one is as if it had not been sent.
#[tokio::test]
async fn a_claim_is_confirmed_by_the_network() {
    let (own, other) = (world::server().await, server_of(world::NETWORK, LIES).await);
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&own.uri()])]), "confirm");
    let swarm = swarm(v4);
    // Both are on 127.0.0.1, the host that the network names: port and path are the host's affair.
    for server in [&own, &other] {
        let query = format!("alto={}", server.uri());
        let (request, end) = (announce(&query, 7), Instant::now() + Duration::from_secs(20));
        let mut out = Vec::new();
        while advisor.select(&request, &swarm, &mut out).guided != HALF {
            assert!(Instant::now() < end);
            sleep(Duration::from_millis(5)).await;
        }
    }
    let elsewhere = own.uri().replace("127.0.0.1", "127.0.0.2");
    let query = format!("alto={elsewhere}");
    let reply = guided(&advisor, &announce(&query, 7), &swarm, GUIDED).await;
    assert_eq!(count(&reply[..GUIDED], Place::Near), GUIDED);
}

/// Whatever is wrong with a claim, the peer gets what its address leads to, no less than the silent.
#[tokio::test]
async fn a_bad_claim_costs_nothing() {
    let honest = world::server().await;
    let closed = format!("alto=http://{}/", alto_testkit::ports::free());
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&honest.uri()])]), "open");
    let swarm = swarm(v4);
    for query in ["alto=%", "alto=https://169.254.169.254/", "altog=AQ", &closed, ""] {
        let reply = guided(&advisor, &announce(query, 7), &swarm, GUIDED).await;
        assert_eq!(count(&reply[..GUIDED], Place::Near), GUIDED, "{query}");
    }
}

/// Approach 6: guidance of the peer's own, over HTTP and UDP; half of its own reply and nothing else.
#[tokio::test]
async fn guidance_counts_for_its_own_announce() {
    let honest = world::server().await;
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&honest.uri()])]), "open");
    let swarm = swarm(v4);
    let net = "198.51.100.0/24".parse().unwrap();
    let lifetime = Duration::from_secs(60);
    let costs = PeerCosts { entries: [PeerCost { net, cost: 1 }].into(), lifetime };
    let octets = blob::write(&costs).unwrap();
    let query = format!("altog={}", BASE64URL_NOPAD.encode(&octets));
    let option = [&[0xA6, u8::try_from(octets.len()).unwrap()], &octets[..]].concat();
    let hints =
        [Hints::HttpQuery(query.as_bytes().into()), Hints::UdpOptions(option.as_slice().into())];
    for sent in hints {
        let sender: Peer<'_> = peer("203.0.113.7").with_hints(sent);
        let request = Request::new(sender, v4(Place::Near, 7), K);
        let (mut out, mut mid) = (Vec::new(), 0);
        for _ in 0..20 {
            let choice = advisor.select(&request, &swarm, &mut out);
            assert_eq!((choice.guided, choice.why), (HALF, Why::Sample));
            mid += count(&out[..HALF], Place::Mid);
        }
        // It chooses from samples of 256; at random it would be a fifth of 500.
        assert!(mid > 300, "{mid}");
        let reply = guided(&advisor, &silent(7), &swarm, GUIDED).await;
        assert_eq!(count(&reply[..GUIDED], Place::Near), GUIDED);
    }
}
