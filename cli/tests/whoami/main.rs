//! `alto whoami`: real DHCP servers and clients, a real name server and web server, in networks of the
//! tests' own.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod asked;
#[path = "../common/mod.rs"]
mod common;
mod leases;

use std::fs;
use std::process::Output;

use alto_testkit::alto::{DIRECTORY, cost_map, network_map};
use alto_testkit::dhcp::{DhcpServer, INTERFACE, Names};
use alto_testkit::namespace::{self, NEAR, OUTSIDE};
use alto_testkit::nginx::Nginx;
use alto_testkit::pki::Authority;
use alto_testkit::{Daemon, NameServer as _, ZoneFile, nsd};
use common::alto;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// What the network calls itself, and its server.
const BOTH: Names<'static> = Names { access: Some("access.example."), plain: Some("home.example") };
const SERVER: &str = "https://alto.access.example:8443/directory";
const HOME_SERVER: &str = "https://alto.home.example/directory";

fn hosts() -> Vec<String> {
    vec![format!("{OUTSIDE} alto.access.example")]
}

/// The network's zones, by NSD.
fn names() -> Daemon {
    let zone = |name: &str, server: &str| ZoneFile {
        apex: name.to_owned(),
        text: format!(
            "$ORIGIN {name}\n@ 3600 IN SOA ns.{name} hostmaster.{name} 1 3600 600 86400 300\n\
             @ 3600 IN NS ns.{name}\nns 3600 IN A 127.0.0.1\n\
             @ 600 IN NAPTR 50 10 \"u\" \"LIS:HELD\" \"!.*!https://lis.{name}/!\" .\n\
             @ 600 IN NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!{server}!\" .\n"
        ),
    };
    nsd::launch(&[
        zone("access.example.", SERVER),
        zone("home.example.", HOME_SERVER),
        ZoneFile {
            apex: "plain.example.".to_owned(),
            text: "@ 3600 IN SOA ns hostmaster 1 3600 600 86400 300\n@ 3600 IN NS ns\nns IN A 127.0.0.1\n"
                .to_owned(),
        },
    ])
}

fn whoami(resolver: &Daemon, words: &[&str]) -> Output {
    let resolver = resolver.address().to_string();
    let output = alto(&[&["whoami", "--resolver", &resolver], words].concat()).output().unwrap();
    println!("{words:?}: {output:?}");
    output
}

/// The records, one per network, and the exit status.
fn records(resolver: &Daemon, words: &[&str]) -> (Vec<Value>, i32) {
    let output = whoami(resolver, &[&["--json"], words].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (records, output.status.code().unwrap())
}

/// By which family, which option and which name which server was found.
fn found(record: &Value) -> [&Value; 4] {
    let name = record["names"].as_array().unwrap().last().unwrap();
    [&record["family"], &name["option"], &name["domain"], &record["servers"][0]["uri"]]
}

fn v4(option: u16, domain: &str, server: &str) -> [Value; 4] {
    [json!("ipv4"), json!(option), json!(domain), json!(server)]
}

fn v6() -> [Value; 4] {
    [json!("ipv6"), json!(57), json!("access.example."), json!(SERVER)]
}

/// The whole way of a peer: its network's name, its server, that one's maps; and a tracker that is told.
#[test]
fn what_is_printed_is_taken_by_a_tracker() {
    if !namespace::is_inside("what_is_printed_is_taken_by_a_tracker", &hosts()) {
        return;
    }
    let (names, _dhcp, authority) = (names(), DhcpServer::dnsmasq(BOTH), Authority::new());
    let maps = network_map(&[
        ("own", "198.51.100.0/24"),
        ("near", "203.0.113.0/24"),
        ("near", "2001:db8:7::/48"),
        ("far", "0.0.0.0/0"),
        ("nowhere", "192.0.2.0/24"),
    ]);
    let costs = cost_map(&[("own", "own", 1.0), ("own", "near", 7.5), ("own", "far", 100.0)]);
    let kind = |path: &str, kind: &str| {
        format!("location = {path} {{ default_type application/alto-{kind}+json; }}\n")
    };
    let locations = kind("/directory", "directory")
        + &kind("/network", "networkmap")
        + &kind("/cost", "costmap");
    let files = [("/directory", DIRECTORY), ("/network", &maps), ("/cost", &costs)]
        .map(|(path, text)| (path.to_owned(), text.to_owned()));
    let address = format!("{OUTSIDE}:8443").parse().unwrap();
    let _nginx =
        Nginx::outside(address, &authority.sign(&["alto.access.example"]), &locations, &files);
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), authority.pem()).unwrap();
    let ca = file.path().to_str().unwrap();

    let (one, status) =
        records(&names, &["--ask", INTERFACE, "--family", "ipv4", "--guidance", "--ca", ca]);
    assert_eq!((one.len(), status), (1, 0));
    let guidance = &one[0]["guidance"];
    assert_eq!((&guidance["server"], &guidance["address"]), (&json!(SERVER), &json!(NEAR)));
    let [uri, blob] = ["alto", "altog"].map(|key| one[0]["announce"][key].as_str().unwrap());

    let discover = |query: &str| {
        let resolver = names.address().to_string();
        let how = ["--json", "--allow-documentation", "--resolver", &resolver];
        let trust = ["--set", "peerinfo.trust=open", "--announce", query, "198.51.100.3"];
        let output = alto(&[&["discover"], &how[..], &trust].concat()).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let told = discover(&format!("info_hash=%01&port=6881&{uri}"));
    assert_eq!((&told["approach"], &told["outcome"]), (&json!(5), &json!("found")));
    assert_eq!(told["servers"][0]["uri"], json!(SERVER));
    let told = discover(&format!("info_hash=%01&port=6881&{blob}"));
    assert_eq!(told["approach"], json!(6));
    assert_eq!(told["guidance"]["entries"], guidance["entries"]);
    assert_eq!(discover(&format!("{uri}&{blob}"))["approach"], json!(5));

    // To the letter: the cheapest first; costs with fractions by rank; what has no cost is left out.
    let costs = said(blob);
    let told: Vec<String> =
        costs.iter().take(3).map(|entry| format!("{} {}", entry.net, entry.cost)).collect();
    assert_eq!(told, ["198.51.100.0/24 0", "203.0.113.0/24 1", "2001:db8:7::/48 1"]);
    assert!(costs[3..].iter().all(|entry| entry.cost == 2));
    let covers = |ip: &str| {
        costs.iter().any(|entry| entry.net.contains(&ip.parse::<std::net::IpAddr>().unwrap()))
    };
    assert!(covers("8.8.8.8") && !covers("192.0.2.1"));
}

