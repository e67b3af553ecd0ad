//! The server's CSV files: network map and costs, apart by a line with `=`.
//!
//! What is taken is served as maps that our own parser takes, and means the same in any order of
//! lines; what is not is a fault with a sentence.
#![no_main]

use std::time::Duration;

use alto_messages::{CostMap, CostMetric, NetworkMap, ReadOptions};
use alto_server::{Catalogue, Maps, Text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let (network, costs) = text.split_once("\n=\n").unwrap_or((text, "src,dst,cost\n"));
    let read = |network: &str, costs: &str| {
        let costs = [(CostMetric::routingcost(), Text { name: "costs", csv: costs })];
        Maps::parse(Text { name: "network", csv: network }, &costs)
    };
    let maps = match read(network, costs) {
        Ok(maps) => maps,
        Err(fault) => {
            assert!(!fault.sentence.is_empty());
            return;
        }
    };
    let options = ReadOptions::default();
    let written = (maps.network().to_json(), maps.costs()[0].to_json());
    assert!(NetworkMap::parse(&written.0, &options).is_ok());
    assert!(CostMap::parse(&written.1, &options).is_ok());
    let turned = read(&turned(network), &turned(costs)).expect("the same lines");
    assert_eq!(written, (turned.network().to_json(), turned.costs()[0].to_json()));
    assert!(Catalogue::new(maps.into(), Duration::ZERO).is_ok());
});

/// The header, and then the lines from the last to the first.
fn turned(csv: &str) -> String {
    let csv = csv.strip_prefix('\u{feff}').unwrap_or(csv);
    let mut lines: Vec<&str> = csv.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[1..].reverse();
    lines.join("\n")
}
