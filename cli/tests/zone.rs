//! `alto zone` written, loaded by real name servers, and found again by `alto discover`.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use alto_testkit::client::Client;
use alto_testkit::process::installed;
use alto_testkit::wire::{Question, Seen};
use alto_testkit::{Daemon, NameServer as _, Zone, ZoneFile, bind, knot, nsd, pdns};
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use tempfile::TempDir;

fn alto(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto"));
    command.args(arguments);
    command
}

/// Prefixes and the URIs of their servers.
type Plan = BTreeMap<IpNet, Vec<String>>;

/// What the command writes for a plan.
fn written(plan: &Plan, arguments: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("plan.csv");
    let mut text = String::from("prefix,uri\n");
    for (net, uris) in plan {
        if uris.is_empty() {
            writeln!(text, "{net},").unwrap();
        }
        for uri in uris {
            writeln!(text, "{net},{uri}").unwrap();
        }
    }
    std::fs::write(&file, text).unwrap();
    let output =
        alto(&["zone", "--file", file.to_str().unwrap()]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The root zone with this appended.
fn root_zone(text: &str) -> ZoneFile {
    let mut zone = ZoneFile::from(&Zone::new([]));
    zone.text.push_str(text);
    zone
}

/// The URIs found for each peer. On a machine that stands still a reply may come too late, and what was
/// found without it is marked: such peers are asked for again.
fn found(server: &Daemon, peers: &[IpAddr]) -> Vec<Vec<String>> {
    let mut uris: BTreeMap<IpAddr, Vec<String>> = BTreeMap::new();
    for _ in 0..5 {
        let open: Vec<IpAddr> = peers.iter().copied().filter(|p| !uris.contains_key(p)).collect();
        if open.is_empty() {
            break;
        }
        for (peer, record) in open.iter().zip(records(server, &open)) {
            if record["incomplete"] == false && record["outcome"] != "unavailable" {
                uris.insert(*peer, uris_of(&record));
            }
        }
    }
    peers.iter().map(|peer| uris.get(peer).expect("an answer in five tries").clone()).collect()
}

fn uris_of(record: &Value) -> Vec<String> {
    assert!(["found", "none"].contains(&record["outcome"].as_str().unwrap()), "{record}");
    let servers = record["servers"].as_array().unwrap().iter();
    servers.map(|server| server["uri"].as_str().unwrap().to_owned()).collect()
}

/// What `alto discover` says of each peer.
fn records(server: &Daemon, peers: &[IpAddr]) -> Vec<Value> {
    let resolver = server.address().to_string();
    let mut command = alto(&["discover", "--json", "--resolver", &resolver]);
    command.args(["--set", "policy.allow_private_peers=true", "--allow-documentation"]);
    let input: String = peers.iter().fold(String::new(), |all, peer| all + &format!("{peer}\n"));
    let output = fed(command, input.into_bytes());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn fed(mut command: Command, input: Vec<u8>) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    output
}

/// What the longest of the prefixes says.
fn wanted(plan: &Plan, peer: IpAddr) -> Vec<String> {
    let around = plan.iter().filter(|(net, _)| net.contains(&peer));
    let nearest = around.max_by_key(|(net, _)| net.prefix_len());
    nearest.map(|(_, uris)| uris.clone()).unwrap_or_default()
}

/// Inside, at the edges and just outside of each prefix, and near the exceptions.
fn places(plan: &Plan, seed: u128) -> Vec<IpAddr> {
    let nets = plan.keys().flat_map(|net| match net {
        IpNet::V4(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            let inside = first | net.hostmask().to_bits() & u32::try_from(seed >> 96).unwrap();
            [first, last, inside, first.wrapping_sub(1), last.wrapping_add(1)]
                .map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)))
        }
        IpNet::V6(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            let inside = first | net.hostmask().to_bits() & seed;
            [first, last, inside, first.wrapping_sub(1), last.wrapping_add(1)]
                .map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits)))
        }
    });
    nets.collect()
}

