//! What is written, as whoever walks by RFC 8686 finds it.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use alto_backend_dns::fact::{Content, Fact};
use alto_backend_dns::rules::Rules;
use alto_backend_dns::upstream::Holds;
use alto_backend_dns::walk::Walk;
use alto_discovery_core::{Dnssec, Origin, Policy, Validity};
use alto_testkit::{Record, Zone, wire::kind};
use alto_zone::{Entry, Fault, Format, PortBlock, Publication, ServerLine, Style, reverse_name};
use ipnet::IpNet;
use proptest::prelude::*;
use tokio::time::Instant;

use support::holds;

const OPEN: Policy = Policy {
    allow_private_peers: true,
    allow_private_servers: false,
    allow_link_local: false,
    allow_documentation: true,
    allow_http: false,
};

fn zone(publication: &Publication) -> Zone {
    let records = publication.records().unwrap();
    Zone::new(absolute(&Format::Bind.write(&records)))
}

/// The records of a master file with origins.
fn absolute(text: &str) -> Vec<Record> {
    let mut origin = "";
    let mut records = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(';')) {
        if let Some(name) = line.strip_prefix("$ORIGIN ") {
            origin = name;
            continue;
        }
        let (owner, rest) = line.split_once(' ').unwrap();
        let owner = if owner == "@" { origin.into() } else { format!("{owner}.{origin}") };
        records.push(format!("{owner} {rest}").parse().unwrap());
    }
    records
}

/// The URIs that a walk for the peer finds.
fn walk(zone: &Zone, peer: IpNet) -> Vec<String> {
    let rules = Rules { policy: OPEN, ..Rules::default() };
    let now = Instant::now();
    let mut walk = Walk::new(peer, &rules).unwrap();
    while let Some(name) = walk.next_name() {
        let content = content(zone, &name);
        let validity = Validity::new(now, Duration::from_secs(600));
        walk.learn(Fact { content, validity, dnssec: Dnssec::Insecure }, Origin::Wire, now);
    }
    let servers = walk.outcome().map(|answer| answer.servers().to_vec()).unwrap_or_default();
    servers.iter().map(|server| server.uri.to_string()).collect()
}

fn content(zone: &Zone, name: &str) -> Content {
    match holds(zone, name) {
        Holds::Records(records) => Content::Records(records.into()),
        Holds::NoRecords => Content::NoRecords,
        Holds::NoName => Content::NoName,
    }
}

/// What the longest of the prefixes says, the slow way.
fn wanted(publication: &Publication, peer: IpAddr) -> Vec<String> {
    let around = publication.entries.iter().filter(|entry| entry.net.contains(&peer));
    let nearest = around.max_by_key(|entry| entry.net.prefix_len());
    let servers = nearest.map(|entry| entry.servers.clone()).unwrap_or_default();
    servers.iter().map(|server| server.uri.clone()).collect()
}

fn servers() -> impl Strategy<Value = Vec<ServerLine>> {
    let uri = |name: &str| format!("https://{name}.example/ird");
    prop_oneof![
        1 => Just(vec![]),
        4 => Just(vec![ServerLine::new(0, uri("a"))]),
        2 => Just(vec![ServerLine::new(0, uri("b")), ServerLine::new(1, uri("a"))]),
        1 => Just(vec![ServerLine::new(0, uri("c"))]),
    ]
}

/// Prefixes near each other, so that they overlap.
fn net() -> impl Strategy<Value = IpNet> {
    let v4 = (8..=32_u8, 0..4_u32, 0..3_u32, any::<u8>()).prop_map(|(length, b, c, d)| {
        let address = Ipv4Addr::from_bits(44 << 24 | b << 16 | (c * 7) << 8 | u32::from(d));
        IpNet::new(address.into(), length)
    });
    let v6 = (28..=128_u8, 0..3_u128, 0..3_u128, 0..3_u128).prop_map(|(length, a, b, c)| {
        let bits = 0x2a00 << 112 | a << 88 | b << 60 | c << 30 | a;
        // Lengths at which exceptions have few names, or none but a wildcard.
        let length = if (65..=120).contains(&length) { length / 4 * 4 } else { length };
        IpNet::new(Ipv6Addr::from_bits(bits).into(), length)
    });
    prop_oneof![v4, v6].prop_map(|net| net.unwrap().trunc())
}

fn publication(styles: &'static [Style]) -> impl Strategy<Value = Publication> {
    let entries = proptest::collection::btree_map(net(), servers(), 1..7);
    (entries, proptest::sample::select(styles)).prop_map(|(entries, style)| {
        let entries = entries.into_iter().map(|(net, servers)| Entry::new(net, servers)).collect();
        Publication { entries, style, ..Publication::default() }
    })
}

