//! The tracker: UDP and HTTP announces (BEP 15, BEP 3), answered by an `Advisor`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use alto_discovery::selection::{Record as _, Role, Swarm, V4Record};
use alto_discovery::{Advisor, Config, Hints, IpNet, Peer, PeerId, Request, Why};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::books::Shared;
use super::wire::{self, Asked};
use super::world::block_of;
use crate::Failure;

/// Room for the views of all maps.
const VIEW_OCTETS: usize = 1 << 28;
/// What is learnt for an announce is waited for so long; a real tracker does not wait at all, and
/// uses it at the next announce.
const PATIENCE: Duration = Duration::from_secs(20);
/// Announces that group a swarm by a map, a part each.
const GROUPING: usize = 16;

/// A running tracker; it ends when dropped.
pub(super) struct Tracker {
    pub(super) udp: SocketAddr,
    pub(super) http: SocketAddrV4,
    handled: mpsc::UnboundedReceiver<Handled>,
    tasks: Vec<JoinHandle<()>>,
}

/// What became of an announce.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handled {
    /// How many of the peers, the first ones, were chosen by costs.
    pub(super) guided: usize,
    /// Of one peer of each network, the one that these costs put first.
    pub(super) nearest: Option<Ipv4Addr>,
}

/// What answers announces.
struct Desk {
    advisor: Advisor,
    swarm: Swarm<V4Record>,
    /// A peer of each network.
    probes: Vec<V4Record>,
    books: Shared,
    by_port: bool,
    /// What users of each /24 sent of which everything is learnt that can be: how many servers the
    /// users of one may name in a minute is bounded.
    heard: Mutex<HashSet<(IpAddr, Vec<u8>)>>,
    told: mpsc::UnboundedSender<Handled>,
}

impl Tracker {
    /// One with this configuration, in a swarm of these members. With `by_port` it passes the ports on
    /// that it sees.
    pub(super) async fn start(
        toml: &str,
        members: &[(Ipv4Addr, u16)],
        by_port: bool,
        books: &Shared,
    ) -> Result<Self, Failure> {
        let mut config = Config::default();
        config.set_toml(toml)?;
        let swarm = Swarm::new(VIEW_OCTETS);
        for (address, port) in members {
            swarm.add(SocketAddrV4::new(*address, *port).into(), Role::Leecher, 0);
        }
        let network = |record: &V4Record| record.0[1];
        let mut probes: Vec<V4Record> = members
            .iter()
            .map(|(address, port)| SocketAddrV4::new(*address, *port).into())
            .collect();
        probes.dedup_by_key(|record| network(record));
        let advisor = Advisor::new(&config)?;
        let (told, handled) = mpsc::unbounded_channel();
        let books = books.clone();
        let heard = Mutex::default();
        let desk = Arc::new(Desk { advisor, swarm, probes, books, by_port, heard, told });
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Failure::Input)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Failure::Input)?;
        let udp = socket.local_addr().map_err(Failure::Input)?;
        let port = listener.local_addr().map_err(Failure::Input)?.port();
        let http = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let tasks = vec![
            tokio::spawn(serve_udp(socket, Arc::clone(&desk))),
            tokio::spawn(serve_http(listener, desk)),
        ];
        Ok(Self { udp, http, handled, tasks })
    }

    /// What became of the announce that was answered last.
    pub(super) async fn handled(&mut self) -> Option<Handled> {
        self.handled.recv().await
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn serve_udp(socket: UdpSocket, desk: Arc<Desk>) {
    const CONNECTION: u64 = 0x0417;
    let mut datagram = [0; 4_096];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut datagram).await else { continue };
        let octets = &datagram[..length];
        let reply = match wire::read(octets) {
            Some(Asked::Connect { transaction }) => wire::connected(transaction, CONNECTION),
            Some(Asked::Peers { connection: CONNECTION, transaction, wanted, options }) => {
                let hints = Hints::UdpOptions(Cow::Borrowed(options));
                let hints = if options.is_empty() { Hints::None } else { hints };
                let (records, handled) = desk.choose(from, hints, wanted.into()).await;
                let reply = wire::peers(transaction, &records);
                desk.books.announced(from, octets, &reply);
                let _ = desk.told.send(handled);
                let _ = socket.send_to(&reply, from).await;
                continue;
            }
            _ => continue,
        };
        desk.books.announced(from, octets, &reply);
        let _ = socket.send_to(&reply, from).await;
    }
}