fn net() -> impl Strategy<Value = IpNet> {
    let v4 = (8..=32_u8, 0..4_u32, 0..3_u32, any::<u8>()).prop_map(|(length, b, c, d)| {
        let address = Ipv4Addr::from_bits(44 << 24 | b << 16 | (c * 7) << 8 | u32::from(d));
        IpNet::new(address.into(), length).unwrap()
    });
    let v6 = (28..=128_u8, 0..3_u128, 0..3_u128, 0..3_u128).prop_map(|(length, a, b, c)| {
        let bits = 0x2a00 << 112 | a << 88 | b << 60 | c << 30 | a;
        let length = if (65..=120).contains(&length) { length / 4 * 4 } else { length };
        IpNet::new(Ipv6Addr::from_bits(bits).into(), length).unwrap()
    });
    prop_oneof![v4, v6].prop_map(|net| net.trunc())
}

fn plan() -> impl Strategy<Value = Plan> {
    let uri = |name: &str| format!("https://{name}.example/ird");
    let uris = prop_oneof![
        1 => Just(vec![]),
        4 => Just(vec![uri("a")]),
        2 => Just(vec![uri("b"), uri("a")]),
        1 => Just(vec![uri("c")]),
    ];
    proptest::collection::btree_map(net(), uris, 3..12)
}