/// Inside, at the edges and just outside of each prefix.
fn places(publication: &Publication, seed: u128) -> Vec<IpAddr> {
    let nets = publication.entries.iter().map(|entry| entry.net);
    nets.flat_map(|net| match net {
        IpNet::V4(v4) => {
            let (first, last) = (v4.network().to_bits(), v4.broadcast().to_bits());
            let inside = first | v4.hostmask().to_bits() & u32::try_from(seed >> 96).unwrap();
            [first, last, inside, first.wrapping_sub(1), last.wrapping_add(1)]
                .map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)))
        }
        IpNet::V6(v6) => {
            let (first, last) = (v6.network().to_bits(), v6.broadcast().to_bits());
            let inside = first | v6.hostmask().to_bits() & seed;
            [first, last, inside, first.wrapping_sub(1), last.wrapping_add(1)]
                .map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits)))
        }
    })
    .collect()
}

const STYLES: &[Style] = &[Style::Auto, Style::Wildcard, Style::Rfc2317];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// RFC 8686 §3: inside, each address finds what its longest prefix says; outside, nothing.
    #[test]
    fn each_address_finds_its_servers(publication in publication(STYLES), seed: u128) {
        let zone = zone(&publication);
        for peer in places(&publication, seed) {
            prop_assert_eq!(walk(&zone, peer.into()), wanted(&publication, peer), "{}", peer);
        }
    }

    /// Hosts that have a name of their own, as those with PTR records, are found all the same, in
    /// any style, as long as no wildcard alone speaks for them (IPv6 below /64).
    #[test]
    fn other_names_hide_nothing(publication in publication(STYLES), seed: u128) {
        let mut publication = publication;
        publication.entries.retain(|entry| entry.net.addr().is_ipv4());
        let peers = places(&publication, seed);
        let mut records = absolute(&Format::Bind.write(&publication.records().unwrap()));
        let names: Vec<String> =
            peers.iter().map(|peer| reverse_name((*peer).into()).unwrap()).collect();
        for name in names {
            let alias = |record: &Record| record.is(kind::CNAME) && record.owner == name;
            if !records.iter().any(alias) {
                records.push(format!("{name} 60 PTR host.example.").parse().unwrap());
            }
        }
        let zone = Zone::new(records);
        for peer in peers {
            prop_assert_eq!(walk(&zone, peer.into()), wanted(&publication, peer), "{}", peer);
        }
    }

    /// The style asked for is the style kept: `per-name` has no wildcard, IPv4 has none but in
    /// `wildcard`, and only `rfc2317` has aliases.
    #[test]
    fn styles_are_kept(publication in publication(STYLES)) {
        let records = publication.records().unwrap();
        let wild = records.iter().any(|record| {
            record.owner.starts_with('*') && record.owner.ends_with("in-addr.arpa.")
        });
        prop_assert!(publication.style == Style::Wildcard || !wild);
        let alias = records.iter().any(|record| matches!(record.data, alto_zone::Data::Cname(_)));
        prop_assert!(publication.style == Style::Rfc2317 || !alias);
    }
}

fn of(entries: &[(&str, &str)]) -> Publication {
    let entries = entries.iter().map(|(net, uri)| {
        let servers = (!uri.is_empty()).then(|| ServerLine::new(0, *uri));
        Entry::new(net.parse().unwrap(), servers.into_iter().collect())
    });
    Publication { entries: entries.collect(), ..Publication::default() }
}

const A: &str = "https://a.example/ird";
const B: &str = "https://b.example/ird";

fn text(publication: &Publication) -> String {
    let text = Format::Bind.write(&publication.records().unwrap());
    text.lines().filter(|line| !line.starts_with(';')).flat_map(|line| [line, "\n"]).collect()
}

