//! What a peer merely claims.

use std::sync::Arc;
use std::time::Duration;

use alto_discovery::core::{Cause, code};
use alto_discovery::selection::V4Record;
use alto_discovery::{
    Answer, Backend, BoxFuture, Call, Choice, Error, Guide, Known, Peer, PeerCost, PeerCosts,
    Request, Scope, Server, ServerList, Share, Trust, Validity, Why,
};
use tokio::time::Instant;

use crate::world::{self, Place, advisor, count, peer, request, swarm, v4};

/// Says the same for each peer. What peers claim no layer remembers, so it knows without asking.
#[derive(Debug)]
struct Says(Guide);

impl Says {
    fn answer(&self, peer: &Peer<'_>) -> Arc<Answer> {
        let holds = Validity::new(Instant::now(), Duration::from_secs(600));
        Arc::new(Answer::new("says", 5, self.0.clone(), Scope::of(peer), holds))
    }
}

impl Backend for Says {
    fn name(&self) -> &'static str {
        "says"
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        _call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(async { Ok(self.answer(peer)) })
    }

    fn known(&self, peer: &Peer<'_>, _now: Instant) -> Known {
        Known::Fresh(self.answer(peer))
    }
}

fn cost(net: &str, cost: u32) -> PeerCost {
    PeerCost { net: net.parse().unwrap(), cost }
}

fn blob(entries: &[PeerCost]) -> Guide {
    Guide::Costs(PeerCosts { entries: entries.into(), lifetime: Duration::from_secs(600) })
}

/// A server that only the peer speaks of fills half of a reply, whatever the random share.
#[tokio::test]
async fn a_claimed_server_fills_half() {
    let server = world::server().await;
    let claimed = Server {
        uri: server.uri().parse().unwrap(),
        order: 0,
        preference: 0,
        found_at: None,
        trust: Trust::PeerClaim,
    };
    let advisor = advisor(Arc::new(Says(Guide::Servers(ServerList::new([claimed]).unwrap()))));
    advisor.prepare(&peer("203.0.113.7")).await.unwrap();
    let (swarm, mut out) = (swarm(v4), Vec::new());
    for (share, k, guided) in
        [(None, 50, 25), (Some(Share::NONE), 51, 25), (Some(Share::permille(900)), 50, 5)]
    {
        let request = Request { random_share: share, ..request(k) };
        let choice = advisor.select(&request, &swarm, &mut out);
        assert_eq!((choice.guided, out.len()), (guided, k));
    }
}

/// Guidance the peer itself brought: longest match wins, what matches nothing comes last, and it
/// fills half of the reply.
#[tokio::test]
async fn a_blob_fills_half() {
    let entries = [cost("0.0.0.0/0", 9), cost("198.51.100.0/24", 1), cost("198.51.100.0/25", 20)];
    let advisor = advisor(Arc::new(Says(blob(&entries))));
    let mid: Vec<V4Record> = (100..200).map(|n| v4(Place::Mid, n)).collect();
    let far: Vec<V4Record> = (0..100).map(|n| v4(Place::Far, n)).collect();
    let mut out = Vec::new();
    let choice = advisor.select_among(&request(100), &[far, mid].concat(), &mut out);
    assert_eq!(choice, Choice { guided: 50, why: Why::Costs });
    let upper = |record: &&V4Record| record.0[..3] == [198, 51, 100] && record.0[3] >= 128;
    assert_eq!(out[..50].iter().filter(upper).count(), 50);
    let (swarm, mut upper_mid) = (swarm(v4), 0);
    for _ in 0..100 {
        let choice = advisor.select(&request(100), &swarm, &mut out);
        assert_eq!((choice.guided, choice.why, out.len()), (50, Why::Sample, 100));
        upper_mid += count(&out[..50], Place::Mid);
    }
    assert!(upper_mid > 1_000, "{upper_mid}"); // 72 of 1,000 are there, 18 in a sample of 256
}

/// A blob that makes no table guides nobody.
#[tokio::test]
async fn a_contradictory_blob_is_ignored() {
    let entries = [cost("198.51.100.0/24", 1), cost("198.51.100.0/24", 2)];
    let advisor = advisor(Arc::new(Says(blob(&entries))));
    let mut out = Vec::new();
    let choice = advisor.select(&request(50), &swarm(v4), &mut out);
    assert_eq!(choice, Choice { guided: 0, why: Why::NoCosts });
    assert_eq!(out.len(), 50);
}

/// Peers of whom nobody can say anything get a random reply.
#[tokio::test]
async fn no_way_for_a_peer() {
    #[derive(Debug)]
    struct NotApplicable;
    impl Backend for NotApplicable {
        fn name(&self) -> &'static str {
            "refuses"
        }

        fn discover<'a>(
            &'a self,
            _peer: &'a Peer<'a>,
            _call: &'a Call,
        ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
            let needs = Cause::new(code::NOT_GLOBAL, "not global");
            Box::pin(async { Err(Error::NotApplicable { backend: "refuses", needs }) })
        }

        fn known(&self, _: &Peer<'_>, _: Instant) -> Known {
            Known::NotApplicable
        }
    }
    let advisor = advisor(Arc::new(NotApplicable));
    let mut out = Vec::new();
    let choice = advisor.select(&request(50), &swarm(v4), &mut out);
    assert_eq!((choice.why, choice.guided, out.len()), (Why::NotApplicable, 0, 50));
    assert_eq!(advisor.learning(), 0);
}
