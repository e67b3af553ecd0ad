//! The servers of the world: name servers, and an ALTO server of each network, on loopback.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use alto_discovery::Policy;
use alto_server::{NeighbourSource, Server, ServerConfig, Tap};
use alto_zone::{Entry, Format, PortBlock, Publication, ServerLine};
use ipnet::IpNet;
use tempfile::TempDir;

use super::books::{Party, Shared};
use super::world::{Home, SERVERS, Size, attackers, shared, shared_addresses};
use crate::Failure;
use crate::alto_servers::{self, Authority};
use crate::name_server::NameServer;

/// What servers say holds for longer than any run.
const LIFETIME: Duration = Duration::from_secs(86_400);
/// A master file's start: what isn't named does not exist, which may be remembered for an hour.
const APEX: &str = "$ORIGIN .\n\
    @ 86400 IN SOA ns.example. hostmaster.example. 1 3600 600 604800 3600\n\
    @ 86400 IN NS ns.example.\n";

/// The reverse tree, in which the tracker looks.
pub(super) const NAME_SERVER: &str = "name-server";
/// Where users ask, inside their networks.
pub(super) const ACCESS: &str = "access-name-server";
/// Whose server redirects, where servers do.
pub(super) const REDIRECTOR: Home = Home::Network(0);
/// Whose server speaks for the NAT's addresses as a whole, and knows the regions.
const FRONT: Home = Home::Region(0);

/// All servers, running but for those left out.
pub(super) struct Servers {
    authority: Authority,
    size: Size,
    books: Shared,
    /// Where each one of the ALTO servers is, in the order of the homes; the attacker's comes last.
    addresses: Vec<SocketAddr>,
    configs: Vec<ServerConfig>,
    alto: Vec<Option<Server>>,
    name_server: NameServer,
    access: NameServer,
    /// Gone when this is dropped.
    _files: TempDir,
}

impl Servers {
    /// Starts them. With `redirects` the ALTO servers know each other; those named in `without` are
    /// stopped at once.
    pub(super) async fn start(
        size: Size,
        redirects: bool,
        without: &BTreeSet<String>,
        books: &Shared,
    ) -> Result<Self, Failure> {
        let authority = Authority::new()?;
        let files = TempDir::new().map_err(Failure::Output)?;
        let homes = size.homes();
        let addresses = free(homes.len() + 1)?;
        let mut configs = Vec::new();
        for (number, address) in addresses.iter().enumerate() {
            let home = homes.get(number).copied();
            let (network, costs) = match home {
                Some(home) => (network_map(&homes), cost_map(&homes, home)),
                None => attackers_maps(),
            };
            let config = alto_servers::config(&authority, *address, &network, &costs)?;
            let hearing = books.clone();
            let tap = Tap::new(move |client, said| hearing.heard(number, home, client, said));
            let mut config = ServerConfig { max_age: LIFETIME, tap: Some(tap), ..config };
            if let Some(home) = home.filter(|_| redirects) {
                let path = files.path().join(format!("{}.toml", home.pid()));
                let text = neighbours(size, &homes, &addresses, home);
                std::fs::write(&path, text).map_err(Failure::Output)?;
                let policy = Policy { allow_private_servers: true, ..Policy::default() };
                config.neighbours = Some(NeighbourSource { policy, ..NeighbourSource::new(path) });
            }
            configs.push(config);
        }
        let mut alto = Vec::new();
        for config in &configs {
            alto.push(Some(alto_servers::bind(config.clone()).await?));
        }
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let zone = reverse_zone(size, &homes, &addresses)?;
        let name_server = names(anywhere, &zone, Party::NameServers, books).await?;
        let zone = access_zone(&homes, &addresses);
        let access = names(anywhere, &zone, Party::AccessNameServer, books).await?;
        let books = books.clone();
        let mut servers = Self {
            authority,
            size,
            books,
            addresses,
            configs,
            alto,
            name_server,
            access,
            _files: files,
        };
        for name in without {
            servers.stop(name).await?;
        }
        Ok(servers)
    }

    /// The names by which servers can be stopped.
    pub(super) fn names(size: Size) -> Vec<String> {
        let own = size.homes().into_iter().map(Home::pid);
        [NAME_SERVER.into(), ACCESS.into()].into_iter().chain(own).collect()
    }

