//! DNSSEC where it is not one zone that is broken: nothing to fall back to, other signers, aliases, and
//! failures that are no forgery.

use alto_testkit::signer::Key;
use alto_testkit::unbound::Reasons;
use serde_json::{Value, json};

use crate::bed::{AROUND, B, Bed, Mode};
use crate::command::Said;
use crate::other_signers::{by_bind, by_ldns};
use crate::signed_zones::{A, Signed};

/// Where there is nothing to fall back to: forged data at each name is refused with a status of its
/// own, forged data at some is a failure that may pass, and what is denied soundly is surely absent.
#[test]
fn endings_without_a_server() {
    let broken = |apex| Signed::published(apex, |zone| zone.ds = vec![Key::new(2).ds(apex)]);
    let unsigned = Signed::published("2.1.197.in-addr.arpa.", |zone| zone.ds.clear());
    let bed = Bed::start(&[broken("203.in-addr.arpa."), broken("1.1.197.in-addr.arpa."), unsigned]);
    for (mode, peer, expected) in [
        (Mode::Prefer, "203.0.114.3", json!(["rejected", null, "bogus", false, 4, 5])),
        (Mode::Require, "203.0.114.3", json!(["rejected", null, "bogus", false, 1, 5])),
        (Mode::Off, "203.0.114.3", json!(["unavailable", null, "unknown", false, 4, 3])),
        (Mode::Prefer, "197.1.1.3", json!(["unavailable", null, "bogus", false, 4, 3])),
        (Mode::Require, "197.1.1.3", json!(["rejected", null, "bogus", false, 1, 5])),
        (Mode::Prefer, "199.9.9.3", json!(["none", null, "secure", false, 4, 1])),
        (Mode::Require, "199.9.9.3", json!(["none", null, "secure", false, 4, 1])),
        (Mode::Off, "199.9.9.3", json!(["none", null, "unknown", false, 4, 1])),
        (Mode::Require, "197.1.2.3", json!(["none", null, "insecure", false, 4, 1])),
    ] {
        for reasons in [Reasons::Told, Reasons::Kept] {
            let said = bed.discover(mode, reasons, peer);
            assert_eq!(summary(&said), expected, "{mode:?} {peer}");
            let bogus = said.record["error"]["code"] == json!("bogus");
            assert_eq!(bogus, said.record["dnssec"] == json!("bogus"), "{mode:?} {peer}");
        }
    }
}

/// RFC 4035 §3.2.3: AD speaks for all links of a chain of aliases, so a signed alias into a zone that
/// is not (RFC 2317 delegations often lead to one) is worth no more than that zone.
#[test]
fn an_alias_is_worth_what_its_target_is() {
    let alias = |at, target| {
        Signed::published(&format!("{at}.{AROUND}"), |zone| zone.add_alias("3", target))
    };
    let bed = Bed::start(&[
        alias(0, "signed.example."),
        alias(1, "unsigned.example."),
        alias(2, "broken.example."),
        Signed::published("signed.example.", |_| ()),
        Signed::published("unsigned.example.", |zone| zone.ds.clear()),
        Signed::published("broken.example.", |zone| {
            zone.ds = vec![Key::new(2).ds("broken.example.")];
        }),
    ]);
    for (mode, peer, expected) in [
        (Mode::Prefer, "198.51.0.3", json!(["found", A, "secure", false, 1, 0])),
        (Mode::Require, "198.51.0.3", json!(["found", A, "secure", false, 1, 0])),
        (Mode::Prefer, "198.51.1.3", json!(["found", A, "insecure", false, 1, 0])),
        (Mode::Require, "198.51.1.3", json!(["found", A, "secure", false, 2, 0])),
        (Mode::Prefer, "198.51.2.3", json!(["found", A, "bogus", true, 2, 0])),
        (Mode::Require, "198.51.2.3", json!(["rejected", null, "bogus", false, 1, 5])),
    ] {
        assert_eq!(summary(&bed.discover(mode, Reasons::Kept, peer)), expected, "{mode:?} {peer}");
    }
}

/// A zone whose server does not have it is no forgery: the failure may pass. Still nobody told what
/// its names hold, so `require` stops there and `prefer` does not call the way around it secure.
#[test]
fn a_lame_zone_is_no_forgery() {
    let mut lame = Signed::published(&format!("0.{AROUND}"), |_| ());
    lame.file.text.clear();
    let bed = Bed::start(&[lame]);
    for (mode, expected) in [
        (Mode::Prefer, json!(["found", B, "unknown", true, 3, 0])),
        (Mode::Require, json!(["unavailable", null, "unknown", false, 1, 3])),
        (Mode::Off, json!(["found", B, "unknown", true, 3, 0])),
    ] {
        for reasons in [Reasons::Told, Reasons::Kept] {
            let said = bed.discover(mode, reasons, "198.51.0.3");
            assert_eq!(summary(&said), expected, "{mode:?}, {reasons:?}");
        }
    }
}

/// What is sound does not depend on who signed it: here ldns and BIND's own tools.
#[test]
fn other_signers_are_believed() {
    let [zero, one] = [0, 1].map(|at| Signed::plain(&format!("{at}.{AROUND}")));
    let bed = Bed::start(&[by_ldns(&zero), by_bind(&one)]);
    for peer in ["198.51.0.3", "198.51.1.3"] {
        for mode in [Mode::Prefer, Mode::Require] {
            let said = bed.discover(mode, Reasons::Kept, peer);
            assert_eq!(
                summary(&said),
                json!(["found", A, "secure", false, 2, 0]),
                "{mode:?} {peer}"
            );
        }
    }
}

/// Outcome, server, state, whether incomplete, how many names were asked, exit status.
fn summary(said: &Said) -> Value {
    let record = &said.record;
    let names = record["queries"].as_array().map(Vec::len);
    let server = &record["servers"][0]["uri"];
    json!([record["outcome"], server, record["dnssec"], record["incomplete"], names, said.status])
}
