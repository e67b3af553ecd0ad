//! What real clients say to a tracker, and what it replies.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::announce::{self, Reply};

/// Passes announces on to a tracker, UDP and HTTP, each from the address of the client that made it, and
/// notes them with their replies. It ends when this is dropped.
pub struct Relay {
    /// Where it listens, UDP and TCP.
    pub address: SocketAddr,
    log: Log,
    _work: JoinSet<io::Result<()>>,
}

/// An announce and its reply, as they were sent: datagrams, or HTTP messages.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The announce.
    pub request: Vec<u8>,
    /// The reply.
    pub reply: Vec<u8>,
}

impl Exchange {
    /// The reply as a client reads it; it must be a success.
    pub fn read(&self) -> Reply {
        match announce::find(&self.reply, b"\r\n\r\n") {
            Some(end) if self.reply.starts_with(b"HTTP/") => Reply::of_body(&self.reply[end + 4..]),
            _ => Reply::of_datagram(&self.reply),
        }
    }
}

type Log = Arc<Mutex<Vec<Exchange>>>;

impl Relay {
    /// A relay before this tracker.
    pub fn before(tracker: SocketAddr, runtime: &Runtime) -> Self {
        let bound = runtime.block_on(async {
            loop {
                let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                // The same port may be in use by UDP: then another one.
                if let Ok(udp) = UdpSocket::bind(tcp.local_addr()?).await {
                    return io::Result::Ok((tcp, udp));
                }
            }
        });
        let (tcp, udp) = bound.expect("a port");
        let address = tcp.local_addr().expect("it is bound");
        let (log, mut work) = (Log::default(), JoinSet::new());
        work.spawn_on(pass_udp(udp.into(), tracker, log.clone()), runtime.handle());
        work.spawn_on(pass_http(tcp, tracker, log.clone()), runtime.handle());
        Self { address, log, _work: work }
    }

    /// What has passed so far.
    pub fn log(&self) -> Vec<Exchange> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn note(log: &Log, request: &[u8], reply: &[u8]) {
    let (request, reply) = (request.to_vec(), reply.to_vec());
    log.lock().unwrap_or_else(PoisonError::into_inner).push(Exchange { request, reply });
}

async fn pass_udp(near: Arc<UdpSocket>, tracker: SocketAddr, log: Log) -> io::Result<()> {
    let mut clients: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let (mut replies, mut octets) = (JoinSet::new(), vec![0; 8_192]);
    let last = Arc::new(Mutex::new(HashMap::<SocketAddr, Vec<u8>>::new()));
    loop {
        let (length, client) = near.recv_from(&mut octets).await?;
        let far = if let Some(far) = clients.get(&client) {
            Arc::clone(far)
        } else {
            let far = Arc::new(UdpSocket::bind((client.ip(), 0)).await?);
            far.connect(tracker).await?;
            let (near, asked, log) = (Arc::clone(&near), Arc::clone(&last), log.clone());
            replies.spawn(pass_back(Arc::clone(&far), near, client, asked, log));
            clients.entry(client).or_insert(far).clone()
        };
        last.lock().unwrap_or_else(PoisonError::into_inner).insert(client, octets[..length].into());
        far.send(&octets[..length]).await?;
    }
}

/// Passes replies back to one client. Those to announces are noted (BEP 15: action 1).
async fn pass_back(
    far: Arc<UdpSocket>,
    near: Arc<UdpSocket>,
    client: SocketAddr,
    last: Arc<Mutex<HashMap<SocketAddr, Vec<u8>>>>,
    log: Log,
) -> io::Result<()> {
    let mut octets = vec![0; 8_192];
    loop {
        let length = far.recv(&mut octets).await?;
        let reply = &octets[..length];
        near.send_to(reply, client).await?;
        if reply.starts_with(&[0, 0, 0, 1]) {
            let asked = last.lock().unwrap_or_else(PoisonError::into_inner).get(&client).cloned();
            note(&log, &asked.unwrap_or_default(), reply);
        }
    }
}

async fn pass_http(near: TcpListener, tracker: SocketAddr, log: Log) -> io::Result<()> {
    let mut work = JoinSet::new();
    loop {
        let (client, address) = near.accept().await?;
        work.spawn(one_request(client, address, tracker, log.clone()));
    }
}

/// A request, its reply, and the end of the connection, as opentracker has it.
async fn one_request(
    mut client: TcpStream,
    address: SocketAddr,
    tracker: SocketAddr,
    log: Log,
) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let socket = TcpSocket::new_v4()?;
    socket.bind((address.ip(), 0).into())?;
    let mut far = socket.connect(tracker).await?;
    far.write_all(&request).await?;
    let mut reply = Vec::new();
    far.read_to_end(&mut reply).await?;
    note(&log, &request, &reply);
    client.write_all(&reply).await
}
