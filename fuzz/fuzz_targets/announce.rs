//! What peers send along with their announces: refused, or within the rules. The first octet says by
//! which wire it came; the rest is guidance by itself, too.
#![no_main]

use alto_backend_peerinfo::{PeerInfoBackend, PeerInfoConfig, Trusted, blob};
use alto_discovery::{Backend, Guide, Hints, Instant, Known, Peer, Policy, Scope, Trust};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((wire, raw)) = data.split_first() else { return };
    let hints =
        if wire & 1 == 0 { Hints::HttpQuery(raw.into()) } else { Hints::UdpOptions(raw.into()) };
    let peer: Peer<'_> = "8.8.8.8".parse().expect("an address");
    let peer = peer.with_hints(hints);
    let config = PeerInfoConfig { trust: Trusted::Open, ..PeerInfoConfig::default() };
    let backend = PeerInfoBackend::new(&config, Policy::default());
    if let Known::Fresh(answer) = backend.known(&peer, Instant::now()) {
        assert_eq!(answer.scope, Scope::of(&peer));
        assert!(answer.servers().iter().all(|server| {
            server.trust == Trust::PeerClaim && Policy::default().check_uri(&server.uri).is_ok()
        }));
        if let Guide::Costs(costs) = &answer.guide {
            assert!((1..=blob::MOST_ENTRIES).contains(&costs.entries.len()));
        }
    }
    if let Ok(costs) = blob::read(raw) {
        let again = blob::write(&costs).expect("what was read fits");
        assert_eq!(blob::read(&again), Ok(costs));
    }
});
