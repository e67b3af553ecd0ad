//! What is in a reply.

use std::collections::HashSet;

use alto_discovery::selection::{Record, Role, Swarm, V4Record};
use alto_discovery::{Advisor, Choice, Request, Share, Why};
use alto_server::Server;

use crate::world::{
    self, Place, advisor, advisor_with, config, count, facts, peer, request, swarm, v4, v6,
};

/// One server that speaks for the near networks, known already.
async fn prepared() -> (Server, Advisor) {
    let server = world::server().await;
    let uri = server.uri();
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&uri])]));
    advisor.prepare(&peer("203.0.113.7")).await.unwrap();
    (server, advisor)
}

/// A reply once the swarm's view is made.
fn reply<R: Record>(
    advisor: &Advisor,
    request: &Request<'_, R>,
    swarm: &Swarm<R>,
) -> (Vec<R>, Choice) {
    let mut out = Vec::new();
    for _ in 0..20 {
        let choice = advisor.select(request, swarm, &mut out);
        if choice.why != Why::Sample {
            return (out, choice);
        }
    }
    panic!("20 requests do not make the view of 1,000 peers");
}

/// ⌊(1 − s) · k⌋ places go to the best there are, whatever the share and k; the rest is filled, and
/// nobody is there twice.
#[tokio::test]
async fn the_random_share_is_exact() {
    let (_server, advisor) = prepared().await;
    let swarm = swarm(v4);
    for (share, k, guided) in [
        (None, 100, 80),
        (Some(Share::NONE), 100, 100),
        (Some(Share::permille(200)), 99, 79),
        (Some(Share::permille(500)), 1, 0),
        (Some(Share::permille(1)), 50, 49),
        (Some(Share::ALL), 50, 0),
        (None, 0, 0),
    ] {
        let request = Request { random_share: share, ..request(k) };
        let (peers, choice) = reply(&advisor, &request, &swarm);
        assert_eq!(choice, Choice { guided, why: Why::Costs }, "{share:?} of {k}");
        assert_eq!(peers.len(), k);
        assert_eq!(peers.iter().collect::<HashSet<_>>().len(), k);
        let near = guided.min(99); // of 100, less the requester
        assert_eq!(count(&peers[..guided], Place::Near), near);
        assert_eq!(count(&peers[..guided], Place::Mid), guided - near);
    }
}

/// The share and the cap may be configured.
#[tokio::test]
async fn the_configuration_counts() {
    let server = world::server().await;
    let mut config = config();
    config.set("select.random_share", "50%").unwrap();
    config.set("select.pid_cap", "10").unwrap();
    let uri = server.uri();
    let advisor = advisor_with(facts(&[("203.0.113.0/24", &[&uri])]), config);
    advisor.prepare(&peer("203.0.113.7")).await.unwrap();
    let (peers, choice) = reply(&advisor, &request(100), &swarm(v4));
    assert_eq!(choice.guided, 30); // three PIDs, ten peers each, where fifty might be
    assert_eq!(peers.len(), 100);
    for place in [Place::Near, Place::Mid, Place::Far] {
        assert_eq!(count(&peers[..30], place), 10);
    }
}

/// The requester is dropped, seeders get no seeders, and a swarm smaller than the reply is given
/// whole.
#[tokio::test]
async fn who_is_offered() {
    let (_server, advisor) = prepared().await;
    let swarm = swarm(v4);
    for (role, k, there) in
        [(Role::Leecher, 2_000, 999), (Role::Seeder, 2_000, 799), (Role::Seeder, 100, 100)]
    {
        let request = Request { role, ..request(k) };
        let (peers, _) = reply(&advisor, &request, &swarm);
        assert_eq!(peers.len(), there);
        assert!(!peers.contains(&request.own));
        let near_seeders: Vec<V4Record> = (0..100).step_by(5).map(|n| v4(Place::Near, n)).collect();
        assert_eq!(role == Role::Leecher, near_seeders.iter().any(|peer| peers.contains(peer)));
    }
}

/// Peers of equal cost take turns: a hundred requests show all 99 near peers, and no two replies
/// are alike.
#[tokio::test]
async fn ties_rotate() {
    let (_server, advisor) = prepared().await;
    let (swarm, mut seen, mut lists) = (swarm(v4), HashSet::new(), HashSet::new());
    for _ in 0..100 {
        let (peers, choice) = reply(&advisor, &request(50), &swarm);
        assert_eq!(count(&peers[..choice.guided], Place::Near), 40);
        seen.extend(peers[..choice.guided].to_vec());
        lists.insert(peers);
    }
    assert_eq!((seen.len(), lists.len()), (99, 100));
    let seeded = Request { seed: Some(7), ..request(50) };
    assert_eq!(reply(&advisor, &seeded, &swarm).0, reply(&advisor, &seeded, &swarm).0);
}

