//! No packet to a denied address, however it is spelled and wherever it is found: the kernel counts
//! what is sent, in a network of the test's own.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;

use alto_discovery::core::{Policy, parse_uri};
use alto_discovery::guidance::{Consumer, Error, FetchConfig, Guidance, GuidanceConfig, Links};
use alto_testkit::namespace::{self, NEAR, OUTSIDE};
use alto_testkit::nginx::Nginx;
use alto_testkit::pki::Authority;
use alto_testkit::scripted::Scripted;
use alto_testkit::spellings;
use alto_testkit::{NameServer as _, Zone};
use common::alto;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;

const PORT: u16 = 8_443;

/// What a directory's link may lead to.
const LINKS: [&str; 4] = ["map", "cost", "ecs", "more"];

/// A directory of which one link leads where it must not.
fn directory(link: &str, to: &str) -> String {
    let mut resources = json!({
        "map": {"uri": "/network", "media-type": "application/alto-networkmap+json"},
        "cost": {"uri": "/cost", "media-type": "application/alto-costmap+json",
            "capabilities": {"cost-type-names": ["num"]}, "uses": ["map"]},
        "ecs": {"uri": "/ecs", "media-type": "application/alto-endpointcost+json",
            "accepts": "application/alto-endpointcostparams+json",
            "capabilities": {"cost-type-names": ["num"]}},
        "more": {"uri": "/more", "media-type": "application/alto-directory+json"},
    });
    resources[link]["uri"] = to.into();
    let needed: &[&str] = match link {
        "map" | "cost" => &["map", "cost"],
        "ecs" => &["map", "ecs"],
        _ => &["map", "more"],
    };
    let all = resources.as_object_mut().unwrap();
    all.retain(|id, _| needed.contains(&&**id));
    let num = json!({"cost-metric": "routingcost", "cost-mode": "numerical"});
    let meta = json!({"cost-types": {"num": num}, "default-alto-network-map": "map"});
    json!({"meta": meta, "resources": resources}).to_string()
}

/// Directories with each link to each spelling, redirects to each, and maps that are blameless.
fn world(authority: &Authority, spellings: &[String]) -> Nginx {
    let network = json!({"meta": {"vtag": {"resource-id": "map", "tag": "1"}},
        "network-map": {"near": {"ipv4": ["0.0.0.0/0"]}}});
    let costs = json!({"meta": {
            "cost-type": {"cost-metric": "routingcost", "cost-mode": "numerical"},
            "dependent-vtags": [{"resource-id": "map", "tag": "1"}]},
        "cost-map": {"near": {"near": 1}}});
    let mut files = vec![
        ("/network".to_owned(), network.to_string()),
        ("/cost".to_owned(), costs.to_string()),
        ("/good/ird".to_owned(), directory("cost", "/cost")),
    ];
    let mut locations = String::from(
        "location = /network { default_type application/alto-networkmap+json; }\n\
         location = /cost { default_type application/alto-costmap+json; }\n\
         location / { default_type application/alto-directory+json; }\n",
    );
    for (at, to) in spellings.iter().enumerate() {
        for link in LINKS {
            files.push((format!("/to-{link}/{at}"), directory(link, to)));
        }
        let to = to.replace('\\', "\\\\");
        let block = format!("location = /to-redirect/{at} {{ return 307 \"{to}\"; }}\n");
        locations.push_str(&block);
    }
    let address = format!("{OUTSIDE}:{PORT}").parse().unwrap();
    Nginx::outside(address, &authority.sign(&[OUTSIDE]), &locations, &files)
}

