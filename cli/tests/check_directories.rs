//! `alto check`: what is told of the ALTO servers that records lead to.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod checking;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use alto_testkit::http::{HttpReply, HttpServer};
use alto_testkit::{NameServer as _, Zone, ZoneFile, nsd};
use checking::{PREFIX, check, codes, findings};
use tempfile::TempDir;

/// What is behind the URI: a directory, a map, or nothing.
#[test]
fn directory() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("net.csv"), "prefix,pid\n0.0.0.0/0,far\n::/0,far\n203.0.113.0/24,near\n")
        .unwrap();
    std::fs::write(
        path("costs.csv"),
        "src,dst,cost\nnear,near,1\nnear,far,20\nfar,near,20\nfar,far,1\n",
    )
    .unwrap();
    let mut serving = Command::new(env!("CARGO_BIN_EXE_alto"))
        .args(["serve", "--http", "--listen", "127.0.0.1:0"])
        .args(["--network-map", &path("net.csv"), "--cost-map", &path("costs.csv")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(serving.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let uri = line.trim().strip_prefix("listening ").unwrap().to_owned();
    let check_uri = |uri: &str| {
        let record = format!(
            "113.0.203.in-addr.arpa. 600 NAPTR 100 10 \"u\" \"ALTO:http\" \"!.*!{uri}!\" .\n"
        );
        let mut file = ZoneFile::from(&Zone::new([]));
        file.text.push_str(&record);
        let server = nsd::launch(&[file]);
        let arguments =
            ["--prefix", PREFIX, "--allow-private", "--allow-http", "--service", "ALTO:http"];
        findings(&check(server.address(), &arguments))
    };
    let fine = check_uri(&uri);
    let map = check_uri(&uri.replace("/directory", "/network-map"));
    let nothing = check_uri(&uri.replace("/directory", "/nothing"));
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(fine.is_empty(), "{fine:#?}");
    for found in [map, nothing] {
        assert_eq!(codes(&found), BTreeSet::from(["directory"]), "{found:#?}");
    }
}

const IRD: &str = r#"{
  "meta": {"cost-types": {"num": {"cost-metric": "routingcost", "cost-mode": "numerical"}},
           "default-alto-network-map": "map"},
  "resources": {
    "map": {"uri": "network", "media-type": "application/alto-networkmap+json"},
    "cost": {"uri": "cost", "media-type": "application/alto-costmap+json",
             "capabilities": {"cost-type-names": ["num"]}, "uses": ["map"]}}}"#;
const NETWORK: &str = r#"{"meta": {"vtag": {"resource-id": "map", "tag": "t1"}},
  "network-map": {"near": {"ipv4": ["203.0.113.0/24"]}, "far": {"ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"]}}}"#;
const COSTS: &str = r#"{"meta": {"dependent-vtags": [{"resource-id": "map", "tag": "t1"}],
   "cost-type": {"cost-metric": "routingcost", "cost-mode": "numerical"}},
  "cost-map": {"near": {"near": 1, "far": 20}, "far": {"near": 20, "far": 1}}}"#;

/// RFC 7285 §10.3, §11: maps that do not belong together are a fault of the directory; what not every
/// client forgives is a note.
#[test]
fn maps_that_do_not_agree() {
    let asked = |[ird, network, costs]: [&str; 3], more: &[&str]| {
        let http = HttpServer::start();
        let kinds = ["directory", "networkmap", "costmap"]
            .map(|kind| format!("application/alto-{kind}+json"));
        for ((path, body), kind) in
            ["/ird", "/network", "/cost"].iter().zip([ird, network, costs]).zip(kinds)
        {
            // As a server sends it that does not know the media types.
            let kind = if body.contains("generic") { "application/json".into() } else { kind };
            http.says(path, HttpReply::ok(&kind, body));
        }
        let uri = http.uri("/ird");
        let record = format!(
            "113.0.203.in-addr.arpa. 600 NAPTR 100 10 \"u\" \"ALTO:http\" \"!.*!{uri}!\" .\n"
        );
        let mut file = ZoneFile::from(&Zone::new([]));
        file.text.push_str(&record);
        let server = nsd::launch(&[file]);
        let own = ["--prefix", PREFIX, "--allow-private", "--allow-http", "--service", "ALTO:http"];
        let found = findings(&check(server.address(), &[&own[..], more].concat()));
        assert!(
            found.iter().all(|finding| finding["code"] == "directory" && finding["name"] == uri),
            "{found:#?}"
        );
        found
            .iter()
            .map(|finding| finding["severity"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(asked([IRD, NETWORK, COSTS], &[]).is_empty());
    assert_eq!(asked([IRD, NETWORK, &COSTS.replace("t1", "t0")], &[]), ["fault"]);
    assert_eq!(asked([IRD, "{}", COSTS], &[]), ["fault"]);
    assert_eq!(asked([IRD, NETWORK, &COSTS.replace("routingcost", "hopcount")], &[]), ["fault"]);
    let generic = NETWORK.replace("\"far\"", "\"generic\"");
    let costs = COSTS.replace("\"far\"", "\"generic\"");
    assert_eq!(asked([IRD, &generic, COSTS], &[]), ["fault"]);
    let lenient = asked([IRD, &generic, &costs], &["--lenient"]);
    assert!(
        !lenient.is_empty() && lenient.iter().all(|severity| severity == "note"),
        "{lenient:?}"
    );
}