    /// Stops one.
    pub(super) async fn stop(&mut self, name: &str) -> Result<(), Failure> {
        match name {
            NAME_SERVER => self.name_server.stop().await,
            ACCESS => self.access.stop().await,
            _ => {
                let number = self.number(name)?;
                if let Some(server) = self.alto[number].take() {
                    server.stop().await;
                }
            }
        }
        Ok(())
    }

    /// Starts one again where it was.
    pub(super) async fn restart(&mut self, name: &str) -> Result<(), Failure> {
        let homes = self.size.homes();
        match name {
            NAME_SERVER => {
                let zone = reverse_zone(self.size, &homes, &self.addresses)?;
                let at = self.name_server.address();
                self.name_server = names(at, &zone, Party::NameServers, &self.books).await?;
            }
            ACCESS => {
                let zone = access_zone(&homes, &self.addresses);
                let at = self.access.address();
                self.access = names(at, &zone, Party::AccessNameServer, &self.books).await?;
            }
            _ => {
                let number = self.number(name)?;
                let config = self.configs[number].clone();
                self.alto[number] = Some(alto_servers::bind(config).await?);
            }
        }
        Ok(())
    }

    fn number(&self, name: &str) -> Result<usize, Failure> {
        let homes = self.size.homes();
        let place = homes.iter().position(|home| home.pid() == name);
        place.ok_or_else(|| {
            let names = Self::names(self.size).join(", ");
            Failure::Usage(format!("no server `{name}`; there are: {names}"))
        })
    }

    /// The directory of a network's server.
    pub(super) fn directory(&self, home: Home) -> String {
        let place = self.size.homes().iter().position(|other| *other == home);
        directory(self.addresses[place.unwrap_or(0)])
    }

