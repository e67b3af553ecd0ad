//! The examination of what is deployed, on zones in memory.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod support;

use std::sync::Arc;

use alto_backend_dns::fact::Failure;
use alto_backend_dns::naptr::Naptr;
use alto_backend_dns::rules::Rules;
use alto_backend_dns::upstream::{Holds, Reply};
use alto_discovery_core::{Dnssec, Finding, Policy};
use alto_testkit::{Data, Record, Zone};
use alto_zone::check::{Check, Seen};
use alto_zone::{Entry, Publication, ServerLine, Style};
use ipnet::IpNet;
use proptest::prelude::*;
use tokio::time::Instant;

use support::holds;

fn rules() -> Rules {
    let policy =
        Policy { allow_private_peers: true, allow_documentation: true, ..Policy::default() };
    Rules { policy, ..Rules::default() }
}

fn findings(
    prefix: IpNet,
    addresses: u32,
    answer: impl Fn(&str) -> Result<Reply, Failure>,
) -> (Vec<Finding>, usize) {
    let rules = rules();
    let mut check = Check::new(prefix, &rules, addresses).unwrap();
    loop {
        let names = check.missing();
        if names.is_empty() {
            return (check.findings(Instant::now()), check.names());
        }
        for name in names {
            let seen = Seen::from(answer(&name));
            check.learn(name, seen);
        }
    }
}

fn reply(holds: Holds) -> Reply {
    Reply { holds, ttl: 3_600, zone: None, dnssec: Dnssec::Unknown, alias: None }
}

fn from_zone(zone: &Zone, name: &str) -> Reply {
    reply(holds(zone, name))
}

fn zone(publication: &Publication) -> Zone {
    let records = publication.records().unwrap().into_iter().map(|record| {
        let data = match record.data {
            alto_zone::Data::Cname(target) => Data::Cname(target),
            alto_zone::Data::Naptr(naptr) => {
                let (service, uri) = (naptr.service, naptr.uri);
                let (order, preference) = (naptr.order, naptr.preference);
                let line = format!(
                    "x. 60 NAPTR {order} {preference} \"u\" \"{service}\" \"!.*!{uri}!\" ."
                );
                line.parse::<Record>().unwrap().data
            }
        };
        Record::new(record.owner, record.ttl, data)
    });
    Zone::new(records)
}

fn net() -> impl Strategy<Value = IpNet> {
    let v4 = (18..=30_u8, any::<u16>()).prop_map(|(length, low)| {
        IpNet::new(std::net::Ipv4Addr::from_bits(44 << 24 | u32::from(low) << 4).into(), length)
    });
    let v6 = (30..=68_u8, any::<u32>()).prop_map(|(length, low)| {
        let bits = 0x2a00 << 112 | u128::from(low) << 60;
        IpNet::new(std::net::Ipv6Addr::from_bits(bits).into(), length)
    });
    prop_oneof![v4, v6].prop_map(|net| net.unwrap().trunc())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What is written for a prefix is nothing to complain of, in any style.
    #[test]
    fn what_is_written_is_sound(
        net in net(),
        style in proptest::sample::select(vec![Style::Auto, Style::Wildcard, Style::Rfc2317]),
    ) {
        let servers = [0, 1].map(|nth| ServerLine::new(nth, format!("https://s{nth}.example/ird")));
        let entries = vec![Entry::new(net, servers.into())];
        let publication = Publication { entries, style, ..Publication::default() };
        let zone = zone(&publication);
        let (findings, _) = findings(net, 48, |name| Ok(from_zone(&zone, name)));
        prop_assert_eq!(findings, []);
    }

    /// An exception without a server is found as the hole it is, whole and alone.
    #[test]
    fn a_hole_is_found_whole(third in 0..8_u8, length in 24..=26_u8) {
        let prefix: IpNet = "44.7.64.0/21".parse().unwrap();
        let hole = IpNet::new(std::net::Ipv4Addr::new(44, 7, 64 + third, 0).into(), length).unwrap();
        let server = ServerLine::new(0, "https://s.example/ird");
        let entries = vec![Entry::new(prefix, vec![server]), Entry::new(hole, vec![])];
        let zone = zone(&Publication { entries, ..Publication::default() });
        let (findings, _) = findings(prefix, 256, |name| Ok(from_zone(&zone, name)));
        prop_assert!(findings.iter().all(|finding| finding.code == "hole"), "{:?}", findings);
        prop_assert!(!findings.is_empty());
        for finding in findings {
            let name = finding.name.split_once('-').map_or(&*finding.name, |(first, _)| first);
            let found = name.parse().or_else(|_| name.parse::<std::net::IpAddr>().map(IpNet::from));
            prop_assert!(hole.contains(&found.unwrap()), "{}", finding.name);
        }
    }

    /// Whatever is published: no panic, a bounded number of questions and findings.
    #[test]
    fn anything_may_be_published(
        fields in proptest::collection::vec(
            ("[uUsp]{0,2}", "(?s).{0,6}|ALTO(:https?)?", "!?.{0,3}(https?://[a-z@.:#/]{0,9})?!?i?", "([a-d]\\.){0,1}"),
            1..12,
        ),
        faults: [bool; 8],
    ) {
        let records: Vec<Naptr> = fields.iter().map(|(flags, services, regexp, replacement)| Naptr {
            order: u16::try_from(regexp.len()).unwrap(),
            preference: 10,
            flags: flags.as_bytes().into(),
            services: services.as_bytes().into(),
            regexp: regexp.as_bytes().into(),
            replacement: if replacement.is_empty() { "." } else { replacement }.into(),
        }).collect();
        let (findings, _) = findings("44.0.0.0/28".parse().unwrap(), 16, |name| {
            let holds = || Ok(reply(Holds::Records(records.clone())));
            if faults[name.len() % 8] { Err(Failure::Timeout) } else { holds() }
        });
        prop_assert!(findings.iter().all(|finding| finding.fix.is_some()), "{:?}", findings);
    }
}

/// Each name leads to forty more, without end.
#[test]
fn a_jungle_of_names_is_not_followed_to_its_end() {
    let jungle = |name: &str| {
        let leads_on = |nth: u16| Naptr {
            order: 1,
            preference: nth,
            flags: (*b"").into(),
            services: (*b"ALTO:https").into(),
            regexp: (*b"").into(),
            replacement: Arc::from(format!("x{nth}.{name}")),
        };
        Ok(reply(Holds::Records((0..40).map(leads_on).collect())))
    };
    let (findings, names) = findings("44.0.0.0/31".parse().unwrap(), 4, jungle);
    assert!(names < 3_000, "{names}");
    assert!(findings.len() < 300, "{}", findings.len());
}

/// An address that nobody can tell about is no hole (RFC 8686 §3.5).
#[test]
fn a_failure_is_no_hole() {
    let (findings, _) =
        findings("44.0.0.0/24".parse().unwrap(), 16, |_| Err(Failure::upstream("SERVFAIL")));
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["unavailable"]);
    let bogus = |_: &str| Err(Failure::Bogus("forged".into()));
    let (findings, _) = self::findings("44.0.0.0/24".parse().unwrap(), 16, bogus);
    assert_eq!(findings[0].code, "dnssec");
}
