//! `alto discover --peer-id`: peers behind one address, told apart by port or token.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use alto_testkit::scripted::Scripted;
use alto_testkit::wire::rcode;
use alto_testkit::{NameServer as _, Zone};
use common::alto;
use serde_json::{Value, json};

const ZONE: [&str; 3] = [
    r#"100.51.198.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#,
    r#"*.c.9._p.3.100.51.198.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://east.example/ird!" ."#,
    r#"_tctnmop0.3.100.51.198.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://gold.example/ird!" ."#,
];

fn discover(server: &Scripted, id: &str) -> (Value, i32) {
    let resolver = server.address().to_string();
    let how = ["discover", "--json", "--allow-documentation", "--resolver", &resolver];
    let output = alto(&[&how[..], &["--peer-id", id, "198.51.100.3"]].concat()).output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code().unwrap())
}

/// The name of the ID is asked first; the scope is that ID, and says no token.
#[test]
fn ids_are_asked_first() {
    let server = Scripted::start(Zone::parse(ZONE).unwrap());
    for (id, uri, approach, scope, first) in [
        ("port:40000", "https://east.example/ird", 3, "port:40000-40000", "0.4.c.9._p."),
        ("port:40192", "https://a.example/ird", 1, "port:40192-40192", "0.0.d.9._p."),
        ("token:Z29sZA", "https://gold.example/ird", 3, "token", "_tctnmop0."),
    ] {
        let (record, status) = discover(&server, id);
        assert_eq!(status, 0);
        assert_eq!(record["servers"][0]["uri"], json!(uri));
        assert_eq!(record["approach"], json!(approach));
        assert_eq!(record["scope"], json!({"net": "198.51.100.3/32", "id": scope}));
        assert_eq!(record["queries"][0], json!(format!("{first}3.100.51.198.in-addr.arpa.")));
        let asked = record["queries"].as_array().unwrap().len();
        assert_eq!(asked, if approach == 3 { 1 } else { 3 });
    }
}

/// Messages are logged, tokens are not.
#[test]
fn a_failure_says_no_token() {
    let server = Scripted::start(Zone::parse([]).unwrap());
    server.on_any(|query| vec![query.message(rcode::SERVFAIL).into()]);
    let (record, status) = discover(&server, "token:Z29sZA");
    assert_eq!((&record["outcome"], status), (&json!("unavailable"), 3));
    assert!(!record["error"].to_string().contains("ctnmop0"), "{record}");
}

#[test]
fn what_is_no_id_is_wrong_usage() {
    for id in ["40000", "port:65536", "token:", "token:Z29sZA=="] {
        let output = alto(&["discover", "--peer-id", id, "198.51.100.3"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{id}");
    }
}
