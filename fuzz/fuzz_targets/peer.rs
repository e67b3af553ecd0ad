//! Peers as text: what is accepted is written back to the same peer.
#![no_main]

use alto_discovery::Peer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(peer) = text.parse::<Peer<'_>>() else { return };
    let again: Peer<'_> = peer.net().to_string().parse().expect("a prefix is a peer");
    assert_eq!(again.net(), peer.net());
});
