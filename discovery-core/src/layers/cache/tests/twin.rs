//! The store against a slow twin: a list of scopes and facts.

use std::sync::Arc;

use ipnet::IpNet;
use proptest::prelude::*;
use tokio::time::Instant;

use super::super::fact::Fact;
use super::super::store::Store;
use crate::layers::testing::{absence, answer, seconds};
use crate::{Answer, IdScope, Known, NoServer, Peer, PeerId, Scope, Token, Validity};

/// All times are multiples of this many seconds, and lives at most nine of them, so that the
/// random shortening by less than a tenth never matters.
const STEP: u64 = 100;

#[derive(Clone, Debug)]
enum Act {
    Keep {
        peer: Peer<'static>,
        scope: Scope,
        is_answer: bool,
        incomplete: bool,
        age: u64,
        life: u64,
    },
    Forget(Peer<'static>),
    Read(Peer<'static>),
    Wait(u64),
}

/// What the list holds: a scope shrunk as the store shrinks it, who asked, and a fact.
struct Line {
    scope: Scope,
    asked: Peer<'static>,
    fact: Fact,
    until: Instant,
}

#[derive(Default)]
struct Twin {
    lines: Vec<Line>,
}

impl Line {
    /// A host's fact is no prefix's and the other way round, nor are those with and without a peer
    /// ID.
    fn is_about(&self, peer: &Peer<'_>) -> bool {
        let same_length = self.asked.net().prefix_len() == peer.net().prefix_len();
        let same_kind = self.asked.id().is_some() == peer.id().is_some();
        same_length && same_kind && self.scope.contains(peer)
    }
}

impl Twin {
    fn keep(&mut self, peer: &Peer<'_>, fact: &Fact, scope: &Scope, now: Instant) {
        let mut about = self.lines.iter().filter(|line| line.is_about(peer));
        if about.any(|line| {
            let newer = line.fact.since() > fact.since();
            let fuller = fact.is_incomplete() && line.fact.is_complete();
            now < line.until && (newer || fuller)
        }) {
            return;
        }
        self.forget(peer);
        let until = now + fact.life(now);
        if scope.contains(peer) && until > now {
            let (scope, asked) = (shrunk(scope, peer), peer.without_hints());
            self.lines.push(Line { scope, asked, fact: fact.clone(), until });
        }
    }

    fn forget(&mut self, peer: &Peer<'_>) {
        self.lines.retain(|line| !line.is_about(peer));
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Option<&Fact> {
        let holds = |line: &&Line| line.is_about(peer) && now < line.until;
        let narrowest = |line: &&Line| (line.scope.net.prefix_len(), narrowness(&line.scope.id));
        self.lines.iter().filter(holds).max_by_key(narrowest).map(|line| &line.fact)
    }
}

fn narrowness(id: &IdScope) -> u32 {
    match id {
        IdScope::Any => 0,
        IdScope::Ports { low, high } => 65_537 - u32::from(high - low),
        IdScope::Exactly(_) => 65_538,
    }
}

/// The largest aligned block of ports in the range that has the asked port, by trying all.
fn shrunk(scope: &Scope, peer: &Peer<'_>) -> Scope {
    let (IdScope::Ports { low, high }, Some(PeerId::Port(port))) = (&scope.id, peer.id()) else {
        return scope.clone();
    };
    let mut blocks = (0..=16).map(|bits| {
        let size = 1_u32 << bits;
        let first = u32::from(*port) / size * size;
        (first, first + size - 1)
    });
    let within =
        |(first, last): &(u32, u32)| u32::from(*low) <= *first && *last <= u32::from(*high);
    let (first, last) = blocks.rfind(within).unwrap();
    let (low, high) = (u16::try_from(first).unwrap(), u16::try_from(last).unwrap());
    Scope { id: IdScope::Ports { low, high }, ..scope.clone() }
}

fn fact(act: &Act, now: Instant) -> Fact {
    let Act::Keep { scope, is_answer, incomplete, age, life, .. } = act else { unreachable!() };
    let (scope, incomplete) = (scope.clone(), *incomplete);
    let validity = Validity::new(now - seconds(age * STEP), seconds((age + life) * STEP));
    if *is_answer {
        let base = answer("a", "alto.example", "0.0.0.0/0", 0);
        Fact::Answer(Arc::new(Answer { scope, validity, incomplete, ..base }))
    } else {
        let base = absence("a", "0.0.0.0/0", 0);
        Fact::Absence(Arc::new(NoServer { scope, validity, ..base }))
    }
}

/// Which fact it is: the very same one, not one like it.
fn told(known: Option<&Known>) -> usize {
    match known {
        Some(Known::Fresh(answer)) => Arc::as_ptr(answer) as usize,
        Some(Known::None(none)) => Arc::as_ptr(none) as usize,
        _ => 0,
    }
}

fn peers() -> impl Strategy<Value = Peer<'static>> {
    let address = prop_oneof![
        (0_u8..8).prop_map(|host| std::net::IpAddr::from([192, 0, 2, host])),
        (0_u16..8).prop_map(|host| [0x2001, 0xdb8, 0, host % 2, 0, 0, 0, host].into()),
    ];
    let id = prop_oneof![
        2 => Just(None),
        2 => (0_u16..16).prop_map(|port| Some(PeerId::Port(port))),
        1 => (0_u8..2).prop_map(|octet| Token::new(&[octet]).map(PeerId::Token)),
    ];
    (address, 0_u8..4, id).prop_map(|(address, host_bits, id)| {
        let whole = IpNet::from(address);
        let length = whole.prefix_len() - host_bits;
        let peer = Peer::network(IpNet::new(address, length).unwrap());
        match id {
            Some(id) => peer.with_id(id),
            None => peer,
        }
    })
}

/// Mostly scopes around the peer; now and then one beside it, from a backend that breaks the law.
fn scopes(peer: &Peer<'static>) -> impl Strategy<Value = Scope> + use<> {
    let (net, own) = (peer.net(), peer.id().copied());
    let id = prop_oneof![
        Just(IdScope::Any),
        (0_u16..16, 0_u16..16).prop_map(|(a, b)| IdScope::Ports { low: a.min(b), high: a.max(b) }),
        Just(own.map_or(IdScope::Any, IdScope::Exactly)),
        Just(IdScope::Exactly(PeerId::Port(3))),
    ];
    let up =
        prop_oneof![4 => 0_u8..4, 1 => Just(net.prefix_len()), 1 => Just(net.prefix_len() - 20)];
    (up, id).prop_map(move |(up, id)| {
        let net = IpNet::new(net.addr(), net.prefix_len() - up).unwrap().trunc();
        Scope { net, id }
    })
}

fn acts() -> impl Strategy<Value = Act> {
    let keep = peers().prop_flat_map(|peer| {
        let facts = (scopes(&peer), any::<bool>(), any::<bool>(), 0_u64..3, 0_u64..=9);
        facts.prop_map(move |(scope, is_answer, incomplete, age, life)| {
            let peer = peer.clone();
            Act::Keep { peer, scope, is_answer, incomplete, age, life }
        })
    });
    prop_oneof![
        4 => keep,
        1 => peers().prop_map(Act::Forget),
        4 => peers().prop_map(Act::Read),
        1 => (0_u64..4).prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// When nothing has to leave, the store finds exactly what the list finds.
    #[test]
    fn the_store_agrees_with_a_list(acts in proptest::collection::vec(acts(), 1..80)) {
        let (store, mut twin) = (Store::new(8 << 20, seconds(3_600), 7), Twin::default());
        let mut now = Instant::now() + seconds(1_000);
        for act in acts {
            match &act {
                Act::Keep { peer, scope, .. } => {
                    let fact = fact(&act, now);
                    twin.keep(peer, &fact, scope, now);
                    store.keep(peer, fact, now);
                }
                Act::Forget(peer) => {
                    twin.forget(peer);
                    store.forget(peer);
                }
                Act::Read(peer) => {
                    let listed = twin.known(peer, now).and_then(Fact::as_known);
                    prop_assert_eq!(
                        told(store.known(peer, now).as_ref()),
                        told(listed.as_ref()),
                        "{:?}", peer
                    );
                }
                Act::Wait(steps) => now += seconds(steps * STEP),
            }
        }
        prop_assert_eq!(store.stats().evictions, 0);
    }
}

/// Many writers at once, with scopes that overlap: the newest fact is the one that stays.
#[test]
fn no_update_is_lost() {
    let (store, now) = (Store::new(8 << 20, seconds(3_600), 7), Instant::now() + seconds(1_000));
    let asked: Peer<'static> = "192.0.2.7".parse().unwrap();
    let facts: Vec<Fact> = (0..64_u8)
        .map(|age| {
            let net = IpNet::new(asked.net().addr(), 32 - age % 9).unwrap().trunc();
            let validity = Validity::new(now - seconds(age.into()), seconds(900));
            let base = absence("a", "0.0.0.0/0", 0);
            Fact::Absence(Arc::new(NoServer { scope: Scope::net(net), validity, ..base }))
        })
        .collect();
    for _ in 0..50 {
        store.forget(&asked);
        std::thread::scope(|scope| {
            for part in 0..4 {
                let (store, asked, facts) = (&store, &asked, &facts);
                scope.spawn(move || {
                    for fact in facts.iter().skip(part).step_by(4) {
                        store.keep(asked, fact.clone(), now);
                    }
                });
            }
        });
        assert_eq!(told(store.known(&asked, now).as_ref()), told(facts[0].as_known().as_ref()));
    }
}
