//! The command as a user runs it.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use alto_testkit::scripted::Scripted;
use alto_testkit::wire::rcode;
use alto_testkit::{NameServer as _, Zone, ZoneFile, nsd};
use serde_json::{Value, json};

fn alto(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto"));
    command.args(arguments);
    command
}

fn fed(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    output
}

fn lines(octets: &[u8]) -> Vec<String> {
    String::from_utf8(octets.to_vec()).unwrap().lines().map(String::from).collect()
}

const ZONE: [&str; 2] = [
    r#"113.0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#,
    r#"66.100.51.198.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://127.0.0.1/ird!" ."#,
];

fn server() -> Scripted {
    let server = Scripted::start(Zone::parse(ZONE).unwrap());
    server.on("65.100.51.198.in-addr.arpa.", |query| vec![query.message(rcode::SERVFAIL).into()]);
    server
}

/// The documented example, to the letter, from a real name server.
#[test]
fn the_example_of_the_documentation() {
    let mut zone = ZoneFile::from(&Zone::parse(ZONE).unwrap());
    zone.text = zone.text.replace("300", "600"); // denials hold as long as the record
    let server = nsd::launch(&[zone]);
    let resolver = server.address().to_string();
    let output = alto(&[
        "discover",
        "--resolver",
        &resolver,
        "--allow-documentation",
        "--json",
        "203.0.113.5",
    ])
    .output()
    .unwrap();
    let documented = include_str!("../../docs/cli.md")
        .lines()
        .find(|line| line.starts_with("{\"peer\""))
        .unwrap();
    assert_eq!(lines(&output.stdout), [documented]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

/// RFC 2317 §4, RFC 2181 §11: a record may lead to a name with any octets, and it is asked.
#[test]
fn records_lead_to_names_of_any_octets() {
    for target in ["60.64/26.113.0.203.in-addr.arpa.", "-a.b+c.x@y.example."] {
        let server = nsd::launch(&[ZoneFile::from(
            &Zone::parse([
                &*format!(
                    r#"60.113.0.203.in-addr.arpa. 600 NAPTR 10 10 "" "ALTO:https" "" {target}"#
                ),
                &*format!(
                    r#"{target} 600 NAPTR 10 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#
                ),
            ])
            .unwrap(),
        )]);
        let resolver = server.address().to_string();
        let found = [
            "discover",
            "--json",
            "--allow-documentation",
            "203.0.113.60",
            "--resolver",
            &resolver,
        ];
        let record: Value = serde_json::from_slice(&alto(&found).output().unwrap().stdout).unwrap();
        assert_eq!(record["outcome"], "found", "{record}");
        assert_eq!(record["queries"], json!(["60.113.0.203.in-addr.arpa.", target]));
    }
}

/// Order is kept, every line gets its object, nothing is lost, and the gravest status wins.
#[test]
fn a_list_on_standard_input() {
    let server = server();
    let resolver = server.address().to_string();
    let input = b"203.0.113.5\n\n198.51.100.1\r\n198.51.100.65\n10.0.0.1\n198.51.100.66\nexample.net\n203.0.113.0/24\n";
    let command = alto(&["discover", "--resolver", &resolver, "--allow-documentation", "--json"]);
    let output = fed(command, input);
    let outcomes: Vec<(String, String)> = lines(&output.stdout)
        .iter()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            (record["peer"].as_str().unwrap().into(), record["outcome"].as_str().unwrap().into())
        })
        .collect();
    let expected = [
        ("203.0.113.5", "found"),
        ("198.51.100.1", "none"),
        ("198.51.100.65", "unavailable"),
        ("10.0.0.1", "not-applicable"),
        ("198.51.100.66", "rejected"),
        ("example.net", "invalid"),
        ("203.0.113.0/24", "found"),
    ];
    assert_eq!(outcomes, expected.map(|(peer, outcome)| (peer.into(), outcome.into())));
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Each ending alone has its status.
#[test]
fn exit_statuses() {
    let server = server();
    let resolver = server.address().to_string();
    for (peer, status) in [
        ("203.0.113.5", 0),
        ("198.51.100.1", 1),
        ("nonsense", 2),
        ("198.51.100.65", 3),
        ("10.0.0.1", 4),
        ("198.51.100.66", 4),
    ] {
        let output = alto(&["discover", "--resolver", &resolver, "--allow-documentation", peer])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(status), "{peer}");
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(peer));
    }
    assert_eq!(
        alto(&["discover", "--resolver", "nonsense", "203.0.113.5"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(2)
    );
    assert_eq!(alto(&["discover", "--no-such-flag"]).output().unwrap().status.code(), Some(2));
}

/// 20,000 lines, answered in order, each name asked once.
#[test]
fn bulk_work_keeps_order() {
    let server = server();
    let resolver = server.address().to_string();
    let peers: Vec<String> = (0..20_000).map(|n| format!("203.0.113.{}", n % 256)).collect();
    let input = peers.join("\n");
    let command =
        alto(&["discover", "--resolver", &resolver, "--allow-documentation", "--jobs", "32"]);
    let output = fed(command, input.as_bytes());
    let expected: Vec<String> =
        peers.iter().map(|peer| format!("{peer}  https://a.example/ird")).collect();
    assert_eq!(lines(&output.stdout), expected);
    // 256 addresses and one /24, remembered: far fewer questions than lines.
    assert!(server.log().total() <= 2 * 257, "{}", server.log().total());
}

#[test]
fn the_walk_is_explained() {
    let server = server();
    let resolver = server.address().to_string();
    let output = alto(&[
        "discover",
        "--resolver",
        &resolver,
        "--allow-documentation",
        "--explain",
        "203.0.113.5",
    ])
    .output()
    .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    for part in
        ["5.113.0.203.in-addr.arpa.", "113.0.203.in-addr.arpa.", "https://a.example/ird", "10m"]
    {
        assert!(told.contains(part), "{told}");
    }
    assert!(String::from_utf8_lossy(&output.stderr).contains("dns.zone_qps"));
}

/// With --json the explanation goes to standard error, so that the output stays JSON.
#[test]
fn explained_json_stays_json() {
    let server = server();
    let resolver = server.address().to_string();
    let arguments = [
        "discover",
        "--resolver",
        &resolver,
        "--allow-documentation",
        "--explain",
        "--json",
        "203.0.113.5",
    ];
    let output = alto(&arguments).output().unwrap();
    assert!(lines(&output.stdout).iter().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("asked  113.0.203.in-addr.arpa."));
}

/// Flags win over the file; what is unknown in it is named, with the nearest known key.
#[test]
fn configuration_files() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alto.toml");
    let path = file.to_str().unwrap();
    let good =
        format!("dns.resolver = \"{}\"\n[policy]\nallow_documentation = true\n", server.address());
    std::fs::write(&file, good).unwrap();
    let output = alto(&["discover", "--config", path, "203.0.113.5"]).output().unwrap();
    assert_eq!(lines(&output.stdout), ["203.0.113.5  https://a.example/ird"]);
    let overruled = alto(&["discover", "--config", path, "--service", "LIS:HELD", "203.0.113.5"])
        .output()
        .unwrap();
    assert_eq!(overruled.status.code(), Some(1));

    std::fs::write(&file, "dns.resolvers = \"127.0.0.1\"\n").unwrap();
    let output = alto(&["discover", "--config", path, "203.0.113.5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `dns.resolver`?"));
}

