//! Networks on loopback, each with an ALTO server of its own.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use alto_messages::CostMetric;
use alto_server::{Maps, Server, ServerConfig, Source, Text, Transport};
use alto_testkit::tap::TapProxy;
use alto_testkit::{Daemon, NameServer, ZoneFile, nsd, unbound};
use tokio::runtime::Runtime;

use crate::announce::Record;

/// A /24 below 127.0.0.0/8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Which one: 0, 1, ...
    pub number: u8,
}

impl Network {
    /// A peer in it, from 1.
    pub fn host(self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 1 + self.number / 4, self.number, number)
    }

    /// How far a peer is: 0 in the network itself, 1 in its region of four, 2 elsewhere.
    pub fn class_of(self, record: &Record) -> usize {
        let own = self.host(0).octets();
        if record[..3] == own[..3] { 0 } else { usize::from(record[..2] != own[..2]) + 1 }
    }
}

/// Networks, their servers, and the name server by which these are found.
pub struct World {
    /// All networks.
    pub networks: Vec<Network>,
    /// For what is asynchronous.
    pub runtime: Runtime,
    names: Daemon,
    asked: TapProxy,
    /// What trackers ask, if that is not the name server itself.
    resolver: Option<Daemon>,
    servers: Vec<Option<Server>>,
    ports: Vec<u16>,
    maps: fn(Network) -> MapText,
}

/// A network map and a cost map, as `alto serve` reads them.
pub type MapText = (String, &'static str);

impl World {
    /// So many networks. A server's costs are 1 in the network itself, 5 in its region, 20 elsewhere.
    pub fn new(count: u8) -> Self {
        Self::with(count, own_and_region)
    }

    /// So many networks, whose servers say this.
    pub fn with(count: u8, maps: fn(Network) -> MapText) -> Self {
        let runtime = Runtime::new().expect("threads");
        let networks: Vec<Network> = (0..count).map(|number| Network { number }).collect();
        let start = |network: &Network| Some(runtime.block_on(serve(maps(*network), 0)));
        let servers: Vec<_> = networks.iter().map(start).collect();
        let ports = servers.iter().flatten().map(|one| one.address().port()).collect();
        let names = nsd::launch(&[zone(&networks, &servers)]);
        let asked = TapProxy::before(names.address());
        Self { networks, runtime, names, asked, resolver: None, servers, ports, maps }
    }

    /// The settings by which a tracker finds its servers.
    pub fn config(&self) -> String {
        let resolver = self.resolver();
        format!(
            "backends = [\"dns\"]\ndns.resolver = \"{resolver}\"\ndns.granularity = \"prefix\"\n\
             dns.service = \"ALTO:http\"\npolicy.allow_private = true\npolicy.allow_http = true\n"
        )
    }

    /// The same, where trackers ask a resolver (Unbound), which asks the name server for them.
    #[must_use]
    pub fn behind_a_resolver(self) -> Self {
        Self {
            resolver: Some(unbound::launch_below("127.in-addr.arpa.", self.asked.address())),
            ..self
        }
    }

    /// Where trackers ask for names.
    pub fn resolver(&self) -> std::net::SocketAddr {
        self.resolver.as_ref().map_or(self.asked.address(), NameServer::address)
    }

    /// How often the name server was asked for this network.
    pub fn questions(&self, network: Network) -> usize {
        self.asked.log().count(&name(network))
    }

    /// How many questions the name server was asked in all.
    pub fn all_questions(&self) -> usize {
        self.asked.log().total()
    }

    /// How many requests the server of this network has answered since it was started last.
    pub fn requests(&self, network: Network) -> u64 {
        let server = self.servers[usize::from(network.number)].as_ref();
        server.map_or(0, Server::requests)
    }

    /// Ends the name server and all ALTO servers; what `then` does happens without them. Starts them
    /// again where they were.
    pub fn without_servers(&mut self, then: impl FnOnce()) {
        self.end_name_server();
        self.end_servers();
        then();
        self.start_name_server();
        self.start_servers();
    }

    /// Ends the name server.
    pub fn end_name_server(&mut self) {
        self.names.stop();
    }

    /// Starts the name server again where it was; it answers when this returns.
    pub fn start_name_server(&mut self) {
        self.names.restart();
    }

    /// Ends all ALTO servers.
    pub fn end_servers(&mut self) {
        for server in self.servers.iter_mut().filter_map(Option::take) {
            self.runtime.block_on(server.stop());
        }
    }

    /// Starts all ALTO servers again where they were.
    pub fn start_servers(&mut self) {
        for (network, port) in self.networks.iter().zip(&self.ports) {
            let server = self.runtime.block_on(serve((self.maps)(*network), *port));
            self.servers[usize::from(network.number)] = Some(server);
        }
    }
}

fn own_and_region(network: Network) -> MapText {
    let own = network.host(0);
    let around = Ipv4Addr::new(127, own.octets()[1], 0, 0);
    let map = format!("prefix,pid\n0.0.0.0/0,far\n::/0,far\n{around}/16,near\n{own}/24,own\n");
    (map, "src,dst,cost\nown,own,1\nown,near,5\nown,far,20\n")
}

async fn serve((map, costs): MapText, port: u16) -> Server {
    let map = Text { name: "network", csv: &map };
    let costs = (CostMetric::routingcost(), Text { name: "costs", csv: costs });
    let maps = Maps::parse(map, &[costs]).expect("sound maps");
    let listen = (Ipv4Addr::LOCALHOST, port).into();
    for _ in 0..600 {
        let source = Source::Maps(maps.clone().into());
        match Server::bind(ServerConfig::new(listen, source, Transport::Http)).await {
            Ok(server) => return server,
            // Its port is still held by the one before, or some client has it for a while.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    panic!("no ALTO server on port {port}")
}

fn zone(networks: &[Network], servers: &[Option<Server>]) -> ZoneFile {
    let mut text = "127.in-addr.arpa. 600 SOA ns.example. admin.example. 1 600 600 600 60\n\
                    127.in-addr.arpa. 600 NS ns.example.\n"
        .to_owned();
    for (network, server) in networks.iter().zip(servers.iter().flatten()) {
        let (name, uri) = (name(*network), server.uri());
        writeln!(text, "{name} 600 NAPTR 100 10 \"u\" \"ALTO:http\" \"!.*!{uri}!\" .")
            .expect("a string");
    }
    ZoneFile { apex: "127.in-addr.arpa.".into(), text }
}

fn name(network: Network) -> String {
    let [a, b, c, _] = network.host(0).octets();
    format!("{c}.{b}.{a}.in-addr.arpa.")
}