async fn serve_http(listener: TcpListener, desk: Arc<Desk>) {
    loop {
        // One at a time: so do users announce.
        let Ok((stream, from)) = listener.accept().await else { continue };
        let _ = answer(stream, from, &desk).await;
    }
}

async fn answer(mut stream: TcpStream, from: SocketAddr, desk: &Desk) -> std::io::Result<()> {
    const MOST: usize = 16 << 10;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && request.len() < MOST {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let Some(query) = wire::query(&request) else { return Ok(()) };
    let hints = Hints::HttpQuery(Cow::Borrowed(query));
    let (records, handled) = desk.choose(from, hints, wire::wanted(query).into()).await;
    let reply = wire::response(&records);
    desk.books.announced(from, &request, &reply);
    let _ = desk.told.send(handled);
    stream.write_all(&reply).await?;
    stream.shutdown().await
}

impl Desk {
    /// The peers for whoever announces from there.
    async fn choose(
        &self,
        from: SocketAddr,
        hints: Hints<'_>,
        wanted: usize,
    ) -> (Vec<V4Record>, Handled) {
        let SocketAddr::V4(own) = from else {
            return (Vec::new(), Handled { guided: 0, nearest: None });
        };
        let peer = Peer::new(IpAddr::V4(*own.ip()));
        let peer = if self.by_port { peer.with_id(PeerId::Port(own.port())) } else { peer };
        let peer = peer.with_hints(hints);
        // The same draw among peers of equal cost for the same user, whichever of its ports was free.
        let seed = Some(u64::from(own.ip().to_bits()) << 16 | block_of(own.port()));
        let request = Request { seed, ..Request::new(peer, own.into(), wanted) };
        let _ = timeout(PATIENCE, self.learn(&request)).await;
        self.select(&request)
    }

    /// Learns all that can be learnt for a request, and waits for it.
    async fn learn(&self, request: &Request<'_, V4Record>) {
        let peer = request.requester.for_family(false);
        // Without it the choice is a random one, which shows.
        let _ = self.advisor.prepare(peer).await;
        let (Hints::UdpOptions(sent) | Hints::HttpQuery(sent)) = peer.hints() else { return };
        let block = IpNet::new(peer.net().addr(), 24).map_or(peer.net(), |block| block.trunc());
        let is_new = |heard: &mut HashSet<_>| heard.insert((block.addr(), claims(sent)));
        if is_new(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner)) {
            // What a user names is fetched because a request asks for it.
            self.advisor.select(request, &self.swarm, &mut Vec::new());
        }
        while self.advisor.learning() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// A choice by what is known, after as many announces of the same kind as it takes to group the
    /// swarm. It is made on a thread without a runtime, so that it sets nothing going: what there is to
    /// learn has been learnt, and the messages of an announce are its own.
    fn select(&self, request: &Request<'_, V4Record>) -> (Vec<V4Record>, Handled) {
        let choose = || {
            let (mut records, mut costs) = (Vec::new(), Vec::new());
            let mut choice = self.advisor.select(request, &self.swarm, &mut records);
            for _ in 0..GROUPING {
                if choice.why != Why::Sample {
                    break;
                }
                choice = self.advisor.select(request, &self.swarm, &mut records);
            }
            self.advisor.costs(&request.requester, &self.probes, &mut costs);
            let known =
                self.probes.iter().zip(costs).filter_map(|(probe, cost)| Some((probe, cost?)));
            let nearest = known.min_by(|(_, one), (_, other)| one.total_cmp(other));
            let nearest = nearest.map(|(probe, _)| probe.address());
            (records, Handled { guided: choice.guided, nearest })
        };
        let nothing = (Vec::new(), Handled { guided: 0, nearest: None });
        thread::scope(|scope| scope.spawn(choose).join().unwrap_or(nothing))
    }
}

/// The part of what was sent that may name a server.
fn claims(sent: &[u8]) -> Vec<u8> {
    let pairs = sent.split(|octet| *octet == b'&');
    let mut claims = pairs.filter(|pair| pair.starts_with(b"alto"));
    claims.next().unwrap_or(sent).to_vec()
}
