//! What DNSSEC says, told truly: signed zones, sound and broken, served by NSD, validated by Unbound,
//! asked for by the command in each of its modes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

use alto_testkit::process::side_by_side;
use alto_testkit::unbound::Reasons;
use serde_json::{Value, json};

use crate::bed::{AROUND, B, Bed, Mode};
use crate::cases::{CASES, Shows};
use crate::command::{Said, same};
use crate::signed_zones::{A, Signed};

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
