//! What a peer's own network says at its own domain name (RFC 7286 §3.2), against zones in memory.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use alto_backend_dns::fact::{Content, Fact, Failure};
use alto_backend_dns::naptr::Naptr;
use alto_backend_dns::plan::{Granularity, Plan};
use alto_backend_dns::rules::Rules;
use alto_backend_dns::walk::Walk;
use alto_discovery_core::{Answer, Dnssec, Error, Origin, Scope, Trust, Validity, code};
use tokio::time::Instant;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
const NAME: &str = "access.example.";

fn naptr(services: &str, uri: &str, to: &str) -> Naptr {
    let regexp = if uri.is_empty() { String::new() } else { format!("!.*!{uri}!") };
    Naptr {
        order: 100,
        preference: 10,
        flags: if uri.is_empty() { b""[..].into() } else { b"u"[..].into() },
        services: services.as_bytes().into(),
        regexp: regexp.into_bytes().into(),
        replacement: to.into(),
    }
}

fn records(records: impl Into<Vec<Naptr>>) -> Content {
    Content::Records(records.into().into())
}

/// What comes of it, and which names were asked for.
fn walk(zone: &[(&str, Content)]) -> (Result<Answer, Error>, Vec<String>) {
    let rules = Rules { granularity: Granularity::Host, ..Rules::default() };
    let mut walk = Walk::at(&NAME.into(), HOST, &rules).unwrap();
    let mut asked = Vec::new();
    while let Some(name) = walk.next_name() {
        let known = zone.iter().find(|(owner, _)| *owner == &*name);
        let content = known.map_or(Content::NoName, |(_, content)| content.clone());
        let validity = Validity::new(Instant::now(), Duration::from_secs(600));
        let fact = Fact { content, validity, dnssec: Dnssec::Unknown };
        walk.learn(fact, Origin::Wire, Instant::now());
        asked.push(name.to_string());
    }
    (walk.outcome(), asked)
}

/// The host itself asks, so it may well be behind a NAT: nothing is asked of its address.
#[test]
fn the_network_names_its_server() {
    let own = records([
        naptr("LIS:HELD", "https://lis.example/", "."),
        naptr("ALTO:http:https", "https://alto.example/ird", "."),
    ]);
    let (answer, asked) = walk(&[(NAME, own)]);
    let answer = answer.unwrap();
    assert_eq!(asked, [NAME]);
    let server = &answer.servers()[0];
    assert_eq!((server.uri.as_str(), server.trust), ("https://alto.example/ird", Trust::Network));
    assert_eq!(server.found_at.as_deref(), Some(NAME));
    assert_eq!(answer.scope, Scope::net(HOST.into()));
}

/// RFC 4848 §4.4: and may let somebody else do so.
#[test]
fn the_network_goes_on_elsewhere() {
    let (answer, asked) = walk(&[
        (NAME, records([naptr("ALTO:https", "", "isp.example.")])),
        ("isp.example.", records([naptr("ALTO:https", "https://alto.isp.example/", ".")])),
    ]);
    assert_eq!(answer.unwrap().servers()[0].uri.as_str(), "https://alto.isp.example/");
    assert_eq!(asked, [NAME, "isp.example."]);
}

/// RFC 7286 §3.2: no record, no server, and no name above it is asked for; a failure is no absence.
#[test]
fn none_and_unknown() {
    for content in [
        Content::NoName,
        Content::NoRecords,
        records([naptr("ALTO:http", "http://a.example/", ".")]),
    ] {
        let (outcome, asked) = walk(&[(NAME, content)]);
        assert!(matches!(outcome, Err(Error::NoServer(_))), "{outcome:?}");
        assert_eq!(asked, [NAME]);
    }
    let (outcome, _) = walk(&[(NAME, Content::Failed(Failure::Timeout))]);
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
}

/// Names are asked for in the one form that memory and comparison rely on.
#[test]
fn what_is_no_name() {
    let long = format!("{}.", "a".repeat(64));
    for text in ["", "access.example", "Access.example.", "a..b.", &long] {
        let fault = Plan::at(&Arc::from(text), HOST).unwrap_err();
        assert_eq!(fault.code(), code::INVALID_INPUT, "{text}");
    }
}
