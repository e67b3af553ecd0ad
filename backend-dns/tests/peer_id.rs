//! Approach 3: peers behind one address are told apart by their peer ID, against zones in memory.

use std::time::Duration;

use alto_backend_dns::fact::{Content, Fact, Failure};
use alto_backend_dns::naptr::Naptr;
use alto_backend_dns::plan::Granularity;
use alto_backend_dns::rules::Rules;
use alto_backend_dns::scope::NxdomainCut;
use alto_backend_dns::walk::Walk;
use alto_discovery_core::{
    Answer, Dnssec, Error, IdScope, Origin, Peer, PeerId, Policy, Scope, Token, Validity,
};
use proptest::prelude::*;
use tokio::time::Instant;

const R32: &str = "3.100.51.198.in-addr.arpa.";
const R24: &str = "100.51.198.in-addr.arpa.";
const PORT: &str = "0.4.c.9._p.3.100.51.198.in-addr.arpa.";
const NETWORK: &str = "https://network.example/ird";
const EAST: &str = "https://east.example/ird";

/// What the zone holds: a wildcard stands for all labels below its name (RFC 4592).
struct Zone(Vec<(String, Content)>);

impl Zone {
    fn of(names: &[(&str, Content)]) -> Self {
        Self(names.iter().map(|(name, content)| ((*name).to_owned(), content.clone())).collect())
    }

    fn content(&self, name: &str) -> Content {
        let at = |name: &str| self.0.iter().find(|(owner, _)| owner == name);
        let exists = |name: &str| self.0.iter().any(|(owner, _)| is_at_or_below(owner, name));
        if let Some((_, content)) = at(name) {
            return content.clone();
        }
        if exists(name) {
            return Content::NoRecords;
        }
        let encloser = name.match_indices('.').map(|(at, _)| &name[at + 1..]).find(|n| exists(n));
        let wildcard = encloser.and_then(|encloser| at(&format!("*.{encloser}")));
        wildcard.map_or(Content::NoName, |(_, content)| content.clone())
    }
}

fn is_at_or_below(name: &str, above: &str) -> bool {
    name.strip_suffix(above).is_some_and(|labels| labels.is_empty() || labels.ends_with('.'))
}

fn names(uri: &str) -> Content {
    let record = Naptr {
        order: 100,
        preference: 10,
        flags: b"u"[..].into(),
        services: b"ALTO:https"[..].into(),
        regexp: format!("!.*!{uri}!").into_bytes().into(),
        replacement: ".".into(),
    };
    Content::Records([record].into())
}

fn rules() -> Rules {
    let policy = Policy { allow_documentation: true, ..Policy::default() };
    Rules { policy, ..Rules::default() }
}

fn port(port: u16) -> Peer<'static> {
    "198.51.100.3".parse::<Peer<'_>>().unwrap().with_id(PeerId::Port(port))
}

fn token(octets: &[u8]) -> PeerId {
    PeerId::Token(Token::new(octets).unwrap())
}

fn walk(peer: &Peer<'_>, rules: &Rules, zone: &Zone) -> Result<Answer, Error> {
    let mut walk = Walk::of(peer, rules)?;
    while let Some(name) = walk.next_name() {
        let now = Instant::now();
        let validity = Validity::new(now, Duration::from_secs(300));
        let content = zone.content(&name);
        walk.learn(Fact { content, validity, dnssec: Dnssec::Unknown }, Origin::Wire, now);
    }
    walk.outcome()
}

/// The server, the approach that found it, and for which IDs that was proven.
fn found(peer: &Peer<'_>, rules: &Rules, zone: &Zone) -> (String, u8, IdScope) {
    let answer = walk(peer, rules, zone).unwrap();
    assert!(answer.scope.contains(peer));
    (answer.servers()[0].uri.to_string(), answer.approach, answer.scope.id)
}

fn asked(result: &Result<Answer, Error>) -> Vec<&str> {
    let trace = match result {
        Ok(answer) => &answer.trace,
        Err(error) => error.trace().unwrap(),
    };
    trace.steps().iter().map(|step| &*step.subject).collect()
}

/// A block by a wildcard, a token of its own, and the walk of the address for everybody else.
#[test]
fn each_id_finds_its_own() {
    let gold = "_tctnmop0.3.100.51.198.in-addr.arpa.";
    let zone = Zone::of(&[
        (R24, names(NETWORK)),
        ("*.c.9._p.3.100.51.198.in-addr.arpa.", names(EAST)),
        (gold, names("https://gold.example/ird")),
    ]);
    let rules = rules();
    let exactly = |id| IdScope::Exactly(id);
    for (peer, server, approach, scope) in [
        (port(0x9c00), EAST, 3, exactly(PeerId::Port(0x9c00))),
        (port(0x9cff), EAST, 3, exactly(PeerId::Port(0x9cff))),
        (port(0x9bff), NETWORK, 1, exactly(PeerId::Port(0x9bff))),
        (port(0x9d00), NETWORK, 1, exactly(PeerId::Port(0x9d00))),
        (port(1).with_id(token(b"gold")), "https://gold.example/ird", 3, exactly(token(b"gold"))),
        (port(1).with_id(token(b"goal")), NETWORK, 1, exactly(token(b"goal"))),
        ("198.51.100.3".parse().unwrap(), NETWORK, 1, IdScope::Any),
    ] {
        assert_eq!(found(&peer, &rules, &zone), (server.to_owned(), approach, scope), "{peer:?}");
    }
    assert_eq!(asked(&walk(&port(40_000), &rules, &zone)), [PORT]);
    let denied = walk(&port(1), &rules, &zone);
    assert_eq!(asked(&denied), ["1.0.0.0._p.3.100.51.198.in-addr.arpa.", R32, R24]);
    let answer = walk(&port(40_000), &rules, &zone).unwrap();
    assert_eq!(answer.servers()[0].found_at.as_deref(), Some(PORT));
}

