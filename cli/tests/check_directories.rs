//! `alto check`: what is told of the ALTO servers that records lead to.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod checking;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use alto_testkit::alto;
use alto_testkit::http::{HttpReply, HttpServer};
use alto_testkit::{NameServer as _, Zone, ZoneFile, nsd};
use checking::{PREFIX, check, codes, findings};
use serde_json::Value;
use tempfile::TempDir;

/// What is found where a record leads to this URI.
fn check_uri(uri: &str, more: &[&str]) -> Vec<Value> {
    let record =
        format!("113.0.203.in-addr.arpa. 600 NAPTR 100 10 \"u\" \"ALTO:http\" \"!.*!{uri}!\" .\n");
    let mut file = ZoneFile::from(&Zone::new([]));
    file.text.push_str(&record);
    let server = nsd::launch(&[file]);
    let own = ["--prefix", PREFIX, "--allow-private", "--allow-http", "--service", "ALTO:http"];
    findings(&check(server.address(), &[&own[..], more].concat()))
}

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
    let fine = check_uri(&uri, &[]);
    let map = check_uri(&uri.replace("/directory", "/network-map"), &[]);
    let nothing = check_uri(&uri.replace("/directory", "/nothing"), &[]);
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(fine.is_empty(), "{fine:#?}");
    for found in [map, nothing] {
        assert_eq!(codes(&found), BTreeSet::from(["directory"]), "{found:#?}");
    }
}

/// RFC 7285 §10.3, §11: maps that do not belong together are a fault of the directory; what not every
/// client forgives is a note.
#[test]
fn maps_that_do_not_agree() {
    let network =
        alto::network_map(&[("near", "203.0.113.0/24"), ("far", "0.0.0.0/0"), ("far", "::/0")]);
    let pairs = [("near", "near", 1), ("near", "far", 20), ("far", "near", 20), ("far", "far", 1)];
    let costs = alto::cost_map(&pairs.map(|(from, to, cost)| (from, to, f64::from(cost))));
    // As a server sends it that does not know the media types.
    let untyped = |server: HttpServer, resources: &[(&str, &str)]| {
        for (path, body) in resources {
            server.says(path, HttpReply::ok("application/json", *body));
        }
        server
    };
    let asked = |server: HttpServer, more: &[&str]| {
        let uri = server.uri("/ird");
        let found = check_uri(&uri, more);
        let is_its = |finding: &Value| finding["code"] == "directory" && finding["name"] == uri;
        assert!(found.iter().all(is_its), "{found:#?}");
        let severity = |finding: &Value| finding["severity"].as_str().unwrap().to_owned();
        found.iter().map(severity).collect::<Vec<_>>()
    };
    assert!(asked(alto::serve(&network, &costs), &[]).is_empty());
    for (network, costs) in [
        (&*network, &*costs.replace("t1", "t0")),
        ("{}", &costs),
        (&network, &costs.replace("routingcost", "hopcount")),
    ] {
        assert_eq!(asked(alto::serve(network, costs), &[]), ["fault"], "{network} {costs}");
    }
    let one = untyped(alto::serve(&network, &costs), &[("/network", &network)]);
    assert_eq!(asked(one, &[]), ["fault"]);
    let both = [("/network", &*network), ("/cost", &costs)];
    let lenient = asked(untyped(alto::serve(&network, &costs), &both), &["--lenient"]);
    assert!(
        !lenient.is_empty() && lenient.iter().all(|severity| severity == "note"),
        "{lenient:?}"
    );
}
