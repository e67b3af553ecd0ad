//! However much hostile servers say, `alto discover --backend redirect` takes little more memory than
//! for a friendly one: the peak of the whole process, as the kernel counts it.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::sync::LazyLock;

use alto_testkit::acts::{Act, Asked, Server, redirect, reply};
use flate2::Compression;
use flate2::write::GzEncoder;

const MIB: usize = 1 << 20;

/// How much more than a friendly server's peak a hostile one's may be: less than any of them says.
const MOST: usize = 16 * MIB;

/// How many peers are asked about at once.
const PEERS: u8 = 200;

const DIRECTORY: (&str, &str) = ("content-type", "application/alto-directory+json");
const PROPERTIES: (&str, &str) = ("content-type", "application/alto-endpointprop+json");

/// What a server says to the question who is responsible.
type Saying = fn(&Asked) -> Vec<Act>;

/// Hostile ones by name, each with what may come of it.
const HOSTILE: [(&str, Saying, &[&str]); 7] = [
    ("a gzip bomb", bomb, &["inflated", "too-large"]),
    (
        "10 MiB of headers",
        |_| vec![head(&"x-filling: 0123456789\r\n".repeat(10 * MIB / 23))],
        &["headers-too-large"],
    ),
    (
        "one header of 64 MiB",
        |_| vec![head(&format!("x: {}", "y".repeat(64 * MIB)))],
        &["headers-too-large"],
    ),
    (
        "a body without end",
        |_| vec![head("\r\n"), Act::Repeat(vec![b' '; 64 << 10])],
        &["too-large"],
    ),
    (
        "a chunk extension without end",
        extension,
        &["too-large", "broken-reply", "headers-too-large"],
    ),
    ("a chain of a thousand", chain, &["too-many-redirects"]),
    (
        "a location of 8 MiB",
        |_| redirect(307, &format!("/{}", "a".repeat(8 * MIB))),
        &["headers-too-large", "redirect-location", "bad-uri"],
    ),
];

fn head(rest: &str) -> Act {
    let (name, value) = PROPERTIES;
    Act::Send(format!("HTTP/1.1 200 OK\r\n{name}: {value}\r\n{rest}").into_bytes())
}

/// 1 GiB of spaces in a mebibyte.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 16 * MIB]).unwrap();
    encoder.finish().unwrap().repeat(64)
});

fn bomb(_: &Asked) -> Vec<Act> {
    reply(200, &[PROPERTIES, ("content-encoding", "gzip")], &BOMB)
}

fn extension(_: &Asked) -> Vec<Act> {
    vec![head("transfer-encoding: chunked\r\n\r\n1;"), Act::Repeat(vec![b'x'; 64 << 10])]
}

/// `/chain/7/eps` leads to `/chain/8/eps`.
fn chain(asked: &Asked) -> Vec<Act> {
    let place = asked.target().trim_start_matches(|c: char| !c.is_ascii_digit());
    let at: u32 = place.split('/').next().unwrap().parse().unwrap_or(0);
    redirect(307, &format!("/chain/{}/eps", (at + 1).min(1_000)))
}

/// Names itself for whoever is asked about.
fn friendly(asked: &Asked) -> Vec<Act> {
    let own = format!("http://{}/friendly/0/ird", asked.header("host").unwrap());
    let endpoint = |at| format!(r#""ipv4:203.0.113.{at}":{{"priv:3pdisc-ird":"{own}"}}"#);
    let endpoints = (0..PEERS).map(endpoint).collect::<Vec<_>>().join(",");
    let body =
        format!(r#"{{"meta":{{"dependent-vtags":[]}},"endpoint-properties":{{{endpoints}}}}}"#);
    reply(200, &[PROPERTIES], body.as_bytes())
}

/// `/NAME/PLACE/ird` is a directory whose service is beside it.
fn say(asked: &Asked) -> Vec<Act> {
    if asked.target().ends_with("/ird") {
        let body = r#"{"meta":{},"resources":{"eps":{"uri":"eps","media-type":"application/alto-endpointprop+json",
            "accepts":"application/alto-endpointpropparams+json","capabilities":{"prop-types":["priv:3pdisc-ird"]}}}}"#;
        return reply(200, &[DIRECTORY], body.as_bytes());
    }
    match asked.target().split('/').nth(1).and_then(|name| name.parse::<usize>().ok()) {
        Some(at) => HOSTILE[at].1(asked),
        None if asked.target().starts_with("/chain/") => chain(asked),
        None => friendly(asked),
    }
}

/// Asks about all peers at once; the codes of what came of it, and the peak of the process.
fn run(start: &str) -> (Vec<String>, usize) {
    let own = ["discover", "--json", "--backend", "redirect", "--server", start, "--jobs", "200"];
    let allowed = ["--allow-http", "--allow-private", "--allow-documentation"];
    let mut command = common::alto(&[&own[..], &allowed].concat());
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for at in 0..PEERS {
        writeln!(input, "203.0.113.{at}").unwrap();
    }
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let code = |line: std::io::Result<String>| {
        let record: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        record["error"]["code"].as_str().unwrap_or("found").to_owned()
    };
    let codes = lines.take(usize::from(PEERS)).map(code).collect();
    // It waits for more peers, so its peak can still be read.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024;
    drop(input);
    child.wait().unwrap();
    (codes, peak)
}

/// Memory is bounded whatever a server says, and each reply is refused for what it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_servers_take_no_memory() {
    LazyLock::force(&BOMB);
    let server = Server::start(None, say).await;
    let start = |name: &str| format!("http://{}/{name}/0/ird", server.address);
    let ask = |name: String| {
        let start = start(&name);
        async move { tokio::task::spawn_blocking(move || run(&start)).await.unwrap() }
    };
    let (codes, base) = ask("friendly".into()).await;
    assert!(codes.iter().all(|code| code == "found"), "{codes:?}");
    for (at, (name, _, expected)) in HOSTILE.iter().enumerate() {
        let (codes, peak) = ask(at.to_string()).await;
        println!("{name}: {} after {} octets more", codes[0], peak.saturating_sub(base));
        // On a busy machine the time may end first for some.
        let is_due = |code: &String| expected.contains(&&**code) || code == "timeout";
        assert!(codes.iter().all(is_due), "{name}: {codes:?}");
        assert!(codes.iter().any(|code| code != "timeout"), "{name}");
        assert!(peak < base + MOST, "{name}: {peak} octets, {base} for a friendly server");
    }
}