/// RFC 8686 §5.2.1: a /18 becomes 64 names under one origin.
#[test]
fn sixty_four_names() {
    let text = text(&of(&[("198.51.64.0/18", A)]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (65, "$ORIGIN 51.198.in-addr.arpa."));
    assert_eq!(
        lines[1],
        r#"64 3600 IN NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#
    );
    assert!(lines[64].starts_with("127 3600 "));
}

/// An exception longer than /24 takes a name for each host, or the wildcard of a nibble of IPv6.
#[test]
fn exceptions_beyond_the_asked_lengths() {
    let publication = of(&[
        ("198.51.100.0/24", A),
        ("198.51.100.64/31", B),
        ("2001:db8::/32", A),
        ("2001:db8:0:0:8000::/68", B),
    ]);
    let text = text(&publication);
    assert_eq!(
        text,
        "$ORIGIN 51.198.in-addr.arpa.\n\
         100 3600 IN NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!https://a.example/ird!\" .\n\
         $ORIGIN 100.51.198.in-addr.arpa.\n\
         64 3600 IN NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!https://b.example/ird!\" .\n\
         65 3600 IN NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!https://b.example/ird!\" .\n\
         $ORIGIN ip6.arpa.\n\
         8.b.d.0.1.0.0.2 3600 IN NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!https://a.example/ird!\" .\n\
         $ORIGIN 8.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.\n\
         * 3600 IN NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!https://b.example/ird!\" .\n"
    );
    let per_name = Publication { style: Style::PerName, ..publication };
    assert!(matches!(per_name.records(), Err(Fault::TooMany(_))));
}

/// RFC 2317 §4, as RFC 8686 §5.2.2 takes it up.
#[test]
fn aliases_into_a_zone_of_its_own() {
    let publication = of(&[("198.51.100.0/24", A), ("198.51.100.64/30", B)]);
    let text = text(&Publication { style: Style::Rfc2317, ..publication });
    assert!(text.contains("\n66 3600 IN CNAME 66.64/30.100.51.198.in-addr.arpa.\n"), "{text}");
    assert!(text.contains("$ORIGIN 64/30.100.51.198.in-addr.arpa.\n64 3600 IN NAPTR "), "{text}");
}

/// Without a place for "none", whoever has no server must have no record above.
#[test]
fn a_hole_is_left_out_not_written() {
    let publication = of(&[("198.51.0.0/16", A), ("198.51.100.0/24", "")]);
    let records = publication.records().unwrap();
    assert_eq!(records.len(), 255);
    assert!(walk(&zone(&publication), "198.51.100.7/32".parse().unwrap()).is_empty());
}

/// Blocks of ports by wildcards: 40000 to 40511 is 0x9c40 to 0x9e3f.
#[test]
fn port_blocks() {
    let mut publication = of(&[("198.51.100.0/24", A), ("198.51.100.3/32", B)]);
    publication.entries[1].ports = Some(PortBlock { low: 40_000, high: 40_511 });
    let zone = zone(&publication);
    let at = |port: u16| {
        let [a, b] = port.to_be_bytes();
        let (a, b, c, d) = (a >> 4, a & 15, b >> 4, b & 15);
        let name = format!("{d:x}.{c:x}.{b:x}.{a:x}._p.3.100.51.198.in-addr.arpa.");
        matches!(content(&zone, &name), Content::Records(_))
    };
    let edges = [39_999, 40_000, 40_255, 40_256, 40_511, 40_512, u16::MAX];
    for port in (0..u16::MAX).step_by(97).chain(edges) {
        assert_eq!(at(port), (40_000..=40_511).contains(&port), "{port}");
    }
    // Names of ports make the host's own name exist, and hide nothing: the walk goes on.
    assert_eq!(walk(&zone, "198.51.100.3/32".parse().unwrap()), [A]);
    let records = publication.records().unwrap();
    let owners: BTreeSet<&str> = records.iter().map(|record| &*record.owner).collect();
    assert!(owners.contains("*.d.9._p.3.100.51.198.in-addr.arpa."));
    assert_eq!(owners.len(), 1 + 12 + 1 + 4);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let fault = |publication: Publication| publication.records().unwrap_err();
    let ports = |low, high, net: &str| {
        let mut publication = of(&[(net, A)]);
        publication.entries[0].ports = Some(PortBlock { low, high });
        publication
    };
    let twice = fault(of(&[("198.51.100.0/24", A), ("198.51.100.0/24", B)]));
    assert_eq!(twice.to_string(), "198.51.100.0/24 is there twice");
    let host_bits = fault(of(&[("198.51.100.3/24", A)])).to_string();
    assert!(host_bits.ends_with("did you mean 198.51.100.0/24?"), "{host_bits}");
    assert!(matches!(fault(of(&[("::/0", A)])), Fault::TooMany(_)));
    assert!(matches!(fault(ports(1, 9, "198.51.100.0/24")), Fault::PortsOfMany(_)));
    assert!(matches!(fault(ports(9, 1, "198.51.100.3/32")), Fault::Ports { .. }));
    let mut overlapping = ports(1, 9, "198.51.100.3/32");
    overlapping.entries.extend(ports(9, 20, "198.51.100.3/32").entries);
    assert_eq!(fault(overlapping).to_string(), "198.51.100.3/32 port 9 is there twice");
    let mut below = ports(1, 9, "2001:db8::8:1/128");
    below.entries.extend(of(&[("2001:db8::8:0/112", B)]).entries);
    assert!(matches!(fault(below), Fault::PortsBelowWildcard(_)));
    let long = format!("https://a.example/{}", "x".repeat(250));
    assert!(matches!(fault(of(&[("198.51.100.0/24", &long)])), Fault::UriTooLong(_)));
    assert!(matches!(fault(Publication { ttl: u32::MAX, ..of(&[]) }), Fault::Ttl(_)));
    for uri in [
        "http://a.example/ird",
        "https://127.0.0.1/ird",
        "https://a.example/x!y",
        "https://a.example/#f",
        "a.example",
        "",
    ] {
        let entry = Entry::new("198.51.100.0/24".parse().unwrap(), vec![ServerLine::new(0, uri)]);
        let publication = Publication { entries: vec![entry], ..Publication::default() };
        assert!(matches!(fault(publication), Fault::Server { .. }), "{uri}");
    }
    let both =
        Publication { service: "ALTO:https:http".parse().unwrap(), ..of(&[("44.0.0.0/8", A)]) };
    assert_eq!(both.records().map(|records| records.len()), Ok(1));
}
