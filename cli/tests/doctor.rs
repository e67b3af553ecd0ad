//! `alto doctor`, from sound resolvers to broken ones.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::net::SocketAddr;
use std::process::{Command, Output};

use alto_testkit::scripted::Scripted;
use alto_testkit::signer::{self, Denial, Key, Signature, covers};
use alto_testkit::unbound::{Reasons, Validation};
use alto_testkit::wire::{flag, kind, rcode};
use alto_testkit::{NameServer as _, Record, Zone, ZoneFile, nsd, unbound};
use serde_json::Value;

fn doctor(resolver: SocketAddr, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto"));
    command.args(["doctor", "--json", "--resolver", &resolver.to_string()]).args(arguments);
    command.output().unwrap()
}

fn findings(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How grave what was found about it is.
fn severity<'f>(findings: &'f [Value], code: &str, name: &str) -> &'f str {
    let finding =
        findings.iter().find(|finding| finding["code"] == code && finding["name"] == name);
    finding.unwrap_or_else(|| panic!("{code} {name} in {findings:#?}"))["severity"]
        .as_str()
        .unwrap()
}

/// A root zone in which both reverse trees exist.
fn root() -> Zone {
    let lines = ["in-addr.arpa. 600 TXT \"IPv4\"", "ip6.arpa. 600 TXT \"IPv6\""];
    Zone::parse(lines).unwrap()
}

/// Unbound, which answers loopback's zone itself unless told not to (RFC 6303), and is told not to
/// for documentation space.
#[test]
fn a_zone_that_the_resolver_keeps_for_itself() {
    let authority = nsd::launch(&[ZoneFile::from(&root())]);
    let resolver = unbound::launch(authority.address());
    let address = resolver.address();
    let opened = doctor(address, &["--allow-private", "--allow-documentation"]);
    let found = findings(&opened);
    assert_eq!(severity(&found, "resolver", &address.to_string()), "fine");
    assert_eq!(severity(&found, "recursion", &address.to_string()), "fine");
    assert_eq!(severity(&found, "tcp", &address.to_string()), "fine");
    assert_eq!(severity(&found, "reverse-tree", "in-addr.arpa."), "fine");
    assert_eq!(severity(&found, "dnssec", &address.to_string()), "note", "it validates nothing");
    assert_eq!(severity(&found, "zone", "113.0.203.in-addr.arpa."), "fine");
    assert_eq!(severity(&found, "zone", "127.in-addr.arpa."), "fault");
    assert_eq!(opened.status.code(), Some(1));
    assert!(findings(&doctor(address, &[])).iter().all(|finding| finding["code"] != "zone"));
}

/// A resolver that validates: what it says counts. If its trust anchor is not the root's, or the
/// root's signatures are not valid now, nothing resolves, and that is said, not that it does not
/// validate; the clock is looked at all the same.
#[test]
fn validation_that_works_and_that_fails() {
    let (good, other) = (Key::new(0), Key::new(1));
    let sound = signer::sign(".", root().records(), &good, Denial::Nsec);
    let soa: Vec<Record> = sound.iter().filter(|record| record.is(kind::SOA)).cloned().collect();
    let mut says = Signature::over(&soa, ".", &good);
    says.expiration = says.inception + 1;
    let not_of_soa = |record: &&Record| covers(record) != Some(kind::SOA);
    let rest = sound.iter().filter(not_of_soa).cloned();
    let expired: Vec<Record> = rest.chain([says.by(&good, &soa)]).collect();
    for (zone, anchor, dnssec, clock) in [
        (&sound, &good, "fine", "fine"),
        (&sound, &other, "fault", "fine"),
        (&expired, &good, "fault", "fault"),
    ] {
        let authority = nsd::launch(&[ZoneFile::new(".", zone)]);
        let validation =
            Validation { anchor: anchor.ds("."), zones: vec![], reasons: Reasons::Kept };
        let resolver = unbound::launch_validating(authority.address(), &validation);
        let output = doctor(resolver.address(), &[]);
        let found = findings(&output);
        let address = resolver.address().to_string();
        assert_eq!(severity(&found, "dnssec", &address), dnssec, "{found:#?}");
        assert_eq!(severity(&found, "clock", "system clock"), clock, "{found:#?}");
    }
}

/// What a name server without recursion cannot do is said, and is no fault.
#[test]
fn an_authority_in_place_of_a_resolver() {
    let authority = nsd::launch(&[ZoneFile::from(&root())]);
    let address = authority.address();
    let output = doctor(address, &["--allow-private"]);
    let found = findings(&output);
    assert_eq!(severity(&found, "recursion", &address.to_string()), "note");
    assert_eq!(severity(&found, "zone", "127.in-addr.arpa."), "fine");
    assert_eq!(output.status.code(), Some(0), "{found:#?}");
}

/// Each fault has its finding, and each finding says what to do.
#[test]
fn faults_and_their_remedies() {
    let silent = Scripted::start(root());
    silent.on_any(|_| vec![]);
    let no_tcp = Scripted::start_udp_only(root());
    let no_tree = Scripted::start(root());
    no_tree.on("ip6.arpa.", |query| vec![query.message(rcode::SERVFAIL).into()]);
    let claims = Scripted::start(root());
    claims.on_any(|query| {
        let mut reply = query.from_zone();
        reply.flags |= flag::AD;
        vec![reply.into()]
    });
    for (server, arguments, code, name, expected) in [
        (
            &silent,
            &["--set", "dns.timeout=100ms"][..],
            "resolver",
            silent.address().to_string(),
            "fault",
        ),
        (&no_tcp, &[], "tcp", no_tcp.address().to_string(), "fault"),
        (&no_tree, &[], "reverse-tree", "ip6.arpa.".into(), "fault"),
        (
            &no_tree,
            &["--set", "dns.dnssec=require"],
            "dnssec",
            no_tree.address().to_string(),
            "fault",
        ),
        (&claims, &["--set", "dns.dnssec=require"], "dnssec", claims.address().to_string(), "fine"),
    ] {
        let output = doctor(server.address(), arguments);
        let found = findings(&output);
        assert_eq!(severity(&found, code, &name), expected, "{found:#?}");
        let faults: Vec<_> =
            found.iter().filter(|finding| finding["severity"] == "fault").collect();
        assert!(faults.iter().all(|fault| fault["fix"].is_string()), "{faults:#?}");
        assert_eq!(output.status.code(), Some(i32::from(!faults.is_empty())));
    }
}
