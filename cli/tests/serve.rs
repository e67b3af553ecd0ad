//! `alto serve` as a user runs it, and asked by `alto map` and `alto rank` over https.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::Value;
use tempfile::TempDir;

const NETWORK: &str = "prefix,pid\n0.0.0.0/0,far\n::/0,far\n203.0.113.0/24,near\n";
const COSTS: &str = "src,dst,cost\nnear,near,1\nnear,far,20\nfar,far,1\nfar,near,20\n";

fn alto(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto"));
    command.args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Files to serve: maps, a certificate for 127.0.0.1 with its key, and the authority's.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(TempDir::new().unwrap());
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
        let cert = own.signed_by(&key, &Issuer::new(params, ca_key)).unwrap().pem();
        let key = key.serialize_pem();
        for (name, content) in [
            ("net.csv", NETWORK),
            ("costs.csv", COSTS),
            ("ca.pem", &ca),
            ("cert.pem", &cert),
            ("key.pem", &key),
        ] {
            fs::write(files.path(name), content).unwrap();
        }
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }

    /// The command on these files, with further arguments.
    fn serve(&self, more: &[&str]) -> Command {
        let (network, costs) = (self.name("net.csv"), self.name("costs.csv"));
        let delay = format!("delay-ow={costs}");
        let own = ["serve", "--listen", "127.0.0.1:0", "--network-map", &network];
        alto(&[&own[..], &["--cost-map", &costs, &delay], more].concat())
    }

    fn output(&self, more: &[&str]) -> Output {
        self.serve(more).output().unwrap()
    }
}

/// A running server; killed when dropped unless it has ended.
struct Serving {
    child: Child,
    uri: String,
}

impl Serving {
    /// Waits for the line that tells where it listens.
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let uri = line.strip_prefix("listening ").map(|uri| uri.trim_end().to_owned());
        let Some(uri) = uri else {
            child.kill().unwrap();
            panic!("{line:?} instead of where it listens");
        };
        Self { child, uri }
    }

    /// Sends a signal; how it ended, and what it said.
    fn end(mut self, signal: &str) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        let sent = Command::new("/bin/sh").args(["-c", "kill -$0 $1", signal, &id]).status();
        assert!(sent.unwrap().success());
        let status = self.child.wait().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status, said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ = self.child.wait();
    }
}

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