/// The candidates of each family are judged by the server that speaks for the peer's address of
/// that family; a peer with one address is guided for both by the one that speaks for it.
#[tokio::test]
async fn each_family_has_its_guide() {
    let (near, other) = (world::server().await, {
        // For this server near peers are the worst.
        let costs = "src,dst,cost\nnear,near,30\nnear,mid,5\nnear,far,20\n";
        world::server_of(world::NETWORK, costs).await
    });
    let (v4_uri, v6_uri) = (near.uri(), other.uri());
    let advisor =
        advisor(facts(&[("203.0.113.0/24", &[&v4_uri]), ("2001:db8:1::/48", &[&v6_uri])]));
    let (one, two) = (peer("203.0.113.7"), peer("2001:db8:1::7"));
    advisor.prepare(&one).await.unwrap();
    advisor.prepare(&two).await.unwrap();
    let (v4_swarm, v6_swarm) = (swarm(v4), swarm(v6));
    for heard_from_v6 in [false, true] {
        let (first, second) = if heard_from_v6 { (&two, &one) } else { (&one, &two) };
        let both = alto_discovery::Requester::from(first.clone()).with(second.clone());
        let request = Request::new(both.clone(), v4(Place::Near, 7), 50);
        let (peers, choice) = reply(&advisor, &request, &v4_swarm);
        assert_eq!(count(&peers[..choice.guided], Place::Near), 40);
        let request = Request::new(both, v6(Place::Near, 7), 50);
        let (peers, choice) = reply(&advisor, &request, &v6_swarm);
        assert_eq!(count(&peers[..choice.guided], Place::Mid), 40);
    }
    let request = Request::new(one, v6(Place::Near, 7), 50);
    let (peers, choice) = reply(&advisor, &request, &v6_swarm);
    assert_eq!(count(&peers[..choice.guided], Place::Near), 40);
}

/// RFC 7285 §15.2.2: a server to which everybody costs the same gives no guidance; what it says is not
/// told as some.
#[tokio::test]
async fn level_costs_are_no_guidance() {
    let level = "src,dst,cost\nnear,near,3\nnear,mid,3\nnear,far,3\n";
    let server = world::server_of(world::NETWORK, level).await;
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&server.uri()])]));
    advisor.prepare(&peer("203.0.113.7")).await.unwrap();
    let (swarm, mut out) = (swarm(v4), Vec::new());
    let request = Request::new(peer("203.0.113.7"), v4(Place::Near, 7), 50);
    let choice = advisor.select(&request, &swarm, &mut out);
    assert_eq!((choice, out.len()), (Choice { guided: 0, why: Why::NoCosts }, 50));
}

/// A server's map may judge all the Internet: it counts only for peers whose address led to it.
#[tokio::test]
async fn a_server_speaks_for_its_own() {
    let server = world::server().await;
    let uri = server.uri();
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&uri])]));
    advisor.prepare(&peer("203.0.113.7")).await.unwrap();
    let elsewhere = peer("198.51.100.7"); // whose PID has costs in that map
    assert!(advisor.prepare(&elsewhere).await.is_err());
    let request = Request::new(elsewhere, v4(Place::Mid, 7), 50);
    let (peers, choice) = reply(&advisor, &request, &swarm(v4));
    assert_eq!(choice, Choice { guided: 0, why: Why::NoServer });
    assert_eq!(peers.len(), 50);
}

/// A list of the caller's is treated like a swarm.
#[tokio::test]
async fn candidates_may_be_listed() {
    let (_server, advisor) = prepared().await;
    let near = (0..60).map(|n| v4(Place::Near, n));
    let all: Vec<_> = (0..60).map(|n| v4(Place::Far, n)).chain(near).collect();
    let (mut out, mut costs) = (Vec::new(), Vec::new());
    let choice = advisor.select_among(&request(50), &all, &mut out);
    assert_eq!(choice, Choice { guided: 40, why: Why::Costs });
    assert_eq!((out.len(), count(&out[..40], Place::Near)), (50, 40));
    assert_eq!(out.iter().collect::<HashSet<_>>().len(), 50);
    advisor.select_among(&request(500), &all, &mut out);
    assert_eq!(out.len(), 119); // all but the requester
    assert_eq!(advisor.costs(&request(0).requester, &all, &mut costs), Why::Costs);
    assert!(costs[..60].iter().all(|cost| *cost == Some(20.0)));
    assert!(costs[60..].iter().all(|cost| *cost == Some(1.0)));
    let nobody = peer("192.0.2.1");
    let _ = advisor.prepare(&nobody).await;
    assert_eq!(advisor.costs(&nobody.into(), &all, &mut costs), Why::NoServer);
    assert_eq!(costs, vec![None; 120]);
}
