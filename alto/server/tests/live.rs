//! The shell: https with our own client, changed files, and bounds.
#![forbid(unsafe_code)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use alto_discovery_core::Policy;
use alto_fetch::{BodyKind, Content, FetchConfig, Fetcher, Reply, Request};
use alto_messages::{CostMetric, MediaType};
use alto_server::{BindFault, CostFile, Notice, Server, ServerConfig, Source, Target, Transport};
use serde_json::{Value, json};
use support::live::{LONG, exchange, identity, listen, plain_server};
use support::{NETWORK, ROUTINGCOST, maps, valid};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

fn fetcher(ca: PathBuf) -> Fetcher {
    let policy = Policy { allow_private_servers: true, ..Policy::default() };
    Fetcher::new(&FetchConfig { ca_file: Some(ca), ..FetchConfig::default() }, policy).unwrap()
}

async fn body(reply: Reply) -> Vec<u8> {
    match reply.content {
        Content::Body(mut body) => body.read_all().await.unwrap(),
        Content::NotModified => panic!("not modified"),
    }
}

/// Our client reads the directory over https, and each resource where the directory says.
#[tokio::test]
async fn our_client_reads_all_over_https() {
    let folder = TempDir::new().unwrap();
    let ca = folder.path().join("ca.pem");
    let config = ServerConfig::new(listen(), Source::Maps(maps(NETWORK)), identity(&ca));
    let server = Server::bind(config).await.unwrap();
    let fetcher = fetcher(ca);
    let uri: url::Url = server.uri().parse().unwrap();
    assert_eq!(uri.scheme(), "https");
    let get = |path: &str, accept| {
        let uri = uri.join(path).unwrap();
        fetcher.fetch(Request::get(uri, BodyKind::Directory, accept))
    };
    let reply = get("", &["application/alto-directory+json"]).await.unwrap();
    let directory = valid(MediaType::Directory, &body(reply).await);
    let place = &directory["resources"]["network-map"]["uri"];
    let accept = &["application/alto-networkmap+json", "application/alto-error+json"][..];
    let reply = get(place.as_str().unwrap(), accept).await.unwrap();
    let held = reply.freshness.validators.clone().unwrap();
    assert!(!reply.freshness.by_default);
    let network = valid(MediaType::NetworkMap, &body(reply).await);
    assert_eq!(network["network-map"]["PID1"], json!({"ipv4": ["0.0.0.0/0"]}));

    let again = Request::get(held.uri.clone(), BodyKind::Map, accept);
    let again = fetcher.fetch(Request { unless: Some(held), ..again }).await.unwrap();
    assert!(matches!(again.content, Content::NotModified));

    let target = Target::EndpointProperty;
    let asked = json!({"properties": ["network-map.pid"], "endpoints": ["ipv4:192.0.2.1"]});
    let (accept, accepts) = ([target.media_type().as_str()], target.accepts().as_str());
    let place = uri.join(target.path()).unwrap();
    let post = Request::post(place, BodyKind::Directory, &accept, accepts, asked.to_string());
    let answer = body(fetcher.fetch(post).await.unwrap()).await;
    let answer = valid(MediaType::EndpointProperties, &answer);
    assert_eq!(answer["endpoint-properties"]["ipv4:192.0.2.1"]["network-map.pid"], "PID3");

    let refused = get("/nowhere", &["application/alto-directory+json"]).await.unwrap_err();
    assert!(refused.to_string().contains("404"), "{refused}");
    assert_eq!(server.requests(), 5);
    timeout(LONG, server.stop()).await.unwrap();
}

/// HEAD and 304 have the headers of GET and no body; the connection stays usable.
#[tokio::test]
async fn heads_and_conditions_on_one_connection() {
    let server = plain_server().await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let (head, body) = exchange(&mut stream, b"GET /network-map HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("cache-control: max-age=300"));
    valid(MediaType::NetworkMap, &body);
    let (of_head, none) =
        exchange(&mut stream, b"HEAD /network-map HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let length = format!("content-length: {}", body.len());
    assert!(of_head.contains(&length) && none.is_empty(), "{of_head}");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let request = format!(
        "GET /network-map HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"x\"\r\nIf-None-Match: {tag}\r\n\r\n"
    );
    let (head, none) = exchange(&mut stream, request.as_bytes()).await;
    assert!(head.starts_with("http/1.1 304") && head.contains(tag) && none.is_empty());
    assert!(!head.contains("content-type"), "{head}");
    let (head, _) = exchange(&mut stream, b"PUT /network-map HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"));
    server.stop().await;
}

/// RFC 9112 §3.2: HTTP/1.1 wants one Host; HTTP/1.0 knows none.
#[tokio::test]
async fn requests_name_their_host_once() {
    let server = plain_server().await;
    for (request, status) in [
        ("GET /directory HTTP/1.1\r\n\r\n", "http/1.1 400"),
        ("GET /directory HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "http/1.1 400"),
        ("GET /directory HTTP/1.1\r\nHost: a\r\n\r\n", "http/1.1 200"),
        ("GET /directory HTTP/1.1\r\nHost:\r\n\r\n", "http/1.1 200"),
        ("GET /directory HTTP/1.0\r\n\r\n", "http/1.0 200"),
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let (head, body) = exchange(&mut stream, request.as_bytes()).await;
        assert!(head.starts_with(status), "{request}: {head}");
        if status.ends_with("400") {
            assert_eq!(valid(MediaType::Error, &body)["meta"]["code"], "E_SYNTAX");
        }
    }
    server.stop().await;
}

/// Bodies of more than a mebibyte are refused, announced or not, with an ALTO error.
#[tokio::test]
async fn bodies_are_bounded() {
    let server = plain_server().await;
    let path = Target::FilteredNetworkMap.path();
    let kind = Target::FilteredNetworkMap.accepts();
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n");
    let announced = format!("{head}Content-Length: 99999999\r\n\r\n").into_bytes();
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n200001\r\n").into_bytes();
    chunked.extend(vec![b' '; 0x0020_0001]);
    for request in [announced, chunked] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let (head, body) = timeout(LONG, exchange(&mut stream, &request)).await.unwrap();
        assert!(head.starts_with("http/1.1 413"), "{head}");
        assert_eq!(valid(MediaType::Error, &body)["meta"]["code"], "E_SYNTAX");
    }
    server.stop().await;
}

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: TempDir::new().unwrap() };
        files.write("net.csv", NETWORK);
        files.write("costs.csv", ROUTINGCOST);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// In one step, so that no half of it can be read.
    fn write(&self, name: &str, content: &str) {
        fs::write(self.path("new"), content).unwrap();
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    fn source(&self) -> Source {
        let cost_map = CostFile { metric: CostMetric::routingcost(), path: self.path("costs.csv") };
        Source::Files { network_map: self.path("net.csv"), cost_maps: vec![cost_map] }
    }
}

