//! Five networks with ALTO servers of their own, a name server that leads to them, and a swarm.

use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddrV6};

use alto_discovery::selection::{Record, Role, Swarm, V6Record};
use alto_discovery::{Advisor, Config, Peer};
use alto_server::Server;

use super::SwarmOptions;
use crate::Failure;
use crate::alto_servers::{self, Authority};
use crate::name_server::NameServer;

/// Networks, each a /48 of the documentation prefix. For all of them the peers of the first one
/// are the best: for its own as neighbours, for the others although their own are nearer by prefix.
pub(super) const NETWORKS: u16 = 5;
/// The network of the good peers.
pub(super) const GOOD: u16 = 0;

/// The port of each peer.
const PORT: u16 = 6_881;
/// Room for the views of five maps of a million peers.
const VIEW_OCTETS: usize = 1 << 30;

/// Everything that runs.
pub(super) struct World {
    pub(super) advisor: Advisor,
    pub(super) swarm: Swarm<V6Record>,
    pub(super) name_server: NameServer,
    pub(super) alto_servers: Vec<Server>,
    /// Needed until the advisor has read it.
    _authority: Authority,
}

impl World {
    pub(super) async fn new(options: &SwarmOptions) -> Result<Self, Failure> {
        let authority = Authority::new()?;
        let mut alto_servers = Vec::new();
        for network in 0..NETWORKS {
            let (network_map, cost_map) = (network_map(), cost_map(network));
            let server = alto_servers::start(&authority, &network_map, &cost_map).await?;
            alto_servers.push(server);
        }
        let mut name_server =
            NameServer::start(&zone(&alto_servers)).await.map_err(Failure::Input)?;
        if options.without_name_server {
            name_server.stop().await;
        }
        let config = config(&name_server, &authority, options)?;
        if options.without_alto_servers {
            for server in alto_servers.drain(..) {
                server.stop().await;
            }
        }
        let (advisor, swarm) = (Advisor::new(&config)?, swarm(options));
        Ok(Self { advisor, swarm, name_server, alto_servers, _authority: authority })
    }
}

/// Whether a peer is one of the good ones.
pub(super) fn is_good(record: &V6Record) -> bool {
    record.address().segments()[2] == GOOD
}

/// The n-th peer of a network that asks and is not in the swarm.
pub(super) fn requester(network: u16, n: usize) -> (Peer<'static>, V6Record) {
    let address = address(network, 0xffff, n);
    (Peer::new(address.into()), record(address))
}

/// The good peers in the first network, the others in turn in the other ones.
fn swarm(options: &SwarmOptions) -> Swarm<V6Record> {
    let swarm = Swarm::new(VIEW_OCTETS);
    let others = (1..NETWORKS).cycle().take(options.peers - options.good);
    let networks = std::iter::repeat_n(GOOD, options.good).chain(others);
    for (n, network) in networks.enumerate() {
        swarm.add(record(address(network, 0, n)), Role::Leecher, 0);
    }
    swarm
}

fn address(network: u16, subnet: u16, n: usize) -> Ipv6Addr {
    let host = u128::from(n as u64);
    let net = Ipv6Addr::new(0x2001, 0xdb8, network, subnet, 0, 0, 0, 0);
    (net.to_bits() | host).into()
}

fn record(address: Ipv6Addr) -> V6Record {
    SocketAddrV6::new(address, PORT, 0, 0).into()
}

fn config(
    name_server: &NameServer,
    authority: &Authority,
    options: &SwarmOptions,
) -> Result<Config, Failure> {
    let mut config = Config::default();
    for (key, value) in [
        ("dns.resolver", name_server.address().to_string()),
        // One machine's announces, not a flood from anywhere.
        ("dns.zone_qps", "100000".into()),
        ("dns.total_qps", "100000".into()),
        ("dns.in_flight", "1024".into()),
        ("policy.allow_documentation", "true".into()),
        ("policy.allow_private_servers", "true".into()),
        ("fetch.ca_file", authority.file().display().to_string()),
        ("select.random_share", options.random_share.clone()),
    ] {
        config.set(key, &value)?;
    }
    Ok(config)
}

fn network_map() -> String {
    let mut csv = "prefix,pid\n0.0.0.0/0,elsewhere\n::/0,elsewhere\n".to_owned();
    for network in 0..NETWORKS {
        // Writing to a string does not fail.
        let _ = writeln!(csv, "{}/48,network{network}", address(network, 0, 0));
    }
    csv
}

/// What the server of a network says for its own peers.
fn cost_map(own: u16) -> String {
    let mut csv = "src,dst,cost\n".to_owned();
    for network in 0..NETWORKS {
        let cost = match network {
            GOOD => 1,
            _ if network == own => 50, // near by prefix, and dear
            _ => 20,
        };
        let _ = writeln!(csv, "network{own},network{network},{cost}");
    }
    csv
}

/// The reverse tree as a master file: each network's /48 names its server.
fn zone(servers: &[Server]) -> String {
    let mut zone = "$ORIGIN .\n\
        @ 3600 IN SOA ns.example. hostmaster.example. 1 3600 600 604800 300\n\
        @ 3600 IN NS ns.example.\n"
        .to_owned();
    for (network, server) in (0..NETWORKS).zip(servers) {
        let uri = server.uri();
        let _ = writeln!(
            zone,
            "{} 3600 IN NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!{uri}!\" .",
            reverse(network)
        );
    }
    zone
}

/// The name of a network's /48 in the reverse tree.
fn reverse(network: u16) -> String {
    let digits = format!("20010db8{network:04x}");
    let labels: Vec<String> = digits.chars().rev().map(String::from).collect();
    format!("{}.ip6.arpa.", labels.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_networks() {
        assert_eq!(reverse(4), "4.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.");
    }
}
