//! Names, limits and clients of the tests.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use alto_discovery_core::{BoxFuture, Policy};

use super::authority::Authority;
use crate::address::Guard;
use crate::{BodyKind, Content, Error, FetchConfig, Fetcher, Lookup, Reply, Request};

/// A resolver that says what the function says.
pub(super) struct Names<F>(pub(super) F);

impl<F: Fn(&str) -> Vec<&'static str> + Send + Sync + 'static> Lookup for Names<F> {
    fn lookup(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let addresses = (self.0)(host).into_iter().map(|text| text.parse().unwrap()).collect();
        Box::pin(async move { Ok(addresses) })
    }
}

/// All names are this machine's.
pub(super) fn loopback() -> Arc<dyn Lookup> {
    Arc::new(Names(|_: &str| vec!["127.0.0.1"]))
}

/// Whatever is needed to reach servers on loopback without TLS.
pub(super) const OPEN: Policy = Policy {
    allow_private_peers: false,
    allow_private_servers: true,
    allow_link_local: false,
    allow_documentation: false,
    allow_http: true,
};

/// The same with TLS.
pub(super) const PRIVATE: Policy = Policy { allow_http: false, ..OPEN };

/// The default limits, changed as the keys and values say.
pub(super) fn config(settings: &[(&str, &str)]) -> FetchConfig {
    let mut config = FetchConfig::default();
    for (key, value) in settings {
        config.set(&format!("fetch.{key}"), value).unwrap();
    }
    config
}

/// A client that trusts nobody the machine trusts: the same on all machines.
pub(super) fn fetcher(config: &FetchConfig, policy: Policy, lookup: Arc<dyn Lookup>) -> Fetcher {
    guarded_fetcher(config, policy, lookup, Guard::new(policy))
}

pub(super) fn guarded_fetcher(
    config: &FetchConfig,
    policy: Policy,
    lookup: Arc<dyn Lookup>,
    guard: Guard,
) -> Fetcher {
    let authority = Authority::new();
    let config = FetchConfig { ca_file: Some(authority.file().into()), ..config.clone() };
    Fetcher::with_guard(&config, policy, lookup, guard).unwrap()
}

/// A client for servers without TLS.
pub(super) fn open_fetcher(settings: &[(&str, &str)]) -> Fetcher {
    fetcher(&config(settings), OPEN, loopback())
}

/// A client that trusts `authority` alone.
pub(super) fn trusting(authority: &Authority, policy: Policy) -> Fetcher {
    let ca_file = Some(authority.file().into());
    let config = FetchConfig { ca_file, ..FetchConfig::default() };
    Fetcher::with_lookup(&config, policy, loopback()).unwrap()
}

/// A client under the strict policy to which 127.0.0.1 is nevertheless an address like any other,
/// if a name has it: so the start of a walk can be on this machine.
pub(super) fn strict_but_for_one(authority: &Authority, lookup: Arc<dyn Lookup>) -> Fetcher {
    let strict = Guard::new(Policy::default());
    let start: IpAddr = "127.0.0.1".parse().unwrap();
    let guard = Guard::from_check(move |addresses| {
        let others: Vec<IpAddr> =
            addresses.iter().copied().filter(|address| *address != start).collect();
        strict.check(&others)
    });
    let ca_file = Some(authority.file().into());
    let config = FetchConfig { ca_file, ..FetchConfig::default() };
    Fetcher::with_guard(&config, Policy::default(), lookup, guard).unwrap()
}

pub(super) const JSON: &[&str] = &["application/json"];

pub(super) fn get(uri: &str) -> Request<'static> {
    Request::get(uri.parse().unwrap(), BodyKind::Directory, JSON)
}

pub(super) fn get_map(uri: &str) -> Request<'static> {
    Request { kind: BodyKind::Map, ..get(uri) }
}

/// Fetches and reads to the end.
pub(super) async fn read(fetcher: &Fetcher, request: Request<'_>) -> Result<Vec<u8>, Error> {
    body_of(fetcher.fetch(request).await?).await
}

pub(super) async fn body_of(reply: Reply) -> Result<Vec<u8>, Error> {
    match reply.content {
        Content::Body(mut body) => body.read_all().await,
        Content::NotModified => panic!("no body"),
    }
}