/// Random prefixes, exceptions and servers: written, loaded, and found as the longest prefix says.
fn is_found_again(format: &str, launch: fn(&[ZoneFile]) -> Daemon) {
    let styles = proptest::sample::select(vec!["auto", "wildcard", "rfc2317"]);
    let config = ProptestConfig { cases: 12, max_shrink_iters: 64, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..config });
    let outcome = runner.run(&(plan(), styles, any::<u128>()), |(plan, style, seed)| {
        let text = written(&plan, &["--format", format, "--style", style]);
        let server = launch(&[root_zone(&text)]);
        let peers = places(&plan, seed);
        for (peer, found) in peers.iter().zip(found(&server, &peers)) {
            prop_assert_eq!(found, wanted(&plan, *peer), "{} {}", peer, style);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn nsd_serves_what_is_written() {
    is_found_again("nsd", nsd::launch);
}

#[test]
fn bind_serves_what_is_written() {
    is_found_again("bind", bind::launch);
}

#[test]
fn knot_serves_what_is_written() {
    is_found_again("knot", knot::launch);
}

#[test]
fn pdns_serves_what_is_written() {
    is_found_again("pdns", pdns::launch);
}

/// Port blocks, with one inside another's gap, on each server: a port has the records of its block
/// and no other's, and the names of ports take nothing from the address.
#[test]
fn port_blocks_on_each_server() {
    let output = alto(&["zone", "--prefix", "198.51.100.0/24", "--uri", "https://a.example/ird"])
        .args(["--prefix", "198.51.100.3", "--port-block", "40000-40511"])
        .args(["--uri", "https://b.example/ird", "--port-block", "40512-44999"])
        .args(["--uri", "https://c.example/ird", "--port-block", "1024-1024"])
        .args(["--uri", "https://c.example/ird"])
        .output()
        .unwrap();
    let zone = [root_zone(&String::from_utf8(output.stdout).unwrap())];
    let servers = |port: u16| match port {
        1024 | 40_512..=44_999 => Some("https://c.example/ird"),
        40_000..=40_511 => Some("https://b.example/ird"),
        _ => None,
    };
    let client = Client::new(Duration::from_secs(10));
    for server in
        [nsd::launch(&zone), bind::launch(&zone), knot::launch(&zone), pdns::launch(&zone)]
    {
        let edges = [0, 1023, 1024, 1025, 39_999, 40_000, 40_511, 40_512, 44_999, 45_000, u16::MAX];
        for port in edges.into_iter().chain((38_000..46_000).step_by(83)) {
            let digits: Vec<char> = format!("{port:04x}").chars().collect();
            let [a, b, c, d] = digits[..] else { panic!("four digits") };
            let name = format!("{d}.{c}.{b}.{a}._p.3.100.51.198.in-addr.arpa.");
            let reply = client.ask(server.address(), &Question::naptr(port, &name)).unwrap();
            let reply = Seen::read(&reply).unwrap();
            let data = reply.sections[0].iter().map(|record| String::from_utf8_lossy(&record.data));
            let data: Vec<_> = data.collect();
            assert_eq!(data.len(), usize::from(servers(port).is_some()), "{server:?} {port}");
            assert!(data.iter().all(|data| data.contains(servers(port).unwrap())), "{port}");
        }
        let host = ["198.51.100.3".parse().unwrap()];
        assert_eq!(found(&server, &host), [["https://a.example/ird"]], "{server:?}");
    }
}

/// tinydns-data takes the lines, and tinydns-get sees in them what a master file says.
#[test]
fn tinydns_serves_what_is_written() {
    let plan = Plan::from([
        ("198.51.100.0/23".parse().unwrap(), vec!["https://a.example/ird?x=:1".to_owned()]),
        ("198.51.100.8/32".parse().unwrap(), vec!["https://b.example/".into()]),
        ("2001:db8::/36".parse().unwrap(), vec!["https://c.example/".into()]),
    ]);
    let folder = TempDir::new().unwrap();
    let own = "Z.:ns.root:hostmaster.root::::::300\n&.::ns.root:300\n";
    let data = format!("{own}{}", written(&plan, &["--format", "tinydns"]));
    std::fs::write(folder.path().join("data"), data).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(installed(program, "tinydns"));
        let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run("tinydns-data", &[]);
    let answer = run("tinydns-get", &["35", "100.51.198.in-addr.arpa"]);
    let answers = answer.lines().filter(|line| line.starts_with("answer: ")).collect::<Vec<_>>();
    let [one] = answers[..] else { panic!("{answer}") };
    assert!(one.starts_with("answer: 100.51.198.in-addr.arpa 3600 "), "{one}");
    assert!(one.contains("https://a.example/ird?x=:1"), "{one}");
    for name in ["8.100.51.198.in-addr.arpa", "0.0.8.b.d.0.1.0.0.2.ip6.arpa"] {
        assert!(run("tinydns-get", &["35", name]).contains("answer: "), "{name}");
    }
    assert!(!run("tinydns-get", &["35", "9.100.51.198.in-addr.arpa"]).contains("answer: "));
}

/// A provider of full size: 300 IPv4 prefixes and 40 of IPv6, with exceptions down to hosts, from
/// ten regions' servers, is written, loaded and found within the time of a coffee.
#[test]
fn a_provider_of_full_size() {
    let region = |number: u32| {
        let name = format!("https://alto{}.isp.example/directory", number % 10);
        vec![name, "https://alto.isp.example/directory".to_owned()]
    };
    let mut plan = Plan::new();
    for number in 0..300_u32 {
        let length = [16, 18, 19, 20, 22, 23, 24, 26, 29, 32][(number % 10) as usize];
        let address =
            Ipv4Addr::from_bits(77 << 24 | (number / 2) << 16 | (number % 2) << 15 | 0x2a40);
        let net = IpNet::new(address.into(), length).unwrap().trunc();
        plan.insert(net, region(number));
    }
    for number in 0..40_u32 {
        let length = [29, 32, 36, 40, 44, 48, 56, 64][(number % 8) as usize];
        let address =
            Ipv6Addr::from_bits(0x2a02 << 112 | u128::from(number / 8) << 100 | 0x77 << 64);
        let net = IpNet::new(address.into(), length).unwrap().trunc();
        plan.insert(net, region(number));
    }
    assert_eq!(plan.len(), 340);
    let text = written(&plan, &[]);
    let records = text.lines().filter(|line| line.contains(" IN NAPTR ")).count();
    println!("{} prefixes, {records} records, {} octets", plan.len(), text.len());
    let peers = places(&plan, 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let zone = [root_zone(&text)];
    for launch in [nsd::launch, bind::launch, knot::launch, pdns::launch] {
        let server = launch(&zone);
        for (peer, found) in peers.iter().zip(found(&server, &peers)) {
            assert_eq!(found, wanted(&plan, *peer), "{server:?} {peer}");
        }
    }
    let server = nsd::launch(&zone);
    let prefixes: Vec<String> = plan.keys().map(ToString::to_string).collect();
    let resolver = server.address().to_string();
    let mut check = alto(&["check", "--json", "--no-fetch", "--addresses", "16"]);
    check.args(["--resolver", &resolver, "--prefix", &prefixes.join(",")]);
    check.args(["--set", "dns.zone_qps=100000"]); // the kit's NSD does not mind
    let output = check.output().unwrap();
    // Where a prefix has the servers of the one around it, it needs no records of its own.
    let findings = String::from_utf8(output.stdout).unwrap();
    assert!(findings.lines().all(|line| line.contains("\"overreach\"")), "{findings}");
    assert!(output.status.code() < Some(2));
}

/// The words of the command line: groups, places, ports, exceptions, zones.
#[test]
fn the_command_line() {
    let zone = |arguments: &[&str]| {
        let output = alto(&["zone"]).args(arguments).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let (status, text) = zone(&[
        "--prefix",
        "198.51.100.0/24,203.0.113.0/24",
        "--uri",
        "https://a.example/ird",
        "200,7,https://b.example/ird",
        "--prefix",
        "198.51.100.3",
        "--port-block",
        "40000-40015",
        "--uri",
        "https://c.example/ird",
        "--except",
        "203.0.113.0/31",
        "--ttl",
        "2h",
        "--zone",
        "100.51.198.in-addr.arpa.",
    ]);
    assert_eq!(status, Some(0), "{text}");
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.starts_with(';') && !line.starts_with("alto: ")).collect();
    assert_eq!(
        lines,
        [
            "$ORIGIN 51.198.in-addr.arpa.",
            r#"100 7200 IN NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#,
            r#"100 7200 IN NAPTR 200 7 "u" "ALTO:https" "!.*!https://b.example/ird!" ."#,
            "$ORIGIN 3.100.51.198.in-addr.arpa.",
            r#"*.4.c.9._p 7200 IN NAPTR 100 10 "u" "ALTO:https" "!.*!https://c.example/ird!" ."#,
        ]
    );
    for (arguments, told) in [
        (&[][..], "nothing to publish"),
        (&["--prefix", "198.51.100.0/24"], "has no --uri"),
        (&["--uri", "https://a.example/"], "follows no --prefix"),
        (&["--port-block", "1-2"], "follows no --prefix"),
        (&["--prefix", "198.51.100.0/24", "--uri", "http://a.example/"], "not the protocol"),
        (&["--prefix", "198.51.100.0/24", "--uri", "https://10.0.0.1/"], "refused by policy"),
        (
            &["--prefix", "2001:db8::/96", "--uri", "https://a.example/", "--format", "tinydns"],
            "RFC 4592",
        ),
        (&["--prefix", "::ffff:198.51.100.0/120", "--uri", U], "ask for 198.51.100.0/24 instead"),
        (&["--prefix", "64:ff9b::c633:6400/120", "--uri", U], "ask for 198.51.100.0/24 instead"),
        (&["--prefix", "44.0.0.0/24", "--uri", U, "--service", "ALTO"], "ALTO:https"),
        (&["--prefix", "44.0.0.0/24", "--uri", U, "--ttl", "0"], "TTL of 0"),
        (&["--prefix", "44.0.0.0/24", "--uri", U, "--zone", "0.45.in-addr.arpa"], "belongs to"),
        (&["--prefix", "44.0.0.0/24", "44.0.0.0/24", "--uri", U], "twice"),
    ] {
        let (status, text) = zone(arguments);
        assert_eq!(status, Some(2), "{text}");
        assert!(text.contains(told), "{text}");
    }
}

const U: &str = "https://a.example/ird";

/// What is written all the same, with a word on standard error.
#[test]
fn remarks() {
    for (arguments, told) in [
        (&["--prefix", "44.0.0.0/24", "--uri", U][..], ""),
        (&["--prefix", "10.0.0.0/24", "--uri", U], "private"),
        (&["--prefix", "44.0.0.0/24", "--uri", U, "--except", "45.0.0.0/25"], "nothing to except"),
        (
            &["--prefix", "44.0.0.0/24", "44.0.0.0/25", "--uri", U],
            "44.0.0.0/25 has the same servers as 44.0.0.0/24",
        ),
        (&["--prefix", "44.0.0.0/24", "--uri", U, "--ttl", "30"], "less than 60 s"),
    ] {
        let output = alto(&["zone"]).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(said.is_empty(), told.is_empty(), "{said}");
        assert!(said.contains(told) && !output.stdout.is_empty(), "{said}");
    }
}
