//! What one peer claims never changes what another one is told: through the whole stack, with its
//! caches, for any order of announces, one after the other and at once.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::sync::Arc;

use alto_discovery::core::conformance::{Facts, Scripted};
use alto_discovery::{
    Answer, Backend, Call, Config, Discovery, Error, Freshness, Guide, Hints, Instant, Known, Peer,
    PeerId, Token, Trust,
};
use data_encoding::BASE64URL_NOPAD;
use futures_util::future::join_all;
use proptest::prelude::*;

/// Peers of networks with a server, without one, and with port blocks; some behind one address.
fn peers() -> Vec<Peer<'static>> {
    let peer = |text: &str| text.parse::<Peer<'static>>().unwrap();
    let token = PeerId::Token(Token::new(b"gold").unwrap());
    vec![
        peer("198.51.100.3"),
        peer("198.51.100.4"),
        peer("192.0.2.1"),
        peer("192.0.2.1").with_id(PeerId::Port(0x9c01)),
        peer("192.0.2.1").with_id(PeerId::Port(0x9d01)),
        peer("192.0.2.1").with_id(token),
        peer("203.0.113.9"),
        peer("203.0.113.64"),
        peer("2001:db8:1:2::5"),
        peer("2001:db8:1:2::6"),
    ]
}

/// What peers send: the truth about some, lies about all, and nonsense.
fn hints() -> Vec<Hints<'static>> {
    let query = |text: String| Hints::HttpQuery(text.into_bytes().into());
    let blob =
        |net: [u8; 4], cost: u8| [&[1, 0, 2, 88, 1, 4, 32][..], &net, &[0, 0, 0, cost]].concat();
    let uri = |uri: &str| [&[0xA5, u8::try_from(uri.len()).unwrap()], uri.as_bytes()].concat();
    let option = |blob: Vec<u8>| [&[0xA6, u8::try_from(blob.len()).unwrap()], &blob[..]].concat();
    vec![
        query("alto=https://campus-1.example/ird".into()),
        query("alto=https://carrier.example/elsewhere".into()),
        query("info_hash=1&alto=https%3A%2F%2Fevil.example%2Fird&port=1".into()),
        query("alto=https://127.0.0.1/".into()),
        query("alto=https://evil.example/&alto=https://evil.example/".into()),
        query(format!("altog={}", BASE64URL_NOPAD.encode(&blob([198, 51, 100, 3], 1)))),
        Hints::UdpOptions(uri("https://evil.example/ird").into()),
        Hints::UdpOptions(uri("https://library.example/ird").into()),
        Hints::UdpOptions(option(blob([192, 0, 2, 1], 9)).into()),
        Hints::UdpOptions([0xA5, 200, b'h'][..].into()),
    ]
}

/// An announce: who, what it sends, and whether it waits or asks what is known.
#[derive(Clone, Debug)]
struct Announce {
    who: usize,
    sends: Option<usize>,
    waits: bool,
    anew: bool,
}

fn announces() -> impl Strategy<Value = Vec<Announce>> {
    let sends = prop_oneof![1 => Just(None), 2 => (0..hints().len()).prop_map(Some)];
    let announce = (0..peers().len(), sends, any::<bool>(), prop::bool::weighted(0.2))
        .prop_map(|(who, sends, waits, anew)| Announce { who, sends, waits, anew });
    prop::collection::vec(announce, 1..40)
}

fn discovery(trust: &str) -> Discovery {
    let facts: Arc<dyn Backend> = Arc::new(Scripted::new(Arc::new(Facts::standard())));
    let mut config = Config::default();
    for (key, value) in [
        ("backends", "peerinfo,scripted"),
        ("peerinfo.trust", trust),
        ("peerinfo.allowlist", "evil.example"),
        ("policy.allow_documentation", "true"),
    ] {
        config.set(key, value).unwrap();
    }
    Discovery::with_backends(&config, &[facts]).unwrap()
}

/// What was told, without how long it holds.
fn told(reply: &Result<Arc<Answer>, Error>) -> String {
    match reply {
        Ok(answer) => gist(answer),
        Err(error) => format!("{:?} {}", error.backend(), error.code()),
    }
}

fn gist(answer: &Answer) -> String {
    let Answer { backend, approach, guide, scope, incomplete, .. } = answer;
    format!("{backend} {approach} {guide:?} {scope:?} {incomplete}")
}

fn is_claim(answer: &Answer) -> bool {
    matches!(answer.guide, Guide::Costs(_))
        || answer.servers().iter().any(|server| server.trust != Trust::Network)
}