/// A reader that has read enough is no error.
#[test]
fn a_closed_pipe_ends_it_quietly() {
    let server = server();
    let resolver = server.address().to_string();
    let mut child = alto(&["discover", "--resolver", &resolver, "--allow-documentation"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // It stops reading once it cannot write: the pipe may break under us as well.
    let _ = stdin.write_all("203.0.113.5\n".repeat(1_000).as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

/// The wait for silent servers ends when the user says, and the time is shared out: each name is asked
/// of both resolvers, and the account of it arrives.
#[test]
fn the_timeout_is_kept() {
    let silent = [server(), server()];
    for server in &silent {
        server.on_any(|_| vec![]);
    }
    let record = found_in_time(&silent);
    assert_eq!(
        (&record["outcome"], &record["error"]["code"]),
        (&json!("unavailable"), &json!("timeout"))
    );
    let names = ["5.113.0.203", "113.0.203", "0.203", "203"].map(|n| format!("{n}.in-addr.arpa."));
    assert_eq!(record["queries"], json!(names));
    assert!(silent.iter().all(|server| server.log().total() >= names.len()));
}

/// A hurried call finds its server although the first resolver is silent.
#[test]
fn a_hurry_reaches_the_next_resolver() {
    let resolvers = [server(), server()];
    resolvers[0].on_any(|_| vec![]);
    assert_eq!(found_in_time(&resolvers)["outcome"], "found");
}

/// It is the key `discovery.timeout`, with its bounds, and `--set` wins over it.
#[test]
fn the_timeout_is_a_setting() {
    for timeout in ["5ms", "2d", "soon", "0s"] {
        let output = alto(&["discover", "--timeout", timeout, "203.0.113.5"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("discovery.timeout"), "{timeout}: {said}");
        assert_eq!(output.status.code(), Some(2));
    }
}

/// What `discover --timeout 600ms` says about 203.0.113.5, asking these.
fn found_in_time(resolvers: &[Scripted]) -> Value {
    let mut command = alto(&["discover", "--allow-documentation", "--json", "--timeout", "600ms"]);
    for resolver in resolvers {
        command.args(["--resolver", &resolver.address().to_string()]);
    }
    let output = command.arg("203.0.113.5").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn demo_finds_each_network_s_server() {
    let output = alto(&["demo"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    for part in [
        "announce of 10000 peers",
        "network 1     250 peers   https://alto1.net1.example/ird, then https://alto2.net1.example/ird",
        "network 4    5000 peers   https://alto.net4.example/ird",
        "queries for 10000 peers",
        "answered from cache",
    ] {
        assert!(told.contains(part), "{part} in\n{told}");
    }
    assert_eq!(output.status.code(), Some(0));
}

/// It is the name server that makes the demonstration find anything.
#[test]
fn demo_without_its_name_server_finds_nothing() {
    let output = alto(&["demo", "--without-name-server"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let failures = told.lines().filter(|line| line.contains("nothing: "));
    assert!(failures.count() <= 12, "one line a network:\n{told}");
    assert!(told.contains("nothing: unreachable") && !told.contains("peers   https://"), "{told}");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn completions_and_manual_pages() {
    for shell in ["bash", "zsh", "fish"] {
        let output = alto(&["completions", shell]).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("discover"));
    }
    let page = alto(&["man", "discover"]).output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.starts_with(".ie") || page.contains(".TH"), "{page}");
    assert!(page.contains("Exit status"));
    assert_eq!(alto(&["man", "nonsense"]).output().unwrap().status.code(), Some(2));
}
