//! `alto discover --announce`: what peers sent along with their announces (approaches 5 and 6).
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use alto_testkit::scripted::Scripted;
use alto_testkit::{NameServer as _, Zone};
use common::alto;
use serde_json::{Value, json};

const ZONE: [&str; 1] = [
    r#"100.51.198.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#,
];
/// 198.51.100.0/24 for 7, within 600 s.
const BLOB: &str = "altog=AQACWAEEGMYzZAAAAAc";

fn discover(announce: &str, settings: &[&str]) -> (Value, i32, String) {
    let server = Scripted::start(Zone::parse(ZONE).unwrap());
    let resolver = server.address().to_string();
    let how = ["discover", "--json", "--allow-documentation", "--resolver", &resolver];
    let settings: Vec<&str> = settings.iter().flat_map(|set| ["--set", set]).collect();
    let what = ["--announce", announce, "198.51.100.3"];
    let output = alto(&[&how[..], &settings, &what].concat()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code().unwrap(), said)
}

const CLAIM: &str = "info_hash=%01&port=6881&alto=https%3A%2F%2Fown.example%2Fird";

/// The claim counts, and is marked; nobody is asked.
#[test]
fn a_claim_by_trust() {
    let open = ["peerinfo.trust=open"];
    let (record, status, said) = discover(CLAIM, &open);
    assert_eq!((status, &*said), (0, ""));
    assert_eq!((&record["approach"], &record["backend"]), (&json!(5), &json!("peerinfo")));
    let server = &record["servers"][0];
    assert_eq!(server["uri"], json!("https://own.example/ird"));
    assert_eq!((&server["trust"], &server["name"]), (&json!("peer-claim"), &json!(null)));
    assert_eq!(record["scope"], json!({"net": "198.51.100.3/32", "id": "any"}));
    assert_eq!(record["queries"], json!([]));

    let listed = ["peerinfo.trust=allowlist", "peerinfo.allowlist=own.example,other.example"];
    assert_eq!(discover(CLAIM, &listed).0["servers"][0]["trust"], json!("configured"));
    let not = ["peerinfo.trust=allowlist", "peerinfo.allowlist=other.example"];
    // Not known yet, so a claim is skipped this time.
    for settings in [&["peerinfo.trust=confirm"][..], &not] {
        let record = discover(CLAIM, settings).0;
        assert_eq!((&record["approach"], &record["backend"]), (&json!(1), &json!("dns")));
    }
    let (record, _, said) = discover(CLAIM, &[]);
    assert_eq!(record["approach"], json!(1));
    assert!(said.contains("peerinfo.trust is off"), "{said}");
}

/// Approach 6, alone and where the URI is refused.
#[test]
fn guidance() {
    for announce in [BLOB.to_owned(), format!("alto=https://127.0.0.1/&{BLOB}")] {
        let (record, status, _) = discover(&announce, &["peerinfo.trust=open"]);
        assert_eq!((status, &record["approach"]), (0, &json!(6)));
        assert_eq!(record["servers"], json!([]));
        assert_eq!(record["guidance"], json!({"entries": 1, "lifetime": 600}));
    }
    let both = discover(&format!("{CLAIM}&{BLOB}"), &["peerinfo.trust=open"]).0;
    assert_eq!(both["approach"], json!(5));
}

/// A bad claim costs the peer nothing that its address leads to; without that it is refused.
#[test]
fn a_bad_claim() {
    let bad = "alto=https://169.254.169.254/";
    let (record, status, _) = discover(bad, &["peerinfo.trust=open"]);
    assert_eq!((status, &record["servers"][0]["uri"]), (0, &json!("https://a.example/ird")));
    let alone = ["peerinfo.trust=open", "backends=peerinfo"];
    let (record, status, _) = discover(bad, &alone);
    assert_eq!((status, &record["outcome"]), (4, &json!("rejected")));
    let message = record["error"]["message"].as_str().unwrap();
    assert!(message.contains("the peer's URI is refused"), "{message}");
}
