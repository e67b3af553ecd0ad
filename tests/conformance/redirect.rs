//! The stage of backend redirect: neutral facts become ALTO servers, one that sends everybody on and
//! one for each network, told apart by their names.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use alto_backend_redirect::{Fetcher, RedirectBackend, RedirectConfig};
use alto_discovery::core::conformance::{
    Facts, Hostile, Scene, Skip, Stage, Switched, Truth, Upstream,
};
use alto_discovery::{BackendConfig as _, BoxFuture, IpNet, Peer, PeerId, Policy, Token};
use alto_fetch::Lookup;
use alto_messages::{
    EndpointId, EndpointProperties, EndpointPropertyRequest, RESPONSIBLE_DIRECTORY, ReadOptions,
    TypedAddress,
};
use alto_testkit::acts::{Act, Asked, Server, redirect, reply};
use alto_testkit::pki::Authority;
use tempfile::NamedTempFile;
use url::Url;

const DIRECTORY: &str = "application/alto-directory+json";
const PROPERTIES: &str = "application/alto-endpointprop+json";
const START: &str = "start.example";

/// Without TLS, for speed; as strict as by default in all else.
const POLICY: Policy = Policy {
    allow_private_peers: false,
    allow_private_servers: false,
    allow_link_local: false,
    allow_documentation: true,
    allow_http: true,
};

/// By address alone, or by peer ID too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Approach {
    Two,
    Four,
}

pub(crate) struct RedirectStage {
    approach: Approach,
    facts: Arc<Facts>,
    /// Kept, so that nobody else takes the port of the scenes' servers.
    port: TcpListener,
    scenes: AtomicU32,
    /// An authority that vouches for nobody: the machine's own many take long to read.
    ca: NamedTempFile,
}

impl RedirectStage {
    pub(crate) fn new(approach: Approach) -> Self {
        let facts = Facts::standard()
            .without("no message says that surely nobody speaks", |network| {
                network.truth == Truth::Nobody
            })
            .without("told apart by peer ID: approach 4", |network| {
                approach == Approach::Two && network.needs_id()
            })
            .with_one_server_each("a redirect names one server");
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let ca = NamedTempFile::new().expect("a file");
        std::fs::write(ca.path(), Authority::new().pem()).expect("a file that can be written");
        Self { approach, facts: Arc::new(facts), port, scenes: AtomicU32::new(1), ca }
    }

    /// Each scene's servers have an address of their own, so that what is switched in one is not
    /// felt in another.
    fn next_address(&self) -> SocketAddr {
        let scene = self.scenes.fetch_add(1, Ordering::SeqCst);
        let first = u32::from(Ipv4Addr::new(127, 1, 0, 0));
        let row = if self.approach == Approach::Two { 0 } else { 1 << 23 };
        (Ipv4Addr::from(first + row + scene), self.port()).into()
    }

    fn port(&self) -> u16 {
        self.port.local_addr().expect("a bound port").port()
    }

    fn backend(&self, address: SocketAddr) -> RedirectBackend {
        let mut config = RedirectConfig::default();
        let start = format!("http://{START}:{}/ird", self.port());
        config.set("redirect.servers", &start).expect("a URI");
        config.fetch.ca_file = Some(self.ca.path().into());
        config.fetch.set("fetch.waiting", "1000").expect("a value within bounds");
        let local = Policy { allow_private_servers: true, ..POLICY };
        let lookup = Arc::new(All(address.ip()));
        let fetcher = Fetcher::with_lookup(&config.fetch, local, lookup).expect("a client");
        RedirectBackend::with_fetcher(&config, POLICY, Arc::new(fetcher)).expect("a configuration")
    }
}

