//! `alto rank` and `alto map` as a user runs them, against a scripted server on loopback.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use alto_testkit::alto;
use alto_testkit::http::{HttpReply, HttpServer};
use alto_testkit::scripted::Scripted;
use alto_testkit::wire::rcode;
use alto_testkit::{NameServer as _, Zone};
use serde_json::{Value, json};

/// 203.0.113.0/24 is `near`, 198.51.100.0/24 is `mid`, all else of IPv4 is `far`.
fn server() -> HttpServer {
    let nets = [("near", "203.0.113.0/24"), ("mid", "198.51.100.0/24"), ("far", "0.0.0.0/0")];
    let costs = [("near", "near", 1.0), ("near", "mid", 2.5), ("near", "far", 20.0)];
    alto::serve(&alto::network_map(&nets), &alto::cost_map(&costs))
}

fn alto(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto"));
    command.args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that reads no input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// `alto rank` for 203.0.113.5 with a given directory.
fn rank(ird: &str, more: &[&str], input: &str) -> Output {
    let own = ["rank", "--for", "203.0.113.5", "--ird", ird, "--allow-private", "--allow-http"];
    alto(&[&own[..], &["--json"], more].concat(), input)
}

fn records(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn stderr(output: &Output) -> Vec<String> {
    std::str::from_utf8(&output.stderr).unwrap().lines().map(String::from).collect()
}

/// Ranks 1, 1, 3; duplicates kept; what has no cost last, in input order; both families in
/// one list; the directory as it was given.
#[test]
fn ranks() {
    let server = server();
    let ird = server.uri("/ird");
    let candidates = "2001:db8::2\n192.0.2.1\n203.0.113.9\n2001:db8::1\n::ffff:203.0.113.8\n198.51.100.1\n203.0.113.9\n";
    let output = rank(&ird, &[], candidates);
    let expected = [
        json!([1, "203.0.113.9", "near", 1]),
        json!([1, "::ffff:203.0.113.8", "near", 1]),
        json!([1, "203.0.113.9", "near", 1]),
        json!([4, "198.51.100.1", "mid", 2.5]),
        json!([5, "192.0.2.1", "far", 20]),
        json!([6, "2001:db8::2", null, null]),
        json!([6, "2001:db8::1", null, null]),
    ];
    let found: Vec<Value> = records(&output)
        .iter()
        .map(|record| {
            assert_eq!(record["server"], ird);
            json!([record["rank"], record["candidate"], record["pid"], record["cost"]])
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), vec![]));
}

/// An invalid line is reported and makes the status 2, after the rest is done.
#[test]
fn an_invalid_line() {
    let server = server();
    let output = rank(&server.uri("/ird"), &["203.0.113.9", "example.net"], "");
    assert_eq!((records(&output).len(), output.status.code()), (1, Some(2)));
    assert!(stderr(&output)[0].contains("example.net"));
}

/// A server that can't be used: all candidates without cost, one line that names URI and fault,
/// status 3 or 4.
#[test]
fn a_server_of_no_use() {
    let html = HttpReply::ok("text/html", "<p>Hello");
    for (reply, status, fault) in [
        (HttpReply::status(503), 3, "503"),
        (HttpReply::status(404), 4, "404"),
        (html, 4, "text/html"),
    ] {
        let server = server();
        server.says("/ird", reply);
        let ird = server.uri("/ird");
        let output = rank(&ird, &["192.0.2.1", "203.0.113.9"], "");
        let record = |candidate| json!({"rank": 1, "candidate": candidate, "pid": null, "cost": null, "server": ird});
        assert_eq!(records(&output), [record("192.0.2.1"), record("203.0.113.9")]);
        let errors = stderr(&output);
        assert_eq!((errors.len(), output.status.code()), (1, Some(status)));
        assert!(errors[0].contains(&ird) && errors[0].contains(fault), "{errors:?}");
    }
}

/// A metric that is not offered, a URI that policy refuses, and nobody listening.
#[test]
fn other_endings() {
    let server = server();
    let output = rank(&server.uri("/ird"), &["--metric", "hopcount", "192.0.2.1"], "");
    assert_eq!(output.status.code(), Some(4));
    let refused =
        alto(&["rank", "--for", "203.0.113.5", "--ird", &server.uri("/ird"), "192.0.2.1"], "");
    assert_eq!((refused.status.code(), server.count("/ird")), (Some(4), 1));
    let gone = server.uri("/ird");
    drop(server);
    assert_eq!(rank(&gone, &["192.0.2.1"], "").status.code(), Some(3));
    assert_eq!(alto(&["rank", "--for", "nobody", "192.0.2.1"], "").status.code(), Some(2));
}

/// With discovery: found by the peer's address alone; surely none is status 1, failure is 3.
#[test]
fn discovers_first() {
    let server = server();
    let ird = server.uri("/ird");
    let record =
        format!(r#"113.0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:http" "!.*!{ird}!" ."#);
    let names = Scripted::start(Zone::parse([record.as_str()]).unwrap());
    names.on("65.100.51.198.in-addr.arpa.", |query| vec![query.message(rcode::SERVFAIL).into()]);
    let resolver = names.address().to_string();
    let rank_for = |peer: &str| {
        let own = ["rank", "--for", peer, "--json", "--resolver", &resolver, "192.0.2.1"];
        let allowed =
            ["--service", "ALTO:http", "--allow-http", "--allow-private", "--allow-documentation"];
        alto(&[&own[..], &allowed].concat(), "")
    };
    let output = rank_for("203.0.113.5");
    assert_eq!(output.status.code(), Some(0), "{:?}", stderr(&output));
    assert_eq!(records(&output)[0]["server"], ird);
    assert_eq!(records(&output)[0]["cost"], 20);
    for (peer, status) in [("192.0.2.77", 1), ("198.51.100.65", 3)] {
        let output = rank_for(peer);
        assert_eq!(output.status.code(), Some(status), "{:?}", stderr(&output));
        assert_eq!(records(&output)[0]["cost"], Value::Null);
    }
}

/// `alto map`: a directory with its maps, or one map.
#[test]
fn maps_are_summed_up() {
    let server = server();
    for (path, pids, prefixes, costs) in
        [("/ird", 3, 3, 3), ("/network", 3, 3, 0), ("/cost", 3, 0, 3)]
    {
        let uri = server.uri(path);
        let output = alto(&["map", &uri, "--allow-private", "--allow-http", "--json"], "");
        let expected = json!({"pids": pids, "prefixes": prefixes, "costs": costs, "tag": "t1", "warnings": []});
        assert_eq!(records(&output), [expected], "{path}: {:?}", stderr(&output));
        assert_eq!(output.status.code(), Some(0));
    }
}

/// Faults of other servers: refused, or with --lenient a warning on a line of its own.
#[test]
fn warnings_are_named() {
    let server = server();
    let body = r#"{"network-map": {"PID1": {"ipv4": ["192.0.2.0/24"]}}}"#;
    server.says("/network", HttpReply::ok("application/json", body));
    let uri = server.uri("/network");
    let own = ["map", &uri, "--allow-private", "--allow-http", "--json"];
    assert_eq!(alto(&own, "").status.code(), Some(4));
    let output = alto(&[&own[..], &["--lenient"]].concat(), "");
    let record = &records(&output)[0];
    assert_eq!((&record["pids"], &record["tag"]), (&json!(1), &Value::Null));
    let codes: Vec<&str> = record["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["generic-media-type", "missing-vtag"]);
    assert_eq!((stderr(&output).len(), output.status.code()), (2, Some(0)));
}