fn said(parameter: &str) -> Vec<alto_discovery::PeerCost> {
    use alto_discovery::whoami::{announce, blob};
    let hints = alto_discovery::Hints::HttpQuery(parameter.as_bytes().into());
    let octets = announce::find(&hints).guidance.unwrap().unwrap();
    blob::read(&octets).unwrap().entries.to_vec()
}

/// The user's word wins, and nothing else is looked at.
#[test]
fn by_hand() {
    if !namespace::is_inside("by_hand", &hosts()) {
        return;
    }
    let names = names();
    let (one, status) = records(&names, &["--domain", "Access.Example"]);
    assert_eq!((&one[0]["servers"][0]["uri"], status), (&json!(SERVER), 0));
    assert_eq!(one[0]["names"][0]["option"], json!(null));
    for (domain, outcome, status) in
        [("plain.example", "none", 1), ("else.example", "unavailable", 3)]
    {
        let (one, found) = records(&names, &["--domain", domain]);
        assert_eq!((&one[0]["outcome"], found), (&json!(outcome), status));
    }
    let (one, status) = records(&names, &["--uri", SERVER]);
    assert_eq!(
        (&one[0]["outcome"], &one[0]["servers"][0]["trust"]),
        (&json!("found"), &json!("configured"))
    );
    assert_eq!(status, 0);
    for (words, status) in [
        (&["--uri", "https://127.0.0.1/"][..], 4),
        (&["--uri", "here"], 4),
        (&["--domain", "a b"], 2),
        (&["--domain", "a.example", "--ask", "near"], 2),
    ] {
        assert_eq!(whoami(&names, words).status.code(), Some(status), "{words:?}");
    }
    let text = String::from_utf8(whoami(&names, &["--domain", "access.example"]).stdout).unwrap();
    assert!(
        text.contains("\n  send   alto=https%3A%2F%2Falto.access.example%3A8443%2Fdirectory\n"),
        "{text}"
    );
}

/// Files that were given: whatever is wrong is told by name, and does not spoil what is right.
#[test]
fn files_that_are_broken() {
    if !namespace::is_inside("files_that_are_broken", &hosts()) {
        return;
    }
    let names = names();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        file.into_os_string().into_string().unwrap()
    };
    let good =
        write("good", b"lease {\n interface \"wan\";\n option domain-name \"home.example\";\n}\n");
    let ended = write(
        "ended",
        b"lease {\n option domain-name \"home.example\";\n expire 1 2020/01/01 00:00:00;\n}\n",
    );
    let error = write("error", b"lease {\n option v4-access-domain <error>;\n}\n");
    let broken = write("broken", b"lease {\n \"");
    let large = write("large", &vec![b' '; (1 << 20) + 1]);
    let all =
        [&*good, &ended, &error, &broken, &large, "/nonexistent", folder.path().to_str().unwrap()];
    let words: Vec<&str> = all.iter().flat_map(|file| ["--lease", file]).collect();
    let output = whoami(&names, &words);
    let (text, said) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("wan, ipv4, dhclient,") && text.contains(HOME_SERVER), "{text}");
    assert!(text.contains("the client wrote <error>"), "{text}");
    for (file, why) in [
        (&*ended, "has ended"),
        (&broken, "line 2 cannot be read"),
        (&large, "larger than"),
        ("/nonexistent", "No such file"),
        (folder.path().to_str().unwrap(), "not a plain file"),
    ] {
        let told = said.lines().any(|line| line.contains(file) && line.contains(why));
        assert!(told, "{file}: {why}: {said}");
    }
}
