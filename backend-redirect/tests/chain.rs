//! A chain of five of our own servers over https behind nginx, in mixed forms, for IPv4 and IPv6.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alto_backend_redirect::{FetchConfig, RedirectBackend, RedirectConfig, UNKNOWN_PEER};
use alto_discovery_core::{Backend as _, BackendConfig as _, Call, Peer, Policy};
use alto_messages::CostMetric;
use alto_server::{Maps, NeighbourSource, Notice, Server, ServerConfig, Source, Text, Transport};
use alto_testkit::nginx::Nginx;
use alto_testkit::pki::Authority;
use alto_testkit::ports;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How the server at a place sends on to the next.
const FORMS: [&str; 4] = ["property", "directory", "307", "property"];
const LOCAL: Policy = Policy {
    allow_private_peers: false,
    allow_private_servers: true,
    allow_link_local: false,
    allow_documentation: true,
    allow_http: false,
};

/// Five networks, each with a server behind nginx that knows itself and all that is behind the next.
struct Chain {
    folder: TempDir,
    servers: Vec<Server>,
    fronts: Vec<Nginx>,
    notices: mpsc::UnboundedReceiver<(usize, Notice)>,
}

impl Chain {
    async fn start() -> Self {
        let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let behind: Vec<_> = (0..5).map(|_| ports::free()).collect();
        let identity = authority.sign(&["127.0.0.1"]);
        let fronts: Vec<_> = behind.iter().map(|at| Nginx::before(*at, &identity)).collect();
        let (sender, notices) = mpsc::unbounded_channel();
        let mut chain = Self { folder, servers: Vec::new(), fronts, notices };
        for at in 0..5 {
            fs::write(chain.file(at), chain.neighbours(at, "")).unwrap();
        }
        for (at, listen) in behind.into_iter().enumerate() {
            let sender = sender.clone();
            let map = Text { name: "map", csv: "prefix,pid\n0.0.0.0/0,all\n::/0,all\n" };
            let costs = [(
                CostMetric::routingcost(),
                Text { name: "costs", csv: "src,dst,cost\nall,all,1\n" },
            )];
            let source = Source::Maps(Arc::new(Maps::parse(map, &costs).unwrap()));
            let mut own = NeighbourSource::new(chain.file(at));
            (own.policy, own.ca_file) = (LOCAL, Some(chain.folder.path().join("ca.pem")));
            own.pace.retry = Duration::from_millis(100);
            let config = ServerConfig {
                neighbours: Some(own),
                notice: Arc::new(move |notice| drop(sender.send((at, notice)))),
                ..ServerConfig::new(listen, source, Transport::Http)
            };
            chain.servers.push(Server::bind(config).await.unwrap());
        }
        // The third sends on to a service, of which it must have learnt first.
        chain.hears(|(at, notice)| *at == 2 && matches!(notice, Notice::Learnt { .. })).await;
        chain
    }

    fn file(&self, at: usize) -> PathBuf {
        self.folder.path().join(format!("{at}.toml"))
    }

    fn uri(&self, at: usize) -> String {
        self.fronts[at].uri("/directory")
    }

    /// The file of the server at a place, and what else stands in it.
    fn neighbours(&self, at: usize, more: &str) -> String {
        let prefixes = |nets: &mut dyn Iterator<Item = usize>| {
            let texts: Vec<String> = nets
                .flat_map(|net| {
                    [format!("\"198.51.{net}.0/24\""), format!("\"2001:db8:{net}::/48\"")]
                })
                .collect();
            texts.join(", ")
        };
        let mut text = format!(
            "[own]\nuri = \"{}\"\nprefixes = [{}]\n",
            self.uri(at),
            prefixes(&mut (at..=at))
        );
        if at < 4 {
            let (next, form) = (self.uri(at + 1), FORMS[at]);
            let behind = prefixes(&mut (at + 1..5));
            let _ = write!(
                text,
                "[[neighbour]]\nuri = \"{next}\"\nprefixes = [{behind}]\nredirect = \"{form}\"\n"
            );
        }
        text + more
    }

    async fn hears(&mut self, wanted: impl Fn(&(usize, Notice)) -> bool) {
        let heard = timeout(Duration::from_secs(30), async {
            while !wanted(&self.notices.recv().await.unwrap()) {}
        });
        heard.await.expect("a notice in time");
    }

    fn backend(&self) -> Arc<RedirectBackend> {
        let ca_file = Some(self.folder.path().join("ca.pem"));
        let fetch = FetchConfig { ca_file, ..FetchConfig::default() };
        let mut config = RedirectConfig { fetch, ..RedirectConfig::default() };
        config.set("redirect.servers", &self.uri(0)).unwrap();
        Arc::new(RedirectBackend::new(&config, LOCAL).unwrap())
    }
}

