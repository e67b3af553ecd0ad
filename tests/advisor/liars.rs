//! Peers that want to be chosen, and a server that helps them.

use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddrV6};

use alto_discovery::selection::{Record as _, Role, Swarm, V6Record};
use alto_discovery::{Peer, Request, Why};

use crate::world::{advisor, facts, server_of};

/// Equal networks of 40 peers, 4 of them hostile.
const NETWORKS: u16 = 100;
const PEERS: u16 = 40;
const HOSTILE: u16 = 4;
/// The network whose server is hostile.
const CAPTURED: u16 = 7;
const K: usize = 50;

fn address(network: u16, n: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, network, 0, 0, 0, 0, n)
}

fn record(network: u16, n: u16) -> V6Record {
    SocketAddrV6::new(address(network, n), 6_881, 0, 0).into()
}

fn is_hostile(record: &V6Record) -> bool {
    record.address().segments()[7] < HOSTILE
}

/// Each network is a PID, and its own peers are best for it.
fn honest() -> (String, String) {
    let (mut prefixes, mut costs) = ("prefix,pid\n".to_owned(), "src,dst,cost\n".to_owned());
    for own in 0..NETWORKS {
        let _ = writeln!(prefixes, "{}/48,net{own}", address(own, 0)); // never fails
        for other in 0..NETWORKS {
            let _ = writeln!(costs, "net{own},net{other},{}", if own == other { 1 } else { 10 });
        }
    }
    (prefixes, costs)
}

/// The hostile peers are the best for everybody in the world.
fn hostile() -> (String, String) {
    let mut prefixes = "prefix,pid\n::/0,everybody\n".to_owned();
    for network in 0..NETWORKS {
        for n in 0..HOSTILE {
            let _ = writeln!(prefixes, "{}/128,liars", address(network, n));
        }
    }
    let costs = "src,dst,cost\neverybody,liars,0\neverybody,everybody,99\nliars,liars,0\nliars,everybody,99\n";
    (prefixes, costs.to_owned())
}

/// Over all replies hostile peers get at most 1.1 times their fair share, under the defaults; over
/// the replies to other networks' peers the fair share; and the overlay is in one piece.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_stay_at_home() {
    let ((prefixes, costs), (lies, prices)) = (honest(), hostile());
    let (honest, hostile) = (server_of(&prefixes, &costs).await, server_of(&lies, &prices).await);
    let (honest, hostile_uri) = ((honest.uri(), honest), hostile.uri());
    let nets: Vec<String> = (0..NETWORKS).map(|net| format!("{}/48", address(net, 0))).collect();
    let speaker = |net: u16| if net == CAPTURED { [&*hostile_uri] } else { [&*honest.0] };
    let speakers: Vec<[&str; 1]> = (0..NETWORKS).map(speaker).collect();
    let networks: Vec<(&str, &[&str])> =
        nets.iter().zip(&speakers).map(|(net, uris)| (&**net, &uris[..])).collect();
    let advisor = advisor(facts(&networks));

    let swarm = Swarm::new(1 << 24);
    let members = || (0..NETWORKS).flat_map(|network| (0..PEERS).map(move |n| (network, n)));
    for (network, n) in members() {
        swarm.add(record(network, n), Role::Leecher, 0);
    }
    let (mut out, mut counts) = (Vec::new(), [(0_usize, 0_usize); 2]);
    let mut parts: Vec<usize> = (0..usize::from(NETWORKS * PEERS)).collect();
    for (network, n) in members() {
        let peer = Peer::new(address(network, n).into());
        advisor.prepare(&peer).await.unwrap();
        let request = Request::new(peer, record(network, n), K);
        while advisor.select(&request, &swarm, &mut out).why == Why::Sample {}
        let (hostile, all) = &mut counts[usize::from(network == CAPTURED)];
        *hostile += out.iter().filter(|record| is_hostile(record)).count();
        *all += out.len();
        for peer in &out {
            let [_, _, other, .., place] = peer.address().segments();
            let ends = [(network, n), (other, place)]
                .map(|(network, n)| root(&mut parts, usize::from(network * PEERS + n)));
            parts[ends[0]] = ends[1];
        }
    }
    let share = |hostile: usize, all: usize| {
        f64::from(u32::try_from(hostile).unwrap()) / f64::from(u32::try_from(all).unwrap())
    };
    let fair = f64::from(HOSTILE) / f64::from(PEERS);
    let [(others, all_others), (captured, all_captured)] = counts;
    // It is a lie that works: without a bound the test would prove nothing.
    assert!(share(captured, all_captured) > 0.7, "{captured} of {all_captured}");
    let everywhere = share(others + captured, all_others + all_captured);
    assert!(everywhere <= 1.1 * fair, "{everywhere}");
    // 39,600 places are drawn at random, the rest is each network's own: a deviation of 0.0003.
    assert!((share(others, all_others) - fair).abs() < 0.0018, "{others} of {all_others}");
    let first = root(&mut parts, 0);
    assert!((0..parts.len()).all(|peer| root(&mut parts, peer) == first));
}

/// The representative of a peer's part (union-find with path halving).
fn root(parts: &mut [usize], mut peer: usize) -> usize {
    while parts[peer] != peer {
        parts[peer] = parts[parts[peer]];
        peer = parts[peer];
    }
    peer
}
