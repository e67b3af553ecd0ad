//! A network with an ALTO server of its own, on loopback, and a swarm of a thousand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use alto_discovery::core::conformance::{Facts, Network, Scripted, Speaker, Truth};
use alto_discovery::selection::{Record, Role, Swarm, V4Record, V6Record};
use alto_discovery::{Advisor, Backend, Config, Peer, Request, Scope};
use alto_messages::CostMetric;
use alto_server::{Maps, Server, ServerConfig, Source, Text, Transport};

/// 203.0.113.0/24 and 2001:db8:1::/48 are `near` to themselves, 198.51.100.0/24 and 2001:db8:2::/48
/// are `mid`, what else there is of both is `far`. For peers in `mid` it is the other way round.
pub(crate) const NETWORK: &str = "prefix,pid\n203.0.113.0/24,near\n198.51.100.0/24,mid\n0.0.0.0/0,far\n\
    2001:db8:1::/48,near\n2001:db8:2::/48,mid\n::/0,far\n";
pub(crate) const COSTS: &str =
    "src,dst,cost\nnear,near,1\nnear,mid,5\nnear,far,20\nmid,far,1\nmid,near,5\nmid,mid,20\n";

/// Where peers of the swarm are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    Near,
    Mid,
    Far,
}

impl Place {
    pub(crate) fn of<R: Record>(record: &R) -> Self {
        match record.address().into() {
            IpAddr::V4(v4) => match v4.octets() {
                [203, 0, 113, _] => Self::Near,
                [198, 51, 100, _] => Self::Mid,
                _ => Self::Far,
            },
            IpAddr::V6(v6) => match v6.segments() {
                [0x2001, 0xdb8, 1, ..] => Self::Near,
                [0x2001, 0xdb8, 2, ..] => Self::Mid,
                _ => Self::Far,
            },
        }
    }
}

pub(crate) async fn server() -> Server {
    server_of(NETWORK, COSTS).await
}

pub(crate) async fn server_of(network: &str, costs: &str) -> Server {
    server_at("127.0.0.1:0", network, costs).await
}

pub(crate) async fn server_at(listen: &str, network: &str, costs: &str) -> Server {
    let network = Text { name: "network", csv: network };
    let costs = Text { name: "costs", csv: costs };
    let maps = Maps::parse(network, &[(CostMetric::routingcost(), costs)]).unwrap();
    let config =
        ServerConfig::new(listen.parse().unwrap(), Source::Maps(maps.into()), Transport::Http);
    Server::bind(config).await.unwrap()
}

/// Who speaks for each network: the URIs of its servers, best first.
pub(crate) fn facts(networks: &[(&str, &[&str])]) -> Arc<dyn Backend> {
    let speaker = |(preference, uri): (u16, &&str)| Speaker::new(uri, 100, preference);
    let network = |(net, uris): &(&str, &[&str])| {
        let truth = Truth::Speaks((0..).zip(*uris).map(speaker).collect());
        Network::new(*net, Scope::net(net.parse().unwrap()), truth)
    };
    Arc::new(Scripted::new(Arc::new(Facts::new(networks.iter().map(network)))))
}

pub(crate) fn config() -> Config {
    let mut config = Config::default();
    for key in ["policy.allow_http", "policy.allow_private", "policy.allow_documentation"] {
        config.set(key, "true").unwrap();
    }
    config
}

pub(crate) fn advisor(backend: Arc<dyn Backend>) -> Advisor {
    advisor_with(backend, config())
}

pub(crate) fn advisor_with(backend: Arc<dyn Backend>, mut config: Config) -> Advisor {
    config.set("backends", backend.name()).unwrap();
    Advisor::with_backends(&config, &[backend]).unwrap()
}

pub(crate) fn peer(text: &str) -> Peer<'static> {
    text.parse().unwrap()
}

pub(crate) fn v4(place: Place, n: u16) -> V4Record {
    let [high, low] = n.to_be_bytes();
    let address = match place {
        Place::Near => Ipv4Addr::new(203, 0, 113, low),
        Place::Mid => Ipv4Addr::new(198, 51, 100, low),
        Place::Far => Ipv4Addr::new(192, 0, high, low),
    };
    std::net::SocketAddrV4::new(address, 6_881).into()
}

pub(crate) fn v6(place: Place, n: u16) -> V6Record {
    let net = match place {
        Place::Near => 1,
        Place::Mid => 2,
        Place::Far => 3,
    };
    let address = Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, n);
    std::net::SocketAddrV6::new(address, 6_881, 0, 0).into()
}

/// 100 peers near, 200 in the middle, 700 far; every fifth is a seeder.
pub(crate) fn swarm<R: Record>(record: impl Fn(Place, u16) -> R) -> Swarm<R> {
    let swarm = Swarm::new(1 << 20);
    for (place, count) in [(Place::Near, 100), (Place::Mid, 200), (Place::Far, 700)] {
        for n in 0..count {
            swarm.add(record(place, n), role(n), 0);
        }
    }
    swarm
}

pub(crate) fn role(n: u16) -> Role {
    if n.is_multiple_of(5) { Role::Seeder } else { Role::Leecher }
}

/// A near leecher's question.
pub(crate) fn request(k: usize) -> Request<'static, V4Record> {
    Request::new(peer("203.0.113.7"), v4(Place::Near, 7), k)
}

/// How many of these are where.
pub(crate) fn count<R: Record>(peers: &[R], place: Place) -> usize {
    peers.iter().filter(|peer| Place::of(*peer) == place).count()
}
