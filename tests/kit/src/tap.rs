//! A proxy before a name server that notes what it is asked.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::background::Background;
use crate::ports;
use crate::query_log::QueryLog;
use crate::wire::Question;

/// A proxy, UDP and TCP, that passes everything on and logs the queries.
#[derive(Debug)]
pub struct TapProxy {
    address: SocketAddr,
    log: QueryLog,
    _work: Background,
}

impl TapProxy {
    /// A proxy before the server at this address.
    pub fn before(server: SocketAddr) -> Self {
        let (udp, tcp) = ports::pair();
        let address = udp.local_addr().expect("the address of a bound socket");
        udp.set_nonblocking(true).expect("a socket that does not block");
        tcp.set_nonblocking(true).expect("a socket that does not block");
        let log = QueryLog::default();
        let noting = log.clone();
        let work = Background::start(move || async move {
            let udp = UdpSocket::from_std(udp).expect("a UDP socket");
            let tcp = TcpListener::from_std(tcp).expect("a TCP socket");
            let (udp, tcp) =
                tokio::join!(pass_udp(udp, server, &noting), pass_tcp(tcp, server, &noting));
            udp.and(tcp).expect("a proxy on loopback");
        });
        Self { address, log, _work: work }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What came through.
    pub fn log(&self) -> &QueryLog {
        &self.log
    }
}

/// Passes datagrams on from one socket, under ids of its own, and replies back under theirs.
async fn pass_udp(near: UdpSocket, server: SocketAddr, log: &QueryLog) -> io::Result<()> {
    let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    far.connect(server).await?;
    let mut clients = Clients::default();
    let (mut query, mut reply) = (vec![0; 65_536], vec![0; 65_536]);
    // An error of either socket is about a datagram that met a closed port: as good as lost.
    loop {
        tokio::select! {
            came = near.recv_from(&mut query) => if let Ok((length, client)) = came {
                let query = &mut query[..length];
                note(log, query, false);
                clients.rename(query, client);
                let _ = far.send(query).await;
            },
            came = far.recv(&mut reply) => if let Ok(length) = came {
                let reply = &mut reply[..length];
                if let Some(client) = clients.name_back(reply) {
                    let _ = near.send_to(reply, client).await;
                }
            },
        }
    }
}

/// Who waits for which of our ids, and under which of theirs.
#[derive(Default)]
struct Clients {
    waiting: HashMap<[u8; 2], (SocketAddr, [u8; 2])>,
    last: u16,
}

impl Clients {
    /// Puts the next id of ours into a query; one too short for an id stays as it is.
    fn rename(&mut self, query: &mut [u8], client: SocketAddr) {
        let Some(id) = query.first_chunk_mut() else { return };
        self.last = self.last.wrapping_add(1);
        let ours = self.last.to_be_bytes();
        self.waiting.insert(ours, (client, *id));
        *id = ours;
    }

    /// Puts the client's id into a reply and tells the client; `None` if nobody waits for it.
    fn name_back(&mut self, reply: &mut [u8]) -> Option<SocketAddr> {
        let id = reply.first_chunk_mut()?;
        let (client, theirs) = self.waiting.remove(id)?;
        *id = theirs;
        Some(client)
    }
}

async fn pass_tcp(near: TcpListener, server: SocketAddr, log: &QueryLog) -> io::Result<()> {
    loop {
        let (client, _) = near.accept().await?;
        let log = log.clone();
        tokio::spawn(async move {
            let server = TcpStream::connect(server).await?;
            pass_stream(client, server, &log).await
        });
    }
}

async fn pass_stream(client: TcpStream, server: TcpStream, log: &QueryLog) -> io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let questions = async {
        loop {
            let length = from_client.read_u16().await?;
            let mut message = vec![0; length.into()];
            from_client.read_exact(&mut message).await?;
            note(log, &message, true);
            to_server.write_all(&crate::scripted::framed(&message)).await?;
        }
    };
    // Whichever side closes first ends both.
    tokio::select! {
        ended = questions => ended,
        ended = tokio::io::copy(&mut from_server, &mut to_client) => ended.map(|_| ()),
    }
}

fn note(log: &QueryLog, message: &[u8], tcp: bool) {
    if let Some(question) = Question::read(message) {
        log.note(&question, tcp);
    }
}
