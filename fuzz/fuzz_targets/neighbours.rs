//! The server's file of neighbours.
//!
//! What is taken can be asked about, for any endpoint of it, and names one of its servers; what is
//! not is a fault with a sentence.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use alto_discovery::Policy;
use alto_messages::EndpointId;
use alto_server::{Maps, NeighbourFile, Neighbours, Text};
use libfuzzer_sys::fuzz_target;

const NETWORK: &str = "prefix,pid\n0.0.0.0/0,a\n::/0,a\n192.0.2.0/24,b\n2001:db8::/32,c\n";

static MAPS: LazyLock<Maps> = LazyLock::new(|| {
    Maps::parse(Text { name: "network", csv: NETWORK }, &[]).expect("a sound map")
});

fuzz_target!(|octets: &[u8]| {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let file = NeighbourFile::parse("file", text, Policy::default());
    let neighbours = match file.and_then(|file| Neighbours::new(file, &MAPS)) {
        Ok(neighbours) => neighbours,
        Err(fault) => {
            assert!(!fault.sentence.is_empty());
            return;
        }
    };
    let id = |text: &str| text.parse::<EndpointId>().ok();
    let ids = [None, id("port:1"), id("port:40000"), id("token:AA"), id("token:c2VjcmV0")];
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || ".:".contains(c)));
    let fixed = ["192.0.2.1", "2001:db8::1", "8.8.8.8"].into_iter();
    for address in fixed.chain(words).filter_map(|word| word.parse::<IpAddr>().ok()).take(64) {
        for id in &ids {
            if let Some(responsible) = neighbours.responsible(address, id.as_ref()) {
                let uri = responsible.uri;
                assert!(uri.scheme() == "https" && uri.host().is_some(), "{uri}");
            }
        }
    }
});
