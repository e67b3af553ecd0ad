//! A user's program: it announces, and where the approach wants it, asks its own network first.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use alto_backend_dns::naptr::{LeadsTo, Naptr, Reading, judge};
use alto_backend_dns::service::Service as Wanted;
use alto_backend_peerinfo::{blob, write};
use alto_discovery::selection::V4Record;
use alto_discovery::{IpNet, PeerCost, PeerCosts, Policy};
use alto_fetch::{BodyKind, Content, FetchConfig, Fetcher, Request};
use alto_messages::{CostMap, Directory, MediaType, NetworkMap, ReadOptions, Service};
use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::timeout;
use url::Url;

use super::approach::Sends;
use super::servers::Servers;
use super::tracker::Tracker;
use super::wire::{self, Announce};
use super::world::{Conduct, User, attackers};
use crate::Failure;

/// How long a user waits: longer than a tracker that waits for what it learns.
const PATIENCE: Duration = Duration::from_secs(30);
/// Peers in a reply.
pub(super) const LIST: u16 = 50;
/// Where users say that they listen.
const LISTENS: u16 = 6_881;
const GUIDANCE_HOLDS: Duration = Duration::from_secs(3_600);

/// The wire of an announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Udp,
    Http,
}

/// What a user's program has to say of its server, as octets that fit its announce.
#[derive(Clone, Debug, Default)]
pub(super) struct Say(Vec<u8>);

/// Finds out what is to be said: asks the network, unless the user lies or its program is older.
pub(super) async fn prepare(user: &User, sends: Sends, wire: Wire, servers: &Servers) -> Say {
    let said = match (sends, user.conduct) {
        (Sends::Nothing, _) | (_, Conduct::Silent) => None,
        (Sends::Server, Conduct::Lies) => Some(Said::Server(servers.attackers())),
        (Sends::Server, Conduct::Honest) => {
            find(user, servers.access()).await.map(|uri| Said::Server(uri.into()))
        }
        (Sends::Guidance, Conduct::Lies) => Some(Said::Guidance(lies())),
        (Sends::Guidance, Conduct::Honest) => match find(user, servers.access()).await {
            Some(uri) => ask(user, uri, servers.authority().file()).await.map(Said::Guidance),
            None => None,
        },
    };
    let written = said.and_then(|said| said.written(wire));
    Say(written.unwrap_or_default())
}

enum Said {
    Server(String),
    Guidance(PeerCosts),
}

impl Said {
    fn written(self, wire: Wire) -> Option<Vec<u8>> {
        match (self, wire) {
            (Self::Server(uri), Wire::Udp) => write::uri_option(&uri),
            (Self::Server(uri), Wire::Http) => write::uri_pair(&uri).map(String::into_bytes),
            (Self::Guidance(costs), Wire::Udp) => {
                Some(write::guidance_options(&blob::write(&costs)?))
            }
            (Self::Guidance(costs), Wire::Http) => {
                Some(write::guidance_pair(&blob::write(&costs)?).into_bytes())
            }
        }
    }
}

/// What liars say: everything of the attacker's is near.
fn lies() -> PeerCosts {
    let entries = [PeerCost { net: attackers(), cost: 0 }].into();
    PeerCosts { entries, lifetime: GUIDANCE_HOLDS }
}

/// The socket of a user, at its outer address and one of its ports; which is taken next is up to the
/// NAT.
pub(super) struct Socket {
    udp: UdpSocket,
    pub(super) port: u16,
}

impl Socket {
    /// The first port of the user's that is free.
    pub(super) async fn bind(user: &User) -> Result<Self, Failure> {
        let mut fault = None;
        for port in user.ports.clone() {
            match UdpSocket::bind((user.outer, port)).await {
                Ok(udp) => return Ok(Self { udp, port }),
                Err(refused) => fault = Some(refused),
            }
        }
        let fault = fault.map_or_else(|| "no ports".into(), |fault| fault.to_string());
        Err(Failure::Stage(format!("no socket at {}: {fault}", user.outer)))
    }
}

/// Announces, and returns the peers in the reply.
pub(super) async fn announce(
    user: &User,
    socket: Socket,
    wire: Wire,
    say: &Say,
    tracker: &Tracker,
) -> Result<Vec<V4Record>, Failure> {
    let lies = user.conduct == Conduct::Lies;
    let announce = Announce {
        // Who pretends to be elsewhere would have others' packets flow there.
        ip: lies.then_some(Ipv4Addr::new(127, 64, 0, 1)),
        port: LISTENS,
        wanted: LIST,
        more: say.0.clone(),
    };
    let reply = match wire {
        Wire::Udp => timeout(PATIENCE, by_udp(socket, tracker.udp, &announce)).await,
        Wire::Http => {
            let from = SocketAddr::from((user.outer, socket.port));
            timeout(PATIENCE, by_http(from, tracker.http, &announce)).await
        }
    };
    let reply = reply.map_err(|_| Failure::Stage("the tracker does not reply".into()))?;
    let records = wire::records(&reply.map_err(Failure::Input)?);
    records.ok_or_else(|| Failure::Stage("the tracker's reply makes no sense".into()))
}