impl Stage for RedirectStage {
    fn name(&self) -> &'static str {
        match self.approach {
            Approach::Two => "redirect (2)",
            Approach::Four => "redirect (4)",
        }
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn open(&self) -> BoxFuture<'_, Scene> {
        Box::pin(async {
            let address = self.next_address();
            let world = Arc::new(WorldOf { facts: self.facts.clone(), port: self.port() });
            let on = Arc::new(AtomicBool::new(true));
            let is_on = Arc::clone(&on);
            let server = Server::start_at(address, None, move |asked| {
                if is_on.load(Ordering::SeqCst) { world.answer(asked) } else { vec![Act::Drop] }
            });
            let upstream = Arc::new(Switchable { server: server.await, on });
            Scene::new(Arc::new(self.backend(address)), upstream)
        })
    }

    fn peer(&self, seen: IpNet, id: Option<PeerId>) -> Result<Peer<'static>, Skip> {
        let peer = Peer::network(seen);
        if peer.net().prefix_len() < peer.net().max_prefix_len() {
            return Err(Skip::new("prefixes", "servers are asked about endpoints"));
        }
        match (self.approach, id) {
            (_, None) => Ok(peer),
            (Approach::Two, Some(_)) => Err(Skip::new("peers with an ID", "approach 4")),
            (Approach::Four, Some(id)) => Ok(peer.with_id(id)),
        }
    }

    fn admits(&self, uri: &Url) -> bool {
        POLICY.check_uri(uri).is_ok()
    }

    fn place(&self, uri: &Url) -> Url {
        place(uri, self.port())
    }
}

/// The server of the facts at a port of the test's, without TLS.
fn place(uri: &Url, port: u16) -> Url {
    let host = uri.host_str().expect("a host");
    format!("http://{host}:{port}{}", uri.path()).parse().expect("a URI")
}

/// All names lead to one address.
struct All(IpAddr);

impl Lookup for All {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let address = self.0;
        Box::pin(async move { Ok(vec![address]) })
    }
}

struct Switchable {
    server: Server,
    on: Arc<AtomicBool>,
}

impl Upstream for Switchable {
    fn switch(&self, on: bool) -> Switched<'_> {
        self.on.store(on, Ordering::SeqCst);
        Box::pin(async { Ok(()) })
    }

    fn asked(&self) -> Result<u64, Skip> {
        Ok(self.server.asked().len() as u64)
    }
}

/// What all servers of a scene say.
struct WorldOf {
    facts: Arc<Facts>,
    port: u16,
}

impl WorldOf {
    fn answer(&self, asked: &Asked) -> Vec<Act> {
        let host = asked.header("host").unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        let trouble = host.strip_prefix("trouble-").and_then(|rest| rest.split('.').next());
        if let Some(at) = trouble.and_then(|at| at.parse::<usize>().ok()) {
            return self.trouble(&self.facts.networks()[at].truth, host, asked);
        }
        match (host, asked.target()) {
            (via, "/ird") if via.starts_with("f2-") || via.starts_with("f3-") => directory("/via"),
            (_, "/ird") => directory("/eps"),
            (START, _) => self.send_on(asked),
            // Reached by a redirect to its service, or by a directory in place of an answer.
            (via, "/via") if via.starts_with("f3-") => redirect(307, &self.uri(&via[3..], "/eps")),
            (via, "/via") => directory(&self.uri(via.trim_start_matches("f2-"), "/eps")),
            _ => self.says(asked, &[], |_| Some(self.uri(host, "/ird"))),
        }
    }

    fn uri(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }

    /// The server that everybody is sent on by: by property, or by way of the other forms.
    fn send_on(&self, asked: &Asked) -> Vec<Act> {
        let peers = peers_in(asked);
        let lifetime = peers.iter().find_map(|peer| match &self.facts.about(peer)?.truth {
            Truth::Hostile(Hostile::Lifetime(seconds)) => Some(format!("max-age={seconds}")),
            _ => None,
        });
        let headers: Vec<_> = lifetime.iter().map(|age| ("cache-control", &**age)).collect();
        self.says(asked, &headers, |peer| self.named(peer))
    }

    fn named(&self, peer: &Peer<'_>) -> Option<String> {
        let network = self.facts.about(peer)?;
        let at = self.facts.networks().iter().position(|other| other == network)?;
        match &network.truth {
            Truth::Speaks(servers) => {
                let host = servers[0].uri.host_str().expect("a host");
                // By property alone, or by way of a server that redirects otherwise.
                let via = ["", "f2-", "f3-"][at % 3];
                Some(self.uri(&format!("{via}{host}"), "/ird"))
            }
            Truth::Nobody => None,
            Truth::Hostile(Hostile::Uri(text)) => Some(text.clone()),
            Truth::Hostile(hostile @ (Hostile::Lifetime(_) | Hostile::Unasked { .. })) => {
                Some(place(&hostile.servers()[0].uri, self.port).into())
            }
            _ => Some(self.uri(&format!("trouble-{at}.example"), "/ird")),
        }
    }

