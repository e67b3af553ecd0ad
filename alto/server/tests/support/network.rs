//! Several servers over https that know each other, and a client that goes from one to the next.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::Policy;
use alto_fetch::{BodyKind, Content, FetchConfig, Fetcher, Reply, Request};
use alto_messages::{CostMetric, MediaType, RESPONSIBLE_DIRECTORY as PROPERTY};
use alto_server::{
    CostFile, NeighbourSource, Notice, Pace, Server, ServerConfig, Source, Transport,
};
use alto_testkit::pki::{Authority, Identity};
use alto_testkit::ports;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::Url;

use super::schemas::valid;

/// Longer than any wait of a test that passes.
pub(crate) const LONG: Duration = Duration::from_secs(30);

const COSTS: &str = "src,dst,cost\nrest,rest,1\n";

/// A folder with the files of some servers, and the authority that certifies them.
pub(crate) struct Network {
    folder: TempDir,
    authority: Authority,
    places: Vec<SocketAddr>,
}

/// A server of the network, and what it tells its operator.
pub(crate) struct Member {
    pub(crate) server: Server,
    notices: mpsc::UnboundedReceiver<Notice>,
}

/// How a walk from server to server ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A server says of itself that it is responsible.
    Answered(String),
    /// A server does not know.
    Unknown(String),
    /// A server sends back to one that has sent on already.
    Loop(String),
}

pub(crate) fn open() -> Policy {
    Policy { allow_private_servers: true, ..Policy::default() }
}

/// Fast enough for tests to wait for.
pub(crate) fn pace() -> Pace {
    let ms = Duration::from_millis;
    Pace { least: ms(50), most: ms(100), keep: ms(1_000), retry: ms(50) }
}

impl Network {
    /// Of so many servers, which do not run yet.
    pub(crate) fn new(servers: usize) -> Self {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        let network =
            Self { folder, authority, places: (0..servers).map(|_| ports::free()).collect() };
        fs::write(network.ca(), network.authority.pem()).unwrap();
        network
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The directory of a server.
    pub(crate) fn uri(&self, at: usize) -> String {
        format!("https://{}/directory", self.places[at])
    }

    /// Writes in one step, so that no half of it can be read.
    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path("new"), content).unwrap();
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    /// Writes a server's network map.
    pub(crate) fn map(&self, at: usize, lines: &str) {
        let content = format!("prefix,pid\n0.0.0.0/0,rest\n::/0,rest\n{lines}");
        self.write(&format!("{at}.csv"), &content);
    }

    /// Writes a server's file of neighbours; `$1` stands for the URI of server 1.
    pub(crate) fn neighbours(&self, at: usize, text: &str) {
        let own = format!("[own]\nuri = \"${at}\"\n{text}");
        let named = (0..self.places.len())
            .fold(own, |text, other| text.replace(&format!("${other}"), &self.uri(other)));
        self.write(&format!("{at}.toml"), &named);
    }

    /// How a server is to be run.
    pub(crate) fn config(&self, at: usize) -> ServerConfig {
        if !self.path(&format!("{at}.csv")).exists() {
            self.map(at, &format!("10.{at}.0.0/16,home\n"));
        }
        self.write("costs.csv", COSTS);
        let costs = CostFile { metric: CostMetric::routingcost(), path: self.path("costs.csv") };
        let network_map = self.path(&format!("{at}.csv"));
        let source = Source::Files { network_map, cost_maps: vec![costs] };
        let Identity { certificate: certificates, key } = self.authority.sign(&["127.0.0.1"]);
        let transport = Transport::Pem { certificates, key };
        let neighbours = NeighbourSource::new(self.path(&format!("{at}.toml")));
        let (policy, ca_file, pace) = (open(), Some(self.ca()), pace());
        let neighbours = Some(NeighbourSource { policy, ca_file, pace, ..neighbours });
        let config = ServerConfig::new(self.places[at], source, transport);
        ServerConfig { neighbours, max_age: Duration::ZERO, ..config }
    }

    pub(crate) async fn start(&self, at: usize) -> Member {
        self.start_with(self.config(at)).await
    }

    pub(crate) async fn start_with(&self, config: ServerConfig) -> Member {
        let (sender, notices) = mpsc::unbounded_channel();
        // Nobody listens any more once the test is over.
        let notice = Arc::new(move |notice| drop(sender.send(notice)));
        let server = Server::bind(ServerConfig { notice, ..config }).await.unwrap();
        Member { server, notices }
    }