async fn by_udp(
    Socket { udp, .. }: Socket,
    tracker: SocketAddr,
    announce: &Announce,
) -> std::io::Result<Vec<u8>> {
    udp.connect(tracker).await?;
    let mut reply = vec![0; 4_096];
    udp.send(&wire::connect(1)).await?;
    let length = udp.recv(&mut reply).await?;
    let id = reply[..length].get(8..16).and_then(|id| id.try_into().ok());
    let id = id.ok_or_else(|| std::io::Error::other("no connection id"))?;
    udp.send(&wire::datagram(u64::from_be_bytes(id), 2, announce)).await?;
    let length = udp.recv(&mut reply).await?;
    reply.truncate(length);
    Ok(reply)
}

async fn by_http(
    from: SocketAddr,
    tracker: SocketAddrV4,
    announce: &Announce,
) -> std::io::Result<Vec<u8>> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(from)?;
    let mut stream = socket.connect(tracker.into()).await?;
    stream.write_all(&wire::request(tracker, announce)).await?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await?;
    Ok(reply)
}

/// The server of the user's own network (RFC 7286): the records of the access domain, which DHCP told.
async fn find(user: &User, access: SocketAddr) -> Option<Url> {
    let socket = UdpSocket::bind((user.inner, 0)).await.ok()?;
    socket.connect(access).await.ok()?;
    socket.send(&question(&user.home.domain())).await.ok()?;
    let mut reply = [0; 1_232];
    let length = timeout(Duration::from_secs(2), socket.recv(&mut reply)).await.ok()?.ok()?;
    let message = Message::from_vec(&reply[..length]).ok()?;
    let records: Vec<Naptr> = message
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::NAPTR(data) => Some(Naptr {
                order: data.order,
                preference: data.preference,
                flags: data.flags.clone(),
                services: data.services.clone(),
                regexp: data.regexp.clone(),
                replacement: data.replacement.to_lowercase().to_ascii().into(),
            }),
            _ => None,
        })
        .collect();
    let service = Wanted::default();
    let verdict = judge(&records, service.rounds().next()?, Reading::Strict, policy());
    verdict.taken.into_iter().find_map(|taken| match taken.leads_to {
        LeadsTo::Server(uri) => Some(uri),
        LeadsTo::Name(_) => None,
    })
}

fn policy() -> Policy {
    Policy { allow_private_servers: true, ..Policy::default() }
}

/// A question for NAPTR records (RFC 1035 §4.1).
fn question(name: &str) -> Vec<u8> {
    const NAPTR: u16 = 35;
    const INTERNET: u16 = 1;
    let mut packet = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]; // an id; recursion is desired
    for label in name.trim_end_matches('.').split('.') {
        packet.push(u8::try_from(label.len()).unwrap_or(0));
        packet.extend(label.as_bytes());
    }
    packet.push(0);
    packet.extend([NAPTR, INTERNET].map(u16::to_be_bytes).concat());
    packet
}

/// What the server's maps say for the user, prefix by prefix.
async fn ask(user: &User, server: Url, authority: &Path) -> Option<PeerCosts> {
    let source = Some(IpAddr::V4(user.inner));
    let config = FetchConfig { ca_file: Some(authority.into()), source, ..FetchConfig::default() };
    let fetcher = Fetcher::new(&config, policy()).ok()?;
    let options = ReadOptions::default();
    let body = get(&fetcher, server.clone(), MediaType::Directory, BodyKind::Directory).await?;
    let directory = Directory::parse(&body, &options).ok()?.message;
    let (id, _) = directory.network_map().ok()?;
    let network = directory.resources.get(id)?.resolve(&server).ok()?;
    let (_, costs) = directory.offering(Service::CostMap).next()?;
    let costs = costs.resolve(&server).ok()?;
    let network = get(&fetcher, network, MediaType::NetworkMap, BodyKind::Map).await?;
    let network = NetworkMap::parse(&network, &options).ok()?.message;
    let costs = get(&fetcher, costs, MediaType::CostMap, BodyKind::Map).await?;
    let costs = CostMap::parse(&costs, &options).ok()?.message;
    Some(row(user.inner.into(), &network, &costs))
}

async fn get(fetcher: &Fetcher, uri: Url, wanted: MediaType, kind: BodyKind) -> Option<Vec<u8>> {
    let accept = [wanted.as_str(), MediaType::Error.as_str()];
    let reply = fetcher.fetch(Request::get(uri, kind, &accept)).await.ok()?;
    let Content::Body(mut body) = reply.content else { return None };
    body.read_all().await.ok()
}

/// The costs from the PID of an address to the prefixes of all others.
fn row(own: IpAddr, network: &NetworkMap, costs: &CostMap) -> PeerCosts {
    let around = |(net, pid): (IpNet, _)| net.contains(&own).then_some((net.prefix_len(), pid));
    let pid = network.prefixes().filter_map(around).max_by_key(|(length, _)| *length);
    let source = pid.and_then(|(_, pid)| costs.pids().id(network.pids().name(pid).as_str()));
    let entry = |(net, pid): (IpNet, _)| {
        let to = costs.pids().id(network.pids().name(pid).as_str())?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // small whole numbers here
        let cost = costs.get(source?, to)?.clamp(0.0, f64::from(u32::MAX)) as u32;
        Some(PeerCost { net, cost })
    };
    let entries: Vec<PeerCost> = network.prefixes().filter_map(entry).collect();
    PeerCosts { entries: entries.into(), lifetime: GUIDANCE_HOLDS }
}
