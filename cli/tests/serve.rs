//! `alto serve` as a user runs it, and asked by `alto map` and `alto rank` over https.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use alto_testkit::process::wait_until;
use common::{Files, NETWORK, Serving, alto};
use serde_json::Value;

fn ask(ca: &Path, arguments: &[&str]) -> Vec<Value> {
    let own = ["--ca", ca.to_str().unwrap(), "--allow-private", "--json"];
    let output = alto(&[arguments, &own].concat()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What is served over https is what `map` sums up and `rank` goes by; SIGTERM ends it well.
#[test]
fn our_own_commands_ask_it_over_https() {
    let files = Files::new();
    let (cert, key) = (files.name("cert.pem"), files.name("key.pem"));
    let server = Serving::start(files.serve(&["--cert", &cert, "--key", &key]));
    assert!(server.uri.starts_with("https://127.0.0.1:") && server.uri.ends_with("/directory"));
    let map = &ask(&files.path("ca.pem"), &["map", &server.uri])[0];
    assert_eq!((&map["pids"], &map["prefixes"]), (&2.into(), &3.into()), "{map}");
    assert_eq!(map["warnings"], Value::Array(Vec::new()));
    let rank = ["rank", "--for", "203.0.113.5", "--ird", &server.uri];
    let candidates = ["198.51.100.1", "203.0.113.9"];
    let ranked = ask(&files.path("ca.pem"), &[&rank[..], &candidates].concat());
    let best = &ranked[0];
    assert_eq!((&best["candidate"], &best["pid"]), (&"203.0.113.9".into(), &"near".into()));
    assert_eq!((&best["rank"], best["cost"].as_f64()), (&1.into(), Some(1.0)));
    assert_eq!(ranked[1]["cost"].as_f64(), Some(20.0));
    let (status, said) = server.end("TERM");
    assert_eq!((status.code(), &*said), (Some(0), ""));
}

/// Without TLS only when told so; SIGINT ends it as well. What RFC 7285 misses in maps is said.
#[test]
fn plain_http_on_demand() {
    let files = Files::new();
    fs::write(files.path("net.csv"), NETWORK.replace("::/0,far\n", "2001:db8::/32,far\n")).unwrap();
    let server = Serving::start(files.serve(&["--http"]));
    assert!(server.uri.starts_with("http://127.0.0.1:"), "{}", server.uri);
    let (status, said) = server.end("INT");
    assert_eq!(status.code(), Some(0));
    assert_eq!(said, "alto: some ipv6 addresses have no PID (RFC 7285 §11.2.2)\n");
}

/// Faults in flags and files end it before it listens, with status 2 and a sentence.
#[test]
fn faults_are_told_before_it_listens() {
    let files = Files::new();
    let (cert, key) = (files.name("cert.pem"), files.name("key.pem"));
    for flags in [
        &[][..],
        &["--cert", &cert],
        &["--key", &key],
        &["--http", "--cert", &cert, "--key", &key],
        &["--http", "--cost-map", "hopcount="],
    ] {
        let output = files.output(flags);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{flags:?}");
    }
    fs::write(files.path("costs.csv"), "src,dst,cost\nnear,far,cheap\n").unwrap();
    let output = files.output(&["--http"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(said.ends_with("costs.csv:2: `cheap` is no number\n"), "{said}");
}

/// A signal ends it while it reads its files, too, however long that takes: here from a pipe that never
/// ends, at the start and later in place of a file.
#[test]
fn signals_end_it_while_it_reads() {
    let files = Files::new();
    let pipe = files.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let name = files.name("pipe");
    let own = ["serve", "--http", "--listen", "127.0.0.1:0", "--network-map", &name];
    let mut child = alto(&own).spawn().unwrap();
    // Opened by both: it reads.
    let held = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let id = child.id().to_string();
    assert!(Command::new("/bin/kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(ends(&mut child).code(), Some(0));
    drop(held);

    let mut server = files.serve(&["--http"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening "), "{line}");
    fs::rename(&pipe, files.path("net.csv")).unwrap();
    let held = fs::OpenOptions::new().write(true).open(files.path("net.csv")).unwrap();
    let id = server.id().to_string();
    assert!(Command::new("/bin/kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(ends(&mut server).code(), Some(0));
    drop(held);
}

/// How a process ends, which must not take for ever.
fn ends(child: &mut Child) -> ExitStatus {
    let ended = wait_until(Duration::from_secs(20), || child.try_wait().unwrap().is_some());
    if !ended {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    assert!(ended, "it did not end");
    status
}
