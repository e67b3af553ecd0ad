//! `alto check`: what is told of whom it asks: name servers that do not answer as they should, and
//! resolvers that validate.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod checking;

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::process::Output;

use alto_testkit::scripted::Scripted;
use alto_testkit::signer::{self, Denial, Key, Published, Signature};
use alto_testkit::unbound::{Reasons, Validation};
use alto_testkit::wire::{kind, rcode};
use alto_testkit::{Daemon, NameServer as _, Zone, ZoneFile, bind, nsd, ports, unbound};
use checking::{GOOD, PREFIX, carried_out, check, check_by_default, codes, findings, found};
use serde_json::Value;

/// A name server that has the /24 alone, asked for the /16 around it.
#[test]
fn unavailable() {
    let apex = "113.0.203.in-addr.arpa.";
    let text = format!(
        "{apex} 600 IN SOA ns.example. hostmaster.example. 1 3600 600 86400 600\n\
         {apex} 600 IN NS ns.example.\n"
    );
    let server = nsd::launch(&[ZoneFile { apex: apex.into(), text }]);
    let found = findings(&check(server.address(), &["--no-fetch", "--prefix", PREFIX]));
    assert_eq!(codes(&found), BTreeSet::from(["unavailable"]), "{found:#?}");
    assert!(self::found(GOOD, &["--prefix", PREFIX]).is_empty());
}

/// Name servers drop replies to those who ask too fast. The command asks no faster than NSD allows as it
/// ships; what BIND drops above its limit, here a low one, is asked for again.
#[test]
fn rate_limits() {
    let prefix = "203.0.112.0/22";
    let mut file = ZoneFile::from(&Zone::new([]));
    for third in 112..116 {
        file.text.push_str(&GOOD.replace("113.0.203", &format!("{third}.0.203")));
        file.text.push('\n');
    }
    let zone = [file];
    let nsd = nsd::launch_limiting(&zone);
    let wide = ["--no-fetch", "--prefix", prefix, "--addresses", "600"];
    let output = check_by_default(nsd.address(), &wide);
    assert_eq!(findings(&output), [Value::Null; 0]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("limits: dns.zone_qps = 100, "), "{said}");
    assert!(said.contains("looked at 513 of 1024 addresses by "), "{said}");
    let bind = bind::launch_limiting(&zone, 20);
    let hurried = ["--set", "dns.zone_qps=1000", "--addresses", "120"];
    let output = check_by_default(
        bind.address(),
        &[&["--no-fetch", "--prefix", prefix], &hurried[..]].concat(),
    );
    assert_eq!(findings(&output), [Value::Null; 0]);
}

/// RFC 8686 §6.1: a zone that is not signed, one that is, and one whose key is not that of the anchor.
#[test]
fn dnssec() {
    let zone = Zone::parse([GOOD]).unwrap();
    let [ours, other] = [Key::new(1), Key::new(2)];
    let signed_by = |key: &Key| nsd::launch(&[signer::signed_root(&zone, &[], key)]);
    let behind_validator = |authority: &Daemon| {
        let validation =
            Validation { anchor: ours.ds("."), zones: Vec::new(), reasons: Reasons::Told };
        unbound::launch_validating(authority.address(), &validation)
    };
    let asked = |resolver: &Daemon| {
        findings(&check(resolver.address(), &["--no-fetch", "--prefix", PREFIX]))
    };
    let unsigned = nsd::launch(&[ZoneFile::from(&zone)]);
    let insecure = asked(&unbound::launch(unsigned.address()));
    assert_eq!(codes(&insecure), BTreeSet::from(["dnssec"]), "{insecure:#?}");
    assert_eq!(insecure[0]["severity"], "note");
    let signed = signed_by(&ours);
    let secure = asked(&behind_validator(&signed));
    assert!(secure.is_empty(), "{secure:#?}");
    let forged = signed_by(&other);
    let bogus = asked(&behind_validator(&forged));
    assert_eq!(codes(&bogus), BTreeSet::from(["dnssec"]), "{bogus:#?}");
    assert_eq!(bogus[0]["severity"], "fault");
}

/// Signatures that ran out, and a zone without a DS record below a signed one.
#[test]
fn dnssec_breaks() {
    let key = Key::new(1);
    let asked = |zones: &[ZoneFile], below: &[&str]| {
        let authority = nsd::launch(zones);
        let zones = below.iter().map(|zone| (*zone).to_owned()).collect();
        let validation = Validation { anchor: key.ds("."), zones, reasons: Reasons::Told };
        let resolver = unbound::launch_validating(authority.address(), &validation);
        findings(&check(resolver.address(), &["--no-fetch", "--prefix", PREFIX]))
    };
    let zone = Zone::parse([GOOD]).unwrap();
    let mut records = signer::sign(".", zone.records(), &key, Denial::Nsec);
    let naptr: Vec<_> = records.iter().filter(|record| record.is(kind::NAPTR)).cloned().collect();
    records.retain(|record| signer::covers(record) != Some(kind::NAPTR));
    let over = Signature::over(&naptr, ".", &key);
    let year_ago = Signature { expiration: 1_735_689_600, ..over };
    records.push(year_ago.by(&key, &naptr));
    let expired = asked(&[ZoneFile::new(".", &records)], &[]);
    assert_eq!(codes(&expired), BTreeSet::from(["dnssec"]), "{expired:#?}");
    assert_eq!(expired[0]["severity"], "fault");

    let apex = "113.0.203.in-addr.arpa.";
    let own = [
        &format!("{apex} 600 SOA ns.root. hostmaster.root. 1 3600 600 86400 600"),
        &format!("{apex} 600 NS ns.root."),
        GOOD,
    ];
    let file = ZoneFile::new(apex, &own.map(|line| line.parse().unwrap()));
    let below = Published { file: file.clone(), ds: Vec::new() };
    let root = signer::signed_root(&Zone::new([]), &[below], &key);
    let insecure = asked(&[root, file], &[apex]);
    assert_eq!(codes(&insecure), BTreeSet::from(["dnssec"]), "{insecure:#?}");
    assert_eq!(insecure[0]["severity"], "note");
}

