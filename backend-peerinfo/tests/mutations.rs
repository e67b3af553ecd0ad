//! Announces, claims and guidance, changed at random: never a panic, and nothing comes through that the
//! rules forbid. `make claims` tries ten million; `ALTO_MUTATIONS` says how many.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::time::Duration;

use alto_backend_peerinfo::{PeerInfoBackend, PeerInfoConfig, blob};
use alto_discovery_core::{
    Answer, Backend, BackendConfig as _, Guide, Hints, Known, Peer, PeerCost, PeerCosts, Policy,
    Scope, Trust,
};
use data_encoding::BASE64URL_NOPAD;
use tokio::time::Instant;

/// For a run of a second.
const FEW: u64 = 50_000;

/// splitmix64: every run makes the same announces.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    fn octet(&mut self) -> u8 {
        // Those that mean something come more often.
        const TELLING: &[u8] = b"%&=?/:@#[].!\0\x01\x02\x04\x06\xa5\xa6\x80\xff0aZ";
        if self.below(2) == 0 {
            TELLING[self.below(TELLING.len())]
        } else {
            self.next().to_le_bytes()[0]
        }
    }
}

fn guidance(entries: u8) -> Vec<u8> {
    let entry = |n: u8| {
        let net = if n.is_multiple_of(2) {
            format!("198.51.{n}.0/24")
        } else {
            format!("2001:db8:{n:x}::/48")
        };
        PeerCost { net: net.parse().unwrap(), cost: n.into() }
    };
    let entries = (0..entries).map(entry).collect();
    blob::write(&PeerCosts { entries, lifetime: Duration::from_secs(600) }).unwrap()
}

/// An announce in the raw, and whether it came over UDP.
type Announce = (Vec<u8>, bool);

fn seeds() -> Vec<Announce> {
    let option = |kind: u8, data: &[u8]| -> Vec<u8> {
        let parts = data.chunks(255);
        parts.flat_map(|part| [&[kind, u8::try_from(part.len()).unwrap()], part].concat()).collect()
    };
    let uri = b"https://alto.example:8443/directory?region=7";
    let text = |octets: &[u8]| BASE64URL_NOPAD.encode(octets);
    vec![
        (b"info_hash=%12%34&port=6881&alto=https%3A%2F%2Falto.example%2Fird&key=1".to_vec(), false),
        (b"alto=https://[2001:db8::1]:1024/a%20b".to_vec(), false),
        (format!("?altog={}", text(&guidance(1))).into_bytes(), false),
        (
            format!("altog={}&port=1&alto=http://a.example/", text(&guidance(40))).into_bytes(),
            false,
        ),
        (option(0xA5, uri), true),
        (option(0xA6, &guidance(1)), true),
        ([option(1, b""), option(0xA6, &guidance(70)), option(0xA5, uri)].concat(), true),
        ([option(2, b"/announce?alto=https://al"), option(2, b"to.example/")].concat(), true),
    ]
}

fn changed(random: &mut Random, seeds: &[Announce]) -> Announce {
    let (mut raw, is_udp) = seeds[random.below(seeds.len())].clone();
    for _ in 0..random.below(6) {
        let at = random.below(raw.len());
        match random.below(6) {
            0 if !raw.is_empty() => raw[at] ^= 1 << random.below(8),
            1 if !raw.is_empty() => raw[at] = random.octet(),
            2 => raw.insert(at, random.octet()),
            3 if !raw.is_empty() => drop(raw.remove(at)),
            4 => raw.truncate(at),
            _ => {
                let (other, _) = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                raw.splice(at..at, other[from..].iter().copied());
            }
        }
    }
    (raw, is_udp)
}

/// What came of it, in a word. Panics if it breaks a rule.
fn judged(backend: &PeerInfoBackend, raw: &[u8], is_udp: bool, now: Instant) -> &'static str {
    let hints = if is_udp { Hints::UdpOptions(raw.into()) } else { Hints::HttpQuery(raw.into()) };
    let peer = "8.8.8.8".parse::<Peer<'_>>().unwrap().with_hints(hints);
    match backend.known(&peer, now) {
        Known::Fresh(answer) => is_within_rules(&answer, &peer),
        Known::NotApplicable => "nothing sent",
        Known::Ask => "refused",
        other => panic!("{other:?}"),
    }
}

fn is_within_rules(answer: &Answer, peer: &Peer<'_>) -> &'static str {
    assert_eq!(answer.scope, Scope::of(peer));
    assert!(
        answer.validity.lifetime() <= blob::LONGEST_LIFE && !answer.validity.lifetime().is_zero()
    );
    match &answer.guide {
        Guide::Servers(servers) => {
            let [server] = servers.as_slice() else { panic!("one URI is one server") };
            assert_eq!((answer.approach, server.trust), (5, Trust::PeerClaim));
            assert!(
                server.uri.scheme() == "https" && Policy::default().check_uri(&server.uri).is_ok()
            );
            "a server"
        }
        Guide::Costs(costs) => {
            assert!(
                answer.approach == 6 && (1..=blob::MOST_ENTRIES).contains(&costs.entries.len())
            );
            assert!(costs.entries.iter().all(|entry| entry.net == entry.net.trunc()));
            "guidance"
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn changed_announces() {
    let many = std::env::var("ALTO_MUTATIONS").ok().map(|text| text.parse().expect("a number"));
    let mut config = PeerInfoConfig::default();
    config.set("peerinfo.trust", "open").unwrap();
    let backend = PeerInfoBackend::new(&config, Policy::default());
    let (seeds, mut random, now) = (seeds(), Random(686), Instant::now());
    let mut counts = BTreeMap::new();
    for _ in 0..many.unwrap_or(FEW) {
        let (raw, is_udp) = changed(&mut random, &seeds);
        *counts.entry(judged(&backend, &raw, is_udp, now)).or_insert(0_u64) += 1;
    }
    println!("{counts:?}");
    assert_eq!(counts.len(), 4, "each outcome is among them: {counts:?}");
}
