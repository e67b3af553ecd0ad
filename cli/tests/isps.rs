//! docs/isps.md, run. Each section starts afresh, with the zone of the first one.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

#[path = "common/page.rs"]
mod page;

use alto_testkit::{bind, knot, nsd, pdns};
use page::{Stage, sections};

const PAGE: &str = include_str!("../../docs/isps.md");
/// What listens in the examples beside name servers.
const LISTENERS: &[&str] = &["127.0.0.1:8080", "127.0.0.1:8443"];

fn stage(heading: &str) -> Stage {
    let launch = match heading {
        "Knot DNS" => knot::launch,
        "BIND" => bind::launch,
        // The one that goes on from one of its zones to another, as a resolver does.
        "PowerDNS" | "Customers with less than a /24 (RFC 2317)" => pdns::launch,
        _ => nsd::launch,
    };
    Stage::new(launch, LISTENERS)
}

fn runs(heading: &str) {
    let sections = sections(PAGE);
    let zone = &sections[0].1[0];
    let (_, blocks) = sections.iter().find(|(name, _)| name == heading).unwrap();
    let mut stage = stage(heading);
    stage.write(zone);
    for block in blocks {
        stage.take(block);
    }
}

macro_rules! sections {
    ($($test:ident: $heading:literal,)*) => {
        $(
            #[test]
            fn $test() {
                runs($heading);
            }
        )*

        /// No section of the page is left out.
        #[test]
        fn each_section_has_its_test() {
            let headings: Vec<String> = sections(PAGE).into_iter().map(|(heading, _)| heading).collect();
            assert_eq!(headings, [$($heading),*]);
        }
    };
}

sections! {
    five_minutes: "Five minutes",
    what_trackers_ask_for: "What trackers ask for",
    changing: "When servers change",
    bind: "BIND",
    nsd: "NSD",
    knot: "Knot DNS",
    power_dns: "PowerDNS",
    tinydns: "tinydns",
    ipv6: "IPv6",
    rfc_2317: "Customers with less than a /24 (RFC 2317)",
    shared_addresses: "Subscribers who share an address",
    wildcards: "Wildcards",
    signing: "Sign the zone",
    serving: "Run the server",
}
