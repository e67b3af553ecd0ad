//! One backend, and one peer whose server it is asked for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alto_backend_dns::{DnsBackend, DnsConfig};
use alto_discovery_core::{Answer, Backend as _, Call, Error, Peer, Policy};
use hickory_proto::op::Message;
use tokio::time::Instant;

use super::{Server, server_at, zone};

pub const PEER: &str = "198.51.100.3";
pub const R32: &str = "3.100.51.198.in-addr.arpa.";
pub const R24: &str = "100.51.198.in-addr.arpa.";
pub const ALL4: [&str; 4] = [R32, R24, "51.198.in-addr.arpa.", "198.in-addr.arpa."];
pub const A: &str = "https://a.example/ird";

pub fn config(resolvers: &[SocketAddr]) -> DnsConfig {
    let resolver = resolvers.iter().copied().map(Into::into).collect();
    DnsConfig { resolver, zone_qps: 10_000, total_qps: 10_000, ..DnsConfig::default() }
}

pub fn backend_with(config: &DnsConfig) -> DnsBackend {
    let policy =
        Policy { allow_documentation: true, allow_private_peers: true, ..Policy::default() };
    DnsBackend::new(config, policy).unwrap()
}

pub fn backend(server: &Server) -> DnsBackend {
    backend_with(&config(&[server.address]))
}

pub async fn discover(backend: &DnsBackend, peer: &str) -> Result<Arc<Answer>, Error> {
    let peer: Peer<'static> = peer.parse().unwrap();
    let call = Call::until(Instant::now() + Duration::from_secs(2));
    backend.discover(&peer, &call).await
}

pub async fn outcome(server: &Server) -> Result<Arc<Answer>, Error> {
    discover(&backend(server), PEER).await
}

#[track_caller]
pub fn finds_a(result: Result<Arc<Answer>, Error>) -> Arc<Answer> {
    let answer = result.unwrap();
    assert_eq!(answer.servers()[0].uri.as_str(), A);
    answer
}

/// A record for A at R24 and nothing else.
pub fn a_at_r24(question: &Message) -> Message {
    zone(question, &[server_at(R24, 600, A)])
}
