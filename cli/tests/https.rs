//! `alto rank` and `alto map` over https, as a user has it: NSD names the server of a peer, nginx
//! speaks TLS for `alto serve`, and only the authority given with `--ca` is trusted.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use std::fs;
use std::process::Output;

use alto_testkit::nginx::{Nginx, Passed};
use alto_testkit::pki::{Authority, Flaw, Identity};
use alto_testkit::{NameServer as _, Zone, nsd};
use common::{Files, Serving, alto};
use serde_json::{Value, json};

/// `alto serve` behind nginx with this identity.
struct Site {
    _serving: Serving,
    nginx: Nginx,
}

impl Site {
    fn start(files: &Files, identity: &Identity) -> Self {
        let serving = Serving::start(files.serve(&["--http"]));
        let address = serving.uri.trim_start_matches("http://").trim_end_matches("/directory");
        let nginx = Nginx::before(address.parse().unwrap(), identity);
        Self { _serving: serving, nginx }
    }

    fn uri(&self) -> String {
        self.nginx.uri("/directory")
    }

    /// Requests that came through TLS.
    fn asked(&self) -> Vec<Passed> {
        self.nginx.passed().into_iter().filter(|passed| passed.status != 0).collect()
    }
}

fn records(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The whole way: address, reverse name, NAPTR in NSD, https, directory, maps, ranks. The second
/// time nginx answers from what it keeps.
#[test]
fn from_a_peers_address_to_ranks() {
    let (files, authority) = (Files::new(), Authority::new());
    fs::write(files.path("ca.pem"), authority.pem()).unwrap();
    let site = Site::start(&files, &authority.sign(&["127.0.0.1"]));
    let uri = site.uri();
    let naptr =
        format!(r#"113.0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!{uri}!" ."#);
    let names = nsd::launch(&[(&Zone::parse([naptr.as_str()]).unwrap()).into()]);
    let (resolver, ca) = (names.address().to_string(), files.name("ca.pem"));
    let rank = ["rank", "--for", "203.0.113.5", "--json", "--resolver", &resolver, "--ca", &ca];
    let allowed = ["--allow-documentation", "--allow-private"];
    let candidates = ["198.51.100.1", "203.0.113.9"];
    let command = || alto(&[&rank[..], &allowed, &candidates].concat()).output().unwrap();
    let output = command();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let expected = [
        json!({"rank": 1, "candidate": "203.0.113.9", "pid": "near", "cost": 1, "server": uri}),
        json!({"rank": 2, "candidate": "198.51.100.1", "pid": "far", "cost": 20, "server": uri}),
    ];
    assert_eq!(records(&output), expected);
    assert_eq!(command().stdout, output.stdout);
    assert!(site.nginx.wait_for(|passed| ["HIT", "REVALIDATED"].contains(&&*passed.cache)));

    let map = alto(&["map", &uri, "--ca", &ca, "--allow-private", "--json"]).output().unwrap();
    let map = &records(&map)[0];
    assert_eq!((&map["pids"], &map["prefixes"], &map["costs"]), (&json!(2), &json!(3), &json!(4)));
}

/// RFC 9525: whoever cannot be trusted is told apart, is asked nothing, and is named with its URI;
/// status 4.
#[test]
fn distrust_is_told() {
    let (files, authority, stranger) = (Files::new(), Authority::new(), Authority::new());
    fs::write(files.path("ca.pem"), authority.pem()).unwrap();
    let here = ["127.0.0.1"];
    for (identity, fault) in [
        (authority.sign_with(Flaw::Expired, &here), "expired"),
        (authority.sign_with(Flaw::NotYetValid, &here), "not valid yet"),
        (authority.sign_with(Flaw::ForClients, &here), "is not for servers"),
        (authority.sign_with(Flaw::SelfSigned, &here), "self-signed"),
        (authority.sign(&["alto.example"]), "another host"),
        (stranger.sign(&here), "unknown issuer"),
    ] {
        let site = Site::start(&files, &identity);
        let (uri, ca) = (site.uri(), files.name("ca.pem"));
        let own = ["--ca", &*ca, "--allow-private", "--json"];
        let map = alto(&[&["map", &*uri][..], &own].concat()).output().unwrap();
        let rank = ["rank", "--for", "203.0.113.5", "--ird", &uri, "203.0.113.9"];
        let rank = alto(&[&rank[..], &own].concat()).output().unwrap();
        for output in [&map, &rank] {
            let said = stderr(output);
            assert_eq!((output.status.code(), said.lines().count()), (Some(4), 1), "{said}");
            assert!(said.contains(&uri) && said.contains(fault), "{fault}: {said}");
        }
        assert_eq!(records(&rank)[0]["cost"], Value::Null);
        assert_eq!(site.asked(), []);
    }
}

/// Without `--ca` the system's authorities decide, and they know nothing of the test's.
#[test]
fn the_systems_authorities_are_the_default() {
    let (files, authority) = (Files::new(), Authority::new());
    let site = Site::start(&files, &authority.sign(&["127.0.0.1"]));
    let output = alto(&["map", &site.uri(), "--allow-private"]).output().unwrap();
    assert_eq!((output.status.code(), site.asked()), (Some(4), vec![]), "{}", stderr(&output));
    let missing = alto(&["map", &site.uri(), "--ca", &files.name("none.pem")]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("none.pem"), "{}", stderr(&missing));
}