    pub(crate) fn fetcher(&self) -> Fetcher {
        let config = FetchConfig { ca_file: Some(self.ca()), ..FetchConfig::default() };
        Fetcher::new(&config, open()).unwrap()
    }

    /// Where a search that starts at a server ends, by the number of its hops and its end.
    pub(crate) async fn walk(
        &self,
        start: usize,
        endpoint: &str,
        id: Option<&str>,
    ) -> (usize, End) {
        let fetcher = self.fetcher();
        let mut at = self.uri(start);
        let mut seen = BTreeSet::new();
        loop {
            if !seen.insert(at.clone()) {
                return (seen.len(), End::Loop(at));
            }
            let hops = seen.len() - 1;
            match ask(&fetcher, &at, endpoint, id).await {
                None => return (hops, End::Unknown(at)),
                Some(uri) if uri == at => return (hops, End::Answered(at)),
                Some(uri) => at = uri,
            }
        }
    }

    /// Why asking a server of an endpoint ends without an answer.
    pub(crate) async fn refused(&self, at: usize, endpoint: &str) -> String {
        post(&self.fetcher(), &self.uri(at), endpoint, None).await.unwrap_err().to_string()
    }

    /// How long what a server says of an endpoint may be kept.
    pub(crate) async fn keeps(&self, at: usize, endpoint: &str) -> Duration {
        let reply = post(&self.fetcher(), &self.uri(at), endpoint, None).await.unwrap();
        reply.freshness.validity.lifetime()
    }

    /// What a server says of an endpoint.
    pub(crate) async fn told(&self, at: usize, endpoint: &str) -> Option<String> {
        ask(&self.fetcher(), &self.uri(at), endpoint, None).await
    }
}

impl Member {
    /// The next notice for which `wanted` holds.
    pub(crate) async fn hears(&mut self, wanted: impl Fn(&Notice) -> bool) -> Notice {
        let found = async {
            loop {
                let notice = self.notices.recv().await.expect("the server runs");
                if wanted(&notice) {
                    return notice;
                }
            }
        };
        timeout(LONG, found).await.expect("a notice of this kind")
    }
}

/// Whom the server with this directory names for an endpoint, in whichever form.
async fn ask(fetcher: &Fetcher, at: &str, endpoint: &str, id: Option<&str>) -> Option<String> {
    let reply = post(fetcher, at, endpoint, id).await.unwrap();
    let (media_type, body) = body(reply.content).await;
    let answer = valid(media_type, &body);
    let value = match media_type {
        MediaType::Directory => &answer["resources"]["responsible-directory"]["uri"],
        _ => &answer["endpoint-properties"][endpoint][PROPERTY],
    };
    value.as_str().map(String::from)
}

/// Asks where the directory says.
async fn post(
    fetcher: &Fetcher,
    at: &str,
    endpoint: &str,
    id: Option<&str>,
) -> Result<Reply, alto_fetch::Error> {
    let root: Url = at.parse().unwrap();
    let directory = get(fetcher, &root).await;
    let entry = &directory["resources"]["endpoint-property"];
    assert!(entry["capabilities"]["prop-types"].as_array().unwrap().contains(&json!(PROPERTY)));
    let place = root.join(entry["uri"].as_str().unwrap()).unwrap();
    let mut question = json!({"properties": [PROPERTY], "endpoints": [endpoint]});
    if let Some(id) = id {
        question["priv:3pdisc-peer-ids"] = json!({ endpoint: id });
    }
    let accept = [MediaType::EndpointProperties.as_str(), MediaType::Directory.as_str()];
    let kind = MediaType::EndpointPropertyParams.as_str();
    let body = question.to_string();
    fetcher.fetch(Request::post(place, BodyKind::Endpoints, &accept, kind, body)).await
}

async fn get(fetcher: &Fetcher, uri: &Url) -> Value {
    let accept = [MediaType::Directory.as_str()];
    let request = Request::get(uri.clone(), BodyKind::Directory, &accept);
    let (media_type, body) = body(fetcher.fetch(request).await.unwrap().content).await;
    valid(media_type, &body)
}

async fn body(content: Content) -> (MediaType, Vec<u8>) {
    let Content::Body(mut body) = content else { panic!("not modified") };
    let media_type = MediaType::named(body.media_type().unwrap()).unwrap();
    (media_type, body.read_all().await.unwrap())
}
