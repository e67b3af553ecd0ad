//! What is not known is learnt beside the requests.

use std::time::Duration;

use alto_discovery::selection::{Role, Swarm, V4Record};
use alto_discovery::{Advisor, Request, Why};
use tokio::time::{interval, timeout};

use crate::world::{self, Place, advisor, count, facts, peer, request, swarm, v4};

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// Announces again and again until costs decide; what the first announce got.
async fn until_guided(advisor: &Advisor, swarm: &Swarm<V4Record>) -> Why {
    let mut out = Vec::new();
    let first = advisor.select(&request(50), swarm, &mut out).why;
    let again = async {
        let mut ticks = interval(Duration::from_millis(2));
        while advisor.select(&request(50), swarm, &mut out).why != Why::Costs {
            assert_eq!(out.len(), 50);
            ticks.tick().await;
        }
    };
    timeout(LONG, again).await.unwrap();
    assert_eq!(count(&out[..40], Place::Near), 40);
    first
}

/// The first announce finds nothing, gets a full reply at once, and makes the next ones better.
#[tokio::test]
async fn announces_teach() {
    let server = world::server().await;
    let uri = server.uri();
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&uri])]));
    assert_eq!(until_guided(&advisor, &swarm(v4)).await, Why::Discovering);
    assert_eq!(advisor.learning(), 0);
    assert_eq!(server.requests(), 3); // directory, network map, cost map: each once
}

/// A swarm of 10,000 is grouped for a server by 20 announces of that server's network at most, so a lone
/// peer of it that announces every 3 s is guided within a minute.
#[tokio::test]
async fn few_announces_group_a_large_swarm() {
    let server = world::server().await;
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&server.uri()])]));
    advisor.prepare(&peer("203.0.113.7")).await.unwrap();
    let (swarm, mut out) = (Swarm::new(64 << 20), Vec::new());
    for (place, number) in [(Place::Near, 100), (Place::Far, 9_900)] {
        (0..number).for_each(|n| swarm.add(v4(place, n), Role::Leecher, 0));
    }
    let is_grouped = |_: &u32| advisor.select(&request(50), &swarm, &mut out).why == Why::Costs;
    let announces = (1..100).find(is_grouped).unwrap();
    assert!(announces <= 20, "{announces}");
    assert_eq!(count(&out[..40], Place::Near), 40);
}

/// A server that can't be used is passed over for the next one of the list.
#[tokio::test]
async fn the_next_server_is_asked() {
    let server = world::server().await;
    let uri = server.uri();
    let closed = format!("http://{}/directory", alto_testkit::ports::free());
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&closed, &uri])]));
    until_guided(&advisor, &swarm(v4)).await;
}

/// A program without a tokio runtime owns one through its advisor, may end it, and start anew.
#[test]
fn without_a_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let server = runtime.block_on(world::server());
    let uri = server.uri();
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&uri])]));
    let (swarm, mut out) = (swarm(v4), Vec::new());
    // Not started: requests are answered, and nothing is learnt.
    assert_eq!(advisor.select(&request(50), &swarm, &mut out).why, Why::Discovering);
    assert_eq!((out.len(), advisor.learning()), (50, 0));
    assert!(advisor.runtime().is_none());

    advisor.start().unwrap();
    advisor.start().unwrap();
    let deadline = std::time::Duration::from_secs(30);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while advisor.select(&request(50), &swarm, &mut out).why != Why::Costs {
                std::thread::yield_now();
            }
            sender.send(()).unwrap();
        });
        receiver.recv_timeout(deadline).unwrap();
    });

    advisor.stop(Duration::from_secs(5));
    assert!(advisor.runtime().is_none());
    let known = advisor.select(&request(50), &swarm, &mut out).why;
    assert_eq!(known, Why::Costs);
    // What is asked for meanwhile does not hang.
    let elsewhere = Request::new(peer("192.0.2.1"), v4(Place::Far, 1), 50);
    assert_eq!(advisor.select(&elsewhere, &swarm, &mut out).why, Why::Discovering);
    assert!(advisor.prepare_blocking(&peer("192.0.2.1"), LONG).is_err()); // nobody speaks for it
    assert_eq!(advisor.select(&elsewhere, &swarm, &mut out).why, Why::NoServer);
}

/// Dropped in the midst of learning, inside a runtime too, it neither hangs nor panics.
#[tokio::test]
async fn dropped_midway() {
    let advisor = advisor(facts(&[("203.0.113.0/24", &["http://127.0.0.1:1/directory"])]));
    advisor.start().unwrap();
    advisor.select(&request(50), &swarm(v4), &mut Vec::new());
    drop(advisor);
}

/// Blocking calls refuse to block a thread that runs tasks.
#[tokio::test]
async fn tasks_are_not_blocked() {
    let advisor = advisor(facts(&[]));
    let refused = advisor.prepare_blocking(&peer("203.0.113.7"), LONG).unwrap_err();
    assert!(refused.to_string().contains("async"), "{refused}");
}

/// A blocking call waits no longer than it is told to, and not for what has been stopped.
#[test]
fn waits_end() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/directory", silent.local_addr().unwrap());
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&uri])]));
    let near = peer("203.0.113.7");
    let late = advisor.prepare_blocking(&near, Duration::from_millis(50)).unwrap_err();
    assert!(late.to_string().contains("not learnt in time"), "{late}");
    let ended = tokio::runtime::Builder::new_current_thread().build().unwrap();
    advisor.start_on(ended.handle().clone());
    drop(ended);
    let stopped = advisor.prepare_blocking(&near, LONG).unwrap_err();
    assert!(stopped.to_string().contains("stopped meanwhile"), "{stopped}");
    assert_eq!(advisor.select(&request(50), &swarm(v4), &mut Vec::new()).guided, 0);
}
