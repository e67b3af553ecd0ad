//! What demonstrations run on: networks with an ALTO server each, over https, and the name server
//! that leads to them, all on this machine's loopback.

use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddrV6};

use alto_discovery::selection::V6Record;
use alto_discovery::{Advisor, Config, SelectConfig};
use alto_server::Server;
use clap::Args;

use crate::Failure;
use crate::alto_servers::{self, Authority};
use crate::name_server::NameServer;

/// The port of each peer.
const PORT: u16 = 6_881;

/// What differs from run to run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Switches {
    /// The share of the tracker's list that is drawn at random whatever ALTO says.
    #[arg(long, value_name = "S", default_value = "0.2")]
    pub(crate) random_share: String,

    /// Switch the name server off first: then no ALTO server is found.
    #[arg(long)]
    pub(crate) without_name_server: bool,

    /// Switch the ALTO servers off first: then nobody says what is good.
    #[arg(long)]
    pub(crate) without_alto_servers: bool,
}

impl Default for Switches {
    fn default() -> Self {
        let random_share = "0.2".into();
        Self { random_share, without_name_server: false, without_alto_servers: false }
    }
}

/// Networks with an ALTO server each, the name server that leads to them, and a tracker's advisor.
pub(crate) struct Stage {
    pub(crate) advisor: Advisor,
    /// How the advisor chooses.
    pub(crate) select: SelectConfig,
    pub(crate) name_server: NameServer,
    pub(crate) alto_servers: Vec<Server>,
}

impl Stage {
    /// So many networks, whose servers tell their own peers what `cost(own, other)` says.
    pub(crate) async fn new(
        networks: u16,
        cost: impl Fn(u16, u16) -> u16,
        switches: &Switches,
    ) -> Result<Self, Failure> {
        let authority = Authority::new()?;
        let network_map = network_map(networks);
        let mut alto_servers = Vec::new();
        for own in 0..networks {
            let costs = cost_map(own, networks, &cost);
            alto_servers.push(alto_servers::start(&authority, &network_map, &costs).await?);
        }
        let zone = zone(&alto_servers);
        let mut name_server = NameServer::start(&zone).await.map_err(Failure::Input)?;
        if switches.without_name_server {
            name_server.stop().await;
        }
        if switches.without_alto_servers {
            for server in alto_servers.drain(..) {
                server.stop().await;
            }
        }
        // It reads the authority's certificate, which is gone afterwards.
        let config = config(&name_server, &authority, switches)?;
        let (advisor, select) = (Advisor::new(&config)?, config.sections.select);
        Ok(Self { advisor, select, name_server, alto_servers })
    }
}

/// A peer's address in a network.
pub(crate) fn address(network: u16, subnet: u16, n: usize) -> Ipv6Addr {
    let host = u128::from(n as u64);
    let net = Ipv6Addr::new(0x2001, 0xdb8, network, subnet, 0, 0, 0, 0);
    (net.to_bits() | host).into()
}

/// The record of the peer at an address.
pub(crate) fn record(address: Ipv6Addr) -> V6Record {
    SocketAddrV6::new(address, PORT, 0, 0).into()
}

fn config(
    name_server: &NameServer,
    authority: &Authority,
    switches: &Switches,
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
        ("select.random_share", switches.random_share.clone()),
    ] {
        config.set(key, &value)?;
    }
    Ok(config)
}

fn network_map(networks: u16) -> String {
    let mut csv = "prefix,pid\n0.0.0.0/0,elsewhere\n::/0,elsewhere\n".to_owned();
    for network in 0..networks {
        // Writing to a string does not fail.
        let _ = writeln!(csv, "{}/48,network{network}", address(network, 0, 0));
    }
    csv
}

/// What the server of a network says for its own peers.
fn cost_map(own: u16, networks: u16, cost: impl Fn(u16, u16) -> u16) -> String {
    let mut csv = "src,dst,cost\n".to_owned();
    for other in 0..networks {
        let _ = writeln!(csv, "network{own},network{other},{}", cost(own, other));
    }
    csv
}

/// The reverse tree as a master file: each network's /48 names its server.
fn zone(servers: &[Server]) -> String {
    let mut zone = "$ORIGIN .\n\
        @ 3600 IN SOA ns.example. hostmaster.example. 1 3600 600 604800 300\n\
        @ 3600 IN NS ns.example.\n"
        .to_owned();
    for (network, server) in (0..).zip(servers) {
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
