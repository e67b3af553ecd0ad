//! Our client, nginx from Debian as TLS front and cache, our server.
#![forbid(unsafe_code)]

mod support;

use std::fs;
use std::time::Duration;

use alto_discovery_core::Policy;
use alto_fetch::{BodyKind, Content, FetchConfig, Fetcher, Reply, Request};
use alto_messages::MediaType;
use alto_server::{Server, ServerConfig, Source, Target, Transport};
use alto_testkit::nginx::{Nginx, Passed};
use alto_testkit::pki::Authority;
use serde_json::{Value, json};
use support::{NETWORK, maps, valid};
use tempfile::NamedTempFile;
use tokio::time::{Instant, sleep};
use url::Url;

/// Longer than any wait of a test that passes.
const LONG: Duration = Duration::from_secs(30);

const MAP: &str = MediaType::NetworkMap.as_str();

fn fetcher(authority: &Authority) -> Fetcher {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), authority.pem()).unwrap();
    let policy = Policy { allow_private_servers: true, ..Policy::default() };
    let config = FetchConfig { ca_file: Some(file.path().into()), ..FetchConfig::default() };
    Fetcher::new(&config, policy).unwrap()
}

async fn body(reply: Reply, of: MediaType) -> Value {
    match reply.content {
        Content::Body(mut body) => valid(of, &body.read_all().await.unwrap()),
        Content::NotModified => panic!("not modified"),
    }
}

/// RFC 7285 §8.3.6, RFC 9110 §13: what nginx keeps is still good by our server's word (304), and
/// what our client holds by nginx's; compressed on the way, under TLS, by relative links.
#[tokio::test]
async fn our_client_and_server_with_nginx_between() {
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = ServerConfig::new(listen, Source::Maps(maps(NETWORK)), Transport::Http);
    let server = Server::bind(config).await.unwrap();
    let authority = Authority::new();
    let nginx = Nginx::before(server.address(), &authority.sign(&["127.0.0.1"]));
    let fetcher = fetcher(&authority);

    let root: Url = nginx.uri("/directory").parse().unwrap();
    let accept = [MediaType::Directory.as_str()];
    let directory = fetcher.fetch(Request::get(root.clone(), BodyKind::Directory, &accept));
    let directory = body(directory.await.unwrap(), MediaType::Directory).await;
    let place = directory["resources"]["network-map"]["uri"].as_str().unwrap();
    let map = Request::get(root.join(place).unwrap(), BodyKind::Map, &[MAP]);
    let reply = fetcher.fetch(map.clone()).await.unwrap();
    let held = reply.freshness.validators.clone().unwrap();
    assert!(held.etag.as_deref().unwrap().starts_with("W/"), "compressed on the way: {held:?}");
    let first = body(reply, MediaType::NetworkMap).await;

    let request = Request { unless: Some(held), ..map.clone() };
    let again = fetcher.fetch(request).await.unwrap();
    assert!(matches!(again.content, Content::NotModified));
    let is_map = |passed: &Passed| passed.request == "GET /network-map";
    assert!(nginx.wait_for(|passed| is_map(passed) && passed.status == 304));

    let start = Instant::now();
    let revalidated = |passed: &Passed| passed.cache == "REVALIDATED" && passed.behind == Some(304);
    while !nginx.passed().iter().any(|passed| is_map(passed) && revalidated(passed)) {
        assert!(start.elapsed() < LONG, "{:?}", nginx.passed());
        let reply = fetcher.fetch(map.clone()).await.unwrap();
        assert_eq!(body(reply, MediaType::NetworkMap).await, first);
        sleep(Duration::from_millis(20)).await; // what nginx keeps has to grow a second old
    }

    let target = Target::EndpointProperty;
    let asked = json!({"properties": ["network-map.pid"], "endpoints": ["ipv4:192.0.2.1"]});
    let (accept, accepts) = ([target.media_type().as_str()], target.accepts().as_str());
    let place = root.join(target.path()).unwrap();
    let post = Request::post(place, BodyKind::Endpoints, &accept, accepts, asked.to_string());
    let answer = body(fetcher.fetch(post).await.unwrap(), MediaType::EndpointProperties).await;
    assert_eq!(answer["endpoint-properties"]["ipv4:192.0.2.1"]["network-map.pid"], "PID3");
    server.stop().await;
}
