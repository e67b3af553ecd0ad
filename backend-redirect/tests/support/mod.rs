//! A world of ALTO servers over https, all at one port of loopback and told apart by their names.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use alto_backend_redirect::{FetchConfig, Fetcher, RedirectBackend, RedirectConfig};
use alto_discovery_core::{
    Answer, Backend as _, BackendConfig as _, BoxFuture, Call, Error, Peer, Policy,
};
use alto_fetch::Lookup;
use alto_messages::{
    EndpointProperties, EndpointPropertyRequest, RESPONSIBLE_DIRECTORY, ReadOptions,
};
use alto_testkit::acts::{Act, Asked, Server, reply, tls};
use alto_testkit::pki::Authority;
use tempfile::NamedTempFile;

pub(crate) const DIRECTORY: &str = "application/alto-directory+json";
pub(crate) const PROPERTIES: &str = "application/alto-endpointprop+json";

/// Peers in documentation prefixes; all else as strict as by default.
pub(crate) const STRICT: Policy = Policy {
    allow_private_peers: false,
    allow_private_servers: false,
    allow_link_local: false,
    allow_documentation: true,
    allow_http: false,
};

/// The same, with servers on loopback.
pub(crate) const LOCAL: Policy = Policy { allow_private_servers: true, ..STRICT };

/// Servers, and a client that trusts them.
pub(crate) struct World {
    pub(crate) server: Server,
    ca: NamedTempFile,
}

/// All names are this machine's.
struct Loopback;

impl Lookup for Loopback {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) })
    }
}

impl World {
    /// Servers `s0.test` to `s9.test` and `a.test`, which do as `script` says for their name.
    pub(crate) async fn new(
        script: impl Fn(&str, &Asked) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let names: Vec<String> = (0..10).map(|n| format!("s{n}.test")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["a.test"]).collect();
        let authority = Authority::new();
        let ca = NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), authority.pem()).unwrap();
        let server = Server::start(Some(tls(&authority.sign(&names))), move |asked| {
            let host = asked.header("host").unwrap_or_default();
            script(host.split(':').next().unwrap_or_default(), asked)
        });
        Self { server: server.await, ca }
    }

    pub(crate) fn uri(&self, host: &str, path: &str) -> String {
        uri(host, self.server.port(), path)
    }

    pub(crate) fn fetch(&self) -> FetchConfig {
        FetchConfig { ca_file: Some(self.ca.path().into()), ..FetchConfig::default() }
    }

    /// A backend that starts at the directory of each of these hosts, with other settings.
    pub(crate) fn backend_with(
        &self,
        hosts: &[&str],
        settings: &[(&str, &str)],
    ) -> RedirectBackend {
        let mut config = RedirectConfig { fetch: self.fetch(), ..RedirectConfig::default() };
        let starts: Vec<String> = hosts.iter().map(|host| self.uri(host, "/ird")).collect();
        config.set("redirect.servers", &starts.join(",")).unwrap();
        for (key, value) in settings {
            config.set(key, value).unwrap();
        }
        let fetcher = Fetcher::with_lookup(&config.fetch, LOCAL, Arc::new(Loopback)).unwrap();
        RedirectBackend::with_fetcher(&config, STRICT, Arc::new(fetcher)).unwrap()
    }

    pub(crate) fn backend(&self, hosts: &[&str]) -> RedirectBackend {
        self.backend_with(hosts, &[])
    }

    /// What was asked of a host, as method and path.
    pub(crate) fn log(&self) -> Vec<String> {
        let line = |asked: &Asked| {
            let method = asked.head.split(' ').next().unwrap_or_default();
            let host = asked.header("host").unwrap_or_default();
            format!("{method} {}{}", host.split(':').next().unwrap_or_default(), asked.target())
        };
        self.server.asked().iter().map(line).collect()
    }
}

pub(crate) fn uri(host: &str, port: u16, path: &str) -> String {
    format!("https://{host}:{port}{path}")
}

/// The port that the asker used: that of all servers.
pub(crate) fn port(asked: &Asked) -> u16 {
    asked.header("host").unwrap().split(':').nth(1).unwrap().parse().unwrap()
}

pub(crate) async fn find(backend: &RedirectBackend, peer: &str) -> Result<Arc<Answer>, Error> {
    backend.discover(&peer.parse::<Peer<'_>>().unwrap(), &Call::default()).await
}

/// A directory with the property, to be asked for at `/eps`.
pub(crate) fn directory(headers: &[(&str, &str)]) -> Vec<Act> {
    directory_at("/eps", headers)
}

/// A directory with the property, to be asked for at `uri`.
pub(crate) fn directory_at(uri: &str, headers: &[(&str, &str)]) -> Vec<Act> {
    let body = format!(
        r#"{{"meta": {{}}, "resources": {{"eps": {{"uri": "{uri}", "media-type": "{PROPERTIES}",
        "accepts": "application/alto-endpointpropparams+json",
        "capabilities": {{"prop-types": ["{RESPONSIBLE_DIRECTORY}"]}}}}}}}}"#
    );
    with_type(DIRECTORY, headers, &body)
}

/// A directory that lists another one.
pub(crate) fn directory_of(uri: &str) -> Vec<Act> {
    let body = format!(
        r#"{{"meta": {{}}, "resources": {{"sub": {{"uri": "{uri}", "media-type": "{DIRECTORY}"}}}}}}"#
    );
    with_type(DIRECTORY, &[], &body)
}

pub(crate) fn with_type(content_type: &str, headers: &[(&str, &str)], body: &str) -> Vec<Act> {
    let headers = [&[("content-type", content_type)], headers].concat();
    reply(200, &headers, body.as_bytes())
}

pub(crate) fn request(asked: &Asked) -> EndpointPropertyRequest {
    EndpointPropertyRequest::parse(&asked.body, &ReadOptions::default()).unwrap().message
}

/// What is said of each endpoint asked about: its address and peer ID in words lead to a URI, or to
/// nothing.
pub(crate) fn properties(
    asked: &Asked,
    headers: &[(&str, &str)],
    says: impl Fn(&str, &str) -> Option<String>,
) -> Vec<Act> {
    let request = request(asked);
    let mut answer = EndpointProperties::default();
    for endpoint in &request.endpoints {
        let id = request.peer_ids.get(endpoint).map(ToString::to_string).unwrap_or_default();
        let property = RESPONSIBLE_DIRECTORY.parse().unwrap();
        let value = says(&endpoint.0.to_string(), &id).map(|uri| (property, uri));
        answer.endpoints.insert(*endpoint, value.into_iter().collect());
    }
    with_type(PROPERTIES, headers, &String::from_utf8(answer.to_json()).unwrap())
}