/// With `dns.granularity = prefix` no host address leaves, and so no ID; a prefix has no ID either.
#[test]
fn only_full_length_addresses_are_asked_by_id() {
    let zone = Zone::of(&[(R24, names(NETWORK)), ("*._p.3.100.51.198.in-addr.arpa.", names(EAST))]);
    let prefix = Rules { granularity: Granularity::Prefix, ..rules() };
    let result = walk(&port(40_000), &prefix, &zone);
    assert_eq!(asked(&result), [R24]);
    assert_eq!(result.unwrap().scope, Scope::net("198.51.100.0/24".parse().unwrap()));
    let block = "198.51.100.0/24".parse::<Peer<'_>>().unwrap().with_id(PeerId::Port(40_000));
    assert_eq!(asked(&walk(&block, &rules(), &zone)), [R24]);
}

/// A denial of one ID's name is none of the host's, and where the host's own name is absent, all IDs
/// are settled (RFC 8020 §2).
#[test]
fn a_denial_speaks_for_the_id_alone() {
    let zone = Zone::of(&[(R24, names(NETWORK))]);
    assert_eq!(found(&port(7), &rules(), &zone).2, IdScope::Exactly(PeerId::Port(7)));
    let cut = Rules { nxdomain_cut: NxdomainCut::On, ..rules() };
    assert_eq!(found(&port(7), &cut, &zone).2, IdScope::Any);
    let host = Zone::of(&[(R32, names(NETWORK))]);
    assert_eq!(found(&port(7), &cut, &host).2, IdScope::Exactly(PeerId::Port(7)));
    let Err(Error::NoServer(none)) = walk(&port(7), &rules(), &Zone::of(&[])) else { panic!() };
    assert_eq!(none.scope, Scope::of(&port(7)));
}

/// RFC 8686 §3.5: a failure at the ID's name is passed over, and told.
#[test]
fn a_failure_at_the_id_is_no_absence() {
    let failed = Content::Failed(Failure::upstream("replied SERVFAIL"));
    let zone = Zone::of(&[(PORT, failed), (R24, names(NETWORK))]);
    let answer = walk(&port(40_000), &rules(), &zone).unwrap();
    assert_eq!((answer.approach, answer.incomplete), (1, true));
    assert_eq!(answer.scope, Scope::of(&port(40_000)));
}

/// Errors are logged, tokens must not be: neither as they are nor as the name of the question.
#[test]
fn an_error_says_no_token() {
    let peer = port(0).with_id(token(b"gold"));
    let name = "_tctnmop0.3.100.51.198.in-addr.arpa.";
    for content in [Content::Failed(Failure::Timeout), names("https://127.0.0.1/ird")] {
        let said = walk(&peer, &rules(), &Zone::of(&[(name, content)])).unwrap_err();
        assert!(!format!("{said}").contains("ctnmop0"), "{said}");
        assert!(format!("{said}").contains("the name of the token"), "{said}");
    }
}

proptest! {
    /// What is proven for an ID is what each peer in its scope gets, whatever blocks there are.
    #[test]
    fn scopes_are_sound(
        blocks in prop::collection::vec((0_u16..=0xffff, 0_u8..4, 0..3_u8), 0..6),
        ports in prop::collection::vec(0_u16..=0xffff, 1..8),
        cut: bool,
        host: bool,
    ) {
        let mut entries = vec![(R24.to_owned(), names(NETWORK))];
        if host {
            entries.push((R32.to_owned(), names(NETWORK)));
        }
        for (number, digits, server) in &blocks {
            let nibbles = [12, 8, 4, 0].map(|place| number >> place & 15);
            let kept = nibbles[..usize::from(*digits)].iter().rev();
            let labels = kept.fold(String::new(), |all, nibble| format!("{all}{nibble:x}."));
            let owner = format!("*.{labels}_p.{R32}");
            entries.retain(|(name, _)| *name != owner);
            entries.push((owner, names(&format!("https://block{server}.example/ird"))));
        }
        let zone = Zone(entries);
        let nxdomain_cut = if cut { NxdomainCut::On } else { NxdomainCut::Off };
        let rules = Rules { nxdomain_cut, ..rules() };
        let numbers = ports.iter().copied().chain(blocks.iter().map(|block| block.0));
        let peers: Vec<_> = numbers.map(port).collect();
        for peer in &peers {
            let (server, _, _) = found(peer, &rules, &zone);
            let scope = walk(peer, &rules, &zone).unwrap().scope;
            for other in peers.iter().filter(|other| scope.contains(other)) {
                prop_assert_eq!(&found(other, &rules, &zone).0, &server);
            }
        }
    }
}