    /// The directory of the attacker's server.
    pub(super) fn attackers(&self) -> String {
        directory(self.addresses[self.addresses.len() - 1])
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where the tracker asks.
    pub(super) fn resolver(&self) -> SocketAddr {
        self.name_server.address()
    }

    /// Where users ask, inside their networks.
    pub(super) fn access(&self) -> SocketAddr {
        self.access.address()
    }
}

async fn names(
    at: SocketAddr,
    zone: &str,
    party: Party,
    books: &Shared,
) -> Result<NameServer, Failure> {
    let books = books.clone();
    let hear =
        move |from, query: &[u8], reply: Option<&[u8]>| books.asked(party, from, query, reply);
    NameServer::start_at(at, zone, Arc::new(hear)).await.map_err(Failure::Input)
}

/// So many addresses, each a host of its own, with ports that were free a moment ago: servers that name
/// each other must know them before they start.
fn free(count: usize) -> Result<Vec<SocketAddr>, Failure> {
    let hosts = (1..=u8::MAX).map(|number| Ipv4Addr::new(127, SERVERS, 0, number)).take(count);
    let listeners = hosts.map(|host| TcpListener::bind((host, 0))).collect::<Result<Vec<_>, _>>();
    let listeners = listeners.map_err(Failure::Input)?;
    listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>().map_err(Failure::Input)
}

fn directory(address: SocketAddr) -> String {
    format!("https://{address}/directory")
}

/// Who is where: the same in all servers' maps. Nobody has the attacker's prefix in one's own.
fn network_map(homes: &[Home]) -> String {
    let mut csv = "prefix,pid\n0.0.0.0/0,elsewhere\n::/0,elsewhere\n".to_owned();
    // Writing to strings does not fail, here and below.
    for home in homes {
        let _ = writeln!(csv, "{},{}", home.net(), home.pid());
        if let Some(inner) = home.inner() {
            let _ = writeln!(csv, "{inner},inner-{}", home.pid());
        }
    }
    let _ = writeln!(csv, "{},pool", shared());
    csv
}

/// What one server says for its own users, whom it may see at any of their addresses.
fn cost_map(homes: &[Home], own: Home) -> String {
    let mut csv = "src,dst,cost\n".to_owned();
    let inner = own.inner().map(|_| [format!("inner-{}", own.pid()), "pool".into()]);
    for source in [own.pid()].into_iter().chain(inner.into_iter().flatten()) {
        for other in homes {
            let _ = writeln!(csv, "{source},{},{}", other.pid(), own.cost(*other));
        }
        if own.inner().is_some() {
            let _ = writeln!(csv, "{source},pool,3");
        }
    }
    csv
}

/// What the attacker's server says to everybody.
fn attackers_maps() -> (String, String) {
    let network = format!("prefix,pid\n0.0.0.0/0,all\n::/0,all\n{},mine\n", attackers());
    (network, "src,dst,cost\nall,mine,0\nall,all,9\n".into())
}

/// The reverse tree, as `alto zone` writes it for each network.
fn reverse_zone(size: Size, homes: &[Home], at: &[SocketAddr]) -> Result<String, Failure> {
    let mut zone = APEX.to_owned();
    let line = |number: usize| vec![ServerLine::new(0, directory(at[number]))];
    for (number, home) in homes.iter().enumerate().filter(|(_, home)| **home != Home::Quiet) {
        zone += &published(vec![Entry::new(home.net(), line(number))])?;
    }
    let mut pool = Vec::new();
    for (number, home) in homes.iter().enumerate() {
        let Home::Region(region) = home else { continue };
        if *home == FRONT {
            pool.push(Entry::new(shared(), line(number)));
        }
        let (low, high) = size.ports_of(*region);
        for address in shared_addresses() {
            let ports = Some(PortBlock { low, high });
            pool.push(Entry {
                net: IpNet::from(IpAddr::V4(address)),
                ports,
                servers: line(number),
            });
        }
    }
    zone += &published(pool)?;
    Ok(zone)
}

fn published(entries: Vec<Entry>) -> Result<String, Failure> {
    let policy =
        Policy { allow_private_servers: true, allow_private_peers: true, ..Policy::default() };
    let ttl = u32::try_from(LIFETIME.as_secs()).unwrap_or(u32::MAX);
    let publication = Publication { entries, policy, ttl, ..Publication::default() };
    let records = publication.records().map_err(|fault| Failure::Stage(fault.to_string()))?;
    Ok(Format::Bind.write(&records))
}

/// What networks say to their own users alone (RFC 7286 §3.2).
fn access_zone(homes: &[Home], at: &[SocketAddr]) -> String {
    let mut zone = APEX.to_owned();
    for (home, address) in homes.iter().zip(at) {
        let (name, uri) = (home.domain(), directory(*address));
        let _ = writeln!(zone, "{name} 3600 IN NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!{uri}!\" .");
    }
    zone
}

/// What a server knows of others: the redirector all networks, and whoever speaks for the NAT's
/// addresses its regions; each its own. Nobody knows the quiet network.
fn neighbours(size: Size, homes: &[Home], at: &[SocketAddr], own: Home) -> String {
    let mut text = String::new();
    for (home, address) in homes.iter().zip(at).filter(|(home, _)| **home == own) {
        let _ = writeln!(text, "[own]\nuri = \"{}\"", directory(*address));
        entry(&mut text, size, own, *home);
    }
    for (home, address) in homes.iter().zip(at) {
        let is_known = match home {
            Home::Network(_) => own == REDIRECTOR,
            Home::Region(_) => own == FRONT || own == REDIRECTOR && *home == FRONT,
            Home::Quiet => false,
        };
        if *home != own && is_known {
            let _ = writeln!(text, "[[neighbour]]\nuri = \"{}\"", directory(*address));
            entry(&mut text, size, own, *home);
        }
    }
    text
}

/// What `own` says of `home`.
fn entry(text: &mut String, size: Size, own: Home, home: Home) {
    let mut prefixes = vec![home.net()];
    if home == FRONT {
        prefixes.push(shared());
        if own == REDIRECTOR {
            // From outside all regions are behind the one that speaks for the NAT.
            prefixes.extend((1..size.regions).map(|region| Home::Region(region).net()));
        }
    }
    let quoted: Vec<String> = prefixes.iter().map(|net| format!("\"{net}\"")).collect();
    let _ = writeln!(text, "prefixes = [{}]", quoted.join(", "));
    if let Home::Region(region) = home
        && own != REDIRECTOR
    {
        let (low, high) = size.ports_of(region);
        let _ = writeln!(
            text,
            "shared = [{{ prefix = \"{}\", ports = [\"{low}-{high}\"] }}]",
            shared()
        );
    }
}
