//! What DNSSEC says, told truly: signed zones, sound and broken, served by NSD, validated by Unbound,
//! asked for by the command in each of its modes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Mutex;

use alto_testkit::process::side_by_side;
use alto_testkit::signer::{self, Key, Published};
use alto_testkit::unbound::{self, Reasons, Validation};
use alto_testkit::{Daemon, NameServer, Zone, ZoneFile, nsd};
use serde_json::{Value, json};

use crate::command::{Said, discover, same};
use crate::other_signers::{by_bind, by_ldns};
use crate::signed_zones::{A, CASES, Shows, Signed, naptr};

/// The server of the network around all zones, signed: what whoever breaks a zone would have us fall
/// back to.
const B: &str = "https://b.example/ird";
const AROUND: &str = "51.198.in-addr.arpa.";

/// Each zone in each mode, whether or not the resolver says why data is not authentic: the state, the
/// outcome, the servers, the names asked and the exit status.
#[test]
fn broken_zones_are_told_apart() {
    let zones = CASES.iter().enumerate();
    let zones = zones.map(|(at, case)| Signed::published(&format!("{at}.{AROUND}"), case.make));
    let bed = Bed::start(&zones.collect::<Vec<_>>());
    let (rows, faults) = (Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    side_by_side(CASES.iter().enumerate().collect(), |(at, case)| {
        let peer = format!("198.51.{at}.3");
        let mut row = format!("{:<46} {:<16}", case.name, case.rule);
        for mode in [Mode::Require, Mode::Prefer, Mode::Off] {
            for reasons in [Reasons::Told, Reasons::Kept] {
                let said = bed.discover(mode, reasons, &peer);
                if let Err(fault) = expected(case.shows, mode).check(&said, at) {
                    let fault = format!("{}, {mode:?}, {reasons:?}: {fault}", case.name);
                    faults.lock().expect("no panic").push(fault);
                }
                if reasons == Reasons::Told && mode != Mode::Off {
                    write!(row, " {:<27}", in_short(&said)).expect("writing to a string");
                }
                if reasons == Reasons::Told && mode == Mode::Require {
                    write!(row, " {:<24}", reason(&said)).expect("writing to a string");
                }
            }
        }
        rows.lock().expect("no panic").insert(at, row);
    });
    let rows: Vec<String> = rows.into_inner().expect("no panic").into_values().collect();
    let head = format!("{:<63} {:<27} {:<24} prefer", "zone", "require", "resolver's reason");
    println!("{head}\n{}", rows.join("\n"));
    let faults = faults.into_inner().expect("no panic");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let broken = CASES.iter().filter(|case| case.shows.is_bogus());
    assert!(broken.count() >= 20);
}

/// Where there is nothing to fall back to: forged data at each name is refused with a status of its
/// own, forged data at some is a failure that may pass, and what is denied soundly is surely absent.
#[test]
fn endings_without_a_server() {
    let broken = |apex| Signed::published(apex, |zone| zone.ds = vec![Key::new(2).ds(apex)]);
    let unsigned = Signed::published("2.1.197.in-addr.arpa.", |zone| zone.ds.clear());
    let bed = Bed::start(&[broken("203.in-addr.arpa."), broken("1.1.197.in-addr.arpa."), unsigned]);
    for (mode, peer, outcome, dnssec, status, queries) in [
        (Mode::Prefer, "203.0.114.3", "rejected", "bogus", 5, 4),
        (Mode::Require, "203.0.114.3", "rejected", "bogus", 5, 1),
        (Mode::Off, "203.0.114.3", "unavailable", "unknown", 3, 4),
        (Mode::Prefer, "197.1.1.3", "unavailable", "bogus", 3, 4),
        (Mode::Require, "197.1.1.3", "rejected", "bogus", 5, 1),
        (Mode::Prefer, "199.9.9.3", "none", "secure", 1, 4),
        (Mode::Require, "199.9.9.3", "none", "secure", 1, 4),
        (Mode::Off, "199.9.9.3", "none", "unknown", 1, 4),
        (Mode::Require, "197.1.2.3", "none", "insecure", 1, 4),
    ] {
        for reasons in [Reasons::Told, Reasons::Kept] {
            let said = bed.discover(mode, reasons, peer);
            let asked = said.record["queries"].as_array().map(Vec::len);
            let found = json!([said.record["outcome"], said.record["dnssec"], said.status, asked]);
            assert_eq!(found, json!([outcome, dnssec, status, queries]), "{mode:?} {peer}");
            let code = &said.record["error"]["code"];
            assert_eq!(*code == json!("bogus"), dnssec == "bogus", "{mode:?} {peer}: {code}");
        }
    }
}

/// What is sound does not depend on who signed it: here ldns and BIND's own tools.
#[test]
fn other_signers_are_believed() {
    let [zero, one] = [0, 1].map(|at| Signed::plain(&format!("{at}.{AROUND}")));
    let bed = Bed::start(&[by_ldns(&zero), by_bind(&one)]);
    for at in 0..2 {
        for mode in [Mode::Prefer, Mode::Require] {
            let said = bed.discover(mode, Reasons::Told, &format!("198.51.{at}.3"));
            expected(Shows::Secure, mode).check(&said, at).unwrap();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Off,
    Prefer,
    Require,
}

/// What the command must say.
struct Expected {
    outcome: &'static str,
    server: Option<&'static str>,
    dnssec: &'static str,
    incomplete: bool,
    /// How many of the peer's names are asked.
    names: usize,
    status: i32,
}

/// `off`: nobody told. `prefer`: the state of the weakest link, and what fails is passed over.
/// `require`: what is not signed counts for nothing, and the walk stops where it fails.
fn expected(shows: Shows, mode: Mode) -> Expected {
    let found = |server, names, dnssec| Expected {
        outcome: "found",
        server: Some(server),
        dnssec: if mode == Mode::Off { "unknown" } else { dnssec },
        incomplete: shows.is_bogus(),
        names,
        status: 0,
    };
    let rejected = |names| Expected {
        outcome: "rejected",
        server: None,
        dnssec: "bogus",
        incomplete: false,
        names,
        status: 5,
    };
    match (shows, mode) {
        (Shows::Secure, _) | (Shows::InsecureDenial, Mode::Require) => found(A, 2, "secure"),
        (Shows::SecureHost, _) => found(A, 1, "secure"),
        (Shows::Insecure, Mode::Require) => found(B, 3, "secure"),
        (Shows::Insecure | Shows::InsecureDenial, _) => found(A, 2, "insecure"),
        (Shows::BogusHost | Shows::BogusZone, Mode::Require) => rejected(1),
        (Shows::BogusBlock, Mode::Require) => rejected(2),
        (Shows::BogusHost, _) => found(A, 2, "bogus"),
        (Shows::BogusBlock | Shows::BogusZone, _) => found(B, 3, "bogus"),
    }
}

impl Expected {
    fn check(&self, said: &Said, zone: usize) -> Result<(), String> {
        said.is("outcome", &json!(self.outcome))?;
        let servers: Vec<Value> =
            self.server.iter().map(|server| json!([server, 100, 10])).collect();
        same("servers", &said.servers(), &json!(servers))?;
        said.is("dnssec", &json!(self.dnssec))?;
        said.is("incomplete", &json!(self.incomplete))?;
        let names = [format!("3.{zone}.{AROUND}"), format!("{zone}.{AROUND}"), AROUND.to_owned()];
        said.is("queries", &json!(names[..self.names]))?;
        same("exit status", &json!(said.status), &json!(self.status))
    }
}

fn in_short(said: &Said) -> String {
    let word = |field: &str| said.record[field].as_str().unwrap_or_default();
    let server = match said.record["servers"][0]["uri"].as_str() {
        Some(A) => " A",
        Some(B) => " B",
        _ => "",
    };
    let incomplete = if said.record["incomplete"] == json!(true) { ", incomplete" } else { "" };
    format!("{}{server}, {}{incomplete}", word("outcome"), word("dnssec"))
}

/// What the resolver says is wrong, if anything.
fn reason(said: &Said) -> String {
    let message = said.record["error"]["message"].as_str().unwrap_or_default();
    let reason = message.split_once("failed: ").map_or("", |(_, reason)| reason);
    reason.split(" (").next().unwrap_or_default().to_owned()
}

/// A signed root with these zones below it, and a validating resolver that says why data is not
/// authentic, and one that does not.
struct Bed {
    _authority: Daemon,
    told: Daemon,
    kept: Daemon,
}

impl Bed {
    fn start(zones: &[Published]) -> Self {
        let key = Key::new(0);
        let around = naptr(AROUND, B);
        let root = signer::signed_root(&Zone::new([around]), zones, &key);
        let mut files: Vec<ZoneFile> = zones.iter().map(|zone| zone.file.clone()).collect();
        let below = files.iter().map(|file| file.apex.clone()).collect();
        files.push(root);
        let authority = nsd::launch(&files);
        let validation = Validation { anchor: key.ds("."), zones: below, reasons: Reasons::Told };
        let told = unbound::launch_validating(authority.address(), &validation);
        let validation = Validation { reasons: Reasons::Kept, ..validation };
        let kept = unbound::launch_validating(authority.address(), &validation);
        Self { _authority: authority, told, kept }
    }

    fn discover(&self, mode: Mode, reasons: Reasons, peer: &str) -> Said {
        let resolver: SocketAddr = match reasons {
            Reasons::Told => self.told.address(),
            Reasons::Kept => self.kept.address(),
        };
        let mode = format!("{mode:?}").to_lowercase();
        discover(resolver, &[("dns.dnssec", mode)], peer).unwrap()
    }
}