    /// The property of each endpoint asked about, and a claim nobody asked for if there is one.
    fn says(
        &self,
        asked: &Asked,
        headers: &[(&str, &str)],
        of: impl Fn(&Peer<'_>) -> Option<String>,
    ) -> Vec<Act> {
        let mut answer = EndpointProperties::default();
        let mut say = |address: IpAddr, uri: Option<String>| {
            let value = uri.map(|uri| (RESPONSIBLE_DIRECTORY.parse().expect("a name"), uri));
            answer.endpoints.insert(TypedAddress(address), value.into_iter().collect());
        };
        for peer in peers_in(asked) {
            say(peer.net().addr(), of(&peer));
            let truth = self.facts.about(&peer).map(|network| &network.truth);
            if let Some(Truth::Hostile(Hostile::Unasked { victim })) = truth {
                say(victim.network(), Some(Hostile::POISON.into()));
            }
        }
        with_type(PROPERTIES, headers, &answer.to_json())
    }

    /// A server that fails, is silent or hostile.
    fn trouble(&self, truth: &Truth, host: &str, asked: &Asked) -> Vec<Act> {
        let head = |kind| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n");
            Act::Send(head.into_bytes())
        };
        let target = asked.target();
        match truth {
            Truth::Failing => reply(503, &[], b""),
            Truth::Hostile(Hostile::Garbage) => with_type(DIRECTORY, &[], b"{\"resources"),
            Truth::Hostile(Hostile::Oversize) => {
                vec![head(DIRECTORY), Act::Repeat(vec![b' '; 1 << 16])]
            }
            Truth::Hostile(Hostile::Trickle) => {
                vec![head(DIRECTORY), Act::Drip(vec![b'{'; 99], Duration::from_secs(1))]
            }
            Truth::Hostile(Hostile::Loop) if target == "/ird" => directory("/eps"),
            Truth::Hostile(Hostile::Loop) => {
                self.says(asked, &[], |_| Some(self.uri(START, "/ird")))
            }
            Truth::Hostile(Hostile::Endless) => {
                redirect(307, &self.uri(host, &format!("{target}x")))
            }
            Truth::Hostile(flood @ Hostile::Flood(_)) => with_type(DIRECTORY, &[], &many(flood)),
            _ => vec![Act::Hang],
        }
    }
}

fn directory(service: &str) -> Vec<Act> {
    let body = format!(
        r#"{{"meta": {{}}, "resources": {{"eps": {{"uri": "{service}", "media-type": "{PROPERTIES}",
        "accepts": "application/alto-endpointpropparams+json",
        "capabilities": {{"prop-types": ["{RESPONSIBLE_DIRECTORY}"]}}}}}}}}"#
    );
    with_type(DIRECTORY, &[], body.as_bytes())
}

/// A directory of so many directories.
fn many(flood: &Hostile) -> Vec<u8> {
    let servers = flood.servers();
    let entries = servers.iter().enumerate().map(|(at, server)| {
        format!(r#""d{at}": {{"uri": "{}", "media-type": "{DIRECTORY}"}}"#, server.uri)
    });
    let entries: Vec<String> = entries.collect();
    format!(r#"{{"meta": {{}}, "resources": {{{}}}}}"#, entries.join(",")).into_bytes()
}

fn with_type(content_type: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<Act> {
    reply(200, &[&[("content-type", content_type)], headers].concat(), body)
}

/// Whom a request is about.
fn peers_in(asked: &Asked) -> Vec<Peer<'static>> {
    let request = EndpointPropertyRequest::parse(&asked.body, &ReadOptions::default());
    let request = request.expect("a request of ours").message;
    let peer = |endpoint: &TypedAddress| {
        let peer = Peer::new(endpoint.0);
        match request.peer_ids.get(endpoint) {
            None => peer,
            Some(EndpointId::Port(port)) => peer.with_id(PeerId::Port(*port)),
            Some(EndpointId::Token(octets)) => {
                peer.with_id(PeerId::Token(Token::new(octets).expect("a token")))
            }
        }
    };
    request.endpoints.iter().map(peer).collect()
}