/// The server found; `None` if those asked do not know.
async fn found(backend: &RedirectBackend, peer: &str) -> Option<String> {
    let peer: Peer<'_> = peer.parse().unwrap();
    match backend.discover(&peer, &Call::default()).await {
        Ok(answer) => Some(answer.servers()[0].uri.to_string()),
        Err(error) if error.code() == UNKNOWN_PEER => None,
        Err(error) => panic!("{peer:?}: {error} {:?}", error.trace()),
    }
}

/// All peers of five networks in both families find their server, alone and in a batch of 256.
#[tokio::test(flavor = "multi_thread")]
async fn five_servers_behind_nginx() {
    let chain = Chain::start().await;
    let backend = chain.backend();
    for net in 0..5 {
        for peer in [format!("198.51.{net}.7"), format!("2001:db8:{net}::7")] {
            assert_eq!(found(&backend, &peer).await, Some(chain.uri(net)), "{peer}");
        }
    }
    assert_eq!(found(&backend, "203.0.113.9").await, None);

    let before: Vec<u64> = chain.servers.iter().map(Server::requests).collect();
    let mut batch = JoinSet::new();
    for n in 0..256_usize {
        let (backend, net) = (Arc::clone(&backend), n % 5);
        let peer =
            if n % 2 == 0 { format!("198.51.{net}.{n}") } else { format!("2001:db8:{net}::{n}") };
        batch.spawn(async move { (net, found(&backend, &peer).await) });
    }
    let answers = batch.join_all().await;
    let right = answers.iter().filter(|(net, uri)| uri.as_ref() == Some(&chain.uri(*net))).count();
    let asked: Vec<u64> =
        chain.servers.iter().zip(before).map(|(server, b)| server.requests() - b).collect();
    println!("a batch of 256: {right} right answers; requests at each server: {asked:?}");
    assert_eq!(right, 256);
    assert!(asked.iter().all(|requests| *requests <= 12), "{asked:?}");
}

/// A neighbour appears, moves and vanishes while peers are asked about all the time: each answer is
/// what was right before or is right now, and soon only the latter.
#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_that_comes_moves_and_goes() {
    const PEER: &str = "203.0.113.7";
    const CLAIM: &str = "prefixes = [\"203.0.113.0/24\"]\n";
    let chain = Chain::start().await;
    let backend = chain.backend();
    let over = Arc::new(AtomicBool::new(false));
    let load = {
        let (backend, over) = (Arc::clone(&backend), Arc::clone(&over));
        let own = chain.uri(4);
        tokio::spawn(async move {
            let mut right = 0;
            while !over.load(Ordering::SeqCst) {
                assert_eq!(found(&backend, "198.51.4.9").await.as_ref(), Some(&own));
                right += 1;
            }
            right
        })
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut before = None;
    let places = [("appears", Some(1)), ("moves", Some(3)), ("vanishes", None)];
    for (what, place) in places {
        for at in [1, 3] {
            let own = chain.neighbours(at, "");
            let mine = own.replacen("prefixes = [", "prefixes = [\"203.0.113.0/24\", ", 1);
            let more = if place == Some(at) { mine } else { own };
            fs::write(chain.file(at), more).unwrap();
        }
        let text = match place {
            // The neighbour is in the file already.
            Some(1) => {
                let text = chain.neighbours(0, "");
                let at = text.rfind("prefixes = [").unwrap() + "prefixes = [".len();
                format!("{}\"203.0.113.0/24\", {}", &text[..at], &text[at..])
            }
            Some(at) => {
                chain.neighbours(0, &format!("[[neighbour]]\nuri = \"{}\"\n{CLAIM}", chain.uri(at)))
            }
            None => chain.neighbours(0, ""),
        };
        fs::write(chain.file(0), text).unwrap();
        let now = place.map(|at| chain.uri(at));
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut steady = 0;
        while steady < 20 {
            let answer = found(&backend, PEER).await;
            assert!(answer == before || answer == now || answer.is_none(), "{what}: {answer:?}");
            steady = if answer == now { steady + 1 } else { 0 };
            *counts.entry(what).or_default() += 1;
            assert!(Instant::now() < deadline, "{what}: still {answer:?}");
            sleep(Duration::from_millis(5)).await;
        }
        before = now;
    }
    over.store(true, Ordering::SeqCst);
    let right = load.await.unwrap();
    println!(
        "{counts:?} answers about the one that moves; {right} right answers about another meanwhile"
    );
    assert!(right >= 20);
}