/// Who cannot be asked for is refused, as by `discover`; wrong words are the user's fault.
#[test]
fn refusals() {
    let resolver: SocketAddr = "127.0.0.1:9".parse().unwrap();
    for (status, arguments) in [
        (4, &["--prefix", "10.0.0.0/24"][..]),
        (4, &["--prefix", "ff00::/8"]),
        (2, &[]),
        (2, &["--prefix", "198.51.100"]),
        (2, &["--prefix", PREFIX, "--addresses", "1"]),
        (2, &["--prefix", PREFIX, "--service", "ALTO:"]),
        (2, &["--prefix", PREFIX, "--set", "dns.no_such_key=1"]),
    ] {
        let output = check(resolver, &[&["--no-fetch"], arguments].concat());
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

/// A prefix that nobody can be asked for takes nothing from the others.
#[test]
fn refused_beside_others() {
    let mut file = ZoneFile::from(&Zone::new([]));
    file.text.push_str(&GOOD.replace("100 10", "100 20").replace("600", "30"));
    file.text.push('\n');
    let server = nsd::launch(&[file]);
    let prefixes = "10.0.0.0/24,192.168.0.0/24,203.0.113.0/24";
    let output = check(server.address(), &["--no-fetch", "--prefix", prefixes]);
    assert_eq!(output.status.code(), Some(4));
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(found.lines().count() == 1 && found.contains("\"ttl\""), "{found}");
}

/// RFC 8686 §5.1.3: in a wide prefix the private addresses are left out, the others looked at.
#[test]
fn special_addresses_in_a_wide_prefix() {
    let eleven = GOOD.replace("113.0.203", "11") + "\n";
    assert!(found(&eleven, &["--prefix", "10.0.0.0/7"]).is_empty());
    let half = found(&eleven, &["--prefix", "0.0.0.0/1"]);
    assert_eq!(codes(&half), BTreeSet::from(["hole"]), "{half:#?}");
    assert_eq!(half.first().unwrap()["name"], "1.0.0.0-9.255.255.255");
    let all = found("", &["--prefix", "::/0"]);
    assert_eq!((all.len(), &all[0]["name"]), (1, &Value::from("::/0")));
}

/// RFC 8686 §3.1: trackers look for ALTO in a protocol. Whoever checks without one is told so, and what is
/// printed is what they look for.
#[test]
fn services_that_nobody_looks_for() {
    let asked = |zone: &str, service: &str| {
        let mut file = ZoneFile::from(&Zone::new([]));
        file.text.push_str(zone);
        let server = nsd::launch(&[file]);
        let output =
            check(server.address(), &["--no-fetch", "--prefix", PREFIX, "--service", service]);
        let said = String::from_utf8_lossy(&output.stderr).contains("trackers look for ALTO:https");
        (findings(&output), said)
    };
    let (hole, said) = asked("", "ALTO");
    assert!(said, "{hole:#?}");
    let mended = carried_out(hole[0]["fix"].as_str().unwrap());
    for service in ["ALTO", "ALTO:https"] {
        let (left, said) = asked(&mended, service);
        assert!(left.is_empty(), "{mended}{left:#?}");
        assert_eq!(said, service == "ALTO");
    }
}

fn fails(output: &Output, codes_wanted: &[&str]) {
    let left = findings(output);
    assert_eq!(codes(&left), codes_wanted.iter().copied().collect(), "{left:#?}");
    let [one] = &left[..] else { panic!("one finding: {left:#?}") };
    assert_eq!(one["severity"], "fault");
}

/// RFC 8686 §3.5: a resolver that is not there, one that says nothing, one that refuses and one that
/// fails are outages, soon told of, and no absence.
#[test]
fn who_does_not_answer() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let refusing = Scripted::start(Zone::new([]));
    refusing.on_any(|query| vec![query.message(rcode::REFUSED).into()]);
    let failing = Scripted::start(Zone::new([]));
    failing.on_any(|query| vec![query.message(rcode::SERVFAIL).into()]);
    let silent_address = silent.local_addr().unwrap();
    for resolver in [ports::free(), silent_address, refusing.address(), failing.address()] {
        let arguments = ["--no-fetch", "--prefix", PREFIX];
        fails(&check(resolver, &arguments), &["unavailable"]);
    }
    let several = ["--no-fetch", "--prefix", "203.0.112.0/24,203.0.113.0/24,2001:db8::/32"];
    let output = check(silent_address, &several);
    fails(&output, &["unavailable"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody answers"));
}