/// Counts faults by their code; what is no refusal, and no answer of the outside, fails.
#[derive(Default)]
struct Refusals(BTreeMap<&'static str, usize>);

impl Refusals {
    fn note(&mut self, what: &str, error: &Error) {
        let fine = [
            "bad-uri",
            "refused-by-policy",
            "link-downgrade",
            "other-site",
            "redirect-downgrade",
            "redirect-location",
            "no-address",
            "http-status", // it was read as a path on the outside server
        ];
        assert!(fine.contains(&error.code()), "{what}: {error} ({})", error.code());
        *self.0.entry(error.code()).or_default() += 1;
    }
}

async fn links_and_redirects(guidance: &Guidance, nginx: &Nginx, spellings: &[String]) -> Refusals {
    let mut refusals = Refusals::default();
    let consumer = Consumer::new(IpAddr::from([203, 0, 113, 5]));
    let candidates = [IpAddr::from([203, 0, 113, 9])];
    for kind in LINKS.into_iter().chain(["redirect"]) {
        for (at, text) in spellings.iter().enumerate() {
            let uri = nginx.uri(&format!("/to-{kind}/{at}")).parse().unwrap();
            let asked = guidance.judge(&[uri], consumer, &candidates).await;
            let what = format!("{kind} to {text}");
            let exhausted = asked.err().unwrap_or_else(|| panic!("{what} was used"));
            refusals.note(&what, &exhausted.failed[0]);
        }
    }
    refusals
}

/// Status of the command that is told to ask this server.
fn status(command: &[&str], ca: &str) -> Option<i32> {
    alto(&[command, &["--ca", ca]].concat()).output().unwrap().status.code()
}

/// By name server: the spellings that NAPTR records can hold.
fn by_discovery(spellings: &[String], ca: &str) -> usize {
    let plain = |text: &&String| {
        text.is_ascii() && !text.contains(['\\', '"', '!', ' ']) && !text.contains(char::is_control)
    };
    let plain: Vec<&String> = spellings.iter().filter(plain).collect();
    let owner = |at| format!("{at}.113.0.203.in-addr.arpa.");
    let records = plain.iter().enumerate().map(|(at, to)| {
        format!(r#"{} 600 NAPTR 100 10 "u" "ALTO:https" "!.*!{to}!" ."#, owner(at))
    });
    let records: Vec<String> = records.collect();
    let names = Scripted::start(Zone::parse(records.iter().map(String::as_str)).unwrap());
    namespace::do_not_count(names.address().port());
    let resolver = names.address().to_string();
    for (at, text) in plain.iter().enumerate() {
        let peer = format!("203.0.113.{at}");
        let rank =
            ["rank", "--for", &peer, "--resolver", &resolver, "--allow-documentation", "::1"];
        let status = status(&rank, ca).unwrap();
        // 1: the record was ignored; 3: the name has no usable address; 4: refused.
        assert!([1, 3, 4].contains(&status), "{text}: status {status}");
    }
    plain.len()
}

/// Three ways in, and discovery: at least 60 spellings each, and no packet.
#[test]
fn the_kernel_counts_no_packet_to_denied_addresses() {
    if !namespace::is_inside("the_kernel_counts_no_packet_to_denied_addresses", &spellings::hosts())
    {
        return;
    }
    let (spellings, authority) = (spellings::denied(PORT), Authority::new());
    assert!(spellings.len() >= 60);
    let nginx = world(&authority, &spellings);
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), authority.pem()).unwrap();
    let ca = file.path().to_str().unwrap();
    let fetch = FetchConfig { ca_file: Some(ca.into()), ..FetchConfig::default() };
    let runtime = Runtime::new().unwrap();
    // Links that may lead anywhere are refused for what they are, others for where they are, too.
    for links in [Links::Any, Links::SameSite] {
        let config = GuidanceConfig { links, ..GuidanceConfig::default() };
        let guidance = Guidance::new(&config, &fetch, Policy::default()).unwrap();
        let refusals = runtime.block_on(links_and_redirects(&guidance, &nginx, &spellings));
        println!("{} spellings, {links:?}: refused by: {:?}", spellings.len(), refusals.0);
        assert_eq!(refusals.0.contains_key("other-site"), links == Links::SameSite);
    }
    for text in &spellings {
        for command in [&["map", text][..], &["rank", "--for", NEAR, "--ird", text, "::1"]] {
            let status = status(command, ca).unwrap();
            assert!([3, 4].contains(&status), "{command:?}: status {status}");
        }
    }
    let discovered = by_discovery(&spellings, ca);
    assert!(discovered >= 60, "{discovered}");

    let (outside, elsewhere) = namespace::packets();
    println!("packets: {outside} to the allowed server, {elsewhere} elsewhere");
    assert_eq!(elsewhere, 0);
    assert!(outside > 0);
    let seen = |path: String| nginx.wait_for(|passed| passed.request == format!("GET {path}"));
    for kind in LINKS.into_iter().chain(["redirect"]) {
        assert!((0..spellings.len()).all(|at| seen(format!("/to-{kind}/{at}"))), "{kind}");
    }

    // The same server is of use when it leads to nothing denied, and the counters do count.
    let good = alto(&["map", &nginx.uri("/good/ird"), "--ca", ca, "--json"]).output().unwrap();
    let good: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!(good["costs"], 1);
    let loopback = format!("https://127.0.0.1:{PORT}/");
    assert!(parse_uri(&loopback).is_ok());
    assert_eq!(status(&["map", &loopback, "--allow-private"], ca), Some(3));
    assert!(namespace::packets().1 > 0);
}
