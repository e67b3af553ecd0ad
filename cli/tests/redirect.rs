//! `alto discover --backend redirect` against `alto serve --neighbours`, over https and without TLS.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use std::fs;

use alto_testkit::ports;
use alto_testkit::scripted::Scripted;
use alto_testkit::{NameServer as _, Zone};
use common::{Files, Serving, alto};
use serde_json::Value;

/// Two servers, of which the first knows the second; the first listens at a known place.
fn two(files: &Files, tls: &[&str], scheme: &str) -> (Serving, Serving, String, String) {
    let other_at = ports::free();
    let other = format!("{scheme}://{other_at}/directory");
    let own_at = ports::free();
    let own = format!("{scheme}://{own_at}/directory");
    let (first, second) = (files.name("first.toml"), files.name("second.toml"));
    let neighbour = format!("[[neighbour]]\nuri = \"{other}\"\nprefixes = [\"198.51.100.0/24\"]\n");
    let shared = "shared = [{ prefix = \"203.0.113.7\", ports = [\"1024-2047\"] }]\n";
    let text =
        format!("[own]\nuri = \"{own}\"\nprefixes = [\"203.0.113.0/24\"]\n{neighbour}{shared}");
    fs::write(&first, text).unwrap();
    let text = format!("[own]\nuri = \"{other}\"\nprefixes = [\"198.51.100.0/24\"]\n{shared}");
    fs::write(&second, text).unwrap();
    let (network, costs) = (files.name("net.csv"), files.name("costs.csv"));
    let start = |file: &str, at: String| {
        let own = ["serve", "--listen", &at, "--network-map", &network, "--cost-map", &costs];
        let flags = ["--neighbours", file, "--allow-private", "--allow-http"];
        Serving::start(alto(&[&own, tls, &flags[..]].concat()))
    };
    (start(&first, own_at.to_string()), start(&second, other_at.to_string()), own, other)
}

fn json(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = alto(arguments).output().unwrap();
    let record = serde_json::from_slice(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), record.unwrap_or_else(|fault| panic!("{fault}: {said}")))
}

/// By address (approach 2) and by port (4): who named whom, on whose word, for whom.
#[test]
fn servers_are_found_by_asking_one() {
    let files = Files::new();
    let (cert, key, ca) = (files.name("cert.pem"), files.name("key.pem"), files.name("ca.pem"));
    let (_first, _second, own, other) = two(&files, &["--cert", &cert, "--key", &key], "https");
    let ask = |more: &[&str]| {
        let start = ["discover", "--backend", "redirect", "--server", &own, "--ca", &ca];
        let open = ["--allow-private", "--allow-documentation", "--json"];
        json(&[&start[..], &open, more].concat())
    };
    let (status, found) = ask(&["198.51.100.3"]);
    assert_eq!((status, &found["outcome"]), (Some(0), &"found".into()), "{found}");
    assert_eq!((&found["backend"], &found["approach"]), (&"redirect".into(), &2.into()));
    assert_eq!(found["servers"][0]["uri"], *other);
    assert_eq!(found["servers"][0]["trust"], "network");
    let eps = own.replace("/directory", "/endpoint-property");
    assert_eq!(found["servers"][0]["name"], *eps);
    assert_eq!(found["scope"]["net"], "198.51.100.3/32");
    assert_eq!(found["queries"][0], *own);
    assert_eq!(found["queries"][1], *eps);

    let (_, itself) = ask(&["203.0.113.7"]);
    assert_eq!(
        (&itself["servers"][0]["uri"], &itself["servers"][0]["trust"]),
        (&(*own).into(), &"configured".into())
    );
    let (status, unknown) = ask(&["192.0.2.1"]);
    assert_eq!((status, &unknown["error"]["code"]), (Some(3), &"unknown-peer".into()), "{unknown}");

    let told =
        ["discover", "--backend", "redirect", "--server", &own, "--ca", &ca, "--allow-private"];
    let mut told =
        alto(&[&told[..], &["--allow-documentation", "--explain", "198.51.100.3"]].concat());
    let told = String::from_utf8(told.output().unwrap().stdout).unwrap();
    for line in
        [format!("{eps}: {other} speaks for the peer"), "it speaks for the peer itself".into()]
    {
        assert!(told.contains(&line), "{told}");
    }
}

/// With DNS, in either order: whoever has an answer first counts; what redirects don't know, DNS may.
#[test]
fn beside_dns_in_either_order() {
    let files = Files::new();
    let (_first, _second, own, other) = two(&files, &["--http"], "http");
    let record =
        r#"2.0.192.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://c.example/ird!" ."#;
    let names = Scripted::start(Zone::parse([record]).unwrap());
    let resolver = names.address().to_string();
    for (backends, peer, uri) in [
        (["redirect", "dns"], "198.51.100.3", &*other),
        (["dns", "redirect"], "198.51.100.3", &*other),
        (["redirect", "dns"], "192.0.2.1", "https://c.example/ird"),
        (["dns", "redirect"], "192.0.2.1", "https://c.example/ird"),
    ] {
        let [one, two] = backends;
        let (status, found) = json(&[
            "discover",
            "--backend",
            one,
            "--backend",
            two,
            "--server",
            &own,
            "--allow-http",
            "--resolver",
            &resolver,
            "--allow-private",
            "--allow-documentation",
            "--json",
            peer,
        ]);
        assert_eq!(
            (status, &found["servers"][0]["uri"]),
            (Some(0), &uri.into()),
            "{backends:?}: {found}"
        );
    }
}

/// A start that may not be contacted is a fault of the configuration.
#[test]
fn a_start_is_judged_at_once() {
    for server in ["http://alto.example/", "https://127.0.0.1/", "alto.example"] {
        let discover = ["discover", "--backend", "redirect", "--server", server, "8.8.8.8"];
        let output = alto(&discover).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{server}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("redirect.servers"), "{said}");
    }
}