fn peer_of(announce: &Announce, with_hints: bool) -> Peer<'static> {
    let sent = announce.sends.filter(|_| with_hints).map(|number| hints().swap_remove(number));
    let peer = peers().swap_remove(announce.who);
    let peer = peer.without_hints();
    match sent {
        Some(Hints::HttpQuery(raw)) => own(&peer, Hints::HttpQuery(raw)),
        Some(Hints::UdpOptions(raw)) => own(&peer, Hints::UdpOptions(raw)),
        _ => peer,
    }
}

fn own(peer: &Peer<'static>, hints: Hints<'static>) -> Peer<'static> {
    peer.clone().with_hints(hints)
}

fn call(announce: &Announce) -> Call {
    let freshness = if announce.anew { Freshness::Refresh } else { Freshness::Cached };
    Call { freshness, ..Call::default() }
}

/// One after the other; what each of the waiting is told, and what is known for the others.
async fn in_order(
    discovery: &Discovery,
    all: &[Announce],
    with_hints: bool,
) -> Vec<(String, Option<bool>)> {
    let mut said = Vec::new();
    for announce in all {
        let peer = peer_of(announce, with_hints);
        said.push(if announce.waits {
            (told(&discovery.discover(&peer, &call(announce)).await), None)
        } else {
            match discovery.known(&peer, Instant::now()) {
                Known::Fresh(answer) | Known::Stale(answer) => {
                    (gist(&answer), Some(is_claim(&answer)))
                }
                Known::None(_) => ("none".into(), Some(false)),
                Known::NotApplicable => ("not applicable".into(), Some(false)),
                Known::Ask => ("ask".into(), None),
            }
        });
    }
    said
}

async fn at_once(discovery: &Discovery, all: &[Announce], with_hints: bool) -> Vec<String> {
    let asked = all.iter().map(|announce| async move {
        told(&discovery.discover(&peer_of(announce, with_hints), &call(announce)).await)
    });
    join_all(asked).await
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let mut paused = tokio::runtime::Builder::new_current_thread();
    paused.enable_all().start_paused(true).build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Honest announces are told the same whether the others lie or are silent. What is *known* may
    /// come later beside liars, who are answered without asking for it, and is never anything else.
    #[test]
    fn a_claim_changes_no_other_answer(
        all in announces(),
        trust in prop::sample::select(vec!["open", "confirm", "allowlist", "off"]),
    ) {
        let (beside_liars, without) = run(async {
            let all = &all[..];
            (in_order(&discovery(trust), all, true).await, in_order(&discovery(trust), all, false).await)
        });
        for (announce, (lying, honest)) in all.iter().zip(beside_liars.iter().zip(&without)) {
            if announce.sends.is_some() {
                continue;
            }
            prop_assert_ne!(lying.1, Some(true), "{:?}: {}", announce, lying.0);
            let later = !announce.waits && lying.0 == "ask";
            prop_assert!(later || lying.0 == honest.0, "{:?}: {} not {}", announce, lying.0, honest.0);
        }
    }

    /// The same if all come at once, so that equal questions are merged.
    #[test]
    fn nor_in_a_crowd(all in announces(), trust in prop::sample::select(vec!["open", "confirm"])) {
        let (lying, honest) = run(async {
            let (one, other) = (discovery(trust), discovery(trust));
            (at_once(&one, &all, true).await, at_once(&other, &all, false).await)
        });
        for (announce, (lying, honest)) in all.iter().zip(lying.iter().zip(&honest)) {
            prop_assert!(announce.sends.is_some() || lying == honest, "{:?}: {} {}", announce, lying, honest);
        }
    }
}

/// The lies are believed for those who tell them: without that the properties would prove nothing.
#[test]
fn liars_are_believed_for_themselves() {
    run(async {
        let open = discovery("open");
        for (number, approach) in [(2, 5), (5, 6), (6, 5), (8, 6)] {
            let lie = Announce { who: 0, sends: Some(number), waits: true, anew: false };
            let answer = open.discover(&peer_of(&lie, true), &Call::default()).await.unwrap();
            assert!(is_claim(&answer) && answer.approach == approach, "{number}");
        }
        let confirm = discovery("confirm");
        let truth = Announce { who: 1, sends: Some(0), waits: true, anew: false };
        let first = confirm.discover(&peer_of(&truth, true), &Call::default()).await.unwrap();
        assert_eq!(first.approach, 1, "not known yet");
        let second = confirm.discover(&peer_of(&truth, true), &Call::default()).await.unwrap();
        assert_eq!((second.approach, second.servers()[0].trust), (5, Trust::PeerClaim));
        let lie = Announce { sends: Some(2), ..truth };
        let refused = confirm.discover(&peer_of(&lie, true), &Call::default()).await.unwrap();
        assert_eq!(refused.approach, 1);
    });
}