async fn network_map(server: &Server) -> Value {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let (_, body) = exchange(&mut stream, b"GET /network-map HTTP/1.1\r\nHost: a\r\n\r\n").await;
    valid(MediaType::NetworkMap, &body)
}

/// Changed files are served; broken ones change nothing and are told of.
#[tokio::test]
async fn changed_files_are_served_and_broken_ones_are_not() {
    let files = Files::new();
    let (sender, mut notices) = mpsc::unbounded_channel();
    let config = ServerConfig::new(listen(), files.source(), Transport::Http);
    let notice = Arc::new(move |notice| sender.send(notice).unwrap());
    let server = Server::bind(ServerConfig { notice, ..config }).await.unwrap();
    let before = network_map(&server).await;

    files.write("net.csv", "prefix,pid\n0.0.0.0/0,PID1\n::/33333,PID1\n");
    let Some(Notice::Kept(fault)) = timeout(LONG, notices.recv()).await.unwrap() else { panic!() };
    assert!(fault.to_string().ends_with("net.csv:3: `::/33333` is no prefix"), "{fault}");
    assert_eq!(network_map(&server).await, before);

    files.write("net.csv", &NETWORK.replace("198.51.100.0/24", "203.0.113.0/24"));
    assert_eq!(timeout(LONG, notices.recv()).await.unwrap(), Some(Notice::Reloaded));
    let after = network_map(&server).await;
    assert_ne!(after["meta"]["vtag"], before["meta"]["vtag"]);
    assert_eq!(after["network-map"]["PID2"], json!({"ipv4": ["192.0.2.0/24", "203.0.113.0/24"]}));

    // The same content written anew is another file, and yet the same version.
    files.write("net.csv", NETWORK);
    assert_eq!(timeout(LONG, notices.recv()).await.unwrap(), Some(Notice::Reloaded));
    assert_eq!(network_map(&server).await, before);
    server.stop().await;
}

/// A server does not start on files that are missing, broken or don't belong together.
#[tokio::test]
async fn faults_at_the_start() {
    let files = Files::new();
    let bind = |transport| Server::bind(ServerConfig::new(listen(), files.source(), transport));
    let load = |outcome: Result<Server, BindFault>| match outcome {
        Err(BindFault::Load(fault)) => fault.to_string(),
        Err(BindFault::Listen(..)) | Ok(_) => panic!("no fault in a file"),
    };
    let (ca, other_ca) = (files.path("ca.pem"), files.path("other.pem"));
    let (Transport::Pem { certificates, .. }, Transport::Pem { key, .. }) =
        (identity(&ca), identity(&other_ca))
    else {
        unreachable!()
    };
    let mixed = load(bind(Transport::Pem { certificates: certificates.clone(), key }).await);
    assert!(mixed.starts_with("certificates: "), "{mixed}");
    let keyless = load(bind(Transport::Pem { certificates, key: String::new() }).await);
    assert!(keyless.starts_with("key: no private key"), "{keyless}");
    files.write("costs.csv", "src,dst,cost\nPID1,PID7,1\n");
    let unknown = load(bind(Transport::Http).await);
    assert!(unknown.ends_with("costs.csv:2: the network map has no PID `PID7`"), "{unknown}");
    fs::remove_file(files.path("costs.csv")).unwrap();
    assert!(load(bind(Transport::Http).await).contains("costs.csv: No such file"));

    let taken = plain_server().await;
    let config = ServerConfig::new(taken.address(), Source::Maps(maps(NETWORK)), Transport::Http);
    assert!(matches!(Server::bind(config).await, Err(BindFault::Listen(..))));
    taken.stop().await;
}
